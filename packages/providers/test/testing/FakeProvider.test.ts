import * as http from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Behaviour, FakeProvider } from "@spillway/providers/testing"
import { Effect, Exit, Fiber, Scope } from "effect"
import { begin, chat, idle, send, statuses, until, withFake } from "./client.ts"

const ok = Behaviour.answer({ tokens: 2 })

describe("FakeProvider routes", () => {
  it.effect("lists its models", () =>
    withFake({ a: ok, b: Behaviour.silent }, async (fake) => {
      const reply = await send(fake, "GET", "/models").done
      assert.strictEqual(reply.status, 200)
      assert.strictEqual(
        reply.body,
        '{"object":"list","data":[{"id":"a","object":"model","created":1767225600,"owned_by":"spillway"},' +
          '{"id":"b","object":"model","created":1767225600,"owned_by":"spillway"}]}'
      )
      assert.deepStrictEqual(
        fake.requests.map(({ path, model, outcome }) => [path, model, outcome]),
        [["/v1/models", undefined, "answered"]]
      )
    })
  )

  it.effect("refuses an unknown model, path, method and body in OpenAI's shape", () =>
    withFake({ m: ok }, async (fake) => {
      const codeOf = (body: string) => (JSON.parse(body) as { error: { code: string } }).error.code
      const cases = [
        [begin(fake, { model: "x" }), 404, "model_not_found"],
        [send(fake, "POST", "/completions", "{}"), 404, "unknown_url"],
        [send(fake, "GET", "/chat/completions"), 404, "unknown_url"],
        [send(fake, "POST", "/chat/completions", "{no json"), 400, "invalid_json"],
        [send(fake, "POST", "/chat/completions", "[1]"), 400, "invalid_json"],
        [send(fake, "POST", "/chat/completions", '{"messages":[]}'), 400, "invalid_value"]
      ] as const
      for (const [sent, status, code] of cases) {
        const reply = await sent.done
        assert.deepStrictEqual([reply.status, codeOf(reply.body)], [status, code])
      }
      assert.strictEqual((await send(fake, "GET", "/models?limit=3").done).status, 200)
    })
  )

  it.effect("asks for its key, and keeps it out of the log", () =>
    withFake(
      { m: ok },
      async (fake) => {
        for (const [headers, status] of [
          [{}, 401],
          [{ authorization: "Bearer sk-wrong" }, 401],
          [{ authorization: "sk-right" }, 401],
          [{ authorization: "Bearer sk-right", "x-api-key": "sk-other", "X-Mine": "1" }, 200]
        ] as const) {
          const reply = await chat(fake, { headers })
          assert.strictEqual(reply.status, status)
          if (status === 401) assert.match(reply.body, /"code":"invalid_api_key"/)
          assert.notInclude(reply.body, "sk-")
        }
        assert.strictEqual((await send(fake, "GET", "/models").done).status, 401)
        assert.deepStrictEqual(
          fake.requests.map((entry) => entry.authorized),
          [false, false, false, true, false]
        )
        const { headers } = fake.requests[3] ?? assert.fail("four requests were sent")
        assert.strictEqual(headers["authorization"], "<redacted>")
        assert.strictEqual(headers["x-api-key"], "<redacted>")
        assert.strictEqual(headers["x-mine"], "1")
        assert.notInclude(JSON.stringify(fake.requests), "sk-")
      },
      { apiKey: "sk-right" }
    )
  )

  it.effect("is open to fetch over kept connections", () =>
    withFake({ m: ok }, async (fake) => {
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
      for (let i = 0; i < 5; i++) assert.strictEqual((await chat(fake, { agent })).status, 200)
      assert.strictEqual(fake.openSockets(), 1)
      agent.destroy()
      const reply = await fetch(`${fake.url}/chat/completions`, {
        method: "POST",
        body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "Q" }] })
      })
      assert.strictEqual(reply.status, 200)
      assert.strictEqual(((await reply.json()) as { model: string }).model, "m")
    })
  )
})

