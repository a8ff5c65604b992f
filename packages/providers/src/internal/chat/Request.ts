/** The body of a request: model, messages, tools, format and settings in the words of the profile. */
import type { ModelOptions } from "@spillway/core/ProviderModel"
import type { CallSettings } from "../../CallSettings.ts"
import type { Profile } from "../../Profile.ts"
import { type Fault, unsupported } from "../errors/Fault.ts"
import * as Messages from "./Messages.ts"
import * as ResponseFormat from "./ResponseFormat.ts"
import * as Tools from "./Tools.ts"

export interface Input {
  readonly model: string
  readonly profile: Profile
  /** `undefined`: as the vendor does by default. */
  readonly thinking: boolean | undefined
  readonly settings: CallSettings
  readonly options: ModelOptions
  readonly stream: boolean
}

/** The serialized body, or a fault when the call cannot be said in this dialect. */
export const body = (input: Input): string | Fault => {
  const { profile, options } = input
  const tools = Tools.from(options)
  if ("verdict" in tools) return tools
  const format = ResponseFormat.from(options.responseFormat, profile)
  if ("verdict" in format) return format
  const streaming = profile.streamUsage ? { stream: true, stream_options: { include_usage: true } } : { stream: true }
  try {
    return JSON.stringify({
      model: input.model,
      messages: ResponseFormat.instruct(Messages.from(options.prompt, profile), format.instruction, profile),
      ...tools,
      ...format.field,
      ...settings(input),
      ...(input.stream ? streaming : undefined),
      ...profile.extraBody
    })
  } catch {
    return unsupported("prompt", "The prompt holds something that is no JSON", false)
  }
}

const settings = ({ profile, settings, thinking }: Input) => {
  const effort = settings.reasoningEffort
  // Where there is a switch, no effort is no thinking.
  const off = profile.thinkingSwitch && (thinking === false || effort === "none")
  const word = effort === undefined || off ? undefined : (profile.effortWords[effort] ?? effort)
  return {
    ...(settings.maxTokens === undefined ? undefined : { [profile.outputCap]: settings.maxTokens }),
    ...(settings.temperature === undefined ? undefined : { temperature: settings.temperature }),
    ...(settings.topP === undefined ? undefined : { top_p: settings.topP }),
    ...(settings.stop === undefined || settings.stop.length === 0 ? undefined : { stop: settings.stop }),
    ...(settings.seed === undefined || profile.seed === "none" ? undefined : { [profile.seed]: settings.seed }),
    ...(settings.userId === undefined || profile.user === "none" ? undefined : { [profile.user]: settings.userId }),
    ...(word === undefined ? undefined : effortField(profile, word)),
    ...(profile.thinkingSwitch && (off || thinking !== undefined)
      ? { thinking: { type: off ? "disabled" : "enabled" } }
      : undefined)
  }
}

const effortField = (profile: Profile, word: string) => {
  switch (profile.effort) {
    case "reasoning_effort":
      return { reasoning_effort: word }
    case "reasoning":
      return { reasoning: { effort: word } }
    case "none":
      return undefined
  }
}
