/** Strategy, gates and attempt loop together, in virtual time: who gets how much of the traffic. */
import { assert, describe, it } from "@effect/vitest"
import { Defaults, Router } from "@spillway/core"
import { PowerOfTwo, SmoothWeightedRoundRobin, WeightedLeastConnections } from "@spillway/strategies"
import { Effect, Random } from "effect"
import { TestClock } from "effect/testing"

const weighted = [
  { id: "a", client: 0, weight: 5 },
  { id: "b", client: 0, weight: 3 },
  { id: "c", client: 0, weight: 2 }
] as const

const counted = () => {
  const picks = { a: 0, b: 0, c: 0 }
  const call = (attempt: Router.Attempt<"a" | "b" | "c", number>) => Effect.sync(() => picks[attempt.target.id]++)
  return { picks, call }
}

const near = (actual: number, share: number, n: number) =>
  assert.isAtMost(Math.abs(actual / n - share) / share, 0.01, `${actual} of ${n} is not within 1 % of ${share}`)

describe("weighted share over 100,000 routed calls", () => {
  it.effect("is 5/3/2 within 1 %, also while a target is out of rotation, and again after it is back", () =>
    Effect.gen(function* () {
      const router = yield* Router.make({ targets: weighted })
      const phase = Effect.fnUntraced(function* (n: number) {
        const { picks, call } = counted()
        for (let i = 0; i < n; i++) {
          yield* router.route(undefined, call)
          if (i % 100 === 0) yield* TestClock.adjust("10 millis")
        }
        return picks
      })
      const before = yield* phase(40_000)
      near(before.a, 0.5, 40_000)
      near(before.b, 0.3, 40_000)
      near(before.c, 0.2, 40_000)
      yield* router.isolate("b")
      const during = yield* phase(20_000)
      assert.strictEqual(during.b, 0)
      near(during.a, 5 / 7, 20_000)
      near(during.c, 2 / 7, 20_000)
      yield* router.restore("b")
      const after = yield* phase(40_000)
      near(after.a, 0.5, 40_000)
      near(after.b, 0.3, 40_000)
      near(after.c, 0.2, 40_000)
    }).pipe(Effect.provide([SmoothWeightedRoundRobin.layer(), Defaults.layer]))
  )

  it.effect("starts with the published order a b c a a b a c b a", () =>
    Effect.gen(function* () {
      const router = yield* Router.make({ targets: weighted })
      const order: Array<string> = []
      for (let i = 0; i < 10; i++) order.push(yield* router.route({}, ({ target }) => Effect.succeed(target.id)))
      assert.strictEqual(order.join(" "), "a b c a a b a c b a")
    }).pipe(Effect.provide([SmoothWeightedRoundRobin.layer({ randomStart: false }), Defaults.layer]))
  )
})

describe("a target that fails in 5 ms", () => {
  for (const [name, strategy] of [
    ["two choices", PowerOfTwo.layer()],
    ["weighted least connections", WeightedLeastConnections.layer()]
  ] as const) {
    it.effect(`draws under 5 % of the traffic of three: ${name}`, () =>
      Effect.gen(function* () {
        const router = yield* Router.make({
          targets: [
            { id: "good", client: 1000 },
            { id: "fine", client: 1000 },
            { id: "hole", client: 5 }
          ]
        })
        const call = (attempt: Router.Attempt<string, number>) =>
          Effect.gen(function* () {
            const luck = yield* Random.next
            yield* Effect.sleep(attempt.target.id === "hole" ? 5 : attempt.client * (0.5 + luck))
            if (attempt.target.id === "hole") yield* Effect.fail("broken")
          })
        // 20 calls a second for five minutes.
        for (let i = 0; i < 6000; i++) {
          yield* Effect.forkChild(Effect.ignore(router.route({}, call)), { startImmediately: true })
          yield* TestClock.adjust("50 millis")
        }
        yield* TestClock.adjust("1 minute")
        const { targets } = yield* router.status
        const attempts = targets.reduce((sum, target) => sum + target.attempts, 0)
        const hole = targets.find((target) => target.id === "hole")?.attempts ?? 0
        assert.isBelow(hole / attempts, 0.05)
        assert.isAbove(hole, 0)
        assert.strictEqual(
          targets.reduce((sum, target) => sum + target.inFlight, 0),
          0
        )
      }).pipe(Effect.provide([strategy, Defaults.layer]), Random.withSeed("black hole"))
    )
  }
})
