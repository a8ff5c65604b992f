import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import fc from "fast-check"
import type { Candidate } from "../../src/model/Candidate.ts"
import type { Eligible, Picker, Strategy } from "../../src/model/Strategy.ts"
import { LawBroken } from "../../src/testing/LawBroken.ts"
import * as StrategyLaws from "../../src/testing/StrategyLaws.ts"

const strategy = (name: string, picker: (candidates: ReadonlyArray<Candidate>) => Picker): Strategy => ({
  name,
  make: (candidates) => Effect.sync(() => picker(candidates))
})

const firstEligible = strategy("first", (candidates) => ({ pick: (_request, eligible) => candidates.find(eligible) }))

const anyEligible = strategy("random", (candidates) => ({
  pick: (_request, eligible, _now, rng) => {
    const left = candidates.filter(eligible)
    return left[Math.floor(rng() * left.length)]
  },
  score: (candidate, _request, now) => candidate.latency(now) ?? 0,
  settled: () => {}
}))

const roundRobin = strategy("round-robin", (candidates) => {
  let next = 0
  return {
    pick: (_request, eligible) => {
      const left = candidates.filter(eligible)
      return left[next++ % left.length]
    }
  }
})

/** The laws that a strategy breaks under some seed. */
const broken = (subject: Strategy): ReadonlyArray<string> => {
  const names = StrategyLaws.laws.filter((law) => {
    for (let seed = 1; seed <= 5; seed++) {
      try {
        law.check(subject, { seed })
      } catch (error) {
        assert.instanceOf(error, LawBroken)
        return true
      }
    }
    return false
  })
  return names.map((law) => law.name)
}

const [
  onlyEligible = "",
  onlyOne = "",
  single = "",
  repeatable = "",
  pureScore = "",
  forgets = "",
  anyOrder = "",
  independent = "",
  keepsList = ""
] = StrategyLaws.laws.map((law) => law.name)

describe("StrategyLaws", () => {
  for (const honest of [firstEligible, anyEligible, roundRobin]) {
    it(`hold for an honest strategy: ${honest.name}`, () => {
      fc.assert(
        fc.property(fc.integer(), fc.integer({ min: 1, max: 9 }), (seed, targets) =>
          StrategyLaws.check(honest, { seed, targets, picks: 40 })
        ),
        { numRuns: 30 }
      )
    })
  }

  it("name the strategy, the law and the pick in the message", () => {
    const blind = strategy("blind", (candidates) => ({ pick: () => candidates[0] }))
    assert.throws(
      () => StrategyLaws.check(blind),
      LawBroken,
      /blind: "picks an eligible candidate.*pick \d+ is t0, but only/
    )
  })

  it("notice one that ignores eligibility", () => {
    const blind = strategy("blind", (candidates) => ({ pick: () => candidates[0] }))
    assert.includeMembers([...broken(blind)], [onlyEligible, onlyOne, single])
  })

  it("notice one that answers with a copy, or with something it made", () => {
    const copy = strategy("copy", (candidates) => ({
      pick: (_request, eligible) => {
        const found = candidates.find(eligible)
        return found === undefined ? undefined : { ...found }
      }
    }))
    assert.include(broken(copy), onlyEligible)
  })

  it("notice one that gives up although a candidate is eligible", () => {
    const hasty = strategy("hasty", (candidates) => ({
      pick: (_request, eligible, _now, rng) => {
        const drawn = candidates[Math.floor(rng() * candidates.length)]
        return drawn !== undefined && eligible(drawn) ? drawn : undefined
      }
    }))
    assert.includeMembers([...broken(hasty)], [onlyEligible, onlyOne])
    assert.notInclude(broken(hasty), single)
  })

  it("notice one that needs two candidates", () => {
    const pair = strategy("pair", (candidates) => ({
      pick: (_request, eligible) => (candidates.length < 2 ? undefined : candidates.find(eligible))
    }))
    assert.deepStrictEqual(broken(pair), [single])
  })

  it("notice chance that does not come from `rng`", () => {
    let hidden = 0
    const impure = strategy("impure", (candidates) => ({
      pick: (_request, eligible) => {
        const left = candidates.filter(eligible)
        hidden = (hidden * 1103515245 + 12345) % 2147483648
        return left[Math.floor((hidden / 2147483648) * left.length)]
      }
    }))
    assert.include(broken(impure), repeatable)
  })

  it("notice a score that changes the next pick, or is not a number", () => {
    const moving = strategy("moving", (candidates) => {
      let next = 0
      return {
        pick: (_request, eligible) => {
          const left = candidates.filter(eligible)
          return left[next++ % left.length]
        },
        score: () => next++
      }
    })
    assert.deepStrictEqual(broken(moving), [pureScore])
    const nan = strategy("nan", (candidates) => ({
      pick: (_request, eligible) => candidates.find(eligible),
      score: () => Number.NaN
    }))
    assert.deepStrictEqual(broken(nan), [pureScore])
  })

  it("notice one that keeps `eligible`", () => {
    const keeper = strategy("keeper", (candidates) => {
      let kept: Eligible | undefined
      return {
        pick: (_request, eligible) => {
          if (kept !== undefined) candidates.some(kept)
          kept = eligible
          return candidates.find(eligible)
        }
      }
    })
    assert.include(broken(keeper), forgets)
  })

  it("notice one that stumbles over an outcome it did not expect", () => {
    const strict = strategy("strict", (candidates) => {
      const out = new Set<Candidate>()
      return {
        pick: (_request, eligible) => {
          const found = candidates.find(eligible)
          if (found !== undefined) out.add(found)
          return found
        },
        settled: (candidate) => {
          if (!out.has(candidate)) throw new Error("not mine")
        }
      }
    })
    assert.deepStrictEqual(broken(strict), [anyOrder])
  })

  it("notice state that two pickers share", () => {
    let next = 0
    const global = strategy("global", (candidates) => ({
      pick: (_request, eligible) => {
        const left = candidates.filter(eligible)
        return left[next++ % left.length]
      }
    }))
    assert.includeMembers([...broken(global)], [independent])
  })

  it("notice one that sorts the list it was given", () => {
    const sorter = strategy("sorter", (candidates) => ({
      pick: (_request, eligible) => {
        const list = candidates as Array<Candidate>
        return list.sort((a, b) => a.inFlight - b.inFlight).find(eligible)
      }
    }))
    assert.include(broken(sorter), keepsList)
  })
})
