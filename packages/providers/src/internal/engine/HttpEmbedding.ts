/**
 * One embedding model over HTTP, whatever its dialect: a request is built, sent once and read. The transport, the errors and
 * the rules for secrets are those of `HttpModel`; no retry, no timer and no failover here either.
 */
import type { Embedded, ProviderEmbedding } from "@spillway/core/ProviderEmbedding"
import type * as AiError from "effect/ai/AiError"
import * as Effect from "effect/Effect"
import { CurrentCallSettings } from "../../CallSettings.ts"
import { isError } from "../errors/ErrorBody.ts"
import { empty, type Fault, truncated, undecodable, unsupported } from "../errors/Fault.ts"
import { ofInBand } from "../errors/ProviderError.ts"
import type { Endpoint } from "../http/Endpoint.ts"
import type { Transport, Whole } from "../http/Transport.ts"
import { parse, record } from "../json.ts"
import { Call, line } from "./Call.ts"
import type { Dialect } from "./Dialect.ts"

/** What a wire format of embeddings knows. */
export interface EmbeddingDialect
  extends Pick<
    Dialect,
    "module" | "provider" | "owner" | "model" | "headers" | "secret" | "settings" | "errors" | "authorize"
  > {
  /** See `ProviderEmbedding`. */
  readonly space: string
  readonly endpoint: Endpoint
  /** The most texts one request may hold; `undefined`: not known. */
  readonly maxTexts: number | undefined
  readonly body: (texts: ReadonlyArray<string>) => string
  /** One vector per text and in their order, or a fault. */
  readonly read: (json: unknown, texts: number) => Embedded | Fault
}

/** Longest answer, bytes: 2048 vectors of 4096 numbers written out. */
const longestAnswer = 128 * 1024 * 1024
/** Longest error body that is looked at, bytes. */
const longestError = 64 * 1024

export const make = (dialect: EmbeddingDialect, transport: Transport): ProviderEmbedding => {
  const { endpoint, maxTexts, model, provider, space } = dialect
  const way = line(asDialect(dialect), "embed", endpoint)
  const embed = (texts: ReadonlyArray<string>): Effect.Effect<Embedded, AiError.AiError> =>
    Effect.withFiber((fiber) => {
      const call = new Call(way, fiber)
      if (maxTexts !== undefined && texts.length > maxTexts) {
        const description = `A request may hold ${maxTexts} texts, and there are ${texts.length}`
        return Effect.fail(call.error(unsupported("input", description, true)))
      }
      const own = fiber.getRef(CurrentCallSettings).headers ?? dialect.settings.headers
      return Effect.flatMap(call.request(dialect.body(texts), own), (request) =>
        Effect.matchEffect(transport.whole(request, longestAnswer), {
          onFailure: (failure) => Effect.fail(call.networkError(failure)),
          onSuccess: (answer) => settle(dialect, call, answer, texts.length)
        })
      )
    })
  return {
    provider,
    model,
    space,
    capabilities: new Set(["embeddings"]),
    server: endpoint.server,
    embed: (texts) => (texts.length === 0 ? Effect.succeed({ vectors: [], inputTokens: undefined }) : embed(texts))
  }
}

const settle = (
  dialect: EmbeddingDialect,
  call: Call,
  answer: Whole,
  texts: number
): Effect.Effect<Embedded, AiError.AiError> => {
  const { headers, status } = answer
  if (status < 200 || status >= 300) return Effect.fail(call.refusal(status, headers, textOf(answer, longestError)))
  const read = readAnswer(dialect, answer, texts)
  return "verdict" in read ? Effect.fail(call.error(read, { status, headers })) : Effect.succeed(read)
}

const readAnswer = (dialect: EmbeddingDialect, answer: Whole, texts: number): Embedded | Fault => {
  if (answer.broken) return truncated
  const text = textOf(answer, longestAnswer).trim()
  if (text === "") return empty
  const json = parse(text)
  const body = record(Array.isArray(json) ? json[0] : json)
  if (body === undefined) return undecodable("The answer is no JSON object")
  return isError(body) ? ofInBand(body, dialect.errors) : dialect.read(body, texts)
}

/** What a call on its way out asks of a dialect; of an answer in parts there is nothing. */
const asDialect = (dialect: EmbeddingDialect): Dialect => ({
  ...dialect,
  capabilities: new Set(),
  whole: dialect.endpoint,
  streamed: dialect.endpoint,
  body: () => unsupported("prompt", "An embedding model answers no prompt", true),
  decoder: () => {
    throw new Error("An embedding is no answer in parts")
  }
})

const textOf = ({ body }: Whole, limit: number): string => {
  const decoder = new TextDecoder()
  let text = ""
  let left = limit
  for (const chunk of body) {
    if (left <= 0) break
    text += decoder.decode(chunk.subarray(0, left), { stream: true })
    left -= chunk.byteLength
  }
  return text + decoder.decode()
}
