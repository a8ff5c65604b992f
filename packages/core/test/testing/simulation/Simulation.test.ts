import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import type { Strategy } from "../../../src/model/Strategy.ts"
import * as Contender from "../../../src/testing/simulation/Contender.ts"
import * as Simulation from "../../../src/testing/simulation/Simulation.ts"
import { busy, finish, inOrder, once, plain, resultOf, routed, scenario } from "./fixture.ts"

describe("Simulation", () => {
  it("gives the same bytes for the same seed, and others for another one", () => {
    for (const contender of [routed, () => plain]) {
      const bytes = (seed: number) => JSON.stringify(resultOf(busy(seed), contender()))
      const first = bytes(1)
      assert.strictEqual(bytes(1), first)
      assert.notStrictEqual(bytes(2), first)
    }
  })

  it.live("gives way to the rest of the program without changing anything, and tells how far it is", () =>
    Effect.gen(function* () {
      let turns = 0
      const shares: Array<number> = []
      const others = yield* Effect.forkChild(
        Effect.forever(
          Effect.andThen(
            Effect.sync(() => turns++),
            Effect.yieldNow
          )
        )
      )
      const result = yield* Simulation.run(busy(1, 20), routed(), { onProgress: (share) => shares.push(share) })
      yield* Fiber.interrupt(others)
      assert.strictEqual(JSON.stringify(result), JSON.stringify(resultOf(busy(1, 20), routed())))
      assert.isAtLeast(turns, 1)
      assert.isTrue(shares.every((share, i) => share >= (shares[i - 1] ?? 0) && share <= 1))
      assert.strictEqual(shares.at(-1), 1)
    })
  )

  it.live("can be interrupted, and closes what it made", () =>
    Effect.gen(function* () {
      let closed = 0
      const contender = Contender.custom({
        targets: [{ id: "a" }],
        make: (world) =>
          Effect.as(
            Effect.addFinalizer(() => Effect.sync(() => closed++)),
            (call) => world.ask(call, "a")
          )
      })
      const fiber = yield* Effect.forkChild(Simulation.run({ ...busy(), duration: "30 days" }, contender))
      for (let i = 0; i < 5; i++) yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(closed, 1)
    })
  )

  it("asks neither real time nor real chance nor the event loop", () => {
    const forbidden = [
      ...(["setTimeout", "setInterval", "setImmediate", "queueMicrotask"] as const).map(
        (name) => [globalThis, name] as const
      ),
      [Date, "now"] as const,
      [performance, "now"] as const,
      [Math, "random"] as const
    ]
    const used: Array<string> = []
    const before = forbidden.map(([owner, name]) => Reflect.get(owner, name))
    for (const [owner, name] of forbidden) {
      Reflect.set(owner, name, () => {
        used.push(name)
        return 0
      })
    }
    let calls = 0
    try {
      calls = finish(busy(), routed()).result.overall.offered
    } finally {
      for (const [i, [owner, name]] of forbidden.entries()) Reflect.set(owner, name, before[i])
    }
    assert.isAbove(calls, 60)
    assert.deepStrictEqual(used, [])
  })

  it("gives every contender the same calls and the same luck", () => {
    const seen = (delay: number) => {
      const calls: Array<string> = []
      const contender = Contender.custom({
        targets: [{ id: "a" }, { id: "b" }],
        make: (world) =>
          Effect.succeed((call) => {
            const { class: name, index, inputTokens, streamed, tenant } = call
            if (name === "chat") calls.push(JSON.stringify([index, inputTokens, streamed, tenant, call.cacheKey]))
            return Effect.andThen(Effect.sleep(delay), world.ask(call, delay === 0 ? "a" : "b"))
          })
      })
      const { series } = resultOf(busy(), contender)
      return { calls, offered: series.offered.length }
    }
    assert.deepStrictEqual(seen(0), seen(700))
    // One provider that never fails: the real router changes nothing about any answer.
    const alone = scenario({ a: { latency: { firstContent: { kind: "lognormal", median: 300, p95: 2000 } } } })
    const [bare, real] = [once(), Contender.router({ targets: [{ id: "a" }], strategy: inOrder })].map((contender) =>
      resultOf(alone, contender)
    )
    assert.deepStrictEqual(bare?.overall.latency, real?.overall.latency)
    assert.deepStrictEqual(bare?.series, real?.series)
  })

  it("compares contenders of different names only", () => {
    assert.throws(() => Effect.runSync(Simulation.compare(busy(), [plain, plain])), /contenders\[1\]\.name/)
  })

  it("gives up attempts whose time is over, which then use the provider no longer", () => {
    const slowAtFirst = {
      latency: { firstContent: 1000 },
      capacity: { concurrency: 1, whenFull: "queue" },
      events: [{ kind: "brownOut", from: 0, lasting: 50, latencyFactor: 100 }]
    } as const
    const ask = (contender: Contender.Contender) =>
      resultOf(
        scenario({ a: slowAtFirst }, { arrivals: { kind: "times", at: [1, 101, 2901] }, deadline: 3000 }),
        contender
      )
    const { overall, targets } = ask(Contender.router({ targets: [{ id: "a" }], strategy: inOrder }))
    // The first has the place for 3 s, the second what is left of its own 3 s, and the third an answer after 200 ms of waiting.
    assert.deepStrictEqual(overall.errors, { DeadlineExceeded: 2 })
    assert.strictEqual(targets[0]?.interrupted, 2)
    assert.closeTo(targets[0]?.wastedMs ?? 0, 3100, 2)
    assert.closeTo(overall.latency.max ?? 0, 1200, 2)
    // Whoever waits for as long as it takes keeps the place: every answer is late.
    const patient = ask(once())
    assert.deepStrictEqual([patient.overall.answered, patient.overall.late, patient.targets[0]?.interrupted], [3, 3, 0])
    assert.strictEqual(patient.overall.goodputPerSecond, 0)
  })

  it("does not count the warm-up, nor what a strategy that throws would do", () => {
    const { overall, run } = resultOf(
      scenario(
        { a: { latency: { firstContent: 10 } } },
        { arrivals: { kind: "constant", perSecond: 1 } },
        { warmup: "4 minutes" }
      ),
      once()
    )
    assert.deepStrictEqual([overall.offered, overall.answered, run.calls], [360, 360, 600])
    assert.strictEqual(overall.goodputPerSecond, 1)
    const broken: Strategy = {
      name: "broken",
      make: () =>
        Effect.succeed({
          pick: () => {
            throw new Error("This strategy is broken")
          }
        })
    }
    assert.throws(() => resultOf(busy(), routed({ strategy: broken })), /This strategy is broken/)
  })

  it("keeps callers in a closed loop: each calls again when it has its answer and has thought", () => {
    const { overall } = resultOf(
      scenario(
        { a: { latency: { firstContent: 700 } } },
        { arrivals: { kind: "callers", count: 7, think: 300, rampUp: "1 second" } },
        { warmup: "10 seconds", duration: "110 seconds" }
      ),
      once()
    )
    assert.strictEqual(overall.offered, 700)
  })
})
