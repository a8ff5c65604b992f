/** One call on its way out: what is sent, and how what goes wrong is told. Made synchronously in the caller's fiber. */
import type { CallLimits, ModelOptions } from "@spillway/core/ProviderModel"
import type * as AiError from "effect/ai/AiError"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import { type CallSettings, CurrentCallSettings } from "../../CallSettings.ts"
import type { ErrorRules } from "../errors/ErrorTable.ts"
import { type Fault, unsupported } from "../errors/Fault.ts"
import * as ProviderError from "../errors/ProviderError.ts"
import type { Endpoint } from "../http/Endpoint.ts"
import { type Reported, reportedLimits } from "../http/ReportedLimits.ts"
import { type HeaderValues, invalidHeader, merge, reveal } from "../http/RequestHeaders.ts"
import type { AnswerHeaders, HttpRequest, TransportFailure } from "../http/Transport.ts"
import type { Dialect } from "./Dialect.ts"

export interface Call {
  readonly request: HttpRequest
  readonly rules: ErrorRules | undefined
  /** Epoch milliseconds. */
  readonly now: () => number
  readonly makeId: (prefix: string) => string
  readonly limitsOf: (headers: AnswerHeaders) => ReadonlyArray<Reported> | undefined
  readonly error: (fault: Fault, answered?: ProviderError.Answered, afterOutput?: boolean) => AiError.AiError
  readonly networkError: (failure: TransportFailure) => AiError.AiError
}

/** Fails when the call cannot be said in this dialect; nothing is sent then. */
export const make = (
  dialect: Dialect,
  options: ModelOptions,
  limits: CallLimits | undefined,
  streamed: boolean
): Effect.Effect<Call, AiError.AiError> =>
  Effect.withFiber((fiber) => {
    const settings = capped({ ...dialect.settings, ...fiber.getRef(CurrentCallSettings) }, limits)
    const endpoint = streamed ? dialect.streamed : dialect.whole
    const body = dialect.body({ options, settings, streamed })
    const accept = streamed ? (dialect.acceptStream ?? "text/event-stream, application/json") : "application/json"
    const method = streamed ? "stream" : "generate"
    if (typeof body !== "string") return Effect.fail(teller(dialect, fiber, method, endpoint, "POST").error(body))
    return outgoing(dialect, fiber, { method: "POST", endpoint, body, accept, own: settings.headers, of: method })
  })

/** A request without a body, to a place that costs nothing. */
export const get = (dialect: Dialect, endpoint: Endpoint): Effect.Effect<Call, AiError.AiError> =>
  Effect.withFiber((fiber) =>
    outgoing(dialect, fiber, {
      method: "GET",
      endpoint,
      body: undefined,
      accept: "application/json",
      own: undefined,
      of: "probe"
    })
  )

interface Outgoing {
  readonly method: "GET" | "POST"
  readonly endpoint: Endpoint
  readonly body: string | undefined
  readonly accept: string
  readonly own: Readonly<Record<string, string>> | undefined
  readonly of: ProviderError.Where["method"]
}

const outgoing = (
  dialect: Dialect,
  fiber: Fiber.Fiber<unknown, unknown>,
  { accept, body, endpoint, method, of, own }: Outgoing
): Effect.Effect<Call, AiError.AiError> => {
  const tell = teller(dialect, fiber, of, endpoint, method)
  // The key wins over a call's own header of the same name.
  const content = body === undefined ? undefined : { "content-type": "application/json" }
  const headers = merge({ accept, ...content }, own, dialect.headers)
  const invalid = invalidHeader(headers)
  if (invalid !== undefined) {
    return Effect.fail(tell.error(unsupported("headers", `Header ${invalid} cannot be sent`, false)))
  }
  const request: HttpRequest = { method, url: endpoint.url, ...reveal(headers), body }
  if (dialect.authorize === undefined) return Effect.succeed({ ...tell, request })
  return Effect.matchEffect(dialect.authorize(request), {
    onFailure: (fault) => Effect.fail(tell.error(fault)),
    onSuccess: (signed) => Effect.succeed({ ...tell, request: { ...request, ...reveal(merge(headers, signed)) } })
  })
}

const teller = (
  dialect: Dialect,
  fiber: Fiber.Fiber<unknown, unknown>,
  method: ProviderError.Where["method"],
  endpoint: Endpoint,
  httpMethod: "GET" | "POST"
): Omit<Call, "request"> => {
  const clock = fiber.getRef(Clock.Clock)
  const random = fiber.getRef(Random.Random)
  const where: ProviderError.Where = { module: dialect.module, method, provider: dialect.owner, secret: dialect.secret }
  const now = () => clock.currentTimeMillisUnsafe()
  return {
    rules: dialect.errors,
    now,
    makeId: (prefix) => `${prefix}_${Math.floor(random.nextDoubleUnsafe() * 2 ** 52).toString(36)}`,
    limitsOf: (headers) => reportedLimits(headers, now()),
    error: (fault, answer, afterOutput = false) =>
      ProviderError.make(where, fault, { answer, afterOutput, now: now() }),
    networkError: (failure) => ProviderError.ofTransport(where, failure, { method: httpMethod, url: endpoint.shown })
  }
}

/** The smaller cap counts: the caller's own, or the router's. */
const capped = (settings: CallSettings, limits: CallLimits | undefined): CallSettings =>
  limits?.maxOutputTokens === undefined
    ? settings
    : { ...settings, maxTokens: Math.min(limits.maxOutputTokens, settings.maxTokens ?? Number.POSITIVE_INFINITY) }

export type { HeaderValues }
