/** The body of a request: model, messages, tools, format and settings in the words of the profile. */
import type { ModelOptions } from "@spillway/core/ProviderModel"
import type { CallSettings } from "../../CallSettings.ts"
import type { Profile } from "../../Profile.ts"
import { type Fault, unsupported } from "../errors/Fault.ts"
import * as Messages from "./Messages.ts"
import * as Prefill from "./Prefill.ts"
import * as ResponseFormat from "./ResponseFormat.ts"
import * as Settings from "./Settings.ts"
import * as Tools from "./Tools.ts"

export interface Input {
  readonly model: string
  readonly profile: Profile
  readonly thinking: Settings.Thinking
  readonly settings: CallSettings
  readonly options: ModelOptions
  readonly stream: boolean
}

/** The serialized body, or a fault when the call cannot be said in this dialect. */
export const body = ({ model, options, profile, settings, stream, thinking }: Input): string | Fault => {
  const tools = Tools.from(options)
  if ("verdict" in tools) return tools
  const format = ResponseFormat.from(options.responseFormat, profile)
  if ("verdict" in format) return format
  const prefill = Prefill.from(Messages.from(options.prompt, profile, model), profile)
  if ("verdict" in prefill) return prefill
  const fields = {
    model,
    messages: ResponseFormat.instruct(prefill.messages, format.instruction, profile),
    ...prefill.fields,
    ...tools,
    ...format.field,
    ...Settings.from(settings, profile, thinking),
    ...(stream || profile.streamOnly ? streaming(profile) : undefined)
  }
  try {
    return JSON.stringify(Settings.merge(fields, profile.extraBody))
  } catch {
    return unsupported("prompt", "The prompt or settings hold something that is no JSON", false)
  }
}

const streaming = ({ streamUsage }: Profile) =>
  streamUsage ? { stream: true, stream_options: { include_usage: true } } : { stream: true }
