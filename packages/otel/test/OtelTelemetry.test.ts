import { assert, describe, it } from "@effect/vitest"
import { metrics, trace } from "@opentelemetry/api"
import {
  AlwaysOffSampler,
  SimpleSpanProcessor,
  type SpanExporter,
  type SpanProcessor
} from "@opentelemetry/sdk-trace-base"
import * as Telemetry from "@spillway/core/Telemetry"
import { Names, OtelTelemetry } from "@spillway/otel"
import { ConfigProvider, Effect, Layer } from "effect"
import { attemptRecord, begin, enter, info, nobody, record, registered, sdk, target, targets, tell } from "./Fixture.ts"

const attached = { route: "main", strategy: "p2c", targets }

describe("without an SDK", () => {
  it("nobody listens to a call", () => {
    const telemetry = OtelTelemetry.make()
    telemetry.attach?.(attached)
    assert.isUndefined(telemetry.call(info(), nobody))
    telemetry.event?.(target("a"), { _tag: "BreakerOpened", gate: "breaker" })
  })

  it("an SDK that is registered later is found, with its counters at 0 and its breakers as they are", async () => {
    const telemetry = OtelTelemetry.make()
    telemetry.attach?.(attached)
    telemetry.event?.(target("a"), { _tag: "BreakerOpened", gate: "breaker" })
    assert.isUndefined(telemetry.call(info(), nobody))
    const instance = sdk()
    await registered(instance, async () => {
      tell(telemetry, [attemptRecord()])
      assert.strictEqual(instance.spans().length, 2)
      const attempts = (await instance.points("spillway.attempts")) ?? {}
      assert.strictEqual(attempts[JSON.stringify({ target: "a", outcome: "ok", reason: "primary" })], 1)
      assert.strictEqual(attempts[JSON.stringify({ target: "b", outcome: "error", reason: "hedge" })], 0)
      const states = (await instance.points("spillway.breaker.state")) ?? {}
      assert.strictEqual(states[JSON.stringify({ target: "a", state: "open" })], 1)
    })
    assert.isUndefined(telemetry.call(info(), nobody))
  })

  it("another SDK gets instruments of its own", async () => {
    const telemetry = OtelTelemetry.make()
    telemetry.attach?.(attached)
    for (const instance of [sdk(), sdk()]) {
      await registered(instance, async () => {
        tell(telemetry, [attemptRecord()])
        const calls = (await instance.points("spillway.calls")) ?? {}
        assert.strictEqual(calls[JSON.stringify({ route: "main", outcome: "ok", degraded: false })], 1)
        assert.strictEqual(instance.spans().length, 2)
      })
    }
  })

  it("a call that outlives its SDK ends where it began", async () => {
    const telemetry = OtelTelemetry.make()
    const [first, second] = [sdk(), sdk()]
    let call: Telemetry.CallObserver | undefined
    await registered(first, () => {
      call = enter(telemetry)
    })
    await registered(second, async () => {
      call?.end(record())
      assert.deepStrictEqual(await first.points("spillway.calls.active"), { '{"route":"_other"}': 0 })
      assert.isUndefined(await second.points("spillway.calls.active"))
    })
  })

  it("one signal alone is enough", async () => {
    const instance = sdk()
    metrics.setGlobalMeterProvider(instance.meterProvider)
    tell(OtelTelemetry.make(), [attemptRecord()])
    metrics.disable()
    assert.strictEqual(instance.spans().length, 0)
    assert.include(await instance.names(), "spillway.calls")
    trace.setGlobalTracerProvider(instance.tracerProvider)
    tell(OtelTelemetry.make(), [attemptRecord()])
    trace.disable()
    assert.strictEqual(instance.spans().length, 2)
  })
})

describe("sampling", () => {
  it("takes spans away and no measurement", async () => {
    const instance = sdk({ sampler: new AlwaysOffSampler() })
    await registered(instance, async () => {
      const telemetry = OtelTelemetry.make()
      telemetry.attach?.(attached)
      tell(telemetry, [attemptRecord({ ms: 500 })], { totalMs: 501 })
      assert.strictEqual(instance.spans().length, 0)
      assert.strictEqual((await instance.histogram("gen_ai.client.operation.duration"))[0]?.value.sum, 0.5)
      assert.strictEqual((await instance.histogram("spillway.call.duration"))[0]?.value.sum, 0.501)
    })
  })
})

