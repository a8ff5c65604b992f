import { assert, describe, it } from "@effect/vitest"
import { InvalidOption } from "@spillway/core/InvalidOption"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { Agent } from "undici"
import { collect } from "../src/internal/http/OverHttpClient.ts"
import * as Transport from "../src/internal/http/Transport.ts"
import * as Undici from "../src/node/Undici.ts"
import { http, pool, post, raw, read, transport, turn, undiciClient } from "./support/Sockets.ts"

const all = Number.MAX_SAFE_INTEGER

describe("Undici", () => {
  it.live("four workers use four sockets", () =>
    Effect.gen(function* () {
      const server = yield* http((response) => setTimeout(() => response.end("hello"), 1))
      const sends = transport(yield* undiciClient)
      const worker = Effect.forEach(Array.from({ length: 10 }), () => read(sends, post(server.url)))
      yield* Effect.all([worker, worker, worker, worker], { concurrency: "unbounded" })
      assert.strictEqual(server.accepted(), 4)
    })
  )

  it.live("a call that is given up before its turn is never sent and costs no socket", () =>
    Effect.gen(function* () {
      const asked: Array<string | undefined> = []
      const release = yield* Deferred.make<void>()
      const heard = yield* Deferred.make<void>()
      const server = yield* http((response, request) => {
        asked.push(request.url)
        if (request.url !== "/first") return void response.end(request.url)
        Deferred.doneUnsafe(heard, Effect.void)
        Effect.runFork(
          Effect.andThen(
            Deferred.await(release),
            Effect.sync(() => response.end("first"))
          )
        )
      })
      const sends = transport(Undici.client(yield* pool({ connections: 1 })))
      const first = yield* Effect.forkChild(read(sends, post(server.url, "/first")))
      yield* Deferred.await(heard)
      const queued = yield* Effect.forEach(Array.from({ length: 50 }), (_, i) =>
        Effect.forkChild(
          i % 2 === 0 ? read(sends, post(server.url, `/${i}`)) : sends.whole(post(server.url, `/${i}`), all)
        )
      )
      yield* turn
      yield* Fiber.interruptAll(queued)
      const last = yield* Effect.forkChild(read(sends, post(server.url, "/last")))
      yield* turn
      yield* Deferred.succeed(release, undefined)
      assert.strictEqual((yield* Fiber.join(first)).text, "first")
      assert.strictEqual((yield* Fiber.join(last)).text, "/last")
      assert.deepStrictEqual([asked, server.accepted()], [["/first", "/last"], 1])
    })
  )

  it.live("a stream may be taken up again from within another's chunk", () =>
    Effect.gen(function* () {
      const size = 2 * 1024 * 1024
      const go = yield* Deferred.make<void>()
      const server = yield* http((response, request) => {
        if (request.url === "/big") return void response.end(Buffer.alloc(size, "x"))
        response.write("1")
        Effect.runFork(
          Effect.andThen(
            Deferred.await(go),
            Effect.sync(() => response.end("2"))
          )
        )
      })
      const sends = transport(yield* undiciClient)
      const scope = yield* Effect.scope
      const big = yield* sends.open(post(server.url, "/big"), scope)
      const small = yield* sends.open(post(server.url, "/small"), scope)
      yield* small.body
      const woken = yield* Deferred.make<void>()
      const bytes = yield* Effect.forkChild(Effect.andThen(Deferred.await(woken), collect(big.body, all)))
      // Until the big one's reader has been stopped.
      for (let i = 0; i < 20; i++) yield* turn
      const waker = yield* Effect.forkChild(Effect.andThen(small.body, Deferred.succeed(woken, undefined)))
      yield* turn
      yield* Deferred.succeed(go, undefined)
      yield* Fiber.join(waker)
      const { body, broken } = yield* Fiber.join(bytes)
      assert.deepStrictEqual([Buffer.concat(body).length, broken], [size, false])
    })
  )

  it.live("the layer closes its pool with its scope", () =>
    Effect.gen(function* () {
      const server = yield* http((response) => response.end("hello"))
      yield* Effect.gen(function* () {
        const sends = Transport.of(yield* HttpClient.HttpClient)
        assert.isDefined(sends)
        if (sends !== undefined) assert.strictEqual((yield* read(sends, post(server.url))).text, "hello")
        assert.strictEqual(server.open(), 1)
      }).pipe(Effect.provide(Undici.layer()))
      yield* server.allClosed
    })
  )

  it.live("a dispatcher of the application's is used as it is, and left open", () =>
    Effect.gen(function* () {
      const server = yield* http((response) => response.end("hello"))
      const seen: Array<string> = []
      const agent = new Agent()
      yield* Effect.addFinalizer(() => Effect.promise(() => agent.destroy()))
      const counting = agent.compose((dispatch) => (options, handler) => {
        seen.push(options.path)
        return dispatch(options, handler)
      })
      const client = Undici.client(counting)
      yield* read(transport(client), post(server.url, "/a"))
      yield* client.get(`${server.url}/b`).pipe(Effect.flatMap((response) => response.text))
      assert.deepStrictEqual(seen, ["/a", "/b"])
      assert.isFalse(agent.destroyed)
    })
  )

  it.live("a client that the application has wrapped keeps what the wrapper does", () =>
    Effect.gen(function* () {
      const tenants: Array<unknown> = []
      const server = yield* http((response, request) => {
        tenants.push(request.headers["x-tenant"])
        response.end("hello")
      })
      const plain = yield* undiciClient
      const wrapped = HttpClient.mapRequest(plain, HttpClientRequest.setHeader("x-tenant", "7"))
      assert.isUndefined(Transport.of(wrapped))
      assert.isUndefined(Transport.of(HttpClient.retryTransient(plain, { times: 1 })))
      assert.isUndefined(Transport.of({ ...plain }))
      assert.strictEqual((yield* read(transport(wrapped), post(server.url))).text, "hello")
      yield* transport(wrapped).whole(post(server.url), all)
      assert.deepStrictEqual(tenants, ["7", "7"])
    })
  )

  it.live("a dispatcher that throws fails the call, at once or after another's end", () =>
    Effect.gen(function* () {
      const server = yield* http((response) => response.end("hello"))
      const agent = yield* pool()
      const picky = agent.compose((dispatch) => (options, handler) => {
        if (options.path === "/no") throw Object.assign(new Error("no"), { code: "NOT_HERE" })
        return dispatch(options, handler)
      })
      const sends = transport(Undici.client(picky))
      for (let i = 0; i < 2; i++) {
        assert.strictEqual((yield* Effect.flip(read(sends, post(server.url, "/no")))).code, "NOT_HERE")
        assert.strictEqual((yield* read(sends, post(server.url, "/yes"))).text, "hello")
        assert.strictEqual((yield* Effect.flip(sends.whole(post(server.url, "/no"), all))).code, "NOT_HERE")
        assert.strictEqual((yield* read(sends, post(server.url, "/yes"))).text, "hello")
      }
      yield* Effect.promise(() => agent.destroy())
      assert.strictEqual((yield* Effect.flip(read(sends, post(server.url)))).code, "UND_ERR_DESTROYED")
    })
  )

  it.live("a compressed answer, which was not asked for, is a failure; an error keeps its status", () =>
    Effect.gen(function* () {
      const asked: Array<unknown> = []
      const server = yield* http((response, request) => {
        asked.push(request.headers["accept-encoding"])
        response.writeHead(Number(request.url?.slice(1)), { "content-encoding": "gzip" }).end("packed")
      })
      const sends = transport(yield* undiciClient)
      assert.strictEqual((yield* Effect.flip(read(sends, post(server.url, "/200")))).code, "CONTENT_ENCODING")
      assert.strictEqual((yield* Effect.flip(sends.whole(post(server.url, "/200"), all))).code, "CONTENT_ENCODING")
      assert.strictEqual((yield* read(sends, post(server.url, "/503"))).status, 503)
      assert.strictEqual((yield* sends.whole(post(server.url, "/401"), all)).status, 401)
      assert.deepStrictEqual(asked, ["identity", "identity", "identity", "identity"])
    })
  )

  it.live("forms go through the HttpClient as forms", () =>
    Effect.gen(function* () {
      const server = yield* raw((socket, text) => {
        if (text.includes("of-the-form")) socket.end("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\ngot it")
      })
      const form = new FormData()
      form.set("name", "of-the-form")
      const request = HttpClientRequest.post(server.url).pipe(HttpClientRequest.bodyFormData(form))
      const response = yield* (yield* undiciClient).execute(request)
      assert.strictEqual(yield* response.text, "got it")
    })
  )

  it("complains about options that make no sense", () => {
    for (const options of [{ connections: 0 }, { connections: 1.5 }, { keepAlive: 0 }, { connectTimeout: -1 }]) {
      assert.throws(() => Undici.agent(options), InvalidOption)
      assert.throws(() => Effect.runSync(Effect.scoped(Layer.build(Undici.layer(options)))), /Undici: /)
    }
  })
})
