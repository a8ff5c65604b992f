import { assert, describe, it } from "@effect/vitest"
import type { DecisionRecord } from "@spillway/core/Decision"
import * as RouteRequest from "@spillway/core/RouteRequest"
import { OtelTelemetry } from "@spillway/otel"
import fc from "fast-check"
import { attemptRecord, begin, enter, record, type Sdk, sdk, stranger, target, targets, tell } from "./Fixture.ts"

const measured = (options: OtelTelemetry.Options = {}) => {
  const instance = sdk()
  const telemetry = OtelTelemetry.make({ meterProvider: instance.meterProvider, ...options })
  return { instance, telemetry, attach: () => telemetry.attach?.({ route: "main", strategy: "p2c", targets }) }
}

/** The one number of a metric with these labels; 0 and "no such series" are different things. */
const value = async (instance: Sdk, name: string, labels: Record<string, unknown>): Promise<number | undefined> => {
  const points = (await instance.points(name)) ?? {}
  const wanted = Object.entries(labels)
  const found = Object.entries(points).filter(([key]) => {
    const attributes = JSON.parse(key)
    return wanted.length === Object.keys(attributes).length && wanted.every(([label, v]) => attributes[label] === v)
  })
  assert.isAtMost(found.length, 1)
  return found[0]?.[1]
}