describe("an SDK that throws", () => {
  const boom = () => {
    throw new Error("boom")
  }
  const quiet = { forceFlush: () => Promise.resolve(), shutdown: () => Promise.resolve() }
  const dropped = async (processor: SpanProcessor) => {
    const instance = sdk({ processor })
    const { tracerProvider, meterProvider } = instance
    const telemetry = OtelTelemetry.make({ tracerProvider, meterProvider })
    telemetry.attach?.(attached)
    tell(telemetry, [attemptRecord()])
    const calls = (await instance.points("spillway.calls")) ?? {}
    assert.strictEqual(calls[JSON.stringify({ route: "main", outcome: "ok", degraded: false })], 1)
    const lost = (await instance.points("spillway.telemetry.dropped")) ?? {}
    return lost[JSON.stringify({ signal: "traces", reason: "error" })]
  }

  it("when a span starts leaves the call and its metrics as they are, and is counted", async () => {
    assert.strictEqual(await dropped({ ...quiet, onStart: boom, onEnd: () => {} }), 1)
  })

  it("when spans end is counted once for each", async () => {
    assert.strictEqual(await dropped({ ...quiet, onStart: () => {}, onEnd: boom }), 2)
  })

  it("when it exports does not reach the call", async () => {
    const exporter: SpanExporter = { export: boom, shutdown: () => Promise.resolve() }
    assert.strictEqual(await dropped(new SimpleSpanProcessor(exporter)), 0)
  })

  it("when it is asked for a tracer or a meter still leaves the call alone", () => {
    const telemetry = OtelTelemetry.make({ tracerProvider: { getTracer: boom }, meterProvider: { getMeter: boom } })
    telemetry.attach?.(attached)
    assert.isUndefined(telemetry.call(info(), nobody))
    telemetry.event?.(target("a"), { _tag: "BreakerOpened", gate: "breaker" })
  })

  it("in its instruments leaves the spans as they are", () => {
    const instance = sdk()
    const throwing = { add: boom, record: boom, addCallback: boom, removeCallback: boom }
    const meter = new Proxy(instance.meterProvider.getMeter("x"), { get: () => () => throwing })
    const telemetry = OtelTelemetry.make({
      tracerProvider: instance.tracerProvider,
      meterProvider: { getMeter: () => meter }
    })
    telemetry.attach?.(attached)
    const call = enter(telemetry)
    begin(call).end(attemptRecord())
    call.end(record())
    assert.strictEqual(instance.spans().length, 2)
  })
})

describe("layers", () => {
  const semconvOf = (layer: Layer.Layer<never, unknown>, instance: ReturnType<typeof sdk>) =>
    Effect.gen(function* () {
      const telemetry = yield* Telemetry.CurrentTelemetry
      assert.isDefined(telemetry)
      if (telemetry !== undefined) tell(telemetry, [attemptRecord()])
      return yield* Effect.promise(() => instance.names())
    }).pipe(Effect.provide(layer))
  const options = () => {
    const instance = sdk()
    return { instance, options: { meterProvider: instance.meterProvider } }
  }
  const environment = (env: Record<string, string>) => ConfigProvider.layer(ConfigProvider.fromUnknown(env))

  it.effect("`layer` makes it the application's telemetry", () =>
    Effect.gen(function* () {
      const { instance, options: given } = options()
      assert.include(yield* semconvOf(OtelTelemetry.layer(given), instance), "gen_ai.client.operation.duration")
    })
  )

  it.effect("`layerConfig` listens to the operator", () =>
    Effect.gen(function* () {
      const { instance, options: given } = options()
      const env = environment({ OTEL_SEMCONV_STABILITY_OPT_IN: "http, gen_ai_latest_experimental" })
      const layer = OtelTelemetry.layerConfig(given).pipe(Layer.provide(env))
      assert.include(yield* semconvOf(layer, instance), "gen_ai.client.inference.duration")
    })
  )

  it.effect("`layerConfig` without a word, or with an option, keeps to the released names", () =>
    Effect.gen(function* () {
      for (const [env, semconv] of [
        [{}, undefined],
        [{ OTEL_SEMCONV_STABILITY_OPT_IN: "gen_ai_latest_experimental" }, "1.41"]
      ] as const) {
        const { instance, options: given } = options()
        const layer = OtelTelemetry.layerConfig({ ...given, ...(semconv && { semconv }) }).pipe(
          Layer.provide(environment(env))
        )
        assert.include(yield* semconvOf(layer, instance), "gen_ai.client.operation.duration")
      }
    })
  )

  it("the opt-in is a whole word of a list", () => {
    assert.strictEqual(Names.semconvFrom(undefined), "1.41")
    assert.strictEqual(Names.semconvFrom("http/dup,gen_ai_latest_experimental"), "latest")
    assert.strictEqual(Names.semconvFrom("gen_ai_latest_experimental_not"), "1.41")
  })
})
