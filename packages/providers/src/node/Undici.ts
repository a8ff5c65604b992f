/**
 * A pooled HTTP/1.1 client for Node: `undici` 7, which Node's own `fetch` is made of, without `fetch` around it.
 *
 * The choice for servers: on Node `fetch` alone is most of what a call to a model costs in CPU. `npm run bench -- streams`
 * measures both. Models of this package find the shorter way by themselves; everything else that uses the `HttpClient` of
 * the layer goes through Node's `fetch` over the same pool. It sets no time limits on answers: clocks are the router's.
 *
 * Needs `undici` 7 (an optional peer: `npm install undici@7`; 8 asks for Node 22).
 */
import { integer } from "@spillway/core/InvalidOption"
import { positiveMillis } from "@spillway/core/RouteRequest"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { Agent, type Dispatcher } from "undici"
import * as Checks from "../internal/engine/OptionChecks.ts"
import * as Transport from "../internal/http/Transport.ts"
import { type Exchange, StreamExchange, WholeExchange } from "./internal/Exchanges.ts"
import * as Starts from "./internal/Starts.ts"

export interface Options {
  /** Sockets per origin, integer >= 1; one call holds one until its last byte. Default: as many as there are calls. */
  readonly connections?: number | undefined
  /** How long an idle socket is kept, where the server does not say. Default 30 s. */
  readonly keepAlive?: Duration.Input | undefined
  /** For TCP and TLS together. Default 10 s. */
  readonly connectTimeout?: Duration.Input | undefined
}

/** An `HttpClient` over a pool of its own, which is closed with the layer. Throws `InvalidOption`. */
export const layer = (options: Options = {}): Layer.Layer<HttpClient.HttpClient> => {
  const settings = settingsOf(options)
  return Layer.effect(
    HttpClient.HttpClient,
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => new Agent(settings)),
        (agent) => Effect.promise(() => agent.destroy())
      ),
      client
    )
  )
}

/** undici's pool with the settings of `options`, for `client`. Whoever makes it closes it. Throws `InvalidOption`. */
export const agent = (options: Options = {}): Agent => new Agent(settingsOf(options))

const names: Record<keyof Options, true> = { connections: true, keepAlive: true, connectTimeout: true }

const settingsOf = (options: Options): Agent.Options => {
  Checks.object("Undici: options", options, Object.keys(names))
  return {
    connections: options.connections === undefined ? null : integer("Undici: connections", options.connections),
    keepAliveTimeout: positiveMillis("Undici: keepAlive", options.keepAlive ?? "30 seconds"),
    connect: { timeout: positiveMillis("Undici: connectTimeout", options.connectTimeout ?? "10 seconds") },
    // No limits on silence and on answers: the router's clocks know the call.
    headersTimeout: 0,
    bodyTimeout: 0
  }
}

/** An `HttpClient` over a dispatcher of yours: an `Agent` with certificates, a `ProxyAgent`, … Default: a new `agent()`. */
export const client = (dispatcher: Dispatcher = agent()): HttpClient.HttpClient => {
  const overFetch = Context.get(
    Effect.runSync(Effect.scoped(Layer.build(FetchHttpClient.layer))),
    HttpClient.HttpClient
  )
  // Node's own `fetch`, not the one of `undici`, which sends a global `FormData` as "[object FormData]".
  const fetchHere = (input: RequestInfo | URL, init?: object) => fetch(input, { ...init, dispatcher } as RequestInit)
  const client = HttpClient.transform(overFetch, Effect.provideService(FetchHttpClient.Fetch, fetchHere))
  return Object.defineProperty(client, Transport.TypeId, { value: transport(dispatcher) })
}

const transport = (dispatcher: Dispatcher): Transport.Transport => {
  const starts = Starts.make()
  const start = (request: Transport.HttpRequest, exchange: Exchange) =>
    starts.start(() => {
      if (exchange.aborted) return
      try {
        dispatcher.dispatch(toDispatch(request), exchange)
      } catch (cause) {
        // Dispatchers of undici report to the exchange, some of them throw all the same.
        exchange.fail(cause)
      }
    })
  return {
    open: (request, scope) =>
      Effect.suspend(() => {
        const exchange = new StreamExchange(starts)
        const abort = Effect.sync(() => exchange.abort())
        const opened = Effect.callback<Transport.Opened, Transport.TransportFailure>((resume) => {
          exchange.onOpened(resume)
          start(request, exchange)
          return abort
        })
        return Effect.flatMap(Scope.addFinalizer(scope, abort), () => opened)
      }),
    whole: (request, limit) =>
      Effect.callback((resume) => {
        const exchange = new WholeExchange(starts, resume, limit)
        start(request, exchange)
        return Effect.sync(() => exchange.abort())
      })
  }
}

const toDispatch = ({ body, headers, method, origin, path }: Transport.HttpRequest): Dispatcher.DispatchOptions => ({
  origin,
  path,
  method,
  // What is not asked for is seldom sent, and nothing here would unpack it.
  headers: { ...headers, "accept-encoding": "identity" },
  body: body ?? null
})
