/** From the client an application has to the way its calls take. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as OverHttpClient from "./OverHttpClient.ts"
import * as Transport from "./Transport.ts"

/** The shorter way where `client` knows one. Default: over the global `fetch`. */
export const transportOf = (client: HttpClient.HttpClient = fetchClient()): Transport.Transport =>
  Transport.of(client) ?? OverHttpClient.make(client)

const fetchClient = (): HttpClient.HttpClient =>
  Context.get(Effect.runSync(Effect.scoped(Layer.build(FetchHttpClient.layer))), HttpClient.HttpClient)
