/** The body of a request. Streamed or not it is the same: the path tells. */
import type { JsonObject } from "effect/Schema"
import type { CallSettings } from "../../CallSettings.ts"
import type { DialectCall } from "../engine/Dialect.ts"
import { type Fault, unsupported } from "../errors/Fault.ts"
import type { Block } from "./Files.ts"
import * as Messages from "./Messages.ts"
import * as ModelMark from "./ModelMark.ts"
import * as ResponseFormat from "./ResponseFormat.ts"
import * as Tools from "./Tools.ts"

/** What a vendor's module lets an application say beside the call. */
export interface Extras {
  readonly additionalModelRequestFields?: JsonObject | undefined
  readonly effort?: ((effort: NonNullable<CallSettings["reasoningEffort"]>) => JsonObject | undefined) | undefined
  readonly guardrail?:
    | {
        readonly identifier: string
        readonly version: string
        readonly trace?: "enabled" | "disabled" | "enabled_full" | undefined
        readonly streamProcessingMode?: "sync" | "async" | undefined
      }
    | undefined
  readonly latency?: "standard" | "optimized" | undefined
  readonly serviceTier?: string | undefined
  readonly cachePoints?:
    | { readonly after: ReadonlyArray<"tools" | "system" | "messages">; readonly ttl?: "5m" | "1h" | undefined }
    | undefined
}

export interface Input {
  readonly owner: string
  readonly model: string
  /** The model takes a JSON Schema. */
  readonly jsonSchema: boolean
  readonly extras: Extras
}

/** The serialized body, or a fault when the call cannot be said in this dialect. */
export const body = (input: Input, { options, settings, streamed }: DialectCall): string | Fault => {
  const { extras, model, owner } = input
  const toolConfig = Tools.from(options)
  if (toolConfig !== undefined && Messages.isFault(toolConfig)) return toolConfig
  const format = ResponseFormat.from(options.responseFormat, input.jsonSchema)
  if (Messages.isFault(format)) return format
  try {
    const messages = Messages.from(options.prompt, { owner, model, tools: toolConfig !== undefined })
    if (Messages.isFault(messages)) return messages
    const instruction = format.instruction === undefined ? [] : [format.instruction]
    const system: Array<Block> = [...messages.system, ...instruction].map((text) => ({ text }))
    addCachePoints(extras.cachePoints, system, messages.turns, toolConfig?.tools)
    return JSON.stringify({
      ...(system.length === 0 ? undefined : { system }),
      messages: messages.turns,
      ...(toolConfig === undefined ? undefined : { toolConfig }),
      ...format.field,
      ...settingsFields(settings, model, extras),
      ...extraFields(extras, streamed)
    })
  } catch {
    return unsupported("prompt", "The prompt or settings hold something that is no JSON", false)
  }
}

const addCachePoints = (
  wanted: Extras["cachePoints"],
  system: Array<Block>,
  turns: ReadonlyArray<Messages.Turn>,
  tools: Array<unknown> | undefined
): void => {
  if (wanted === undefined) return
  const point = { cachePoint: { type: "default", ...(wanted.ttl === undefined ? undefined : { ttl: wanted.ttl }) } }
  const places = {
    tools,
    system,
    messages: turns.findLast(({ role }) => role === "user")?.content
  }
  for (const place of new Set(wanted.after)) {
    const list = places[place]
    if (list !== undefined && list.length > 0) list.push(point)
  }
}

/** No seed and no penalties here. `top_k` is a field of the model's own, and only Anthropic's is known to have it. */
const settingsFields = (settings: CallSettings, model: string, extras: Extras) => {
  const { maxTokens, reasoningEffort, stop, temperature, topK, topP, userId } = settings
  const inferenceConfig = {
    ...(maxTokens === undefined ? undefined : { maxTokens }),
    ...(temperature === undefined ? undefined : { temperature }),
    ...(topP === undefined ? undefined : { topP }),
    ...(stop === undefined || stop.length === 0 ? undefined : { stopSequences: stop })
  }
  const fields = {
    ...(topK !== undefined && ModelMark.isAnthropic(ModelMark.of(model)) ? { top_k: topK } : undefined),
    ...extras.additionalModelRequestFields,
    ...(reasoningEffort === undefined ? undefined : extras.effort?.(reasoningEffort))
  }
  return {
    ...ifAny("inferenceConfig", inferenceConfig),
    ...ifAny("additionalModelRequestFields", fields),
    // It ends up in the account's own log of invocations, and may hold few kinds of characters.
    ...(userId !== undefined && /^[\w\s:@$#=/+,.-]{1,256}$/.test(userId) ? { requestMetadata: { userId } } : undefined)
  }
}

const extraFields = ({ guardrail, latency, serviceTier }: Extras, streamed: boolean) => ({
  ...(guardrail === undefined
    ? undefined
    : {
        guardrailConfig: {
          guardrailIdentifier: guardrail.identifier,
          guardrailVersion: guardrail.version,
          ...(guardrail.trace === undefined ? undefined : { trace: guardrail.trace }),
          ...(guardrail.streamProcessingMode === undefined || !streamed
            ? undefined
            : { streamProcessingMode: guardrail.streamProcessingMode })
        }
      }),
  ...(latency === undefined ? undefined : { performanceConfig: { latency } }),
  ...(serviceTier === undefined ? undefined : { serviceTier: { type: serviceTier } })
})

const ifAny = (name: string, fields: object) => (Object.keys(fields).length === 0 ? undefined : { [name]: fields })
