import { assert, describe, it } from "@effect/vitest"
import { Behaviour } from "@spillway/providers/testing"
import { begin, chat, choicesOf, contentOf, dataOf, idle, until, withFake } from "./client.ts"

const abc = Behaviour.answer({ text: "a b c" })

describe("Behaviour.status", () => {
  const codes: ReadonlyArray<readonly [number, string, string | null]> = [
    [400, "invalid_request_error", "invalid_value"],
    [401, "invalid_request_error", "invalid_api_key"],
    [402, "insufficient_quota", "insufficient_quota"],
    [403, "permission_error", "model_not_allowed"],
    [404, "invalid_request_error", "model_not_found"],
    [413, "invalid_request_error", "context_length_exceeded"],
    [422, "invalid_request_error", "invalid_parameter"],
    [500, "server_error", "server_error"],
    [503, "server_error", "overloaded"],
    [529, "overloaded_error", "overloaded_error"],
    [418, "invalid_request_error", null],
    [520, "server_error", null]
  ]
  it.effect("replies with an error in OpenAI's shape, streamed or not", () =>
    withFake({}, async (fake) => {
      for (const [status, type, code] of codes) {
        fake.script("m", Behaviour.status(status))
        for (const stream of [true, false]) {
          const reply = await chat(fake, { stream })
          assert.strictEqual(reply.status, status)
          assert.strictEqual(reply.headers["content-type"], "application/json")
          const { error } = JSON.parse(reply.body) as { error: Record<string, unknown> }
          assert.deepStrictEqual(Object.keys(error), ["message", "type", "param", "code"])
          assert.deepStrictEqual([error["type"], error["code"], error["param"]], [type, code, null])
          assert.isNotEmpty(error["message"])
        }
        assert.strictEqual(fake.requests.at(-1)?.status, status)
        assert.strictEqual(fake.requests.at(-1)?.outcome, "error")
      }
    })
  )

  it.effect("replies with a page, with nothing, or with another vendor's shape", () =>
    withFake(
      {
        html: Behaviour.status(502, { body: "html" }),
        empty: Behaviour.status(200, { body: "empty" }),
        other: Behaviour.status(503, { body: { text: '{"code":50505}', contentType: "text/plain" } })
      },
      async (fake) => {
        const html = await chat(fake, { model: "html" })
        assert.strictEqual(html.headers["content-type"], "text/html; charset=utf-8")
        assert.match(html.body, /^<!doctype html>[\s\S]*502/)
        const empty = await chat(fake, { model: "empty" })
        assert.deepStrictEqual([empty.status, empty.body, empty.headers["content-type"]], [200, "", undefined])
        assert.strictEqual(empty.headers["content-length"], "0")
        const other = await chat(fake, { model: "other" })
        assert.deepStrictEqual([other.body, other.headers["content-type"]], ['{"code":50505}', "text/plain"])
      }
    )
  )

  it.effect("takes fields, headers and latency of its own", () =>
    withFake(
      {
        m: Behaviour.status(429, {
          error: { type: "insufficient_quota", code: "insufficient_quota" },
          headers: { "x-should-retry": "false" },
          latency: 30
        })
      },
      async (fake) => {
        const before = performance.now()
        const reply = await chat(fake)
        assert.isAtLeast(performance.now() - before, 30)
        assert.strictEqual(
          reply.body,
          '{"error":{"message":"Rate limit reached.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}'
        )
        assert.strictEqual(reply.headers["x-should-retry"], "false")
      }
    )
  )

  it("names the option that is wrong", () => {
    assert.throws(() => Behaviour.status(600), /Behaviour.status: code must be an integer from 200 to 599, got 600/)
    assert.throws(() => Behaviour.cutAfter(-1), /Behaviour.cutAfter: after must be an integer >= 0, got -1/)
    assert.throws(() => Behaviour.stallAfter(0, abc, { keepAlive: 0 }), /Behaviour.stallAfter: keepAlive/)
  })
})

