/**
 * What every strategy must do, whatever it decides by: run these for a strategy of your own, in any test runner.
 *
 * ```ts
 * for (const law of StrategyLaws.laws) it(law.name, () => law.check(MyStrategy.make()))
 * ```
 *
 * A law drives the strategy through a random but repeatable history of picks and outcomes and throws a `LawBroken` when the
 * law does not hold. Time and chance are arguments, so nothing waits. The strategy's `make` must not wait either.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Eligible, Picker, Strategy } from "../model/Strategy.ts"
import type { CandidateFixture } from "./CandidateFixture.ts"
import { type Scenario, type World, world } from "./internal/world.ts"
import { LawBroken } from "./LawBroken.ts"

export type { Scenario }

export interface Law {
  /** What holds, as a sentence about the strategy. */
  readonly name: string
  /** Throws `LawBroken` when it does not. */
  readonly check: (strategy: Strategy<string>, scenario?: Scenario) => void
}

/** All laws, for one scenario. */
export const check = (strategy: Strategy<string>, scenario?: Scenario): void => {
  for (const law of laws) law.check(strategy, scenario)
}

type Fail = (detail: string) => never
type Make = (strategy: Strategy<string>, overrides?: Scenario) => Effect.Effect<World, never, Scope.Scope>

const law = (
  name: string,
  body: (strategy: Strategy<string>, make: Make, fail: Fail) => Effect.Effect<void, never, Scope.Scope>
): Law => ({
  name,
  check: (strategy, scenario = {}) => {
    const fail: Fail = (detail) => {
      throw new LawBroken(strategy.name, name, `${detail}; scenario ${JSON.stringify(scenario)}`)
    }
    const make: Make = (of, overrides) => world(of, { ...scenario, ...overrides })
    Effect.runSync(Effect.scoped(body(strategy, make, fail)))
  }
})

const onlyEligible = law(
  "picks an eligible candidate it was given, and none only when none is eligible",
  (strategy, make, fail) =>
    Effect.map(make(strategy), (world) => {
      const given = new Set<unknown>(world.candidates)
      for (let n = 0; n < world.picks; n++) {
        const { allowed, picked } = world.step({
          wrap: (eligible) => (candidate) =>
            given.has(candidate) ? eligible(candidate) : fail(`pick ${n} asked about a candidate it was not given`)
        })
        if (picked === undefined) {
          if (allowed.size > 0) fail(`pick ${n} is undefined, but ${ids(allowed)} may be picked`)
        } else if (!given.has(picked)) fail(`pick ${n} is not one of the candidates given to make`)
        else if (!allowed.has(picked)) fail(`pick ${n} is ${picked.target.id}, but only ${ids(allowed)} may be picked`)
      }
    })
)

const onlyOne = law("picks the only eligible candidate", (strategy, make, fail) =>
  Effect.map(make(strategy), (world) => {
    for (let n = 0; n < world.picks; n++) {
      const { allowed, picked } = world.step({ eligible: 1 })
      if (picked === undefined || !allowed.has(picked)) fail(`pick ${n} is ${idOf(picked)} instead of ${ids(allowed)}`)
    }
  })
)

const single = law("works with a single candidate", (strategy, make, fail) =>
  Effect.map(make(strategy, { targets: 1 }), (world) => {
    for (let n = 0; n < world.picks; n++) {
      const { allowed, picked } = world.step()
      if (allowed.size !== (picked === undefined ? 0 : 1))
        fail(`pick ${n} is ${idOf(picked)}, eligible: ${ids(allowed)}`)
    }
  })
)

const repeatable = law("answers the same for the same seed and the same history", (strategy, make, fail) =>
  Effect.zipWith(make(strategy), make(strategy), (one, other) => same(one, other, fail))
)

const pureScore = law("is not changed by asking for a score", (strategy, make, fail) =>
  Effect.zipWith(make(strategy), make(strategy), (asked, other) => {
    const score = () => {
      for (const candidate of asked.candidates) {
        const value = asked.picker.score?.(candidate, asked.request, asked.now())
        if (Number.isNaN(value)) fail(`the score of ${candidate.target.id} is NaN`)
      }
    }
    same(asked, other, fail, score)
  })
)

const forgetsEligible = law("does not keep `eligible` after the pick", (strategy, make, fail) =>
  Effect.map(make(strategy), (world) => {
    for (let n = 0; n < world.picks; n++) {
      let over = false
      const wrap =
        (eligible: Eligible): Eligible =>
        (candidate) =>
          over ? fail(`\`eligible\` of pick ${n} was called later`) : eligible(candidate)
      world.step({ wrap })
      over = true
      for (const candidate of world.candidates) world.picker.score?.(candidate, world.request, world.now())
    }
  })
)

const anyOrder = law("takes outcomes in any order, also of candidates it did not pick", (strategy, make, fail) =>
  Effect.map(make(strategy), (world) => {
    for (let n = 0; n < world.picks; n++) {
      attempt(
        () => {
          world.step()
          world.settleAny()
        },
        (error) => fail(`pick or settled threw around pick ${n}: ${error}`)
      )
    }
    const { picked } = world.step({ eligible: 1 })
    if (picked === undefined) fail("nothing is picked any more")
  })
)

const independent = law("shares nothing between two of its pickers", (strategy, make, fail) =>
  Effect.gen(function* () {
    const alone = yield* make(strategy)
    const expected = Array.from({ length: alone.picks }, () => idOf(alone.step().picked))
    // The second has a neighbour that lives through something else, turn by turn.
    const neighbour = yield* make(strategy, { seed: (alone.seed ^ 0x5bd1e995) >>> 0 })
    const beside = yield* make(strategy)
    expected.forEach((id, n) => {
      neighbour.step()
      const picked = idOf(beside.step().picked)
      if (picked !== id) fail(`pick ${n} is ${picked} beside another picker, ${id} alone`)
    })
  })
)

const keepsList = law("leaves the list it was given as it is", (strategy, make, fail) =>
  Effect.map(make(strategy), (world) => {
    const before = [...world.candidates]
    for (let n = 0; n < world.picks; n++) world.step()
    if (before.length !== world.given.length || before.some((candidate, i) => world.given[i] !== candidate)) {
      fail("the list of candidates was changed")
    }
  })
)

export const laws: ReadonlyArray<Law> = [
  onlyEligible,
  onlyOne,
  single,
  repeatable,
  pureScore,
  forgetsEligible,
  anyOrder,
  independent,
  keepsList
]

const same = (one: World, other: World, fail: Fail, between: () => void = () => {}): void => {
  for (let n = 0; n < one.picks; n++) {
    between()
    const a = idOf(one.step().picked)
    const b = idOf(other.step().picked)
    if (a !== b) fail(`pick ${n} is ${a} in one run and ${b} in the other`)
  }
}

const attempt = (body: () => void, failed: (error: unknown) => void): void => {
  try {
    body()
  } catch (error) {
    failed(error)
  }
}

const idOf = (candidate: ReturnType<Picker["pick"]>): string => candidate?.target.id ?? "undefined"

const ids = (candidates: ReadonlySet<unknown>): string =>
  candidates.size === 0 ? "none" : [...(candidates as ReadonlySet<CandidateFixture>)].map(idOf).join(", ")
