/**
 * Nothing crosses a constraint: no failover, no hedge, no retry, no lower tier, no panic, no broken stream that begins anew,
 * whatever the targets do and however few are left.
 */
import { assert, it } from "@effect/vitest"
import { BreakPolicy, Constraints, Defaults, Router, Strategy, type Target } from "@spillway/core"
import { Duration, Effect, Layer, Random, Stream } from "effect"
import { TestClock } from "effect/testing"
import fc from "fast-check"
import { inOrder, inVirtualTime, overloaded, rateLimited } from "./fixture.ts"

const ids = ["a", "b", "c", "d", "e"] as const
type Id = (typeof ids)[number]

const spec = fc.record({
  region: fc.constantFrom("eu", "us"),
  zeroRetention: fc.boolean(),
  provider: fc.constantFrom("p", "q"),
  capabilities: fc.subarray(["tools", "prefill"] as const),
  price: fc.record({ input: fc.constantFrom(1, 2), output: fc.constantFrom(1, 2) })
})

const needs: fc.Arbitrary<Constraints.Constraints<Id>> = fc.oneof(
  fc.constantFrom<Constraints.Constraints<Id>>(
    { regions: ["eu"] },
    { zeroRetention: true },
    { maxPrice: { output: 1 } },
    { capabilities: ["tools"] },
    { except: { providers: ["p"] } },
    { allow: ({ id }) => id > "b" },
    { regions: ["eu"], zeroRetention: true }
  ),
  fc.constantFrom(...ids).map((pinnedTo) => ({ pinnedTo })),
  fc.subarray([...ids], { minLength: 1 }).map((targets) => ({ only: { targets } }))
)

/** What the attempts do, in turn. */
const deed = fc.constantFrom("answer", "fail", "limit", "hang", "break")

const situation = fc.record({
  specs: fc.tuple(spec, spec, spec, spec, spec),
  needs,
  deeds: fc.array(deed, { minLength: 1, maxLength: 12 }),
  tiered: fc.boolean(),
  streamed: fc.boolean()
})
type Situation = typeof situation extends fc.Arbitrary<infer S> ? S : never

const run = ({ deeds, needs, specs, streamed, tiered }: Situation) =>
  Effect.gen(function* () {
    const targets: ReadonlyArray<Target.TargetSpec<Id, number>> = ids.map((id, i) => ({ id, client: i, ...specs[i] }))
    const router = yield* Router.make({
      targets,
      ...(tiered ? { tiers: [["a", "b"], ["c", "d"], ["e"]] } : {}),
      timeouts: { attempt: "2 seconds", firstContent: "2 seconds" }
    }).pipe(
      Effect.provide(
        Layer.merge(
          Defaults.make({
            retry: { maxAttempts: 6 },
            hedge: { after: "100 millis", maxExtra: 1, minPerSecond: 10 },
            gates: { ejection: { consecutive: 1, maxEjectedShare: 0.3 } }
          }),
          Layer.succeed(Strategy.CurrentStrategy, inOrder)
        )
      )
    )
    let turn = 0
    let asked = 0
    const next = (attempt: Router.Attempt<Id, number>) => {
      asked++
      assert.isUndefined(
        Constraints.violated(needs, attempt.target, attempt.request.cost),
        `${attempt.target.id} was asked (${attempt.reason})`
      )
      return deeds[turn++ % deeds.length]
    }
    const request = { needs, deadline: Duration.seconds(10) }
    for (let call = 0; call < 4; call++) {
      const run = streamed
        ? Stream.runDrain(
            router.stream(
              request,
              (attempt) => {
                const what = next(attempt)
                if (what === "fail") return Stream.fail(overloaded)
                if (what === "limit") return Stream.fail(rateLimited(1))
                if (what === "hang") return Stream.never
                if (what === "break") return Stream.concat(Stream.make("part"), Stream.fail(overloaded))
                return Stream.make("part", "end")
              },
              { isContent: () => true, isEnd: (part) => part === "end", onBreak: BreakPolicy.restart(() => "again") }
            )
          )
        : router.route(request, (attempt) => {
            const what = next(attempt)
            if (what === "fail" || what === "break") return Effect.fail(overloaded)
            if (what === "limit") return Effect.fail(rateLimited(1))
            return what === "hang" ? Effect.never : Effect.succeed("answer")
          })
      yield* inVirtualTime(Effect.exit<unknown, unknown, never>(run), "1 minute")
    }
    const fit = (yield* router.explain({ needs })).candidates.filter(({ because }) => because === undefined)
    assert.strictEqual(asked > 0, fit.length > 0)
  })

