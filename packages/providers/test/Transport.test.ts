import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import type { ProviderModel } from "@spillway/core/ProviderModel"
import { Cause, Deferred, Effect, Exit, Fiber, Logger, References, Stream, Tracer } from "effect"
import type { AiError } from "effect/ai"
import type { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import * as OpenAiCompatible from "../src/OpenAiCompatible.ts"
import { collect, generate, key, stream } from "./support/Calls.ts"
import { clients, delta, done, event, finish, http, raw, turn } from "./support/Sockets.ts"

const secret = "sk-very-secret-key"

const modelOver = (client: HttpClient.HttpClient, baseUrl: string, more: Partial<OpenAiCompatible.Options> = {}) =>
  OpenAiCompatible.model({ model: "m", baseUrl, apiKey: key, ...more }, client)

const answer = { id: "c1", model: "m", choices: [{ index: 0, message: { content: "hi" }, finish_reason: "stop" }] }

/** What both calls fail with. */
const failures = (model: ProviderModel) => Effect.all([Effect.flip(generate(model)), Effect.flip(collect(model))])

const hintsOf = ({ reason }: AiError.AiError) => {
  const metadata = "metadata" in reason ? (reason.metadata as Record<string, Record<string, unknown>>) : {}
  return metadata["spillway"]
}

describe.each(clients)("a model over %s", (_name, client) => {
  it.live("fails with a NetworkError that says the system's code and no header when nothing came back", () =>
    Effect.gen(function* () {
      const reset = yield* raw((socket) => void socket.resetAndDestroy())
      const garbage = yield* raw((socket) => void socket.end("SSH-2.0-nothing\r\n"))
      const plain = yield* http((response) => void response.end())
      const gone = yield* Effect.scoped(http(() => {}))
      for (const [url, code] of [
        [reset.url, /^(ECONNRESET|UND_ERR_SOCKET)$/],
        [garbage.url, /^HTTP_PARSER$/],
        [gone.url, /^ECONNREFUSED$/],
        ["http://name.invalid", /^(ENOTFOUND|EAI_AGAIN)$/],
        [plain.url.replace("http:", "https:"), /^(ERR_SSL_\w+|EPROTO)$/]
      ] as const) {
        for (const error of yield* failures(modelOver(yield* client, url, { headers: { "x-own": "own-value" } }))) {
          const { reason } = error
          assert.strictEqual(reason._tag, "NetworkError")
          if (reason._tag !== "NetworkError") continue
          assert.strictEqual(reason.reason, "TransportError")
          assert.match(reason.description ?? "", code)
          const printed = `${inspect(error, { depth: 20, showHidden: true })}${JSON.stringify(error)}${error.message}`
          for (const hidden of [secret, "own-value"]) assert.notInclude(printed, hidden)
        }
      }
    })
  )

  it.live("fails with Truncated when the answer is cut, and says whether anything had been given out", () =>
    Effect.gen(function* () {
      const server = yield* http((response, request) => {
        response.write(
          request.url?.startsWith("/late") === true ? delta("Hel") : event({ id: "c1", model: "m", choices: [] })
        )
        setImmediate(() => response.destroy())
      })
      for (const [path, afterOutput] of [
        ["/late", true],
        ["/early", false]
      ] as const) {
        const error = yield* Effect.flip(collect(modelOver(yield* client, server.url + path)))
        assert.strictEqual(error.reason._tag, "InternalProviderError")
        assert.deepInclude(hintsOf(error), { errorType: "Truncated" })
        assert.strictEqual(hintsOf(error)?.["afterOutput"], afterOutput)
      }
    })
  )

  it.effect.each([
    ["[DONE]", finish + done],
    ["the finish part", finish],
    [
      "[DONE] without usage",
      event({ id: "c1", model: "m", choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }) + done
    ]
  ])("ends with %s when the server never ends the body, whose socket is closed a second later", ([, end]) =>
    Effect.gen(function* () {
      const server = yield* http((response) => void response.write(delta("Hello") + end))
      const parts = yield* collect(modelOver(yield* client, server.url))
      assert.deepStrictEqual(
        parts.map(({ type }) => type),
        ["response-metadata", "text-start", "text-delta", "text-end", "finish"]
      )
      for (let i = 0; i < 5; i++) yield* turn
      yield* TestClock.adjust("999 millis")
      for (let i = 0; i < 5; i++) yield* turn
      assert.strictEqual(server.open(), 1, "the socket may still be of use")
      yield* TestClock.adjust("1 millis")
      yield* server.allClosed
    })
  )

  it.live("keeps one socket for streams whose body ends 20 ms after [DONE], and for calls", () =>
    Effect.gen(function* () {
      let ended = yield* Deferred.make<void>()
      const server = yield* http((response, request) => {
        response.on("finish", () => Deferred.doneUnsafe(ended, Effect.void))
        if (request.headers.accept === "application/json") return void response.end(JSON.stringify(answer))
        response.write(delta("Hello") + finish + done)
        setTimeout(() => response.end(), 20)
      })
      const model = modelOver(yield* client, server.url)
      for (let i = 0; i < 4; i++) {
        for (const call of [collect(model), generate(model)]) {
          ended = yield* Deferred.make<void>()
          yield* call
          yield* Deferred.await(ended)
          // The last bytes are under way.
          for (let turns = 0; turns < 5; turns++) yield* turn
        }
      }
      assert.strictEqual(server.accepted(), 1)
    })
  )

  it.live("lets go of the socket when the caller leaves, and of nothing else", () =>
    Effect.gen(function* () {
      const server = yield* http((response) => void response.write(delta("Hello")))
      const model = modelOver(yield* client, server.url)
      const first = yield* Stream.runCollect(Stream.take(stream(model), 2))
      assert.deepStrictEqual(
        first.map(({ type }) => type),
        ["response-metadata", "text-start"]
      )
      yield* server.allClosed
      for (const call of [generate(model), collect(model)]) {
        const fiber = yield* Effect.forkChild(call)
        while (server.open() === 0) yield* turn
        yield* Fiber.interrupt(fiber)
        const exit = yield* Fiber.await(fiber)
        assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
        yield* server.allClosed
      }
    })
  )

  it.live("refuses an answer or an event larger than one can be, without keeping it", () =>
    Effect.gen(function* () {
      const megabyte = Buffer.alloc(1024 * 1024, "x")
      const server = yield* http((response, request) => {
        response.write(request.headers.accept === "application/json" ? '{"x":"' : "data: ")
        const write = () => {
          while (!response.destroyed && response.write(megabyte));
        }
        response.on("drain", write)
        write()
      })
      const before = process.memoryUsage().arrayBuffers
      for (const error of yield* failures(modelOver(yield* client, server.url))) {
        assert.strictEqual(error.reason._tag, "InvalidResponseError")
        assert.include(error.message, "larger than an answer can be")
      }
      yield* server.allClosed
      assert.isBelow(process.memoryUsage().arrayBuffers - before, 160 * 1024 * 1024)
    })
  )

  it.live("the key is in no span, log or error, and no trace context leaves", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const headers: Array<object> = []
      const server = yield* http((response, request) => {
        headers.push(request.headers)
        const streamed = request.headers.accept !== "application/json"
        if (headers.length > 2) return void response.writeHead(401).end(`Incorrect API key ${secret}`)
        response.end(streamed ? delta("Hello") + finish + done : JSON.stringify(answer))
      })
      const tracer = Tracer.make({
        span: (given) => {
          const span = new Tracer.NativeSpan(given)
          seen.push(span)
          return span
        }
      })
      const model = modelOver(yield* client, server.url)
      yield* Effect.gen(function* () {
        yield* generate(model)
        yield* collect(model)
        for (const error of yield* failures(model)) {
          seen.push(error)
          yield* Effect.logError("failed", error)
        }
      }).pipe(
        Effect.withSpan("caller"),
        Effect.withTracer(tracer),
        Effect.provide(Logger.layer([Logger.make((entry) => void seen.push(Logger.formatJson.log(entry), entry))])),
        Effect.provideService(References.MinimumLogLevel, "Trace")
      )
      assert.isAbove(seen.length, 3)
      assert.notInclude(inspect(seen, { depth: 12, showHidden: true }), secret)
      assert.strictEqual(headers.length, 4)
      for (const sent of headers) {
        for (const name of ["traceparent", "tracestate", "b3", "x-b3-traceid", "baggage", "cookie"]) {
          assert.notProperty(sent, name)
        }
        assert.propertyVal(sent, "authorization", `Bearer ${secret}`)
      }
    })
  )
})
