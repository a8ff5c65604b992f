import { assert, describe, it } from "@effect/vitest"
import type { Candidate } from "@spillway/core/Candidate"
import * as Hash from "@spillway/core/Hash"
import { InvalidOption } from "@spillway/core/InvalidOption"
import type { PromptPrefix } from "@spillway/core/PromptPrefix"
import * as RouteRequest from "@spillway/core/RouteRequest"
import type { Eligible, Picker, Strategy } from "@spillway/core/Strategy"
import { CandidateFixture, Seeded, StrategyLaws } from "@spillway/core/testing"
import { Effect } from "effect"
import fc from "fast-check"
import { PrefixTree } from "../src/internal/PrefixTree.ts"
import * as InFlight from "../src/loads/InFlight.ts"
import * as PowerOfTwo from "../src/PowerOfTwo.ts"
import * as PrefixCache from "../src/PrefixCache.ts"
import { always, pickerOf } from "./support/pickerOf.ts"

const { candidate } = CandidateFixture
type Fixture = CandidateFixture.CandidateFixture

const many = (n: number) => Array.from({ length: n }, (_, i) => candidate(`t${i}`))

/** Blocks as a prompt has them: the same path, the same hashes. */
const chain = (path: ReadonlyArray<number>) => {
  let hash = 0
  return path.map((block) => {
    hash = Hash.mix(hash, block)
    return hash
  })
}
const asked = (path: ReadonlyArray<number>) => {
  const blocks = chain(path)
  const promptPrefix: PromptPrefix = { blocks: () => blocks }
  return RouteRequest.make({ promptPrefix })
}

/** The least busy, the first of equals: for tests that want to know where a call goes. */
const leastLoaded: Strategy = {
  name: "least-loaded",
  make: (own) =>
    Effect.succeed({
      pick: (_request, eligible) =>
        own
          .filter(eligible)
          .reduce<Candidate | undefined>(
            (best, other) => (best === undefined || other.inFlight < best.inFlight ? other : best),
            undefined
          )
    })
}

const of = (targets: ReadonlyArray<Fixture>, options: PrefixCache.Options = {}) => {
  const picker = pickerOf(PrefixCache.make({ orElse: leastLoaded, ...options }), targets)
  const rng = Seeded.rng(1)
  return (path: ReadonlyArray<number>, eligible: Eligible = always, now = 0) =>
    picker.pick(asked(path), eligible, now, rng)?.target.id
}

const load = (targets: ReadonlyArray<Fixture>, inFlight: ReadonlyArray<number>) => {
  for (const [i, own] of targets.entries()) own.set({ inFlight: inFlight[i] ?? 0 })
}

const run = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

