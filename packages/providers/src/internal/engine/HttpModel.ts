/**
 * One model over HTTP, whatever its dialect: a request is built, sent once and read. No retry, no timer and no failover
 * here: they are the router's.
 *
 * A stream gives out one array of parts per network chunk, without a schema on the way. The request lives in the scope of
 * the call: interrupting it, or letting go of a stream, aborts the request and frees its socket.
 */
import type { CallLimits, ModelOptions, Part, ProviderModel, StreamPart } from "@spillway/core/ProviderModel"
import type * as AiError from "effect/ai/AiError"
import * as Channel from "effect/Channel"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Fault, unsupported } from "../errors/Fault.ts"
import { collect } from "../http/OverHttpClient.ts"
import type { HttpRequest, Opened, Transport, TransportFailure, Whole } from "../http/Transport.ts"
import * as Collapse from "../parts/Collapse.ts"
import { bodyOf, Call, type Line, line } from "./Call.ts"
import type { Dialect } from "./Dialect.ts"
import * as EmptyPrompt from "./EmptyPrompt.ts"
import * as Reading from "./Reading.ts"
import * as ToolNames from "./ToolNames.ts"

/** Longest error body that is read, bytes. */
const longestError = 64 * 1024
/** Longest answer, bytes: one more than the decoders take, so that they see what is too long and say so. */
const longestAnswer = 64 * 1024 * 1024 + 1

export const make = (dialect: Dialect, transport: Transport): ProviderModel => {
  const whole = line(dialect, "generate", dialect.whole)
  const streamed = line(dialect, "stream", dialect.streamed)
  return ToolNames.mapped({
    provider: dialect.provider,
    model: dialect.model,
    capabilities: dialect.capabilities,
    server: dialect.whole.server,
    generate: (options, limits) =>
      outgoing(whole, options, limits, (call, request) =>
        Effect.matchEffect(transport.whole(request, longestAnswer), {
          onFailure: (failure) => Effect.fail(call.networkError(failure)),
          onSuccess: (answer) => readWhole(dialect, call, answer)
        })
      ),
    stream: (options, limits) =>
      Stream.fromChannel(
        Channel.fromTransform((_upstream, scope) =>
          outgoing(streamed, options, limits, (call, request) => openStream(dialect, transport, call, request, scope))
        )
      ),
    ...(dialect.probe === undefined ? undefined : { probe: probe(line(dialect, "probe", dialect.probe), transport) })
  })
}

const nothingSaid = unsupported("prompt", "The prompt holds no message", false)

/** Fails without sending anything when the call cannot be said in this dialect. */
const outgoing = <A>(
  line: Line,
  options: ModelOptions,
  limits: CallLimits | undefined,
  send: (call: Call, request: HttpRequest) => Effect.Effect<A, AiError.AiError>
): Effect.Effect<A, AiError.AiError> =>
  Effect.withFiber((fiber) => {
    const call = new Call(line, fiber)
    if (EmptyPrompt.isEmpty(options.prompt)) return Effect.fail(call.error(nothingSaid))
    const { body, settings } = bodyOf(line.dialect, fiber, options, limits, line.method === "stream")
    if (typeof body !== "string") return Effect.fail(call.error(body))
    return Effect.flatMap(call.request(body, settings.headers), (request) => send(call, request))
  })

const readWhole = (
  dialect: Dialect,
  call: Call,
  { body, broken, headers, status }: Whole
): Effect.Effect<Array<Part>, AiError.AiError> => {
  if (!isOk(status)) return Effect.fail(call.refusal(status, headers, textOf(body)))
  const decoder = dialect.decoder({ streamed: false, makeId: call.makeId })
  const parts: Array<StreamPart> = []
  for (const chunk of body) {
    for (const part of decoder.feed(chunk)) parts.push(part)
    if (decoder.ended()) break
  }
  if (!decoder.ended()) for (const part of decoder.end(broken)) parts.push(part)
  const fault = decoder.fault()
  if (fault !== undefined) return Effect.fail(call.error(fault, { status, headers }))
  const introduced = Reading.introduce(parts, dialect.model)
  return Effect.succeed(Collapse.collapse(Reading.withLimits(introduced, call.limitsOf(headers))))
}

/**
 * The request has a scope of its own, which closes with the caller's: at once when the caller leaves early, and when the
 * answer is whole as soon as its body has ended, which nobody waits for.
 */
const openStream = (
  dialect: Dialect,
  transport: Transport,
  call: Call,
  request: HttpRequest,
  scope: Scope.Scope
): Effect.Effect<Reading.PartsPull, AiError.AiError> => {
  const own = Scope.makeUnsafe()
  const signals = call.signals()
  let reading: Reading.Reading | undefined
  const close = Scope.close(own, Exit.void)
  const letGo = Effect.suspend(() =>
    reading?.isAwaitingEnd() === true
      ? Effect.asVoid(Effect.forkDetach(Effect.ensuring(reading.drained, close)))
      : close
  )
  const opened = Effect.matchEffect(transport.open(request, own), {
    onFailure: (failure: TransportFailure) => Effect.fail(call.networkError(failure)),
    onSuccess: (answer: Opened): Effect.Effect<Reading.PartsPull, AiError.AiError> => {
      const { body, headers, status } = answer
      if (!isOk(status)) {
        return Effect.flatMap(collect(body, longestError), ({ body }) =>
          Effect.fail(call.refusal(status, headers, textOf(body)))
        )
      }
      signals.headers()
      const decoder = dialect.decoder({ streamed: true, makeId: call.makeId })
      const toError = (fault: Fault) => call.error(fault, { status, headers }, decoder.hasContent())
      reading = Reading.make(body, decoder, toError, call.limitsOf(headers), dialect.model, signals)
      return Effect.succeed(reading.pull)
    }
  })
  return Effect.flatMap(Scope.addFinalizer(scope, letGo), () => {
    signals.sent()
    return opened
  })
}

/** Asks whether the vendor is there and takes the key. Costs no tokens. */
const probe = (line: Line, transport: Transport): Effect.Effect<void, AiError.AiError> =>
  Effect.withFiber((fiber) => {
    const call = new Call(line, fiber)
    return Effect.flatMap(call.request(undefined, undefined), (request) =>
      Effect.matchEffect(transport.whole(request, longestError), {
        onFailure: (failure) => Effect.fail(call.networkError(failure)),
        onSuccess: ({ body, headers, status }) =>
          isOk(status) ? Effect.void : Effect.fail(call.refusal(status, headers, textOf(body)))
      })
    )
  })

const isOk = (status: number) => status >= 200 && status < 300

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
