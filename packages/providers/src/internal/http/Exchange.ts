/**
 * One POST to a vendor, and the reading of what comes back. This is the one file that touches `effect/http`'s client.
 *
 * - No retry and no redirect: a redirect would carry the prompt to a place nobody chose.
 * - No client span and no `traceparent` / `b3`: ours are the router's, and a third party has no business with them.
 * - Headers that carry keys are redacted wherever the request might be printed; errors hold no request at all.
 * - The request lives in the caller's scope: closing it aborts the fetch and closes the socket.
 */
import * as AiError from "effect/ai/AiError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { constTrue } from "effect/Function"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Where } from "../errors/ProviderError.ts"
import type { Endpoint } from "./Endpoint.ts"

export type HeaderValues = Readonly<Record<string, string | Redacted.Redacted<string>>>

/** A client whose requests end with the scope they were sent in. Make it once per model. */
export type ScopedClient = HttpClient.HttpClient.With<HttpClientError.HttpClientError, Scope.Scope>

export const scoped = (client: HttpClient.HttpClient): ScopedClient => HttpClient.withScope(client)

export interface Call {
  readonly endpoint: Endpoint
  readonly where: Where
  readonly headers: HeaderValues
  /** Serialized JSON. */
  readonly body: string
  readonly accept: string
}

/**
 * The name of the first header that cannot be sent. Asked before sending, because `fetch` refuses such a header with an
 * error that quotes its value.
 */
export const invalidHeader = (headers: HeaderValues): string | undefined => {
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) return JSON.stringify(name)
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(Redacted.isRedacted(value) ? Redacted.value(value) : value)) return name
  }
  return undefined
}

/** Effect's defaults, and the key headers of the other vendors. */
const secretHeaders: ReadonlyArray<string | RegExp> = [
  "authorization",
  "proxy-authorization",
  "cookie",
  "set-cookie",
  "x-api-key",
  "api-key",
  "x-goog-api-key",
  "x-amz-security-token"
]

/**
 * Sends the call; succeeds with whatever status came back. Fails with `NetworkError` when nothing did: its description is
 * the system's error code, never a message (some quote a header's value).
 */
export const post = (
  client: ScopedClient,
  call: Call
): Effect.Effect<HttpClientResponse.HttpClientResponse, AiError.AiError, Scope.Scope> => {
  const headers: Record<string, string> = { accept: call.accept }
  const secrets: Array<string> = []
  for (const [name, value] of Object.entries(call.headers)) {
    if (Redacted.isRedacted(value)) secrets.push(name)
    headers[name] = Redacted.isRedacted(value) ? Redacted.value(value) : value
  }
  const request = HttpClientRequest.post(call.endpoint.url, { headers }).pipe(
    HttpClientRequest.bodyText(call.body, "application/json")
  )
  return client.execute(request).pipe(
    Effect.updateContext((context: Context.Context<Scope.Scope>) => quiet(context, secrets)),
    Effect.mapError((error) => networkError(call, error))
  )
}

const quiet = (context: Context.Context<Scope.Scope>, secrets: ReadonlyArray<string>): Context.Context<Scope.Scope> =>
  context.pipe(
    Context.add(HttpClient.TracerDisabledWhen, constTrue),
    Context.add(HttpClient.TracerPropagationEnabled, false),
    Context.add(Headers.CurrentRedactedNames, [
      ...Context.get(context, Headers.CurrentRedactedNames),
      ...secretHeaders,
      ...secrets
    ]),
    Context.add(FetchHttpClient.RequestInit, {
      ...Context.getOrUndefined(context, FetchHttpClient.RequestInit),
      redirect: "manual"
    })
  )

const networkError = (call: Call, error: HttpClientError.HttpClientError): AiError.AiError => {
  const { reason } = error
  const code = systemCode("cause" in reason ? reason.cause : undefined)
  return AiError.make({
    module: call.where.module,
    method: call.where.method,
    reason: new AiError.NetworkError({
      reason: reason._tag === "EncodeError" || reason._tag === "InvalidUrlError" ? reason._tag : "TransportError",
      method: "POST",
      url: call.endpoint.shown,
      ...(code === undefined ? undefined : { description: code })
    })
  })
}

/** `ECONNREFUSED`, `UND_ERR_SOCKET`, …: undici hangs the system's error under its own. */
const systemCode = (error: unknown): string | undefined => {
  let at: unknown = error
  for (let depth = 0; depth < 4 && typeof at === "object" && at !== null; depth++) {
    const { code, cause } = at as { readonly code?: unknown; readonly cause?: unknown }
    if (typeof code === "string" && /^[A-Z][A-Z0-9_]{2,63}$/.test(code)) return code
    at = cause
  }
  return undefined
}

/** The first `limit` bytes of a body as text. A body that breaks off counts as what came of it. */
export const readStart = (response: HttpClientResponse.HttpClientResponse, limit: number): Effect.Effect<string> =>
  Effect.suspend(() => {
    const decoder = new TextDecoder()
    let text = ""
    let left = limit
    return response.stream.pipe(
      Stream.takeUntil((chunk) => {
        text += decoder.decode(chunk.subarray(0, left), { stream: true })
        left -= chunk.byteLength
        return left <= 0
      }),
      Stream.runDrain,
      Effect.ignore,
      Effect.map(() => text)
    )
  })
