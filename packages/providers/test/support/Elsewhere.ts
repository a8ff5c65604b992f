/** Vendors asked at their own addresses, which all lead to one server on loopback: what arrives says where it was sent. */
import { Effect, Redacted } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"
import { key } from "./Calls.ts"
import { type Handler, type Received, serve } from "./Server.ts"

export interface Sent extends Received {
  /** The address the vendor's module meant. */
  readonly address: string
}

/** Runs `use` with a client that reaches `handler` whatever the address, and gives what was sent. */
export const sentBy = <A, E>(
  handler: Handler,
  use: Effect.Effect<A, E, HttpClient.HttpClient>
): Effect.Effect<ReadonlyArray<Sent>, E> =>
  Effect.gen(function* () {
    const server = yield* serve(handler)
    const addresses: Array<string> = []
    const client = HttpClient.mapRequest(yield* HttpClient.HttpClient, (request) => {
      const { origin } = new URL(request.url)
      addresses.push(request.url)
      return HttpClientRequest.setUrl(request, request.url.replace(origin, server.url))
    })
    yield* Effect.provideService(use, HttpClient.HttpClient, client)
    return server.received.map((received, i) => ({ ...received, address: addresses[i] ?? "" }))
  }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer))

export const bearer = `Bearer ${Redacted.value(key)}`