describe("PrefixCache", () => {
  it("goes to the target that has seen the longest beginning, when more than 0.3 of the prompt matches", () => {
    const targets = many(3)
    const pick = of(targets)
    const set = (a: number, b: number, c: number) => load(targets, [a, b, c])
    set(1, 0, 1)
    assert.strictEqual(pick(run(0, 10)), "t1")
    set(0, 5, 1)
    assert.strictEqual(pick(run(0, 10)), "t1")
    assert.strictEqual(pick([...run(0, 4), ...run(100, 106)]), "t1", "four of ten")
    assert.strictEqual(pick([...run(0, 3), ...run(200, 207)]), "t0", "three of ten are not more than 0.3")
    assert.strictEqual(pick([...run(0, 3), ...run(200, 208)]), "t0", "that one is known now")
  })

  it("takes the less busy of those that have seen as much", () => {
    const targets = many(3)
    const pick = of(targets)
    const only = (id: string) => pick(run(0, 10), ({ target }) => target.id === id)
    only("t0")
    only("t2")
    targets[0]?.set({ inFlight: 3 })
    targets[2]?.set({ inFlight: 2 })
    assert.strictEqual(pick(run(0, 10)), "t2")
  })

  it("sees only load when that is uneven: most - least > 64 and most > 1.5 least, both", () => {
    for (const [most, least, uneven] of [
      [64, 0, false],
      [65, 0, true],
      [195, 130, false],
      [196, 130, true],
      [300, 236, false]
    ] as const) {
      const targets = many(3)
      const pick = of(targets)
      pick(run(0, 10), ({ target }) => target.id === "t0")
      load(targets, [most, least, least + 1])
      assert.strictEqual(pick(run(0, 10)), uneven ? "t1" : "t0", `${most} and ${least}`)
    }
  })

  it("does not take a target that is out for an idle one", () => {
    const targets = many(3)
    const pick = of(targets)
    pick(run(0, 10), ({ target }) => target.id === "t0")
    load(targets, [100, 101, 102])
    targets[2]?.set({ inFlight: 0, verdict: { _tag: "LocalReject", reason: "BreakerOpen", retryAt: 1 } })
    assert.strictEqual(
      pick(run(0, 10), ({ target }) => target.id !== "t2"),
      "t0"
    )
  })

  it("passes over a target that may not be picked, that fails, or that has not seen the beginning for long", () => {
    const targets = many(3)
    const pick = of(targets)
    pick(run(0, 10), ({ target }) => target.id === "t2")
    pick(run(0, 8), ({ target }) => target.id === "t1")
    assert.strictEqual(pick(run(0, 10)), "t2")
    const fresh = of(targets)
    fresh(run(0, 10), ({ target }) => target.id === "t2")
    fresh(run(0, 8), ({ target }) => target.id === "t1", 1000)
    assert.strictEqual(
      fresh(run(0, 10), ({ target }) => target.id !== "t2", 1000),
      "t1"
    )
    const third = of(targets)
    third(run(0, 10), ({ target }) => target.id === "t2")
    targets[2]?.set({ successRate: 0.4 })
    assert.strictEqual(third(run(0, 10)), "t0")
    targets[2]?.set({ successRate: 1 })
    const fourth = of(targets, { forgetAfter: "1 minute" })
    fourth(run(0, 10), ({ target }) => target.id === "t2")
    assert.strictEqual(fourth(run(0, 10), always, 60_001), "t0")
  })

  it("leaves calls without a beginning to the other strategy", () => {
    const targets = many(2)
    targets[0]?.set({ inFlight: 1 })
    const picker = pickerOf(PrefixCache.make({ orElse: leastLoaded }), targets)
    const rng = Seeded.rng(1)
    assert.strictEqual(picker.pick(RouteRequest.unspecified, always, 0, rng)?.target.id, "t1")
    assert.strictEqual(picker.pick(asked([]), always, 0, rng)?.target.id, "t1")
  })

  it("agrees with a map of all prefixes", () => {
    const path = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 6 })
    const step = fc.record({
      path,
      out: fc.subarray(["t0", "t1", "t2", "t3"], { maxLength: 3 }),
      loads: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 4, maxLength: 4 })
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const targets = many(4)
        const pick = of(targets)
        const seen = new Map<string, Set<Fixture>>()
        for (const { loads, out, path } of steps) {
          load(targets, loads)
          const up = targets.filter(({ target }) => !out.includes(target.id))
          const depth = (own: Fixture) => {
            let n = 0
            while (n < path.length && seen.get(path.slice(0, n + 1).join())?.has(own) === true) n++
            return n
          }
          const longest = Math.max(...up.map(depth))
          const pool = longest / path.length > 0.3 ? up.filter((own) => depth(own) === longest) : up
          const least = Math.min(...pool.map(({ inFlight }) => inFlight))
          const picked = targets.find(
            ({ target }) => target.id === pick(path, (own) => !out.includes(own.target.id as "t0"))
          )
          assert.isDefined(picked)
          assert.include(pool, picked)
          assert.strictEqual(picked?.inFlight, least)
          path.forEach((_, n) => {
            const prefix = path.slice(0, n + 1).join()
            const holders = seen.get(prefix) ?? new Set()
            if (picked !== undefined) holders.add(picked)
            seen.set(prefix, holders)
          })
        }
      }),
      { numRuns: 60 }
    )
  })

  it("keeps conversations together over a change of the set, and forgets targets that left", () => {
    const targets = many(4)
    const strategy = PrefixCache.make({ orElse: leastLoaded })
    const first = pickerOf(strategy, targets)
    const rng = Seeded.rng(1)
    first.pick(asked(run(0, 10)), ({ target }) => target.id === "t2", 0, rng)
    const next = (own: ReadonlyArray<Fixture>, before: Picker) =>
      Effect.runSync(Effect.scoped(strategy.make(own, before)))
    const second = next([candidate("new"), ...targets], first)
    assert.strictEqual(second.pick(asked(run(0, 10)), always, 0, rng)?.target.id, "t2")
    const third = next(targets.slice(0, 2), second)
    assert.strictEqual(third.pick(asked(run(0, 10)), always, 0, rng)?.target.id, "t0")
  })

  // A target computes anew from the first block that it has not seen.
  it("finds nearly all of what conversations have sent before, two random choices about half: 1000 turns, 8 targets", () => {
    const share = (strategy: Strategy) => {
      const targets = many(8)
      const picker = pickerOf(strategy, targets)
      const rng = Seeded.rng(7)
      const caches = new Map(targets.map((own) => [own as Candidate, new Set<number>()]))
      const lengths = new Array<number>(100).fill(0)
      const running: Array<Fixture> = []
      let found = 0
      let all = 0
      for (let call = 0; call < 1000; call++) {
        const talk = Seeded.int(rng, lengths.length)
        const turn = (lengths[talk] ?? 0) + 4
        lengths[talk] = turn
        // Four system prompts of eight blocks; then what was said in this conversation.
        const path = [
          ...run(0, 8).map((n) => n + 100 * (talk % 4)),
          ...run(0, turn).map((n) => 10_000 * (talk + 1) + n)
        ]
        const blocks = chain(path)
        const picked = picker.pick(asked(path), always, call, rng)
        const cache = picked === undefined ? undefined : caches.get(picked)
        const own = targets.find((own) => own === picked)
        if (cache === undefined || own === undefined) throw new Error("nobody was picked")
        const old = blocks.slice(0, -4)
        all += old.length
        const miss = old.findIndex((block) => !cache.has(block))
        found += miss < 0 ? old.length : miss
        for (const block of blocks) cache.add(block)
        own.inFlight++
        running.push(own)
        const ended = running.length > 20 ? running.shift() : undefined
        if (ended !== undefined) ended.inFlight--
      }
      return found / all
    }
    const random = share(PowerOfTwo.make({ load: InFlight.load }))
    const aware = share(PrefixCache.make({ orElse: PowerOfTwo.make({ load: InFlight.load }) }))
    // Measured: 0.999 and 0.555. Targets forget nothing here, so that system prompts are found everywhere in the end.
    assert.isAbove(aware, 0.95)
    assert.isBelow(random, 0.65)
  })

  it("scores by the matching share", () => {
    const targets = many(2)
    const picker = pickerOf(PrefixCache.make(), targets)
    picker.pick(asked(run(0, 5)), ({ target }) => target.id === "t1", 0, Seeded.rng(1))
    const score = (own: Fixture | undefined) => (own === undefined ? 0 : picker.score?.(own, asked(run(0, 10)), 0))
    assert.strictEqual(score(targets[1]), -0.5)
    assert.isAtLeast(score(targets[0]) ?? -1, 0)
  })

  it("refuses options that are none", () => {
    const bad: ReadonlyArray<object> = [
      ...[{ threshold: 1.1 }, { balanceAbs: -1 }, { balanceRel: 0.9 }, { maxNodes: 0 }, { forgetAfter: 0 }],
      ...[{ minSuccessRate: 2 }, { cacheThreshold: 1 }, { orElse: {} }]
    ]
    for (const options of bad) assert.throws(() => PrefixCache.make(options), InvalidOption)
  })

  for (const law of StrategyLaws.laws) {
    it(`keeps the law of every strategy: ${law.name}`, () => {
      // The laws' calls have an affinity key and no prompt: here it says how the prompt begins.
      const withPrompts: Strategy = {
        name: "prefix-cache",
        make: (own, before) =>
          Effect.map(PrefixCache.make({ maxNodes: 20 }).make(own, before), (picker) => ({
            ...picker,
            pick: ({ affinityKey = "-" }, eligible, now, rng) =>
              picker.pick(asked([affinityKey.charCodeAt(0), 1, 2]), eligible, now, rng)
          }))
      }
      fc.assert(
        fc.property(fc.integer(), fc.integer({ min: 1, max: 12 }), (seed, targets) =>
          law.check(withPrompts, { seed, targets, picks: 40 })
        ),
        { numRuns: 12 }
      )
    })
  }
})

