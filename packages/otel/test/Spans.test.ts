import { assert, describe, it } from "@effect/vitest"
import { SpanKind, SpanStatusCode } from "@opentelemetry/api"
import * as RouteRequest from "@spillway/core/RouteRequest"
import type { Telemetry } from "@spillway/core/Telemetry"
import { OtelTelemetry } from "@spillway/otel"
import fc from "fast-check"
import { attemptRecord, begin, enter, record, registered, type Sdk, sdk, stranger, target, tell } from "./Fixture.ts"

const withSdk = (body: (instance: Sdk, telemetry: Telemetry) => void, semconv?: "latest") => {
  const instance = sdk()
  const { tracerProvider, meterProvider } = instance
  body(instance, OtelTelemetry.make({ tracerProvider, meterProvider, ...(semconv === undefined ? {} : { semconv }) }))
}

const answered = attemptRecord({
  facts: {
    inputTokens: 120,
    outputTokens: 30,
    cacheReadTokens: 20,
    cacheWriteTokens: 7,
    reasoningTokens: 5,
    responseId: "resp-1",
    responseModel: "model-a-0613",
    finishReason: "stop"
  }
})
const overloaded = attemptRecord({ outcome: "failed", errorType: "Overloaded", ms: 40 })

describe("spans", () => {
  it("are one INTERNAL span per call and one CLIENT span per attempt below it", () =>
    withSdk((instance, telemetry) => {
      tell(telemetry, [overloaded, attemptRecord({ target: "b", index: 1, reason: "failover" })], { servedBy: "b" })
      const call = instance.span("spillway chat main")
      const [first, second] = [instance.span("chat model-a"), instance.span("chat model-b")]
      assert.strictEqual(instance.spans().length, 3)
      assert.strictEqual(call.kind, SpanKind.INTERNAL)
      assert.isUndefined(call.parentSpanContext)
      for (const attempt of [first, second]) {
        assert.strictEqual(attempt.kind, SpanKind.CLIENT)
        assert.strictEqual(attempt.parentSpanContext?.spanId, call.spanContext().spanId)
        assert.strictEqual(attempt.spanContext().traceId, call.spanContext().traceId)
      }
      assert.strictEqual(call.instrumentationScope.name, "@spillway/otel")
      assert.strictEqual(call.instrumentationScope.schemaUrl, "https://opentelemetry.io/schemas/1.41.0")
    }))

  it("describe an attempt with the names of convention 1.41", () =>
    withSdk((instance, telemetry) => {
      tell(telemetry, [answered])
      const span = instance.span("chat model-a")
      assert.deepStrictEqual(span.attributes, {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "model-a",
        "gen_ai.response.id": "resp-1",
        "gen_ai.response.model": "model-a-0613",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 120,
        "gen_ai.usage.output_tokens": 30,
        "gen_ai.usage.cache_read.input_tokens": 20,
        "gen_ai.usage.cache_creation.input_tokens": 7,
        "gen_ai.usage.reasoning.output_tokens": 5,
        "server.address": "a.example",
        "server.port": 8443,
        "spillway.target": "a",
        "spillway.attempt.index": 0,
        "spillway.attempt.reason": "primary",
        "spillway.attempt.outcome": "won"
      })
      assert.deepStrictEqual(span.status, { code: SpanStatusCode.UNSET })
    }))

  it("use the newest names when asked to", () =>
    withSdk((instance, telemetry) => {
      tell(telemetry, [answered])
      const { attributes, instrumentationScope } = instance.span("chat model-a")
      assert.strictEqual(attributes["gen_ai.usage.cache_write.input_tokens"], 7)
      assert.notProperty(attributes, "gen_ai.usage.cache_creation.input_tokens")
      assert.isUndefined(instrumentationScope.schemaUrl)
    }, "latest"))

  it("keep gen_ai names off the call, so that no backend counts tokens twice", () =>
    withSdk((instance, telemetry) => {
      tell(
        telemetry,
        [
          { ...overloaded, facts: { inputTokens: 100 } },
          { ...answered, target: "b", index: 1, reason: "failover", ms: 50 }
        ],
        { servedBy: "b", degraded: true, totalMs: 103, firstContentMs: 60 }
      )
      assert.deepStrictEqual(instance.span("spillway chat main").attributes, {
        "spillway.route": "main",
        "spillway.strategy": "p2c",
        "spillway.outcome": "ok",
        "spillway.degraded": true,
        "spillway.attempts": 2,
        "spillway.cache.outcome": "bypass",
        "spillway.selected.target": "b",
        "spillway.selected.model": "model-b",
        "spillway.time_to_first_chunk": 0.06,
        "spillway.usage.input_tokens": 220,
        "spillway.usage.output_tokens": 30
      })
    }))

  it("say nothing about what is not known", () =>
    withSdk((instance, telemetry) => {
      tell(telemetry, [attemptRecord({ target: "b" })], { servedBy: undefined })
      for (const span of instance.spans()) {
        for (const [name, value] of Object.entries(span.attributes)) assert.isDefined(value, name)
        assert.notProperty(span.attributes, "gen_ai.usage.input_tokens")
        assert.notProperty(span.attributes, "spillway.usage.input_tokens")
        assert.notProperty(span.attributes, "server.address")
        assert.notProperty(span.attributes, "spillway.selected.target")
        assert.notProperty(span.attributes, "spillway.queue.wait")
      }
    }))

  it("of a failed attempt carry its error type, while the call that was saved stays unset", () =>
    withSdk((instance, telemetry) => {
      tell(telemetry, [overloaded, attemptRecord({ target: "b", index: 1, reason: "failover" })], { servedBy: "b" })
      const failed = instance.span("chat model-a")
      assert.strictEqual(failed.attributes["error.type"], "Overloaded")
      assert.strictEqual(failed.attributes["spillway.attempt.outcome"], "failed")
      assert.deepStrictEqual(failed.status, { code: SpanStatusCode.ERROR, message: "Overloaded" })
      assert.strictEqual(instance.span("spillway chat main").status.code, SpanStatusCode.UNSET)
    }))

  it("of a failed call carry the call's error type", () =>
    withSdk((instance, telemetry) => {
      tell(telemetry, [overloaded], { outcome: "error", errorType: "AttemptsExhausted", servedBy: undefined })
      const call = instance.span("spillway chat main")
      assert.strictEqual(call.attributes["error.type"], "AttemptsExhausted")
      assert.strictEqual(call.attributes["spillway.outcome"], "error")
      assert.deepStrictEqual(call.status, { code: SpanStatusCode.ERROR, message: "AttemptsExhausted" })
    }))

  it("of a cancelled call are no errors, and what was billed still counts", () =>
    withSdk((instance, telemetry) => {
      tell(telemetry, [attemptRecord({ outcome: "cancelled", facts: { inputTokens: 9 } })], {
        outcome: "cancelled",
        servedBy: undefined
      })
      assert.strictEqual(instance.span("spillway chat main").attributes["spillway.outcome"], "cancelled")
      assert.strictEqual(instance.span("chat model-a").attributes["spillway.attempt.outcome"], "cancelled")
      assert.strictEqual(instance.span("chat model-a").attributes["gen_ai.usage.input_tokens"], 9)
      for (const { status, attributes } of instance.spans()) {
        assert.strictEqual(status.code, SpanStatusCode.UNSET)
        assert.notProperty(attributes, "error.type")
      }
    }))

  it("of the slower copy of a hedged call are no errors, no fallbacks, and what was billed still counts", () =>
    withSdk((instance, telemetry) => {
      const call = enter(telemetry)
      const slow = attemptRecord({ outcome: "lost", facts: { inputTokens: 9 } })
      const fast = attemptRecord({ target: "b", index: 1, reason: "hedge", facts: { inputTokens: 7 } })
      const [first, second] = [begin(call), begin(call, { target: target("b"), index: 1, reason: "hedge" })]
      second.end(fast)
      first.end(slow)
      call.end(record({ servedBy: "b", attempts: [slow, fast] }))
      const [lost, won] = [instance.span("chat model-a"), instance.span("chat model-b")]
      assert.strictEqual(lost.attributes["spillway.attempt.outcome"], "lost_race")
      assert.strictEqual(lost.attributes["gen_ai.usage.input_tokens"], 9)
      assert.notProperty(lost.attributes, "error.type")
      assert.deepStrictEqual(lost.status, { code: SpanStatusCode.UNSET })
      assert.strictEqual(won.attributes["spillway.attempt.reason"], "hedge")
      const { attributes, events } = instance.span("spillway chat main")
      assert.strictEqual(attributes["spillway.usage.input_tokens"], 16)
      assert.strictEqual(attributes["spillway.selected.model"], "model-b")
      assert.deepStrictEqual(events, [])
    }))

  it("name a fallback after the attempt that failed last, not the one that began last or lost", () => {
    for (const [last, from, reason] of [
      [{ outcome: "failed", errorType: "Network" }, "a", "Network"],
      [{ outcome: "lost", errorType: undefined }, "b", "Overloaded"]
    ] as const) {
      withSdk((instance, telemetry) => {
        const call = enter(telemetry)
        begin(call).end(overloaded)
        const first = begin(call, { index: 1, reason: "retry" })
        const second = begin(call, { target: target("b"), index: 2, reason: "hedge" })
        second.end({ ...overloaded, target: "b", index: 2, reason: "hedge" })
        first.end(attemptRecord({ index: 1, reason: "retry", ...last }))
        begin(call, { target: stranger("c"), index: 3, reason: "failover" }).end(attemptRecord({ index: 3 }))
        call.end(record())
        assert.deepStrictEqual(
          instance.span("spillway chat main").events.map(({ name, attributes }) => [name, attributes]),
          [["spillway.fallback", { from, to: "c", reason }]]
        )
      })
    }
  })

  it("of a call that the cache answered are the call's alone", () =>
    withSdk((instance, telemetry) => {
      const request = RouteRequest.make({ cacheKey: "river" })
      for (const source of ["cache", "stale", "coalesced", "model"] as const) {
        enter(telemetry, { route: source, request }).end(record({ source, servedBy: undefined }))
      }
      assert.deepStrictEqual(
        instance.spans().map(({ attributes, name }) => [name, attributes["spillway.cache.outcome"]]),
        [
          ["spillway chat cache", "hit"],
          ["spillway chat stale", "stale"],
          ["spillway chat coalesced", "coalesced"],
          ["spillway chat model", "miss"]
        ]
      )
    }))

  it("of a call that waited for a target say for how long", () =>
    withSdk((instance, telemetry) => {
      tell(telemetry, [attemptRecord()], { waitedMs: 900, queuedMs: 250 })
      assert.strictEqual(instance.span("spillway chat main").attributes["spillway.queue.wait"], 0.25)
    }))

  it("of a stream say so, and when its first content came", () =>
    withSdk((instance, telemetry) => {
      tell(telemetry, [attemptRecord({ firstContentMs: 250 })], { streamed: true, firstContentMs: 260 })
      const { attributes } = instance.span("chat model-a")
      assert.strictEqual(attributes["gen_ai.request.stream"], true)
      assert.strictEqual(attributes["gen_ai.response.time_to_first_chunk"], 0.25)
      assert.deepStrictEqual(
        instance.span("spillway chat main").events.map(({ name }) => name),
        ["spillway.first_chunk"]
      )
    }))

  it("of a stream that broke off after its first content finish with reason error", () =>
    withSdk((instance, telemetry) => {
      tell(telemetry, [attemptRecord({ firstContentMs: 9, outcome: "failed", errorType: "Truncated" })], {
        streamed: true
      })
      assert.deepStrictEqual(instance.span("chat model-a").attributes["gen_ai.response.finish_reasons"], ["error"])
    }))

  it("hold an event for each target passed over and each fallback, in order", () =>
    withSdk((instance, telemetry) => {
      const call = enter(telemetry)
      call.skipped?.(stranger("c"), "BreakerOpen")
      begin(call).end(overloaded)
      begin(call, { target: target("a"), index: 1, reason: "retry" }).end({ ...overloaded, errorType: "RateLimited" })
      begin(call, { target: target("b"), index: 2, reason: "failover" }).end(attemptRecord({ target: "b" }))
      call.end(record({ servedBy: "b" }))
      assert.deepStrictEqual(
        instance.span("spillway chat main").events.map(({ name, attributes }) => [name, attributes]),
        [
          ["spillway.target.skipped", { target: "c", reason: "BreakerOpen" }],
          ["spillway.fallback", { from: "a", to: "b", reason: "RateLimited" }]
        ]
      )
    }))

  it("mark the first content once, although a second attempt has one as well", () =>
    withSdk((instance, telemetry) => {
      tell(
        telemetry,
        [
          attemptRecord({ outcome: "failed", errorType: "Truncated", firstContentMs: 5 }),
          attemptRecord({ target: "b", index: 1, reason: "failover", firstContentMs: 5 })
        ],
        { streamed: true }
      )
      const { events } = instance.span("spillway chat main")
      assert.strictEqual(events.filter(({ name }) => name === "spillway.first_chunk").length, 1)
    }))

  it("never hold a sentence where an error type or a reason belongs", () =>
    withSdk((instance, telemetry) => {
      const sentence = "Invalid key sk-123 for prompt 'hello'"
      const call = enter(telemetry)
      call.skipped?.(target("b"), sentence)
      begin(call).end({ ...overloaded, errorType: sentence })
      begin(call, { target: target("b"), index: 1, reason: "failover" }).end({ ...overloaded, errorType: sentence })
      call.end(record({ outcome: "error", errorType: sentence }))
      const text = JSON.stringify(
        instance.spans().map(({ attributes, events, status }) => [attributes, events, status])
      )
      assert.notInclude(text, "sk-123")
      assert.strictEqual(instance.span("spillway chat main").attributes["error.type"], "_OTHER")
    }))

  it("show a sampler what it may decide by", async () => {
    const seen: Array<Record<string, unknown>> = []
    const instance = sdk({
      sampler: {
        shouldSample: (_context, _traceId, _name, _kind, attributes) => {
          seen.push(attributes)
          return { decision: 2 }
        },
        toString: () => "test"
      }
    })
    await registered(instance, () => tell(OtelTelemetry.make(), [attemptRecord()]))
    assert.strictEqual(seen[0]?.["spillway.route"], "main")
    assert.strictEqual(seen[1]?.["gen_ai.provider.name"], "openai")
    assert.strictEqual(seen[1]?.["server.address"], "a.example")
  })

  it("are ended, every one, whatever the sequence of attempts and outcomes", () => {
    const attempt = fc.record({
      target: fc.constantFrom("a", "b"),
      outcome: fc.constantFrom("won" as const, "failed" as const, "lost" as const, "cancelled" as const),
      reason: fc.constantFrom("primary" as const, "retry" as const, "failover" as const, "hedge" as const),
      errorType: fc.option(fc.string(), { nil: undefined }),
      firstContentMs: fc.option(fc.nat(), { nil: undefined })
    })
    fc.assert(
      fc.property(
        fc.array(attempt, { maxLength: 5 }),
        fc.constantFrom("ok" as const, "error" as const, "cancelled" as const),
        (attempts, outcome) =>
          withSdk((instance, telemetry) => {
            tell(
              telemetry,
              attempts.map((each, index) => attemptRecord({ ...each, index })),
              { outcome, errorType: outcome === "error" ? "NoCandidate" : undefined }
            )
            const call = instance.span("spillway chat main")
            assert.strictEqual(instance.spans().length, attempts.length + 1)
            for (const span of instance.spans()) {
              assert.strictEqual(span.spanContext().traceId, call.spanContext().traceId)
              const bad =
                span.attributes["spillway.attempt.outcome"] === "failed" ||
                span.attributes["spillway.outcome"] === "error"
              assert.strictEqual(span.status.code, bad ? SpanStatusCode.ERROR : SpanStatusCode.UNSET)
              assert.strictEqual("error.type" in span.attributes, bad)
            }
          })
      )
    )
  })
})