describe("Behaviour without a reply", () => {
  it.effect("resetBeforeHeaders: the client sees ECONNRESET and no byte", () =>
    withFake({ m: Behaviour.resetBeforeHeaders }, async (fake) => {
      const reply = await chat(fake)
      assert.deepStrictEqual([reply.status, reply.body, reply.error], [undefined, "", "ECONNRESET"])
      await idle(fake)
      assert.strictEqual(fake.requests[0]?.outcome, "reset")
      assert.isUndefined(fake.requests[0]?.status)
    })
  )

  it.effect("silent: the request is in flight until the client has had enough", () =>
    withFake({ m: Behaviour.silent }, async (fake) => {
      const sent = begin(fake)
      await until(fake, () => fake.inFlight("m") === 1)
      assert.strictEqual(fake.requests[0]?.outcome, "pending")
      sent.abort()
      await idle(fake)
      assert.strictEqual(fake.requests[0]?.outcome, "stalled")
      assert.strictEqual(fake.inFlight("m"), 0)
    })
  )
})

describe("Behaviour of broken streams", () => {
  it.effect("cutAfter: headers only, role only, some content; then the connection is gone", () =>
    withFake({}, async (fake) => {
      for (const [after, events, content] of [
        [0, 0, ""],
        [1, 1, ""],
        [3, 3, "a b"],
        [99, 4, "a b c"]
      ] as const) {
        fake.script("m", Behaviour.cutAfter(after, abc))
        const reply = await chat(fake, { stream: true })
        assert.strictEqual(reply.status, 200)
        assert.strictEqual(reply.error, "ECONNRESET")
        assert.strictEqual(dataOf(reply.body).length, events)
        assert.strictEqual(contentOf(reply.body), content)
        await idle(fake)
        assert.strictEqual(fake.requests.at(-1)?.outcome, "cut")
      }
    })
  )

  it.effect("endWithoutFinish: a clean end without finish reason and [DONE]", () =>
    withFake({ m: Behaviour.endWithoutFinish(2, abc) }, async (fake) => {
      const reply = await chat(fake, { stream: true })
      assert.isUndefined(reply.error)
      assert.deepStrictEqual(
        choicesOf(reply.body).map((choice) => choice.finish_reason),
        [null, null]
      )
      assert.strictEqual(contentOf(reply.body), "a")
      assert.strictEqual(fake.requests[0]?.outcome, "cut")
    })
  )

  it.effect("stallAfter: the connection stays open and silent", () =>
    withFake({ m: Behaviour.stallAfter(2, abc) }, async (fake) => {
      const sent = begin(fake, { stream: true })
      const text = await sent.untilBody((body) => dataOf(body).length === 2)
      assert.strictEqual(contentOf(text), "a")
      assert.strictEqual(fake.inFlight("m"), 1)
      sent.abort()
      await idle(fake)
      assert.strictEqual((await sent.done).body, text)
      assert.strictEqual(fake.requests[0]?.outcome, "stalled")
    })
  )

  it.effect("stallAfter with keepAlive: comments go on, content does not", () =>
    withFake({ m: Behaviour.stallAfter(2, abc, { keepAlive: 1 }) }, async (fake) => {
      const sent = begin(fake, { stream: true })
      const text = await sent.untilBody((body) => body.endsWith(": keep-alive\n\n".repeat(3)))
      assert.strictEqual(contentOf(text), "a")
      sent.abort()
      await idle(fake)
      assert.strictEqual(fake.requests[0]?.outcome, "stalled")
    })
  )

  it.effect("malformedChunkAfter: one event that is no JSON, then the rest", () =>
    withFake({ m: Behaviour.malformedChunkAfter(2, abc) }, async (fake) => {
      const events = dataOf((await chat(fake, { stream: true })).body)
      const parses = events.map((data) => {
        try {
          JSON.parse(data)
          return true
        } catch {
          return false
        }
      })
      assert.deepStrictEqual(parses, [true, true, false, true, true, true, false])
      assert.strictEqual(events[6], "[DONE]")
      assert.strictEqual(fake.requests[0]?.outcome, "error")
    })
  )

  const message = '"message":"The server is overloaded."'
  const error = `{${message},"type":"server_error","param":null,"code":"overloaded"}`
  const shapes = {
    openai: `data: {"error":${error}}\n\n`,
    named: `event: error\ndata: {"error":${error}}\n\n`,
    openrouter:
      'data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}],' +
      `"error":{"code":503,${message}}}\n\n`,
    flat: `data: {"object":"error",${message},"type":"server_error","code":503}\n\n`,
    field: `error: ${error}\n\n`
  }
  for (const shape of ["openai", "named", "openrouter", "flat", "field"] as const) {
    it.effect(`errorIn200 as ${shape}: status 200, the error, a clean end`, () =>
      withFake({ m: Behaviour.errorIn200({ shape }, abc) }, async (fake) => {
        const reply = await chat(fake, { stream: true })
        assert.deepStrictEqual([reply.status, reply.error, reply.body], [200, undefined, shapes[shape]])
        assert.deepStrictEqual([fake.requests[0]?.status, fake.requests[0]?.outcome], [200, "error"])
      })
    )
  }

  it.effect("errorIn200 after content, and with the words of another status", () =>
    withFake(
      { m: Behaviour.errorIn200({ after: 2, status: 429, error: { code: "slow_down" } }, abc) },
      async (fake) => {
        const { body } = await chat(fake, { stream: true })
        const events = dataOf(body)
        assert.strictEqual(events.length, 3)
        assert.strictEqual(
          events[2],
          '{"error":{"message":"Rate limit reached.","type":"requests","param":null,"code":"slow_down"}}'
        )
      }
    )
  )
})