describe("the tree", () => {
  it("never holds more nodes than it may, and drops ends of prompts before their beginnings", () => {
    const path = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(fc.array(path, { maxLength: 60 }), (paths) => {
        const tree = new PrefixTree(20, Number.POSITIVE_INFINITY)
        const own = candidate("a")
        paths.forEach((path, now) => {
          tree.insert(chain(path), own, now)
          assert.isAtMost(tree.size, 20)
          assert.strictEqual(tree.depth(chain(path), own, now), path.length, "the last prompt is known to its end")
        })
        // Every node that is left is reached from a first block.
        const reached = new Set<string>()
        for (const path of paths) {
          for (let n = tree.depth(chain(path), own, 0); n > 0; n--) reached.add(path.slice(0, n).join())
        }
        assert.strictEqual(reached.size, tree.size)
      }),
      { numRuns: 60 }
    )
  })

  it("keeps the first blocks of a prompt that is larger than itself", () => {
    const tree = new PrefixTree(5, Number.POSITIVE_INFINITY)
    const own = candidate("a")
    tree.insert(chain(run(0, 50)), own, 0)
    assert.strictEqual(tree.size, 5)
    assert.strictEqual(tree.depth(chain(run(0, 50)), own, 0), 5)
  })

  it("knows the eight targets that used a beginning last", () => {
    const tree = new PrefixTree(100, Number.POSITIVE_INFINITY)
    const targets = many(12)
    for (const [now, own] of targets.entries()) tree.insert(chain([1]), own, now)
    assert.deepStrictEqual(
      targets.map((own) => tree.depth(chain([1]), own, 12)),
      [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]
    )
  })

  it("stays whole when a block takes the place of one above it in the same prompt", () => {
    const tree = new PrefixTree(64, Number.POSITIVE_INFINITY)
    const own = candidate("a")
    const sent = (blocks: ReadonlyArray<number>, now: number) => {
      tree.match(blocks, 0, now, always)
      tree.insert(blocks, own, now)
      assert.isAtMost(tree.size, 64)
    }
    for (let i = 0; i < 300; i++) {
      const from = 10 + (i % 20) * 10
      const known = run(from, from + 4)
      sent(known, i)
      sent([...known, (1 + i) * 2 ** 30 + from + 1 + (i % 3)], i)
    }
    for (let i = 0; i < 100; i++) sent(run(10_000 + i * 10, 10_003 + i * 10), 300)
    // All of the old ones have gone, so what was sent last fills it.
    for (let i = 79; i < 100; i++) {
      assert.strictEqual(tree.depth(run(10_000 + i * 10, 10_003 + i * 10), own, 300), 3)
    }
  })

  it("takes two beginnings that share a place for two, and keeps the later", () => {
    const tree = new PrefixTree(100, Number.POSITIVE_INFINITY)
    const own = candidate("a")
    const [one, other] = [[5], [5 + 2 ** 40]]
    tree.insert(one, own, 0)
    assert.strictEqual(tree.depth(other, own, 0), 0)
    tree.insert(other, own, 1)
    assert.strictEqual(tree.depth(other, own, 1), 1)
    assert.strictEqual(tree.depth(one, own, 1), 0)
    assert.strictEqual(tree.size, 1)
  })
})