const overloaded = attemptRecord({ outcome: "failed", errorType: "Overloaded", ms: 40 })
const saved = attemptRecord({ target: "b", index: 1, reason: "failover", ms: 60 })
const genAi = { "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "model-a" }

describe("metrics", () => {
  it("start every counter of a known route and its targets at 0", async () => {
    const { instance, attach } = measured()
    attach()
    const calls = await instance.points("spillway.calls")
    assert.strictEqual(Object.keys(calls ?? {}).length, 6)
    assert.strictEqual(Object.keys((await instance.points("spillway.attempts")) ?? {}).length, 32)
    assert.strictEqual(Object.keys((await instance.points("spillway.breaker.transitions")) ?? {}).length, 8)
    assert.deepStrictEqual(
      await instance.points("spillway.cache.requests"),
      Object.fromEntries(["hit", "miss", "stale", "coalesced"].map((result) => [JSON.stringify({ result }), 0]))
    )
    for (const name of [
      "spillway.calls",
      "spillway.attempts",
      "spillway.breaker.transitions",
      "spillway.calls.active"
    ]) {
      for (const [labels, count] of Object.entries((await instance.points(name)) ?? {})) {
        assert.strictEqual(count, 0, `${name} ${labels}`)
      }
    }
    assert.strictEqual(await value(instance, "spillway.telemetry.dropped", { signal: "traces", reason: "error" }), 0)
  })

  it("count a call by what the caller got and its attempts by what the targets gave", async () => {
    const { instance, telemetry, attach } = measured()
    attach()
    tell(telemetry, [overloaded, saved], { servedBy: "b", degraded: true })
    const route = "main"
    assert.strictEqual(await value(instance, "spillway.calls", { route, outcome: "ok", degraded: true }), 1)
    assert.strictEqual(await value(instance, "spillway.calls", { route, outcome: "error", degraded: false }), 0)
    const attempted = (labels: Record<string, string>) => value(instance, "spillway.attempts", labels)
    assert.strictEqual(await attempted({ target: "a", outcome: "error", reason: "primary" }), 1)
    assert.strictEqual(await attempted({ target: "b", outcome: "ok", reason: "failover" }), 1)
    assert.strictEqual(
      await value(instance, "spillway.fallbacks", { route, from: "a", to: "b", reason: "Overloaded" }),
      1
    )
    assert.strictEqual(await value(instance, "spillway.calls.active", { route }), 0)
    const [attempts] = await instance.histogram("spillway.call.attempts")
    assert.deepStrictEqual([attempts?.value.sum, attempts?.value.buckets.boundaries], [2, [1, 2, 3, 4, 5, 8]])
  })

  it("take durations from the records, in seconds, with the advised buckets", async () => {
    const { instance, telemetry, attach } = measured()
    attach()
    tell(telemetry, [attemptRecord({ ms: 150_000, firstContentMs: 1500 })], {
      streamed: true,
      totalMs: 200_000,
      firstContentMs: 2500
    })
    // B_s of the conventions, 1.41, docs/gen-ai/gen-ai-metrics.md
    const advised = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
    const [call] = await instance.histogram("spillway.call.duration")
    assert.strictEqual(call?.value.sum, 200)
    assert.deepStrictEqual(call?.value.buckets.boundaries, [...advised, 163.84, 327.68])
    assert.deepStrictEqual(call?.attributes, { route: "main", outcome: "ok" })
    assert.strictEqual((await instance.histogram("spillway.call.time_to_first_chunk"))[0]?.value.sum, 2.5)
    const [attempt] = await instance.histogram("gen_ai.client.operation.duration")
    assert.strictEqual(attempt?.value.sum, 150)
    assert.deepStrictEqual(attempt?.value.buckets.boundaries, advised)
    assert.deepStrictEqual(attempt?.attributes, genAi)
    assert.strictEqual((await instance.histogram("gen_ai.client.operation.time_to_first_chunk"))[0]?.value.sum, 1.5)
  })

  it("tell the two copies of a hedged call apart, and count what the slower one was billed", async () => {
    const { instance, telemetry, attach } = measured()
    attach()
    const call = enter(telemetry)
    const slow = begin(call)
    const fast = begin(call, { target: target("b"), index: 1, reason: "hedge" })
    fast.end(attemptRecord({ target: "b", index: 1, reason: "hedge" }))
    slow.end(attemptRecord({ outcome: "lost", facts: { inputTokens: 70 } }))
    call.end(record({ servedBy: "b" }))
    const attempted = (labels: Record<string, string>) => value(instance, "spillway.attempts", labels)
    assert.strictEqual(await attempted({ target: "a", outcome: "lost_race", reason: "primary" }), 1)
    assert.strictEqual(await attempted({ target: "b", outcome: "ok", reason: "hedge" }), 1)
    assert.isUndefined(await instance.points("spillway.fallbacks"))
    const [usage] = await instance.histogram("gen_ai.client.token.usage")
    assert.deepStrictEqual([usage?.attributes["gen_ai.request.model"], usage?.value.sum], ["model-a", 70])
  })

  it("measure the wait in the queue of those who waited, and of nobody else", async () => {
    const { instance, telemetry, attach } = measured()
    attach()
    tell(telemetry, [attemptRecord()])
    tell(telemetry, [attemptRecord()], { waitedMs: 900 })
    assert.deepStrictEqual(await instance.histogram("spillway.queue.wait.duration"), [])
    tell(telemetry, [attemptRecord()], { waitedMs: 900, queuedMs: 250 })
    tell(telemetry, [], { route: "unknown", outcome: "error", queuedMs: 500 })
    assert.deepStrictEqual(
      (await instance.histogram("spillway.queue.wait.duration")).map(({ attributes, value }) => [
        attributes,
        value.sum,
        value.count,
        value.buckets.boundaries.at(-1)
      ]),
      [
        [{ queue: "main" }, 0.25, 1, 327.68],
        [{ queue: "_other" }, 0.5, 1, 327.68]
      ]
    )
  })

  it("count what the cache did for those who asked it, and no model for an answer from it", async () => {
    const { instance, telemetry, attach } = measured()
    attach()
    const named = RouteRequest.make({ cacheKey: "river" })
    const end = (request: RouteRequest.RouteRequest, source: DecisionRecord["source"]) =>
      enter(telemetry, { request }).end(record({ source, servedBy: undefined }))
    for (const source of ["cache", "cache", "cache", "stale", "stale", "coalesced", "model"] as const) {
      end(named, source)
    }
    end(RouteRequest.unspecified, "model")
    assert.deepStrictEqual(await instance.points("spillway.cache.requests"), {
      [JSON.stringify({ result: "hit" })]: 3,
      [JSON.stringify({ result: "stale" })]: 2,
      [JSON.stringify({ result: "coalesced" })]: 1,
      [JSON.stringify({ result: "miss" })]: 1
    })
    assert.strictEqual(await value(instance, "spillway.calls", { route: "main", outcome: "ok", degraded: false }), 8)
    assert.deepStrictEqual(
      (await instance.names()).filter((name) => name.startsWith("gen_ai.")),
      []
    )
  })

  it("put the error type on an attempt's duration when it failed, and never when it was cancelled or slower", async () => {
    const { instance, telemetry, attach } = measured()
    attach()
    tell(telemetry, [overloaded])
    tell(telemetry, [attemptRecord({ outcome: "cancelled" })], { outcome: "cancelled" })
    tell(telemetry, [attemptRecord({ outcome: "lost" })], { servedBy: undefined })
    const durations = await instance.histogram("gen_ai.client.operation.duration")
    assert.deepStrictEqual(
      durations.map(({ attributes }) => attributes),
      [{ ...genAi, "error.type": "Overloaded" }, genAi]
    )
  })

  it("count tokens by type, and only those that are known", async () => {
    const { instance, telemetry, attach } = measured()
    attach()
    tell(telemetry, [attemptRecord()])
    assert.isUndefined(await instance.points("gen_ai.client.token.usage"))
    tell(telemetry, [attemptRecord({ facts: { inputTokens: 70, outputTokens: undefined } })])
    const usage = await instance.histogram("gen_ai.client.token.usage")
    assert.deepStrictEqual(
      usage.map(({ attributes, value }) => [attributes, value.sum, value.count]),
      [[{ ...genAi, "gen_ai.token.type": "input" }, 70, 1]]
    )
    tell(telemetry, [attemptRecord({ facts: { outputTokens: 8 } })])
    const sums = (await instance.histogram("gen_ai.client.token.usage")).map(({ attributes, value }) => [
      attributes["gen_ai.token.type"],
      value.sum
    ])
    assert.deepStrictEqual(sums, [
      ["input", 70],
      ["output", 8]
    ])
    assert.deepStrictEqual(
      usage[0]?.value.buckets.boundaries,
      [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864]
    )
  })

  it("use the newest names when asked to, and never both", async () => {
    const { instance, telemetry, attach } = measured({ semconv: "latest" })
    attach()
    const modality = { "gen_ai.token.modality": "unknown" }
    assert.strictEqual(
      await value(instance, "gen_ai.client.inference.usage.input_tokens", { ...genAi, ...modality }),
      0
    )
    const facts = { inputTokens: 70, outputTokens: 8, cacheReadTokens: 6, cacheWriteTokens: 4, reasoningTokens: 2 }
    tell(telemetry, [attemptRecord({ facts, firstContentMs: 3 })], { streamed: true })
    const names = (await instance.names()).filter((name) => name.startsWith("gen_ai."))
    // semantic-conventions-genai, docs/gen-ai/gen-ai-token-metrics.md and client-inference.md
    assert.deepStrictEqual(names, [
      "gen_ai.client.inference.duration",
      "gen_ai.client.inference.operation.input_tokens",
      "gen_ai.client.inference.operation.output_tokens",
      "gen_ai.client.inference.time_to_first_chunk",
      "gen_ai.client.inference.usage.cache_read.input_tokens",
      "gen_ai.client.inference.usage.cache_write.input_tokens",
      "gen_ai.client.inference.usage.input_tokens",
      "gen_ai.client.inference.usage.output_tokens",
      "gen_ai.client.inference.usage.reasoning.output_tokens"
    ])
    for (const [name, tokens] of [
      ["input_tokens", 70],
      ["output_tokens", 8],
      ["cache_read.input_tokens", 6],
      ["cache_write.input_tokens", 4],
      ["reasoning.output_tokens", 2]
    ] as const) {
      const labels = { ...genAi, ...modality }
      assert.strictEqual(await value(instance, `gen_ai.client.inference.usage.${name}`, labels), tokens)
    }
  })

  it("know how many calls are under way", async () => {
    const { instance, telemetry, attach } = measured()
    attach()
    const calls = [enter(telemetry), enter(telemetry), enter(telemetry)]
    assert.strictEqual(await value(instance, "spillway.calls.active", { route: "main" }), 3)
    for (const call of calls.slice(1)) call.end(record())
    assert.strictEqual(await value(instance, "spillway.calls.active", { route: "main" }), 1)
  })

  it("show a breaker's state one-hot and count its transitions", async () => {
    const { instance, telemetry, attach } = measured()
    attach()
    const state = async (target: string) => {
      const all = []
      for (const state of ["closed", "open", "half_open", "isolated"]) {
        all.push(await value(instance, "spillway.breaker.state", { target, state }))
      }
      return all
    }
    const isOpen = () => value(instance, "spillway.route.target_open", { route: "main", target: "a" })
    assert.deepStrictEqual(await state("a"), [1, 0, 0, 0])
    telemetry.event?.(target("a"), { _tag: "BreakerOpened", gate: "breaker", until: 5 })
    assert.deepStrictEqual(
      [await state("a"), await state("b")],
      [
        [0, 1, 0, 0],
        [1, 0, 0, 0]
      ]
    )
    assert.strictEqual(await isOpen(), 1)
    telemetry.event?.(target("a"), { _tag: "BreakerHalfOpened", gate: "breaker" })
    assert.deepStrictEqual(await state("a"), [0, 0, 1, 0])
    assert.strictEqual(await isOpen(), 0)
    telemetry.event?.(target("a"), { _tag: "BreakerIsolated", gate: "breaker" })
    assert.deepStrictEqual(await state("a"), [0, 0, 0, 1])
    assert.strictEqual(await isOpen(), 1)
    telemetry.event?.(target("a"), { _tag: "BreakerClosed", gate: "breaker" })
    for (const _tag of ["Parked", "LimitLowered", "TargetEjected", "TargetReturned"]) {
      telemetry.event?.(target("a"), { _tag, gate: "another", until: 9 })
    }
    assert.deepStrictEqual(await state("a"), [1, 0, 0, 0])
    assert.strictEqual(await isOpen(), 0)
    for (const to of ["open", "half_open", "isolated", "closed"]) {
      assert.strictEqual(await value(instance, "spillway.breaker.transitions", { target: "a", to }), 1)
    }
  })

  it("name only what was attached, whatever a call brings", async () => {
    const { instance, telemetry, attach } = measured()
    attach()
    for (let i = 0; i < 300; i++) {
      const call = enter(telemetry, { route: `route-${i}` })
      const own = stranger(`target-${i}`)
      call.attempt({ target: own, index: 0, reason: "primary" })?.end({ ...overloaded, errorType: `Word${i}` })
      call.attempt({ target: target("b"), index: 1, reason: "failover" })?.end({ ...saved, facts: { inputTokens: 1 } })
      call.end(record({ route: `route-${i}` }))
      telemetry.event?.(own, { _tag: "BreakerOpened", gate: "breaker" })
    }
    const series = async (name: string) => Object.keys((await instance.points(name)) ?? {}).length
    assert.strictEqual(
      await value(instance, "spillway.calls", { route: "_other", outcome: "ok", degraded: false }),
      300
    )
    assert.strictEqual(
      await value(instance, "spillway.attempts", { target: "_other", outcome: "error", reason: "primary" }),
      300
    )
    assert.strictEqual(await series("spillway.attempts"), 33)
    assert.strictEqual(await series("spillway.calls"), 7)
    assert.strictEqual(await series("spillway.breaker.state"), 8)
    assert.isAtMost(await series("spillway.fallbacks"), 60)
    const models = (await instance.histogram("gen_ai.client.operation.duration")).map(
      ({ attributes }) => attributes["gen_ai.request.model"]
    )
    assert.sameMembers([...new Set(models)], ["_other", "model-b"])
  })

  it("forget the breaker of a target that has left, and keep what a route still has", async () => {
    const { instance, telemetry, attach } = measured({ maxLabels: 3 })
    attach()
    telemetry.event?.(target("a"), { _tag: "BreakerOpened", gate: "breaker" })
    telemetry.attach?.({ route: "other", strategy: "p2c", targets: [target("b")] })
    const state = (id: string, state: string) => value(instance, "spillway.breaker.state", { target: id, state })
    const isOpen = (route: string, id: string) => value(instance, "spillway.route.target_open", { route, target: id })
    assert.deepStrictEqual([await state("a", "open"), await isOpen("main", "a"), await state("b", "closed")], [1, 1, 1])
    telemetry.attach?.({ route: "main", strategy: "p2c", targets: [], left: [target("a"), target("b")] })
    // The last value of what is not told any more is 0, which an SDK may repeat.
    for (const word of ["closed", "open"]) assert.strictEqual((await state("a", word)) ?? 0, 0, word)
    assert.strictEqual((await isOpen("main", "a")) ?? 0, 0)
    assert.deepStrictEqual([await state("b", "closed"), await isOpen("other", "b")], [1, 0])
    // One that comes back begins closed.
    attach()
    assert.strictEqual(await value(instance, "spillway.breaker.state", { target: "a", state: "closed" }), 1)
    // Counters stay, so those who have left count for the bound.
    for (const id of ["x", "y", "z"]) {
      telemetry.attach?.({ route: "main", strategy: "p2c", targets: [stranger(id)], left: [] })
      telemetry.attach?.({ route: "main", strategy: "p2c", targets: [], left: [stranger(id)] })
    }
    const counted = Object.keys((await instance.points("spillway.breaker.transitions")) ?? {})
    assert.sameMembers([...new Set(counted.map((key) => JSON.parse(key).target))], ["a", "b", "x"])
  })

  it("stop naming routes and targets at the bound", async () => {
    const { instance, telemetry } = measured({ maxLabels: 3 })
    for (let i = 0; i < 10; i++) {
      telemetry.attach?.({ route: `route-${i}`, strategy: "p2c", targets: [stranger(`target-${i}`)] })
    }
    assert.strictEqual(Object.keys((await instance.points("spillway.calls.active")) ?? {}).length, 4)
    assert.strictEqual(Object.keys((await instance.points("spillway.breaker.state")) ?? {}).length, 12)
  })

  it("refuse a bound that is none", () => {
    assert.throws(() => OtelTelemetry.make({ maxLabels: 0 }), /OtelTelemetry: maxLabels must be an integer >= 1, got 0/)
  })

  it("add up: calls and attempts are what was told, whatever the mix", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            outcome: fc.constantFrom("won" as const, "failed" as const, "lost" as const, "cancelled" as const),
            id: fc.constantFrom("a", "b")
          })
        ),
        async (attempts) => {
          const { instance, telemetry, attach } = measured()
          attach()
          for (const { outcome, id } of attempts) {
            tell(telemetry, [attemptRecord({ target: id, outcome, errorType: "Network" })])
          }
          const sum = async (name: string) =>
            Object.values((await instance.points(name)) ?? {}).reduce((total, count) => total + count, 0)
          assert.strictEqual(await sum("spillway.calls"), attempts.length)
          assert.strictEqual(await sum("spillway.attempts"), attempts.length)
          assert.strictEqual(await sum("gen_ai.client.operation.duration"), attempts.length)
          assert.strictEqual(await sum("spillway.calls.active"), 0)
        }
      ),
      { numRuns: 30 }
    ))
})
