import { assert, describe, it } from "@effect/vitest"
import { resolve } from "@spillway/core/Target"
import { OtelTelemetry } from "@spillway/otel"
import { attemptRecord, sdk, specs, target, targets, tell } from "./Fixture.ts"

const local = { costUsd: 0.003, costSource: "local" } as const
const told = { costUsd: 0.25, costSource: "provider" } as const
const failed = attemptRecord({ outcome: "failed", errorType: "Overloaded", ...local })
const saved = attemptRecord({ target: "b", index: 1, reason: "failover", ...told })

const setup = (known = targets) => {
  const instance = sdk()
  const telemetry = OtelTelemetry.make({
    tracerProvider: instance.tracerProvider,
    meterProvider: instance.meterProvider
  })
  telemetry.attach?.({ route: "main", strategy: "p2c", targets: known })
  return { instance, telemetry }
}

const labels = (id: string) =>
  JSON.stringify({
    currency: "USD",
    "gen_ai.provider.name": target(id).provider,
    "gen_ai.request.model": target(id).model
  })

describe("cost", () => {
  it("stands on the span of each attempt with its source, and as a sum on the call's", () => {
    const { instance, telemetry } = setup()
    tell(telemetry, [failed, saved], { costUsd: 0.253 })
    assert.deepInclude(instance.span("chat model-a").attributes, {
      "spillway.cost.amount": 0.003,
      "spillway.cost.currency": "USD",
      "spillway.cost.source": "local"
    })
    assert.deepInclude(instance.span("chat model-b").attributes, {
      "spillway.cost.amount": 0.25,
      "spillway.cost.currency": "USD",
      "spillway.cost.source": "provider"
    })
    const call = instance.span("spillway chat main").attributes
    assert.deepInclude(call, { "spillway.cost.amount": 0.253, "spillway.cost.currency": "USD" })
    assert.notProperty(call, "spillway.cost.source")
  })

  it("is left out where it is not known, and is no 0", async () => {
    const { instance, telemetry } = setup()
    tell(telemetry, [attemptRecord()])
    for (const span of instance.spans()) {
      assert.deepStrictEqual(
        Object.keys(span.attributes).filter((name) => name.startsWith("spillway.cost")),
        []
      )
    }
    assert.isUndefined(await instance.points("spillway.cost"))
  })

  it("is counted by provider and model, failed attempts too, from 0 where a price is known", async () => {
    const priced = resolve(
      "test",
      specs.map((spec) => (spec.id === "a" ? { ...spec, price: { input: 1, output: 2 } } : spec)),
      undefined
    )
    const { instance, telemetry } = setup(priced)
    assert.deepStrictEqual(await instance.points("spillway.cost"), { [labels("a")]: 0 })
    tell(telemetry, [failed, saved])
    tell(telemetry, [failed, attemptRecord({ index: 1 })])
    assert.deepStrictEqual(await instance.points("spillway.cost"), { [labels("a")]: 0.006, [labels("b")]: 0.25 })
  })
})
