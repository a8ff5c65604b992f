/** One call on its way out: what is sent, and how what goes wrong is told. Made synchronously in the caller's fiber. */
import {
  type AttemptSignals,
  type CallLimits,
  CurrentAttemptSignals,
  type ModelOptions
} from "@spillway/core/ProviderModel"
import type * as AiError from "effect/ai/AiError"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import { type CallSettings, CurrentCallSettings } from "../../CallSettings.ts"
import { type Fault, unsupported } from "../errors/Fault.ts"
import * as ProviderError from "../errors/ProviderError.ts"
import type { Endpoint } from "../http/Endpoint.ts"
import { type Reported, reportedLimits } from "../http/ReportedLimits.ts"
import { type HeaderValues, invalidHeader, merge, reveal } from "../http/RequestHeaders.ts"
import * as Secrets from "../http/Secrets.ts"
import type { AnswerHeaders, HttpRequest, TransportFailure } from "../http/Transport.ts"
import type { Dialect } from "./Dialect.ts"

type Fiberlike = Fiber.Fiber<unknown, unknown>
type Method = ProviderError.Where["method"]

/** What stays the same from call to call: made once per model and kind of call. */
export interface Line {
  readonly dialect: Dialect
  readonly endpoint: Endpoint
  readonly method: Method
  /** What is sent when the call brings no headers of its own. */
  readonly plain: Omit<HttpRequest, "body">
  readonly accept: string
}

export const line = (dialect: Dialect, method: "generate" | "stream" | "probe" | "embed", endpoint: Endpoint): Line => {
  const accept =
    method === "stream" ? (dialect.acceptStream ?? "text/event-stream, application/json") : "application/json"
  const http = method === "probe" ? "GET" : "POST"
  return { dialect, endpoint, method, accept, plain: requestOf(http, endpoint, dialect, accept, undefined) }
}

/** A call's own headers win over the model's, keys over all. */
const requestOf = (
  method: HttpRequest["method"],
  { origin, path, url }: Endpoint,
  dialect: Dialect,
  accept: string,
  own: Readonly<Record<string, string>> | undefined
): Omit<HttpRequest, "body"> => {
  const content = method === "POST" ? { "content-type": "application/json" } : undefined
  return {
    method,
    url,
    origin,
    path,
    ...reveal(merge({ accept }, content, dialect.headers, own, keysOf(dialect.headers, own)))
  }
}

/** What a call's own headers may not replace. */
const keysOf = (headers: HeaderValues, own: HeaderValues | undefined): HeaderValues | undefined =>
  own === undefined
    ? undefined
    : Object.fromEntries(Object.entries(headers).filter(([, value]) => Redacted.isRedacted(value)))

/** Settings of the model, the call and the router, merged, and the body they make. */
export const bodyOf = (
  dialect: Dialect,
  fiber: Fiberlike,
  options: ModelOptions,
  limits: CallLimits | undefined,
  streamed: boolean
): { readonly body: string | Fault; readonly settings: CallSettings } => {
  const settings = capped({ ...dialect.settings, ...fiber.getRef(CurrentCallSettings) }, limits)
  return { body: dialect.body({ options, settings, streamed }), settings }
}

/** One call, for as long as it runs. */
export class Call {
  readonly #line: Line
  readonly #fiber: Fiberlike
  /** What went out last: what it showed must not come back in an error. */
  #shown: Secrets.Shown | undefined = undefined

  constructor(line: Line, fiber: Fiberlike) {
    this.#line = line
    this.#fiber = fiber
  }

  /** What goes on the wire; `own`: headers of the call itself. */
  request(
    body: string | undefined,
    own: Readonly<Record<string, string>> | undefined
  ): Effect.Effect<HttpRequest, AiError.AiError> {
    const { accept, dialect, endpoint, plain } = this.#line
    const invalid = own === undefined ? undefined : invalidHeader(own)
    if (invalid !== undefined) {
      return Effect.fail(this.error(unsupported("headers", `Header ${invalid} cannot be sent`, false)))
    }
    const request: HttpRequest =
      own === undefined ? { ...plain, body } : { ...requestOf(plain.method, endpoint, dialect, accept, own), body }
    this.#shown = { headers: request.headers, secrets: request.secrets }
    if (dialect.authorize === undefined) return Effect.succeed(request)
    return Effect.matchEffect(dialect.authorize(request), {
      onFailure: (fault) => Effect.fail(this.error(fault)),
      onSuccess: (signed) => {
        const { headers, secrets } = reveal(merge(signed))
        this.#shown = {
          headers: { ...request.headers, ...headers },
          secrets: [...request.secrets, ...secrets]
        }
        return Effect.succeed({ ...request, ...this.#shown })
      }
    })
  }

  /** Epoch milliseconds. */
  now(): number {
    return this.#fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
  }

  /** Where a router that runs the call hears how far it is. */
  signals(): AttemptSignals {
    return this.#fiber.getRef(CurrentAttemptSignals)
  }

  /** A fresh id for what came without one. */
  readonly makeId = (prefix: string): string =>
    `${prefix}_${Math.floor(this.#fiber.getRef(Random.Random).nextDoubleUnsafe() * 2 ** 52).toString(36)}`

  limitsOf(headers: AnswerHeaders): ReadonlyArray<Reported> | undefined {
    return reportedLimits(headers, this.now())
  }

  error(fault: Fault, answer?: ProviderError.Answered, afterOutput = false): AiError.AiError {
    return ProviderError.make(this.#where(), fault, { answer, afterOutput, now: this.now() })
  }

  networkError(failure: TransportFailure): AiError.AiError {
    const { endpoint, plain } = this.#line
    return ProviderError.ofTransport(this.#where(), failure, { method: plain.method, url: endpoint.shown })
  }

  /** An answer with a status other than 2xx. */
  refusal(status: number, headers: AnswerHeaders, body: string): AiError.AiError {
    // A browser hides a redirect that is not followed behind status 0.
    const answered = { status: status === 0 ? 302 : status, headers }
    return this.error(ProviderError.ofStatus(answered, body, this.now(), this.#line.dialect.errors), answered)
  }

  #where(): ProviderError.Where {
    const { dialect, method } = this.#line
    return { module: dialect.module, method, provider: dialect.owner, secret: Secrets.of(dialect.secret, this.#shown) }
  }
}

/** The smaller cap counts: the caller's own, or the router's. */
const capped = (settings: CallSettings, limits: CallLimits | undefined): CallSettings =>
  limits?.maxOutputTokens === undefined
    ? settings
    : { ...settings, maxTokens: Math.min(limits.maxOutputTokens, settings.maxTokens ?? Number.POSITIVE_INFINITY) }