it("in 200 random routers with hedges, tiers, ejections and broken streams, only targets that fit are asked", () =>
  fc.assert(
    fc.asyncProperty(situation, (situation) =>
      run(situation).pipe(
        Effect.scoped,
        Random.withSeed("constraints"),
        Effect.provide(TestClock.layer()),
        Effect.runPromise
      )
    ),
    { seed: 55, numRuns: 200 }
  ))

it("is not answered from the cache, nor by a run that another call began, with an answer made where it must not go", () =>
  Effect.gen(function* () {
    const router = yield* Router.make({
      targets: [
        { id: "us", client: 0, region: "us" },
        { id: "eu", client: 0, region: "eu" }
      ]
    })
    const ask = (needs?: Constraints.Constraints<"us" | "eu">) =>
      Effect.map(
        router.answer({ cacheKey: "k", ...(needs === undefined ? {} : { needs }) }, ({ target }) =>
          Effect.as(Effect.sleep("1 second"), target.id)
        ),
        ({ source, value }) => `${value} ${source}`
      )
    const together = Effect.all([ask(), ask({ regions: ["eu"] }), ask({ pinnedTo: "eu" })], {
      concurrency: "unbounded"
    })
    assert.deepStrictEqual(yield* inVirtualTime(together, "5 seconds"), ["us model", "eu model", "eu model"])
    const again = Effect.all([
      ask(),
      ask({ regions: ["eu"] }),
      ask({ regions: ["eu", "us"] }),
      ask({ regions: ["us", "eu"] }),
      ask({ allow: () => true })
    ])
    // The order in which regions are named means nothing; a function means nobody knows what.
    assert.deepStrictEqual(yield* inVirtualTime(again, "5 seconds"), [
      "us cache",
      "eu cache",
      "us model",
      "us cache",
      "us model"
    ])
  }).pipe(
    Effect.scoped,
    // Around all of it: the cache ends with its layer.
    Effect.provide([Defaults.layer, Layer.succeed(Strategy.CurrentStrategy, inOrder), TestClock.layer()]),
    Effect.runPromise
  ))

it("holds what was said when the call began, whatever becomes of the application's lists, and takes only true for yes", () =>
  Effect.gen(function* () {
    const router = yield* Router.make({ targets: ids.map((id) => ({ id, client: 0 })) }).pipe(
      Effect.provide(Layer.merge(Defaults.layer, Layer.succeed(Strategy.CurrentStrategy, inOrder)))
    )
    const targets: Array<Id> = ["b"]
    const asked: Array<string> = []
    const call = router.route({ needs: { only: { targets } }, deadline: "3 seconds" }, ({ target }) => {
      asked.push(target.id)
      targets.push("a")
      return Effect.fail(overloaded)
    })
    yield* inVirtualTime(Effect.exit(call), "10 seconds")
    assert.deepStrictEqual([...new Set(asked)], ["b"])
    const promised = (() => Promise.resolve(false)) as unknown as () => boolean
    const { candidates } = yield* router.explain({ needs: { allow: promised } })
    assert.isTrue(candidates.every(({ excluded }) => excluded === "NotAllowed"))
  }).pipe(Effect.scoped, Effect.provide(TestClock.layer()), Effect.runPromise))

it("ends with a reason of its own when a strategy wants none of those that are free", () =>
  Effect.gen(function* () {
    const nobody: Strategy.Strategy = {
      name: "nobody",
      make: () => Effect.succeed({ pick: () => undefined, score: () => Number.POSITIVE_INFINITY })
    }
    const router = yield* Router.make({ targets: ids.map((id) => ({ id, client: 0 })) }).pipe(
      Effect.provide(Layer.merge(Defaults.layer, Layer.succeed(Strategy.CurrentStrategy, nobody)))
    )
    const exit = yield* inVirtualTime(Effect.flip(router.route({}, () => Effect.void)), "10 seconds")
    assert.include(exit.message, "a NotPicked")
    assert.isUndefined((yield* router.explain()).pick)
  }).pipe(Effect.scoped, Effect.provide(TestClock.layer()), Effect.runPromise))