describe("Behaviour of broken JSON", () => {
  it.effect("errorIn200 and endWithoutFinish are whole JSON; malformedChunkAfter is not", () =>
    withFake(
      {
        error: Behaviour.errorIn200({ after: 3 }),
        end: Behaviour.endWithoutFinish(3),
        malformed: Behaviour.malformedChunkAfter(3)
      },
      async (fake) => {
        const error = await chat(fake, { model: "error" })
        assert.strictEqual(error.status, 200)
        assert.strictEqual((JSON.parse(error.body) as { error: { code: string } }).error.code, "overloaded")
        const end = JSON.parse((await chat(fake, { model: "end" })).body) as { choices: [{ finish_reason: unknown }] }
        assert.isNull(end.choices[0].finish_reason)
        const malformed = await chat(fake, { model: "malformed" })
        assert.isUndefined(malformed.error)
        assert.throws(() => JSON.parse(malformed.body))
        assert.deepStrictEqual(
          fake.requests.map((entry) => entry.outcome),
          ["error", "cut", "error"]
        )
      }
    )
  )

  it.effect("cutAfter sends half of what content-length promises", () =>
    withFake({ m: Behaviour.cutAfter(1, abc) }, async (fake) => {
      const reply = await chat(fake)
      assert.strictEqual(reply.error, "ECONNRESET")
      assert.isBelow(Buffer.byteLength(reply.body), Number(reply.headers["content-length"]))
      assert.isAbove(reply.body.length, 50)
      await idle(fake)
      assert.strictEqual(fake.requests[0]?.outcome, "cut")
    })
  )

  it.effect("stallAfter sends half and falls silent", () =>
    withFake({ m: Behaviour.stallAfter(1, abc) }, async (fake) => {
      const sent = begin(fake)
      await sent.untilBody((body) => body.length > 50)
      assert.strictEqual(fake.inFlight(), 1)
      sent.abort()
      await idle(fake)
      assert.strictEqual(fake.requests[0]?.outcome, "stalled")
    })
  )

  it.effect("after blank lines they break the same way", () =>
    withFake({ m: Behaviour.keepAlive({ every: 2, for: 4 }, Behaviour.cutAfter(1, abc)) }, async (fake) => {
      const reply = await chat(fake)
      assert.strictEqual(reply.error, "ECONNRESET")
      assert.match(reply.body, /^\n\n\{"id"/)
    })
  )
})
