/** What a model tells its router while its answer comes over a socket, and which clock ends it. */
import type { ServerResponse } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Defaults, Router, Strategy } from "@spillway/core"
import {
  type AttemptSignals,
  CurrentAttemptSignals,
  isContent,
  isEnd,
  type ProviderModel
} from "@spillway/core/ProviderModel"
import { Effect, Exit, Fiber, Layer, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import { compatible, generate, stream } from "./support/Calls.ts"
import { chunk, stream as sse } from "./support/Fixtures.ts"
import { type Handler, reply, replySse, serve } from "./support/Server.ts"
import { turn } from "./support/Sockets.ts"

type Word = keyof AttemptSignals

const keepAlive = ": keep-alive\n\n"
const answer = (words: string) => sse(chunk({ content: words }), chunk({}, "stop"), "[DONE]")

/** The model, and what it tells: seen here, then told on. */
const overheard = (model: ProviderModel) =>
  Effect.map(Queue.unbounded<Word>(), (heard) => {
    const spy = (outer: AttemptSignals): AttemptSignals => {
      const hears = (word: Word) => () => {
        outer[word]()
        Queue.offerUnsafe(heard, word)
      }
      return { sent: hears("sent"), headers: hears("headers"), alive: hears("alive") }
    }
    const told: ProviderModel = {
      ...model,
      stream: (options, limits) =>
        Stream.unwrap(
          Effect.map(Effect.service(CurrentAttemptSignals), (outer) =>
            Stream.provideService(model.stream(options, limits), CurrentAttemptSignals, spy(outer))
          )
        )
    }
    return { model: told, heard }
  })

/** A server that writes when the test says so. */
const scripted = Effect.gen(function* () {
  const asked = yield* Queue.unbounded<ServerResponse>()
  const server = yield* serve((response) => {
    response.socket?.setNoDelay(true)
    Queue.offerUnsafe(asked, response)
  })
  return { server, asked: Queue.take(asked) }
})

const begin = (response: ServerResponse) => {
  response.writeHead(200, { "content-type": "text/event-stream" })
  response.flushHeaders()
}

const write = (response: ServerResponse, bytes: string | Uint8Array) =>
  Effect.promise(() => new Promise<void>((resolve) => response.write(bytes, () => resolve())))

const inOrder = Layer.succeed(Strategy.CurrentStrategy, {
  name: "in-order",
  make: (candidates) => Effect.succeed({ pick: (_request, eligible) => candidates.find(eligible) })
})

/** A call to `a`, whose server the test plays, with `b` behind it. */
const setup = Effect.gen(function* () {
  const { asked, server } = yield* scripted
  const { heard, model } = yield* overheard(yield* compatible(server.url))
  const other = yield* serve(replySse(answer("from b")))
  const router = yield* Router.make({
    targets: [
      { id: "a", client: model },
      { id: "b", client: yield* compatible(other.url) }
    ],
    timeouts: { headers: "30 seconds", firstContent: "1 minute", queued: "10 minutes", idle: "1 minute" }
  }).pipe(Effect.provide([Defaults.make(), inOrder]))
  const failures: Array<string> = []
  yield* Effect.forkScoped(
    Stream.runForEach(router.decisions, ({ attempts }) =>
      Effect.sync(() => {
        for (const { errorType, target } of attempts)
          if (errorType !== undefined) failures.push(`${target} ${errorType}`)
      })
    ),
    { startImmediately: true }
  )
  let text = ""
  const call = yield* router
    .stream({ deadline: "1 hour" }, ({ client }) => stream(client), { isContent, isEnd })
    .pipe(
      Stream.runForEach((part) =>
        Effect.sync(() => {
          if (part.type === "text-delta") text += part.delta
        })
      ),
      Effect.forkChild
    )
  const hears = Effect.fnUntraced(function* (...words: ReadonlyArray<Word>) {
    for (const word of words) assert.strictEqual(yield* Queue.take(heard), word)
  })
  return {
    hears,
    response: yield* asked,
    failures,
    text: () => text,
    exit: Fiber.await(call),
    isOver: () => call.pollUnsafe() !== undefined,
    /** The router let go of its socket. */
    closed: Effect.promise(() => server.closed(0))
  }
})

describe("a router over sockets", () => {
  it.effect("leaves a host that sends no headers", () =>
    Effect.gen(function* () {
      const { closed, exit, failures, hears, text } = yield* setup
      yield* hears("sent")
      yield* TestClock.adjust("30 seconds")
      yield* closed
      assert.isTrue(Exit.isSuccess(yield* exit))
      assert.deepStrictEqual([text(), failures], ["from b", ["a TimeoutHeaders"]])
    })
  )

  it.effect("leaves a host that sends headers and then nothing", () =>
    Effect.gen(function* () {
      const { closed, exit, failures, hears, response, text } = yield* setup
      begin(response)
      yield* hears("sent", "headers")
      yield* TestClock.adjust("1 minute")
      yield* closed
      assert.isTrue(Exit.isSuccess(yield* exit))
      assert.deepStrictEqual([text(), failures], ["from b", ["a TimeoutFirstContent"]])
    })
  )

  it.effect("waits in the vendor's queue while keep-alives come", () =>
    Effect.gen(function* () {
      const { exit, failures, hears, response, text } = yield* setup
      begin(response)
      yield* write(response, keepAlive)
      yield* hears("sent", "headers", "alive")
      yield* TestClock.adjust("9 minutes")
      response.end(answer("from a"))
      assert.isTrue(Exit.isSuccess(yield* exit))
      assert.deepStrictEqual([text(), failures], ["from a", []])
    })
  )

  it.effect("leaves the vendor's queue in the end, whatever comes", () =>
    Effect.gen(function* () {
      const { closed, exit, failures, hears, isOver, response, text } = yield* setup
      begin(response)
      yield* write(response, keepAlive)
      yield* hears("sent", "headers", "alive")
      for (let minute = 1; minute < 10; minute++) {
        yield* TestClock.adjust("1 minute")
        yield* write(response, keepAlive)
      }
      assert.isFalse(isOver())
      yield* TestClock.adjust("1 minute")
      yield* closed
      assert.isTrue(Exit.isSuccess(yield* exit))
      assert.deepStrictEqual([text(), failures], ["from b", ["a TimeoutFirstContent"]])
    })
  )

  it.effect("a stream with content does not live on keep-alives", () =>
    Effect.gen(function* () {
      const { closed, exit, failures, hears, isOver, response, text } = yield* setup
      begin(response)
      yield* write(response, sse(chunk({ content: "from a" })))
      yield* hears("sent", "headers")
      while (text() === "") yield* turn
      for (let n = 0; n < 2; n++) {
        yield* TestClock.adjust("29 seconds")
        yield* write(response, keepAlive)
        // Long enough for it to be read.
        for (let i = 0; i < 20; i++) yield* turn
      }
      assert.isFalse(isOver())
      yield* TestClock.adjust("2 seconds")
      yield* closed
      assert.isTrue(Exit.isFailure(yield* exit))
      assert.deepStrictEqual([text(), failures], ["from a", ["a TimeoutIdle"]])
    })
  )
})

describe("what a model tells", () => {
  /** Of one call, whole. */
  const toldOf = (handler: Handler) =>
    Effect.gen(function* () {
      const server = yield* serve(handler)
      const { heard, model } = yield* overheard(yield* compatible(server.url))
      yield* Effect.exit(Stream.runDrain(stream(model)))
      return yield* Queue.clear(heard)
    })

  it.effect("nothing but that it has sent, when it is refused or cut off", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* toldOf(reply(503, {})), ["sent"])
      assert.deepStrictEqual(yield* toldOf((response) => void response.destroy()), ["sent"])
    })
  )

  it.effect("one keep-alive of many, and none behind content", () =>
    Effect.gen(function* () {
      const pieces =
        (...texts: ReadonlyArray<string | Uint8Array>): Handler =>
        (response) => {
          begin(response)
          response.socket?.setNoDelay(true)
          const next = ([piece, ...others]: ReadonlyArray<string | Uint8Array>): void => {
            if (piece === undefined) response.end()
            else response.write(piece, () => setImmediate(() => next(others)))
          }
          next(texts)
        }
      const queued = pieces(keepAlive, keepAlive, keepAlive, answer("Hi"))
      assert.deepStrictEqual(yield* toldOf(queued), ["sent", "headers", "alive"])
      const quick = pieces(sse(chunk({ content: "Hi" })), keepAlive, keepAlive, sse(chunk({}, "stop"), "[DONE]"))
      assert.deepStrictEqual(yield* toldOf(quick), ["sent", "headers"])
    })
  )

  it.effect("nothing of a whole answer, which has one clock", () =>
    Effect.gen(function* () {
      const server = yield* serve(
        reply(200, { choices: [{ index: 0, message: { content: "Hi" }, finish_reason: "stop" }] })
      )
      const heard: Array<Word> = []
      const hears = (word: Word) => () => void heard.push(word)
      const parts = yield* generate(yield* compatible(server.url)).pipe(
        Effect.provideService(CurrentAttemptSignals, {
          sent: hears("sent"),
          headers: hears("headers"),
          alive: hears("alive")
        })
      )
      assert.isNotEmpty(parts)
      assert.deepStrictEqual(heard, [])
    })
  )
})
