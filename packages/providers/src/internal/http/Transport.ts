/**
 * How bytes reach a vendor and come back: one request, no retry, no redirect, no header of ours.
 *
 * An application hands over an `HttpClient` of `effect/http`, and every client works (`OverHttpClient`). A client may know a
 * shorter way to the socket and say so by a property under `TypeId`; one that an application has wrapped has lost it, so
 * that what the wrapper does is never left out.
 */
import type * as Arr from "effect/Array"
import type * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import type * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"

export const TypeId = "~@spillway/providers/Transport"

export interface HttpRequest {
  readonly method: "GET" | "POST"
  readonly url: string
  /** The two halves of `url`. */
  readonly origin: string
  readonly path: string
  /** Names in lower case, keys in clear: for the wire only. */
  readonly headers: Readonly<Record<string, string>>
  /** Names of the headers that hold keys: hidden wherever the request might be printed. */
  readonly secrets: ReadonlyArray<string>
  readonly body: string | undefined
}

/** Names in lower case. */
export type AnswerHeaders = Readonly<Record<string, string>>

/** The next bytes; a failure means that the connection broke. */
export type BodyPull = Pull.Pull<Arr.NonEmptyReadonlyArray<Uint8Array>, unknown>

export interface Opened {
  readonly status: number
  readonly headers: AnswerHeaders
  readonly body: BodyPull
}

export interface Whole {
  readonly status: number
  readonly headers: AnswerHeaders
  readonly body: ReadonlyArray<Uint8Array>
  /** The connection ended before the body did. */
  readonly broken: boolean
}

/** Nothing came back. No message: some quote a header's value. */
export interface TransportFailure {
  readonly _tag: "TransportFailure"
  readonly reason: "TransportError" | "EncodeError" | "InvalidUrlError"
  /** The system's code, e.g. `ECONNREFUSED`. */
  readonly code: string | undefined
}

export interface Transport {
  /** Succeeds with the headers. Closing `scope` aborts the request and frees its socket. */
  readonly open: (request: HttpRequest, scope: Scope.Scope) => Effect.Effect<Opened, TransportFailure>
  /** Succeeds with the whole body; reads at most `limit` bytes of it. */
  readonly whole: (request: HttpRequest, limit: number) => Effect.Effect<Whole, TransportFailure>
}

/** The shorter way that `client` knows; `undefined` when it knows none. */
export const of = (client: HttpClient.HttpClient): Transport | undefined =>
  (client as Partial<Readonly<Record<typeof TypeId, Transport>>>)[TypeId]

export const failure = (cause: unknown, reason: TransportFailure["reason"] = "TransportError"): TransportFailure => ({
  _tag: "TransportFailure",
  reason,
  code: systemCode(cause)
})

/**
 * `ECONNREFUSED`, `UND_ERR_SOCKET`, …: undici hangs the system's error under its own. `HTTP_PARSER` is our word for what came
 * and is no HTTP: undici's error has a name only.
 */
const systemCode = (error: unknown): string | undefined => {
  let at: unknown = error
  for (let depth = 0; depth < 4 && typeof at === "object" && at !== null; depth++) {
    const { cause, code, name } = at as { readonly cause?: unknown; readonly code?: unknown; readonly name?: unknown }
    if (typeof code === "string" && /^[A-Z][A-Z0-9_]{2,63}$/.test(code)) return code
    if (name === "HTTPParserError") return "HTTP_PARSER"
    at = cause
  }
  return undefined
}
