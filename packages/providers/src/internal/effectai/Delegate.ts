/**
 * Asks a `LanguageModel` service what a `ProviderModel` was asked, with tool resolution switched off: the tools are handed
 * over for the model to see, and nobody runs them here.
 */
import type { ModelOptions, Part, StreamPart } from "@spillway/core/ProviderModel"
import type * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Toolkit from "effect/ai/Toolkit"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import * as Encode from "./Encode.ts"

type Answer = { readonly content: ReadonlyArray<Encode.Decoded> }
type Asked = {
  readonly generateText: (options: object) => Effect.Effect<Answer, AiError.AiError>
  readonly generateObject: (options: object) => Effect.Effect<Answer & { readonly value: unknown }, AiError.AiError>
  readonly streamText: (options: object) => Stream.Stream<Encode.Decoded, AiError.AiError>
}

/** The service without its inference: which tools there are is known at run time only. */
const untyped = (service: LanguageModel.LanguageModel) => service as unknown as Asked

const optionsOf = ({ prompt, toolCallValidation, toolChoice, tools }: ModelOptions) => ({
  prompt,
  disableToolCallResolution: true,
  ...(tools.length === 0 ? undefined : { toolkit: Toolkit.make(...tools), toolChoice }),
  ...(toolCallValidation === undefined ? undefined : { toolCallValidation })
})

/** A whole answer; ends in one `finish` part. */
export const generate = Effect.fnUntraced(function* (service: LanguageModel.LanguageModel, call: ModelOptions) {
  const { responseFormat } = call
  if (responseFormat.type === "text") {
    return finished(encoded((yield* untyped(service).generateText(optionsOf(call))).content))
  }
  const { objectName, schema } = responseFormat
  const answer = yield* untyped(service).generateObject({ ...optionsOf(call), schema, objectName })
  // The service has decoded it by its own codec; whoever asked decodes by the schema.
  const text = yield* Schema.encodeUnknownEffect(
    Schema.fromJsonString(schema) as unknown as Schema.Codec<unknown, string>
  )(answer.value).pipe(Effect.orDie)
  const at = answer.content.findIndex(({ type }) => type === "text")
  return finished(
    answer.content.flatMap(
      (part, i): Array<Part> => (part.type === "text" ? (i === at ? [{ type: "text", text }] : []) : encoded([part]))
    )
  )
})

const encoded = (parts: ReadonlyArray<Encode.Decoded>): Array<Part> =>
  parts.flatMap((part) => (Encode.part(part) as Part | undefined) ?? [])

/** A whole answer ends, whether or not it says how. */
const finished = (parts: Array<Part>): Array<Part> => {
  if (parts.some(({ type }) => type === "finish")) return parts
  return [...parts, { type: "finish", reason: "unknown", usage: { inputTokens: {}, outputTokens: {} } }]
}

/** A whole answer as a stream. */
export const streamed = (parts: ReadonlyArray<Part>): Array<StreamPart> =>
  parts.flatMap((part, i): Array<StreamPart> => {
    const id = String(i)
    if (part.type === "text") {
      return [
        { type: "text-start", id },
        { type: "text-delta", id, delta: part.text },
        { type: "text-end", id }
      ]
    }
    if (part.type !== "reasoning") return [part]
    const metadata = part.metadata === undefined ? undefined : { metadata: part.metadata }
    return [
      { type: "reasoning-start", id, ...metadata },
      { type: "reasoning-delta", id, delta: part.text },
      { type: "reasoning-end", id }
    ]
  })

/** The stream as the service gives it: decoded, and perhaps cut. */
export const stream = (service: LanguageModel.LanguageModel, call: ModelOptions) =>
  untyped(service).streamText(optionsOf(call))
