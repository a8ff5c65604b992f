/** Servers on loopback that show their sockets, and the two transports that tests send through. */
import * as Http from "node:http"
import * as Net from "node:net"
import { Effect, type Scope, Stream } from "effect"
import { FetchHttpClient, HttpClient } from "effect/http"
import * as OverHttpClient from "../../src/internal/http/OverHttpClient.ts"
import * as Transport from "../../src/internal/http/Transport.ts"
import * as Undici from "../../src/node/Undici.ts"

export interface Sockets {
  readonly url: string
  /** Connections accepted so far. */
  readonly accepted: () => number
  /** Connections that are open now. */
  readonly open: () => number
  /** Resolves when no connection is open. */
  readonly allClosed: Effect.Effect<void>
}

const listen = (server: Net.Server): Effect.Effect<Sockets, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const open = new Set<Net.Socket>()
      let waiting: Array<() => void> = []
      let accepted = 0
      server.on("connection", (socket: Net.Socket) => {
        accepted++
        open.add(socket)
        socket.on("error", () => {})
        socket.on("close", () => {
          open.delete(socket)
          if (open.size > 0) return
          for (const resolve of waiting) resolve()
          waiting = []
        })
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      const { port } = server.address() as Net.AddressInfo
      const sockets: Sockets = {
        url: `http://127.0.0.1:${port}`,
        accepted: () => accepted,
        open: () => open.size,
        allClosed: Effect.promise(
          () => new Promise<void>((resolve) => (open.size === 0 ? resolve() : waiting.push(resolve)))
        )
      }
      const stop = () =>
        new Promise<void>((resolve) => {
          server.close(() => resolve())
          for (const socket of open) socket.destroy()
        })
      return { sockets, stop }
    }),
    ({ stop }) => Effect.promise(stop)
  ).pipe(Effect.map(({ sockets }) => sockets))

/** `handler` runs when the request has been read. */
export const http = (handler: (response: Http.ServerResponse, request: Http.IncomingMessage) => void) =>
  listen(
    Http.createServer((request, response) => {
      request.resume()
      request.on("end", () => handler(response, request))
    })
  )

/** A server that speaks for itself: `handler` gets each piece of what was sent. */
export const raw = (handler: (socket: Net.Socket, text: string) => void) =>
  listen(Net.createServer((socket) => socket.on("data", (data) => handler(socket, data.toString("latin1")))))

export const fetchClient = HttpClient.HttpClient.pipe(Effect.provide(FetchHttpClient.layer))

/** A pool that ends with the test. */
export const pool = (options?: Undici.Options) =>
  Effect.acquireRelease(
    Effect.sync(() => Undici.agent(options)),
    (agent) => Effect.promise(() => agent.destroy())
  )

export const undiciClient = Effect.map(pool(), Undici.client)

export const clients = [
  ["undici", undiciClient],
  ["fetch", fetchClient]
] as const

export const transport = (client: HttpClient.HttpClient): Transport.Transport =>
  Transport.of(client) ?? OverHttpClient.make(client)

export const post = (base: string, path = "/", body: string | undefined = "{}"): Transport.HttpRequest => ({
  method: "POST",
  url: base + path,
  origin: base,
  path,
  headers: { "content-type": "application/json" },
  secrets: [],
  body
})

export const textOf = (chunks: ReadonlyArray<Uint8Array>) => Buffer.concat(chunks).toString("utf8")

/** Opens, reads to the end and lets go. */
export const read = (transport: Transport.Transport, request: Transport.HttpRequest) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { body, headers, status } = yield* transport.open(request, yield* Effect.scope)
      const all = yield* OverHttpClient.collect(body, Number.POSITIVE_INFINITY)
      return { status, headers, text: textOf(all.body), broken: all.broken }
    })
  )

/** A turn of the event loop. */
export const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

export const event = (data: object | string) => `data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`

export const delta = (content: string) =>
  event({ id: "c1", model: "m", choices: [{ index: 0, delta: { content }, finish_reason: null }] })

export const finish =
  event({ id: "c1", model: "m", choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }) +
  event({ id: "c1", model: "m", choices: [], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } })

export const done = event("[DONE]")

export const firstOf = <A, E, R>(stream: Stream.Stream<A, E, R>) => Stream.runCollect(Stream.take(stream, 1))