describe("FakeProvider accounting", () => {
  it.effect("logs what came and how it ended", () =>
    withFake({ m: ok }, async (fake) => {
      await chat(fake, { question: "first" })
      await chat(fake, { question: "second", stream: true })
      assert.deepStrictEqual(
        fake.requests.map(({ at: _at, headers: _headers, ...entry }) => entry),
        [
          {
            index: 0,
            path: "/v1/chat/completions",
            dialect: "chat",
            model: "m",
            streamed: false,
            authorized: true,
            question: "first",
            status: 200,
            outcome: "answered"
          },
          {
            index: 1,
            path: "/v1/chat/completions",
            dialect: "chat",
            model: "m",
            streamed: true,
            authorized: true,
            question: "second",
            status: 200,
            outcome: "answered"
          }
        ]
      )
      const [first, second] = fake.requests
      assert.isAbove(second?.at ?? 0, first?.at ?? 0)
      assert.strictEqual(first?.headers["content-type"], "application/json")
    })
  )

  it.effect("counts by model, keeps the latest of the log, and forgets when told", () =>
    withFake(
      { a: ok, b: ok },
      async (fake) => {
        await statuses(fake, 7, { model: "a" })
        await statuses(fake, 2, { model: "b" })
        assert.deepStrictEqual([fake.count("a"), fake.count("b"), fake.count("c"), fake.count()], [7, 2, 0, 9])
        assert.deepStrictEqual(
          fake.requests.map((entry) => entry.index),
          [6, 7, 8]
        )
        fake.clear()
        assert.deepStrictEqual([fake.requests, fake.count(), fake.count("a"), fake.peakInFlight()], [[], 0, 0, 0])
        await chat(fake, { model: "a" })
        assert.deepStrictEqual([fake.count("a"), fake.requests[0]?.index], [1, 9])
      },
      { keep: 3 }
    )
  )

  it.effect("a client that leaves is counted out, whatever the server was doing", () =>
    withFake(
      {
        waiting: Behaviour.answer({ latency: "1 hour" }),
        slow: Behaviour.answer({ perToken: "1 hour" }),
        whole: Behaviour.answer({ firstToken: "1 hour" })
      },
      async (fake) => {
        const sent = [
          begin(fake, { model: "waiting" }),
          begin(fake, { model: "slow", stream: true }),
          begin(fake, { model: "whole" })
        ]
        await until(fake, () => fake.inFlight() === 3)
        await sent[1]?.untilBody((body) => body.split("\n\n").length === 3) // role and first token
        assert.deepStrictEqual([fake.inFlight("waiting"), fake.inFlight("slow"), fake.peakInFlight()], [1, 1, 3])
        for (const each of sent) each.abort()
        await idle(fake)
        assert.strictEqual(fake.inFlight(), 0)
        assert.deepStrictEqual(
          fake.requests.map((entry) => entry.outcome),
          ["client-closed", "client-closed", "client-closed"]
        )
        assert.strictEqual(fake.requests.find((entry) => entry.model === "slow")?.status, 200)
      }
    )
  )

  it.effect("a client that leaves before its body is complete is not in the log", () =>
    withFake({ m: ok }, async (fake) => {
      const request = http.request(`${fake.url}/chat/completions`, { method: "POST", agent: false })
      request.on("error", () => undefined)
      request.setHeader("content-length", 100)
      request.write("{")
      while (fake.openSockets() === 0) await chat(fake, { model: "other" })
      request.destroy()
      await idle(fake)
      assert.isTrue(fake.requests.every((entry) => entry.model === "other"))
    })
  )

  it.effect("a script swapped while running begins anew and leaves what is in flight alone", () =>
    withFake({ m: Behaviour.silent }, async (fake) => {
      const held = begin(fake)
      await until(fake, () => fake.inFlight("m") === 1)
      fake.script("m", Behaviour.sequence([Behaviour.rateLimited(), ok]))
      assert.deepStrictEqual(await statuses(fake, 2), [429, 200])
      fake.script("m", Behaviour.sequence([Behaviour.rateLimited(), ok]))
      fake.script("new", ok)
      assert.deepStrictEqual(await statuses(fake, 2), [429, 200])
      assert.deepStrictEqual(await statuses(fake, 1, { model: "new" }), [200])
      assert.strictEqual(fake.inFlight("m"), 1)
      held.abort()
      await idle(fake)
    })
  )

  it.effect("until can be interrupted", () =>
    Effect.gen(function* () {
      const fake = yield* FakeProvider.make({ models: { m: ok } })
      const fiber = yield* Effect.forkChild(
        fake.until(() => false),
        { startImmediately: true }
      )
      yield* Fiber.interrupt(fiber)
      yield* fake.idle
    })
  )
})

