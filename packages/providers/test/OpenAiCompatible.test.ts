import { createServer } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { classify } from "@spillway/core/Classifier"
import type { StreamPart } from "@spillway/core/ProviderModel"
import { Deferred, Effect, Exit, Fiber, Stream } from "effect"
import type { AiError } from "effect/ai"
import { TestClock } from "effect/testing"
import fc from "fast-check"
import * as OpenAiCompatible from "../src/OpenAiCompatible.ts"
import { collect, compatible, generate, key, options, stream } from "./support/Calls.ts"
import { bytes, chunk, decode, event, finishOf, joined, stream as sse, text, textOf } from "./support/Fixtures.ts"
import { type Handler, reply, replySse, serve } from "./support/Server.ts"

/** Parts and error of a stream, whichever came. */
const outcome = (parts: Stream.Stream<StreamPart, AiError.AiError>) =>
  Effect.gen(function* () {
    const seen: Array<StreamPart> = []
    const exit = yield* Effect.exit(Stream.runForEach(parts, (part) => Effect.sync(() => seen.push(part))))
    return { parts: seen, error: Exit.isFailure(exit) ? yield* Effect.flip(exit) : undefined }
  })

const afterOutput = (error: AiError.AiError | undefined): unknown => {
  const reason = error?.reason
  const hints = reason !== undefined && "metadata" in reason ? reason.metadata["spillway"] : undefined
  return (hints as { readonly afterOutput?: unknown } | undefined)?.afterOutput
}

/** Writes one piece after the other, each in a packet of its own. */
const inPieces =
  (pieces: ReadonlyArray<Uint8Array | string>, end: "end" | "destroy" | "leave open" = "end"): Handler =>
  (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" })
    response.flushHeaders()
    response.socket?.setNoDelay(true)
    const next = (left: ReadonlyArray<Uint8Array | string>): void => {
      const [piece, ...others] = left
      if (piece !== undefined) response.write(piece, () => setImmediate(() => next(others)))
      else if (end === "end") response.end()
      else if (end === "destroy") response.destroy()
    }
    next(pieces)
  }

