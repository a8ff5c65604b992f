/**
 * One model of the chat dialect: a request is built, sent once and read. No retry, no timer and no failover here: they are
 * the router's.
 *
 * A stream gives out one array of parts per network chunk, without a schema on the way. The request lives in the scope of
 * the call: interrupting it, or letting go of a stream, aborts the fetch and closes the socket.
 */
import type { CallLimits, ProviderModel, StreamPart } from "@spillway/core/ProviderModel"
import type { Capability } from "@spillway/core/Target"
import * as Arr from "effect/Array"
import type * as AiError from "effect/ai/AiError"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Pull from "effect/Pull"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type CallSettings, CurrentCallSettings } from "../../CallSettings.ts"
import type { Profile } from "../../Profile.ts"
import { type Fault, unsupported } from "../errors/Fault.ts"
import * as ProviderError from "../errors/ProviderError.ts"
import type { Endpoint } from "../http/Endpoint.ts"
import * as Exchange from "../http/Exchange.ts"
import { type Reported, reportedLimits } from "../http/ReportedLimits.ts"
import * as Answer from "./Answer.ts"
import * as AnswerDecoder from "./AnswerDecoder.ts"
import * as Request from "./Request.ts"

export interface Config {
  readonly module: string
  readonly profile: Profile
  readonly model: string
  readonly endpoint: Endpoint
  readonly apiKey: Redacted.Redacted<string> | undefined
  readonly headers: Exchange.HeaderValues
  readonly thinking: boolean | undefined
  /** What the calls do not say themselves. */
  readonly settings: CallSettings
  readonly capabilities: ReadonlySet<Capability>
}

type Method = ProviderError.Where["method"]
type Options = Parameters<ProviderModel["generate"]>[0]

/** Longest error body that is read, bytes. */
const longestError = 64 * 1024

export const make = (config: Config, client: Exchange.ScopedClient): ProviderModel => ({
  provider: config.profile.provider,
  model: config.model,
  capabilities: config.capabilities,
  server: config.endpoint.server,
  generate: (options, limits) =>
    Effect.scoped(
      Effect.flatMap(answer(config, client, options, limits, "generate"), (parts) =>
        Effect.map(Stream.runCollect(parts), Answer.collapse)
      )
    ),
  stream: (options, limits) => Stream.unwrap(answer(config, client, options, limits, "stream"))
})

/** Sends the request; the stream reads the answer. Statuses other than 2xx fail here. */
const answer = Effect.fnUntraced(function* (
  config: Config,
  client: Exchange.ScopedClient,
  options: Options,
  limits: CallLimits | undefined,
  method: Method
): Effect.fn.Return<Stream.Stream<StreamPart, AiError.AiError>, AiError.AiError, Scope.Scope> {
  const settings = capped({ ...config.settings, ...(yield* CurrentCallSettings) }, limits)
  const where = whereOf(config, method)
  const clock = yield* Clock.Clock
  const fail = (reason: Fault, answered?: ProviderError.Answered, afterOutput = false) =>
    ProviderError.make(where, reason, { answer: answered, afterOutput, now: clock.currentTimeMillisUnsafe() })

  const body = Request.body({
    model: config.model,
    profile: config.profile,
    thinking: config.thinking,
    settings,
    options,
    stream: method === "stream"
  })
  if (typeof body !== "string") return yield* fail(body)
  const headers = headersOf(config, settings.headers)
  const invalid = Exchange.invalidHeader(headers)
  if (invalid !== undefined) return yield* fail(unsupported("headers", `Header ${invalid} cannot be sent`, false))

  const response = yield* Exchange.post(client, {
    endpoint: config.endpoint,
    where,
    headers,
    body,
    accept: method === "stream" ? "text/event-stream, application/json" : "application/json"
  })
  const answered = { status: response.status, headers: response.headers }
  if (response.status < 200 || response.status >= 300) {
    const text = yield* Exchange.readStart(response, longestError)
    // A browser hides a redirect that is not followed behind status 0.
    const shown = response.status === 0 ? { ...answered, status: 302 } : answered
    return yield* fail(ProviderError.ofStatus(shown, text, clock.currentTimeMillisUnsafe()), shown)
  }
  const random = yield* Random.Random
  const decoder = AnswerDecoder.make({
    provider: config.profile.provider,
    model: config.model,
    reasoningTokens: config.profile.reasoningTokens,
    makeId: () => `call_${Math.floor(random.nextDoubleUnsafe() * 2 ** 52).toString(36)}`
  })
  const reported = reportedLimits(response.headers, clock.currentTimeMillisUnsafe())
  const parts = read(response, decoder, (reason) => fail(reason, answered, method === "stream" && decoder.hasContent()))
  return reported === undefined ? parts : Stream.mapArray(parts, (parts) => withLimits(parts, reported))
})

