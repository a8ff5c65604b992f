/**
 * One model over HTTP, whatever its dialect: a request is built, sent once and read. No retry, no timer and no failover
 * here: they are the router's.
 *
 * A stream gives out one array of parts per network chunk, without a schema on the way. The request lives in the scope of
 * the call: interrupting it, or letting go of a stream, aborts the request and frees its socket.
 */
import type { Part, ProviderModel, StreamPart } from "@spillway/core/ProviderModel"
import type * as AiError from "effect/ai/AiError"
import * as Channel from "effect/Channel"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Fault } from "../errors/Fault.ts"
import * as ProviderError from "../errors/ProviderError.ts"
import { collect } from "../http/OverHttpClient.ts"
import type { Transport } from "../http/Transport.ts"
import * as Collapse from "../parts/Collapse.ts"
import * as Call from "./Call.ts"
import type { Dialect } from "./Dialect.ts"
import * as Reading from "./Reading.ts"

/** Longest error body that is read, bytes. */
const longestError = 64 * 1024
/** Longest answer, bytes: the decoder refuses what is longer. */
const longestAnswer = 256 * 1024 * 1024

export const make = (dialect: Dialect, transport: Transport): ProviderModel => ({
  provider: dialect.provider,
  model: dialect.model,
  capabilities: dialect.capabilities,
  server: dialect.whole.server,
  generate: (options, limits) =>
    Effect.flatMap(Call.make(dialect, options, limits, false), (call) =>
      Effect.matchEffect(transport.whole(call.request, longestAnswer), {
        onFailure: (failure) => Effect.fail(call.networkError(failure)),
        onSuccess: ({ body, broken, headers, status }): Effect.Effect<Array<Part>, AiError.AiError> => {
          if (!isOk(status)) return Effect.fail(refusal(call, status, headers, textOf(body)))
          const decoder = dialect.decoder({ streamed: false, makeId: call.makeId })
          const parts: Array<StreamPart> = []
          for (const chunk of body) {
            append(parts, decoder.feed(chunk))
            if (decoder.ended()) break
          }
          if (!decoder.ended()) append(parts, decoder.end(broken))
          const fault = decoder.fault()
          if (fault !== undefined) return Effect.fail(call.error(fault, { status, headers }))
          return Effect.succeed(Collapse.collapse(Reading.withLimits(parts, call.limitsOf(headers))))
        }
      })
    ),
  stream: (options, limits) =>
    Stream.fromChannel(
      Channel.fromTransform((_upstream, scope) =>
        Effect.flatMap(Call.make(dialect, options, limits, true), (call) =>
          Effect.matchEffect(transport.open(call.request, scope), {
            onFailure: (failure) => Effect.fail(call.networkError(failure)),
            onSuccess: ({ body, headers, status }) => {
              if (!isOk(status)) {
                return Effect.flatMap(collect(body, longestError), ({ body }) =>
                  Effect.fail(refusal(call, status, headers, textOf(body)))
                )
              }
              const decoder = dialect.decoder({ streamed: true, makeId: call.makeId })
              const toError = (fault: Fault) => call.error(fault, { status, headers }, decoder.hasContent())
              return Effect.succeed(Reading.parts(body, decoder, toError, call.limitsOf(headers)))
            }
          })
        )
      )
    ),
  ...(dialect.probe === undefined ? undefined : { probe: probe(dialect, dialect.probe, transport) })
})

/** Asks whether the vendor is there and takes the key. Costs no tokens. */
const probe = (dialect: Dialect, endpoint: NonNullable<Dialect["probe"]>, transport: Transport) =>
  Effect.flatMap(Call.get(dialect, endpoint), (call) =>
    Effect.matchEffect(transport.whole(call.request, longestError), {
      onFailure: (failure) => Effect.fail(call.networkError(failure)),
      onSuccess: ({ body, headers, status }) =>
        isOk(status) ? Effect.void : Effect.fail(refusal(call, status, headers, textOf(body)))
    })
  )

const isOk = (status: number) => status >= 200 && status < 300

const append = (to: Array<StreamPart>, parts: ReadonlyArray<StreamPart>) => {
  for (const part of parts) to.push(part)
}

const refusal = (call: Call.Call, status: number, headers: Readonly<Record<string, string>>, body: string) => {
  // A browser hides a redirect that is not followed behind status 0.
  const answered = { status: status === 0 ? 302 : status, headers }
  return call.error(ProviderError.ofStatus(answered, body, call.now(), call.rules), answered)
}

const textOf = (chunks: ReadonlyArray<Uint8Array>): string => {
  const decoder = new TextDecoder()
  let text = ""
  let left = longestError
  for (const chunk of chunks) {
    text += decoder.decode(chunk.subarray(0, left), { stream: true })
    left -= chunk.byteLength
    if (left <= 0) break
  }
  return text
}