describe("FakeProvider lifecycle", () => {
  it.effect("closing destroys sockets and timers, and says so in the log", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const fake = yield* Scope.provide(
        FakeProvider.make({
          models: { late: Behaviour.answer({ latency: "1 hour" }), stream: Behaviour.answer({ firstToken: "1 hour" }) }
        }),
        scope
      )
      const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length
      const before = timers()
      const late = Array.from({ length: 30 }, () => begin(fake, { model: "late" }))
      const stream = begin(fake, { model: "stream", stream: true })
      yield* fake.until(() => fake.inFlight() === 31)
      yield* Effect.promise(() => stream.untilBody((body) => body.length > 0))
      assert.isAtLeast(timers(), before + 25)
      assert.strictEqual(fake.openSockets(), 31)

      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(fake.openSockets(), 0)
      assert.isBelow(timers(), before + 5)
      assert.strictEqual(fake.inFlight(), 0)
      yield* fake.idle
      for (const each of late) {
        const reply = yield* Effect.promise(() => each.done)
        assert.deepStrictEqual([reply.status, reply.error], [undefined, "ECONNRESET"])
      }
      assert.strictEqual((yield* Effect.promise(() => stream.done)).error, "ECONNRESET")
      const outcomes = (model: string) =>
        new Set(fake.requests.filter((entry) => entry.model === model).map((entry) => entry.outcome))
      assert.deepStrictEqual([...outcomes("late")], ["reset"])
      assert.deepStrictEqual([...outcomes("stream")], ["cut"])
      assert.strictEqual((yield* Effect.promise(() => chat(fake))).error, "ECONNREFUSED")
    })
  )

  it("serves code without Effect, and disposes of itself", async () => {
    const fake = await FakeProvider.start({ models: { m: Behaviour.silent } })
    assert.match(fake.url, /^http:\/\/127\.0\.0\.1:\d+\/v1$/)
    const held = begin(fake)
    await fake.when(() => fake.count("m") === 1)
    held.abort()
    await fake.whenIdle()
    assert.strictEqual(fake.inFlight(), 0)
    await Promise.all([fake.close(), fake.close()])
    await fake[Symbol.asyncDispose]()
    assert.strictEqual((await chat(fake)).error, "ECONNREFUSED")
  })

  it("two servers share nothing, not even the state of a script", async () => {
    const script = Behaviour.sequence([Behaviour.status(503), ok])
    const [one, two] = await Promise.all([
      FakeProvider.start({ models: { m: script } }),
      FakeProvider.start({ models: { m: script } })
    ])
    assert.deepStrictEqual(await statuses(one, 2), [503, 200])
    assert.deepStrictEqual(await statuses(two, 2), [503, 200])
    assert.deepStrictEqual([one.count(), two.count()], [2, 2])
    await Promise.all([one.close(), two.close()])
  })

  it("names the option that is wrong", async () => {
    const messageOf = (options: Omit<FakeProvider.Options, "models">) =>
      FakeProvider.start({ models: {}, ...options }).then(
        () => "",
        (error: Error) => error.message
      )
    assert.strictEqual(
      await messageOf({ accountConcurrency: 0 }),
      "FakeProvider: accountConcurrency must be an integer >= 1, got 0"
    )
    assert.strictEqual(await messageOf({ keep: 0.5 }), "FakeProvider: keep must be an integer >= 1, got 0.5")
    assert.strictEqual(await messageOf({ seed: Number.NaN }), "FakeProvider: seed must be a finite number, got NaN")
  })
})
