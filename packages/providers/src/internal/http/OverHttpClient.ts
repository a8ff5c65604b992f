/**
 * The way every application has: over its `HttpClient`. This is the one file that sends through `effect/http`.
 *
 * - No redirect is followed: it would carry the prompt to a place nobody chose.
 * - No client span and no `traceparent` / `b3`: ours are the router's, and a third party has no business with them.
 * - Headers that carry keys are redacted wherever the request might be printed.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { constTrue } from "effect/Function"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Transport from "./Transport.ts"

export const make = (client: HttpClient.HttpClient): Transport.Transport => {
  // A request whose body is read later has to live as long as its scope.
  const scoped = HttpClient.withScope(client)
  const open: Transport.Transport["open"] = (request, scope) =>
    scoped.execute(toClientRequest(request)).pipe(
      Effect.updateContext((context: Context.Context<Scope.Scope>) => quiet(context, request.secrets)),
      Effect.mapError(toFailure),
      Effect.flatMap((response) =>
        Effect.map(
          bodyless.has(response.status) ? Effect.succeed(nothing) : Stream.toPull(response.stream),
          (body) => ({
            status: response.status,
            headers: response.headers,
            body: body as Transport.BodyPull
          })
        )
      ),
      Effect.provideService(Scope.Scope, scope)
    )
  return {
    open,
    whole: (request, limit) =>
      Effect.scoped(
        Effect.flatMap(Effect.scope, (scope) =>
          Effect.flatMap(open(request, scope), (opened) =>
            Effect.map(collect(opened.body, limit), (body) => ({
              status: opened.status,
              headers: opened.headers,
              ...body
            }))
          )
        )
      )
  }
}

/** `fetch` gives these no body at all, and the stream of none is a failure. */
const bodyless: ReadonlySet<number> = new Set([204, 205, 304])

const nothing = Cause.done()

/** The bytes of a body, at most `limit`. A body that breaks off counts as what came of it. */
export const collect = (
  pull: Transport.BodyPull,
  limit: number
): Effect.Effect<Pick<Transport.Whole, "body" | "broken">> => {
  const body: Array<Uint8Array> = []
  let left = limit
  const step: Effect.Effect<{ body: Array<Uint8Array>; broken: boolean }> = Pull.matchEffect(pull, {
    onSuccess: (chunks) => {
      for (const chunk of chunks) {
        body.push(chunk.byteLength > left ? chunk.subarray(0, left) : chunk)
        left -= chunk.byteLength
        if (left <= 0) return Effect.succeed({ body, broken: false })
      }
      return step
    },
    // An interruption is no cut: it stays an interruption.
    onFailure: (cause) =>
      Cause.hasFails(cause) ? Effect.succeed({ body, broken: true }) : Effect.failCause(cause as Cause.Cause<never>),
    onDone: () => Effect.succeed({ body, broken: false })
  })
  return step
}

const toClientRequest = ({ body, headers, method, url }: Transport.HttpRequest) => {
  const request = HttpClientRequest.make(method)(url, { headers })
  return body === undefined ? request : HttpClientRequest.bodyText(request, body, "application/json")
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

const toFailure = ({ reason }: HttpClientError.HttpClientError): Transport.TransportFailure =>
  Transport.failure(
    "cause" in reason ? reason.cause : undefined,
    reason._tag === "EncodeError" || reason._tag === "InvalidUrlError" ? reason._tag : "TransportError"
  )
