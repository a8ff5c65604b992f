/** One question to Consul's health API, and what its answer says. The one file here that speaks HTTP. */
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/** An instance of the service as Consul lists it. Read leniently: an agent of another version says more, or less. */
const Instance = Schema.Struct({
  Node: Schema.Struct({
    Node: Schema.String,
    Address: Schema.String,
    Datacenter: Schema.optionalKey(Schema.NullOr(Schema.String))
  }),
  Service: Schema.Struct({
    ID: Schema.String,
    Service: Schema.String,
    Address: Schema.optionalKey(Schema.NullOr(Schema.String)),
    Port: Schema.optionalKey(Schema.NullOr(Schema.Number)),
    Tags: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String))),
    Meta: Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.String))),
    Weights: Schema.optionalKey(
      Schema.NullOr(
        Schema.Struct({ Passing: Schema.optionalKey(Schema.Number), Warning: Schema.optionalKey(Schema.Number) })
      )
    )
  }),
  Checks: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Struct({ Status: Schema.String }))))
})
export type Instance = typeof Instance.Type

const decode = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Array(Instance)))

export interface Question {
  readonly url: string
  readonly service: string
  readonly params: ReadonlyArray<readonly [string, string]>
  readonly token: Redacted.Redacted<string> | undefined
  readonly waitMs: number
  /** For an answer that is not waited for. */
  readonly timeoutMs: number
}

export interface Answer {
  readonly instances: ReadonlyArray<Instance>
  /** 0: none was given, so that nothing can be waited for. */
  readonly index: number
}

/** With an index > 0 Consul answers when something has changed since, or `waitMs` are over. Fails in words for people. */
export const ask = (
  client: HttpClient.HttpClient,
  question: Question,
  index: number
): Effect.Effect<Answer, string> => {
  const { params, service, timeoutMs, token, url, waitMs } = question
  const blocking = index > 0 ? [["index", `${index}`] as const, ["wait", `${Math.ceil(waitMs)}ms`] as const] : []
  const request = HttpClientRequest.get(`${url}/v1/health/service/${encodeURIComponent(service)}`, {
    urlParams: [...params, ...blocking],
    headers: token === undefined ? {} : { "x-consul-token": Redacted.value(token) }
  })
  // The server adds up to a sixteenth of the wait, so that not all of its clients come at once.
  const patience = index > 0 ? waitMs * (1 + 1 / 16) + timeoutMs : timeoutMs
  return client.execute(request).pipe(
    Effect.mapError(() => "it cannot be reached"),
    Effect.flatMap(read),
    Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.fail("it does not answer in time") }),
    // A question that takes minutes is no span, and its token no attribute of one.
    Effect.provideService(HttpClient.TracerDisabledWhen, always),
    Effect.provideService(HttpClient.TracerPropagationEnabled, false),
    // One that is followed would carry the token to a place that nobody chose.
    Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual" })
  )
}

const always = () => true

const read = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<Answer, string> => {
  const { headers, status } = response
  if (status < 200 || status > 299) return Effect.fail(`it answers with HTTP ${status}${hints.get(status) ?? ""}`)
  return response.text.pipe(
    Effect.mapError(() => "its answer broke off"),
    Effect.flatMap((body) => {
      const instances = decode(body)
      return Result.isSuccess(instances)
        ? Effect.succeed({ instances: instances.success, index: indexOf(headers["x-consul-index"]) })
        : Effect.fail("its answer is none of the health API")
    })
  )
}

const hints: ReadonlyMap<number, string> = new Map([
  [400, " (a parameter is wrong)"],
  [403, " (the token may not read this service)"],
  [404, " (no Consul agent is there)"],
  [500, " (it may have no leader)"]
])

const indexOf = (header: string | undefined): number => {
  const index = Number(header)
  return Number.isSafeInteger(index) && index > 0 ? index : 0
}
