/** What holds for both ways to a socket: the application's `HttpClient` (here `fetch`) and undici's dispatcher. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { collect } from "../src/internal/http/OverHttpClient.ts"
import { clients, http, post, raw, read, textOf, transport, turn } from "./support/Sockets.ts"

const all = Number.MAX_SAFE_INTEGER

describe.each(clients)("over %s", (name, client) => {
  it.live("statuses, headers and bodies come as they are, whole and streamed", () =>
    Effect.gen(function* () {
      const server = yield* http((response, request) => {
        const status = Number(request.url?.slice(1))
        response.setHeader("X-Some", ["a", "b"])
        response.writeHead(status)
        response.end(status === 204 ? undefined : request.method === "POST" && status !== 404 ? `body ${status}` : "")
      })
      const sends = transport(yield* client)
      for (const [status, text] of [
        [200, "body 200"],
        [201, "body 201"],
        [204, ""],
        [404, ""],
        [429, "body 429"],
        [500, "body 500"]
      ] as const) {
        const streamed = yield* read(sends, post(server.url, `/${status}`))
        const whole = yield* sends.whole(post(server.url, `/${status}`), all)
        assert.deepStrictEqual([streamed.status, streamed.text, streamed.broken], [status, text, false])
        assert.deepStrictEqual([whole.status, textOf(whole.body), whole.broken], [status, text, false])
        assert.strictEqual(streamed.headers["x-some"], "a, b")
        assert.strictEqual(whole.headers["x-some"], "a, b")
      }
    })
  )

  it.live("early hints are no answer", () =>
    Effect.gen(function* () {
      const server = yield* http((response) => {
        response.writeEarlyHints({ link: "</a.css>; rel=preload" }, () => {
          response.writeHead(200, { "x-real": "yes" })
          response.end("hello")
        })
      })
      const sends = transport(yield* client)
      const streamed = yield* read(sends, post(server.url))
      const whole = yield* sends.whole(post(server.url), all)
      assert.deepStrictEqual([streamed.status, streamed.headers["x-real"], streamed.text], [200, "yes", "hello"])
      assert.deepStrictEqual([whole.status, whole.headers["x-real"], textOf(whole.body)], [200, "yes", "hello"])
    })
  )

  it.live("redirects are not followed", () =>
    Effect.gen(function* () {
      const paths: Array<string | undefined> = []
      const server = yield* http((response, request) => {
        paths.push(request.url)
        response.writeHead(307, { location: "/elsewhere" }).end()
      })
      const sends = transport(yield* client)
      assert.strictEqual((yield* read(sends, post(server.url, "/here"))).status, 307)
      assert.strictEqual((yield* sends.whole(post(server.url, "/here"), all)).status, 307)
      assert.deepStrictEqual(paths, ["/here", "/here"])
    })
  )

  it.live("a socket is left unread while nobody pulls, and then gives every byte", () =>
    Effect.gen(function* () {
      const size = 16 * 1024 * 1024
      const piece = Buffer.alloc(64 * 1024, "0123456789abcdef")
      let written = 0
      const stuck = yield* Deferred.make<number>()
      const server = yield* http((response) => {
        const write = () => {
          while (written < size) {
            written += piece.length
            if (!response.write(piece)) {
              // Full: either the reader takes some, or nobody reads.
              const timer = setTimeout(() => Deferred.doneUnsafe(stuck, Effect.succeed(written)), 100)
              response.once("drain", () => {
                clearTimeout(timer)
                write()
              })
              return
            }
          }
          response.end()
        }
        write()
      })
      const sends = transport(yield* client)
      const opened = yield* sends.open(post(server.url), yield* Effect.scope)
      assert.isBelow(yield* Deferred.await(stuck), size, "the server had to wait")
      const { body, broken } = yield* collect(opened.body, all)
      assert.isFalse(broken)
      const bytes = Buffer.concat(body)
      assert.strictEqual(bytes.length, size)
      assert.isTrue(bytes.equals(Buffer.alloc(size, "0123456789abcdef")))
    })
  )

  it.live("at most so many bytes of a whole answer are read", () =>
    Effect.gen(function* () {
      const server = yield* http((response) => {
        const write = () => {
          while (!response.destroyed && response.write(Buffer.alloc(64 * 1024)));
        }
        response.on("drain", write)
        write()
      })
      const { body, broken } = yield* transport(yield* client).whole(post(server.url), 1_000_001)
      assert.deepStrictEqual([Buffer.concat(body).length, broken], [1_000_001, false])
      yield* server.allClosed
    })
  )

  it.live("what is cut is broken, before the headers a failure", () =>
    Effect.gen(function* () {
      const head = "HTTP/1.1 200 OK\r\n"
      for (const [says, cut] of [
        [`${head}content-length: 10\r\n\r\n12345`, "RST"],
        [`${head}content-length: 10\r\n\r\n12345`, "FIN"],
        [`${head}transfer-encoding: chunked\r\n\r\n5\r\n12345\r\n`, "FIN"],
        [`${head}transfer-encoding: chunked\r\n\r\n5\r\n12345\r\nnot hex`, "FIN"]
      ] as const) {
        const server = yield* raw((socket) => {
          socket.write(says, () => setImmediate(() => (cut === "RST" ? socket.resetAndDestroy() : socket.end())))
        })
        const sends = transport(yield* client)
        const streamed = yield* read(sends, post(server.url))
        assert.deepStrictEqual([streamed.status, streamed.broken], [200, true], `${says} ${cut}`)
        const whole = yield* sends.whole(post(server.url), all)
        assert.deepStrictEqual([whole.status, whole.broken], [200, true], `${says} ${cut}`)
      }
    })
  )

  it.live("a body that ends by closing is whole, and may be left as well", () =>
    Effect.gen(function* () {
      const server = yield* raw((socket, text) => {
        socket.write("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello")
        if (text.startsWith("POST /ends")) setImmediate(() => socket.end())
      })
      const sends = transport(yield* client)
      const streamed = yield* read(sends, post(server.url, "/ends"))
      assert.deepStrictEqual([streamed.text, streamed.broken], ["hello", false])
      const whole = yield* sends.whole(post(server.url, "/ends"), all)
      assert.deepStrictEqual([textOf(whole.body), whole.broken], ["hello", false])
      yield* Effect.scoped(
        Effect.flatMap(Effect.scope, (scope) =>
          Effect.flatMap(sends.open(post(server.url, "/stays"), scope), ({ body }) => body)
        )
      )
      yield* server.allClosed
    })
  )

  it.live("leaving early, before the headers or after, closes the socket; the next call works", () =>
    Effect.gen(function* () {
      const asked: Array<string | undefined> = []
      const heard = yield* Deferred.make<void>()
      const server = yield* http((response, request) => {
        asked.push(request.url)
        if (request.url === "/silent") return void Deferred.doneUnsafe(heard, Effect.void)
        response.write("first")
        if (request.url === "/ends") response.end()
      })
      const sends = transport(yield* client)
      // Before the headers.
      const silent = yield* Effect.forkChild(read(sends, post(server.url, "/silent")))
      yield* Deferred.await(heard)
      assert.strictEqual(server.open(), 1)
      yield* Fiber.interrupt(silent)
      yield* server.allClosed
      // In the middle: one part and away; and interrupted while waiting for the second.
      yield* Effect.scoped(
        Effect.flatMap(Effect.scope, (scope) =>
          Effect.flatMap(sends.open(post(server.url, "/endless"), scope), ({ body }) => body)
        )
      )
      yield* server.allClosed
      const got = yield* Deferred.make<void>()
      const middle = yield* Effect.gen(function* () {
        const { body } = yield* sends.open(post(server.url, "/endless"), yield* Effect.scope)
        yield* body
        yield* Deferred.succeed(got, undefined)
        yield* body
      }).pipe(Effect.scoped, Effect.forkChild)
      yield* Deferred.await(got)
      const exit = yield* Effect.andThen(Fiber.interrupt(middle), Fiber.await(middle))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      yield* server.allClosed
      // After the end, and with a scope that is closed already: nothing happens.
      const scope = yield* Scope.make()
      const { body } = yield* sends.open(post(server.url, "/ends"), scope)
      assert.strictEqual(textOf((yield* collect(body, all)).body), "first")
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* read(sends, post(server.url, "/ends"))).text, "first")
      assert.strictEqual(asked.length, 5)
    })
  )

  it.live.each([
    ["at once", 0],
    ["20 ms later", 20]
  ] as const)("calls one after another use one socket when the body ends %s", ([, delay]) =>
    Effect.gen(function* () {
      const server = yield* http((response) => {
        response.write("hello")
        if (delay === 0) response.end()
        else setTimeout(() => response.end(), delay)
      })
      const sends = transport(yield* client)
      for (let i = 0; i < 5; i++) {
        assert.strictEqual((yield* read(sends, post(server.url))).text, "hello")
        // `fetch` gives its socket back a turn too late for a call that follows at once.
        if (name === "fetch") yield* turn
        assert.strictEqual(textOf((yield* sends.whole(post(server.url), all)).body), "hello")
        if (name === "fetch") yield* turn
      }
      assert.strictEqual(server.accepted(), 1)
    })
  )

  it.live("an HttpClient stays one for everything else", () =>
    Effect.gen(function* () {
      const server = yield* http((response, request) =>
        response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ method: request.method }))
      )
      const answer = yield* Effect.flatMap((yield* client).get(`${server.url}/models`), (response) => response.json)
      assert.deepStrictEqual(answer, { method: "GET" })
    })
  )
})