/** What the headers say about the account's limits goes where the router looks for it: beside the response's id. */
const withLimits = (
  parts: Arr.NonEmptyReadonlyArray<StreamPart>,
  limits: ReadonlyArray<Reported>
): Arr.NonEmptyReadonlyArray<StreamPart> =>
  Arr.map(
    parts,
    (part): StreamPart =>
      part.type === "response-metadata" ? { ...part, metadata: { ...part.metadata, spillway: { limits } } } : part
  )

const read = (
  response: HttpClientResponse.HttpClientResponse,
  decoder: AnswerDecoder.AnswerDecoder,
  toError: (fault: Fault) => AiError.AiError
): Stream.Stream<StreamPart, AiError.AiError> =>
  Stream.transformPull(response.stream, (pull) => {
    let over = false
    // What the decoder has given out leaves first; what ended it is told on the next pull.
    const stop = Effect.suspend((): Pull.Pull<never, AiError.AiError, void> => {
      const reason = decoder.fault()
      return reason === undefined ? Cause.done() : Effect.fail(toError(reason))
    })
    const give = (parts: Array<StreamPart>): Pull.Pull<Arr.NonEmptyReadonlyArray<StreamPart>, AiError.AiError, void> =>
      Arr.isArrayNonEmpty(parts) ? Effect.succeed(parts) : over ? stop : step
    const end = (broken: boolean) => {
      over = true
      return give(decoder.end(broken))
    }
    const step: Pull.Pull<Arr.NonEmptyReadonlyArray<StreamPart>, AiError.AiError, void> = Effect.suspend(() =>
      over
        ? stop
        : Pull.matchEffect(pull, {
            onSuccess: (chunks) => {
              const parts =
                chunks.length === 1 ? decoder.feed(chunks[0]) : chunks.flatMap((chunk) => decoder.feed(chunk))
              over = decoder.ended()
              return give(parts)
            },
            // An interruption is no cut: it stays an interruption.
            onFailure: (cause: Cause.Cause<HttpClientError.HttpClientError>) =>
              Cause.hasFails(cause) ? end(true) : Effect.failCause(cause as Cause.Cause<never>),
            onDone: () => end(false)
          })
    )
    return Effect.succeed(step)
  })

/** The smaller cap counts: the caller's own, or the router's. */
const capped = (settings: CallSettings, limits: CallLimits | undefined): CallSettings =>
  limits?.maxOutputTokens === undefined
    ? settings
    : { ...settings, maxTokens: Math.min(limits.maxOutputTokens, settings.maxTokens ?? Number.POSITIVE_INFINITY) }

const whereOf = (config: Config, method: Method): ProviderError.Where => ({
  module: config.module,
  method,
  provider: config.profile.provider,
  secret: config.apiKey === undefined ? undefined : Redacted.value(config.apiKey)
})

const headersOf = (config: Config, own: Readonly<Record<string, string>> | undefined): Exchange.HeaderValues => {
  const headers: Record<string, string | Redacted.Redacted<string>> = {}
  for (const source of [config.headers, own ?? {}]) {
    for (const [name, value] of Object.entries(source)) headers[name.toLowerCase()] = value
  }
  if (config.apiKey === undefined) return headers
  const { auth } = config.profile
  if (auth === "bearer") headers["authorization"] = Redacted.make(`Bearer ${Redacted.value(config.apiKey)}`)
  else headers[auth.toLowerCase()] = config.apiKey
  return headers
}