describe("OpenAiCompatible", () => {
  it.effect("reads a whole answer", () =>
    Effect.gen(function* () {
      const server = yield* serve(reply(200, text("openai-completion.json")))
      const model = yield* compatible(server.url)
      assert.deepStrictEqual(yield* generate(model), [
        {
          type: "response-metadata",
          id: "chatcmpl-1",
          modelId: "gpt-5.2-2026-01-01",
          timestamp: "2025-11-22T08:26:43.000Z"
        },
        { type: "text", text: "Hello there" },
        {
          type: "finish",
          reason: "stop",
          usage: {
            inputTokens: { total: 19, uncached: 19, cacheRead: 0, cacheWrite: undefined },
            outputTokens: { total: 10, text: 10, reasoning: 0 }
          },
          metadata: {
            "openai-compatible": { finishReason: "stop", serviceTier: "default", systemFingerprint: "fp_2" }
          }
        }
      ])
      assert.notProperty(server.received[0]?.body, "stream")
      assert.strictEqual(server.connections(), 1)
    })
  )

  it.effect("uses connections again, after whole answers and after streams", () =>
    Effect.gen(function* () {
      const whole = yield* serve(reply(200, text("openai-completion.json")))
      const model = yield* compatible(whole.url)
      for (let n = 0; n < 10; n++) yield* generate(model)
      // Two, because a bare `fetch` in a loop also opens two.
      assert.isAtMost(whole.connections(), 2)
      const streaming = yield* serve(replySse(bytes("deepseek-reasoning.sse")))
      const streamed = yield* compatible(streaming.url)
      for (let n = 0; n < 10; n++) yield* collect(streamed)
      assert.isAtMost(streaming.connections(), 2)
    })
  )

  it.effect("reads blank lines before the answer and collapses an SSE answer nobody asked for", () =>
    Effect.gen(function* () {
      const blank = yield* serve(reply(200, `\n\n\n${text("openai-completion.json")}`))
      assert.strictEqual((yield* generate(yield* compatible(blank.url))).length, 3)
      const streaming = yield* serve(replySse(bytes("deepseek-reasoning.sse")))
      const parts = yield* generate(yield* compatible(streaming.url))
      assert.deepStrictEqual(
        parts.map((part) => part.type),
        ["response-metadata", "reasoning", "text", "finish"]
      )
      assert.deepInclude(parts[1], { text: "Größe: 7 × 6 \u2028= 42" })
    })
  )

  for (const name of ["deepseek-reasoning.sse", "openai-tools.sse", "odd-framing.sse"]) {
    it.effect(`gives the parts of ${name} over a socket in pieces of 1, 7 and 64 bytes`, () =>
      Effect.gen(function* () {
        const whole = bytes(name)
        const expected = joined(decode([whole]).parts)
        for (const size of [1, 7, 64]) {
          const pieces: Array<Uint8Array> = []
          for (let at = 0; at < whole.length; at += size) pieces.push(whole.subarray(at, at + size))
          const server = yield* serve(inPieces(pieces))
          const { parts, error } = yield* outcome(
            stream(yield* compatible(server.url, { model: "m", profile: { provider: "test" } }))
          )
          assert.isUndefined(error)
          assert.deepStrictEqual(joined(parts), expected)
        }
      })
    )
  }

  it.effect("gives out one array of parts per packet", () =>
    Effect.gen(function* () {
      const many = Array.from({ length: 50 }, (_, n) => chunk({ content: `${n} ` }))
      const server = yield* serve(replySse(sse(...many, chunk({}, "stop"), "[DONE]")))
      const model = yield* compatible(server.url)
      const sizes: Array<number> = []
      yield* Stream.runForEachArray(stream(model), (parts) => Effect.sync(() => sizes.push(parts.length)))
      assert.isBelow(sizes.length, 6)
      assert.strictEqual(
        sizes.reduce((sum, size) => sum + size, 0),
        54
      )
    })
  )

  it.effect("ends after [DONE] although the socket stays open", () =>
    Effect.gen(function* () {
      const all = sse(chunk({ content: "Hi" }), chunk({}, "stop"), "[DONE]")
      const server = yield* serve(inPieces([all], "leave open"))
      const parts = yield* collect(yield* compatible(server.url))
      assert.strictEqual(finishOf(parts).reason, "stop")
      // The answer was there at once; its connection is given a moment to end by itself.
      yield* TestClock.adjust("1 second")
      yield* Effect.promise(() => server.closed(0))
    })
  )

  it.effect("ends a second after the finish word when the server then falls silent", () =>
    Effect.gen(function* () {
      const all = sse(chunk({ content: "Hi" }), chunk({}, "stop"))
      const server = yield* serve(inPieces([all], "leave open"))
      const model = yield* compatible(server.url)
      const seen = yield* Deferred.make<void>()
      const reading = yield* Stream.runCollect(
        Stream.tap(stream(model), (part) =>
          part.type === "text-end" ? Deferred.succeed(seen, undefined) : Effect.void
        )
      ).pipe(Effect.forkChild)
      yield* Deferred.await(seen)
      yield* TestClock.adjust("1 second")
      const parts = yield* Fiber.join(reading)
      assert.strictEqual(finishOf(parts).reason, "stop")
      yield* Effect.promise(() => server.closed(0))
    })
  )

  it.effect("ends every stream of random bytes with a finish part or a typed error", () =>
    Effect.gen(function* () {
      const good = bytes("openai-tools.sse")
      const mutation = fc.record({
        at: fc.nat(good.length - 1),
        remove: fc.nat(60),
        insert: fc.uint8Array({ maxLength: 20 }),
        broken: fc.boolean()
      })
      for (const { at, remove, insert, broken } of fc.sample(mutation, { seed: 20261122, numRuns: 60 })) {
        const body = [good.subarray(0, at), insert, good.subarray(at + remove)]
        const server = yield* serve(inPieces(body, broken ? "destroy" : "end"))
        const { parts, error } = yield* outcome(stream(yield* compatible(server.url)))
        if (error === undefined) finishOf(parts)
        else assert.strictEqual(error._tag, "AiError")
      }
    })
  )

  describe("failures of the wire", () => {
    it.effect("a refused connection is a NetworkError with the system's code and without a cause", () =>
      Effect.gen(function* () {
        const server = createServer()
        yield* Effect.promise(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)))
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        yield* Effect.promise(() => new Promise((resolve) => server.close(resolve)))
        const model = yield* compatible(`http://127.0.0.1:${port}/v1?token=hidden`)
        for (const error of [yield* Effect.flip(generate(model)), yield* Effect.flip(collect(model))]) {
          assert.deepInclude(error.reason, {
            _tag: "NetworkError",
            reason: "TransportError",
            method: "POST",
            url: `http://127.0.0.1:${port}/v1/chat/completions`,
            description: "ECONNREFUSED"
          })
          assert.isUndefined((error.reason as { cause?: unknown }).cause)
          assert.deepInclude(classify(error), { errorType: "Network", sameTarget: true, otherTarget: true })
        }
      })
    )

    it.effect("a socket that closes before the answer is a NetworkError", () =>
      Effect.gen(function* () {
        const server = yield* serve((response) => response.destroy())
        const error = yield* Effect.flip(generate(yield* compatible(server.url)))
        assert.strictEqual(error.reason._tag, "NetworkError")
      })
    )

    for (const end of ["end", "destroy"] as const) {
      it.effect(`a stream cut by ${end} keeps its parts, closes its blocks and fails as truncated`, () =>
        Effect.gen(function* () {
          const server = yield* serve(
            inPieces([event(chunk({ content: "Hi" })), event(chunk({ content: " you" }))], end)
          )
          const { parts, error } = yield* outcome(stream(yield* compatible(server.url)))
          assert.strictEqual(textOf(parts), "Hi you")
          assert.strictEqual(parts.at(-1)?.type, "text-end")
          assert.isDefined(error)
          assert.deepInclude(classify(error), { errorType: "Truncated", sameTarget: true, otherTarget: true })
          assert.deepInclude(classify(error).outcome, { _tag: "Failure", afterFirstContent: true })
        })
      )
    }

    it.effect("a cut after keep-alives only has no output behind it", () =>
      Effect.gen(function* () {
        const server = yield* serve(inPieces([": keep-alive\n\n", ": keep-alive\n\n"], "destroy"))
        const { parts, error } = yield* outcome(stream(yield* compatible(server.url)))
        assert.deepStrictEqual(parts, [])
        assert.deepInclude(classify(error).outcome, { _tag: "Failure", afterFirstContent: false })
      })
    )

    it.effect("a whole answer that is cut fails as truncated, an empty one too", () =>
      Effect.gen(function* () {
        const cut = yield* serve((response) => {
          response.writeHead(200, { "content-type": "application/json", "content-length": "1000" })
          response.write(`{"choices":[`, () => response.destroy())
        })
        assert.strictEqual(classify(yield* Effect.flip(generate(yield* compatible(cut.url)))).errorType, "Truncated")
        for (const status of [200, 204]) {
          const empty = yield* serve((response) => {
            response.writeHead(status)
            response.end()
          })
          assert.strictEqual(
            classify(yield* Effect.flip(generate(yield* compatible(empty.url)))).errorType,
            "Truncated"
          )
        }
      })
    )

    it.effect("an error object in a stream is typed, and says whether output came before it", () =>
      Effect.gen(function* () {
        const error = { error: { code: 429, message: "later", type: "rate_limit_error" } }
        const before = yield* serve(replySse(sse(error)))
        const first = yield* outcome(stream(yield* compatible(before.url)))
        assert.strictEqual(first.error?.reason._tag, "RateLimitError")
        assert.strictEqual(afterOutput(first.error), false)
        const after = yield* serve(replySse(sse(chunk({ content: "Hi" }), error)))
        const second = yield* outcome(stream(yield* compatible(after.url)))
        assert.strictEqual(textOf(second.parts), "Hi")
        assert.strictEqual(afterOutput(second.error), true)
        const body = yield* serve(reply(200, error))
        for (const failed of [
          yield* Effect.flip(generate(yield* compatible(body.url))),
          yield* Effect.flip(collect(yield* compatible(body.url)))
        ]) {
          assert.strictEqual(failed.reason._tag, "RateLimitError")
        }
      })
    )

    it.effect("malformed JSON in an event is an invalid response that another target may answer", () =>
      Effect.gen(function* () {
        const server = yield* serve(replySse(`${sse(chunk({ content: "Hi" }))}data: {"choices":\n\n`))
        const { error } = yield* outcome(stream(yield* compatible(server.url)))
        assert.strictEqual(error?.reason._tag, "InvalidResponseError")
        assert.deepInclude(classify(error), { errorType: "Protocol", sameTarget: false, otherTarget: true })
        assert.strictEqual(classify(error).outcome._tag, "Failure")
      })
    )

    it.effect("a web page is an invalid response", () =>
      Effect.gen(function* () {
        const server = yield* serve((response) => {
          response.writeHead(200, { "content-type": "text/html" })
          response.end("<html>please log in</html>")
        })
        for (const error of [
          yield* Effect.flip(generate(yield* compatible(server.url))),
          yield* Effect.flip(collect(yield* compatible(server.url)))
        ]) {
          assert.strictEqual(error.reason._tag, "InvalidResponseError")
          assert.notInclude(error.message, "log in")
        }
      })
    )

    it.effect("a JSON answer to a stream becomes stream parts", () =>
      Effect.gen(function* () {
        const server = yield* serve(reply(200, text("openai-completion.json")))
        const parts = yield* collect(yield* compatible(server.url))
        assert.strictEqual(textOf(parts), "Hello there")
        assert.strictEqual(finishOf(parts).reason, "stop")
      })
    )

    it.effect("statuses go by the table, with the hint of the server's clock", () =>
      Effect.gen(function* () {
        const server = yield* serve(
          reply(
            429,
            { error: { type: "requests", code: "rate_limit_exceeded" } },
            { "retry-after": "Sun, 06 Nov 1994 08:49:37 GMT", date: "Sun, 06 Nov 1994 08:49:30 GMT" }
          )
        )
        const model = yield* compatible(server.url)
        for (const error of [yield* Effect.flip(generate(model)), yield* Effect.flip(collect(model))]) {
          assert.deepInclude(classify(error).outcome, { _tag: "RateLimited", retryAfter: 7000 })
        }
        assert.strictEqual(server.received.length, 2)
      })
    )

    it.effect("an endless error body is read up to its cap", () =>
      Effect.gen(function* () {
        const server = yield* serve((response) => {
          response.writeHead(500, { "content-type": "text/plain" })
          const write = () => {
            while (!response.destroyed && response.write("x".repeat(16_384))) {}
          }
          response.on("drain", write)
          write()
        })
        const error = yield* Effect.flip(generate(yield* compatible(server.url)))
        assert.strictEqual(error.reason._tag, "InternalProviderError")
        assert.isBelow(error.message.length, 4096)
        yield* Effect.promise(() => server.closed(0))
      })
    )

    it.effect("a redirect is not followed", () =>
      Effect.gen(function* () {
        const other = yield* serve(reply(200, text("openai-completion.json")))
        const server = yield* serve(reply(307, "", { location: `${other.url}/chat/completions` }))
        const error = yield* Effect.flip(generate(yield* compatible(server.url)))
        assert.deepInclude(error.reason, { _tag: "InvalidRequestError", parameter: "baseUrl" })
        assert.strictEqual(classify(error).outcome._tag, "Misconfigured")
        assert.strictEqual(other.received.length, 0)
      })
    )
  })

  describe("interruption", () => {
    /** Never answers, or answers and then falls silent. */
    const silent = (after: string | undefined, begun: Deferred.Deferred<void>): Handler => {
      return (response) => {
        if (after !== undefined) {
          response.writeHead(200, { "content-type": "text/event-stream" })
          response.write(after)
        }
        Effect.runSync(Deferred.succeed(begun, undefined))
      }
    }

    it.effect("of a call that waits for the answer closes the socket", () =>
      Effect.gen(function* () {
        const begun = yield* Deferred.make<void>()
        const server = yield* serve(silent(undefined, begun))
        const fiber = yield* Effect.forkChild(generate(yield* compatible(server.url)))
        yield* Deferred.await(begun)
        yield* Fiber.interrupt(fiber)
        yield* Effect.promise(() => server.closed(0))
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
      })
    )

    it.effect("of a stream in the middle closes the socket and is no failure", () =>
      Effect.gen(function* () {
        const begun = yield* Deferred.make<void>()
        const seen = yield* Deferred.make<void>()
        const server = yield* serve(silent(event(chunk({ content: "Hi" })), begun))
        const parts = stream(yield* compatible(server.url))
        const fiber = yield* Effect.forkChild(Stream.runForEach(parts, () => Deferred.succeed(seen, undefined)))
        yield* Deferred.await(seen)
        yield* Fiber.interrupt(fiber)
        yield* Effect.promise(() => server.closed(0))
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
      })
    )

    it.effect("of the consumer, who had enough, closes the socket", () =>
      Effect.gen(function* () {
        const begun = yield* Deferred.make<void>()
        const server = yield* serve(silent(event(chunk({ content: "Hi" })), begun))
        const parts = yield* Stream.runCollect(Stream.take(stream(yield* compatible(server.url)), 1))
        assert.strictEqual(parts.length, 1)
        yield* Effect.promise(() => server.closed(0))
      })
    )
  })

  it("works without Effect around it", async () => {
    const result = await Effect.gen(function* () {
      const server = yield* serve(reply(200, text("openai-completion.json")))
      const model = OpenAiCompatible.model({ model: "m", baseUrl: server.url })
      const given = yield* options()
      const parts = yield* Effect.promise(() => Effect.runPromise(model.generate(given)))
      return { parts, headers: server.received[0]?.headers, model, url: server.url }
    }).pipe(Effect.scoped, Effect.runPromise)
    assert.strictEqual(result.parts.length, 3)
    assert.notProperty(result.headers, "authorization")
    assert.deepInclude(result.model.server, { address: "127.0.0.1", port: Number(new URL(result.url).port) })
  })

  it("says what it can do by its profile, or as told", () => {
    const plain = OpenAiCompatible.model({ model: "m", baseUrl: "http://localhost/v1", apiKey: key })
    assert.deepStrictEqual([...plain.capabilities], ["tools", "json-schema", "streaming"])
    const told = OpenAiCompatible.model({ model: "m", baseUrl: "http://localhost", capabilities: ["vision"] })
    assert.deepStrictEqual([...told.capabilities], ["vision"])
    assert.deepStrictEqual(told.server, { address: "localhost", port: 80 })
  })
})
