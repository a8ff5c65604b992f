import { assert, describe, it } from "@effect/vitest"
import { InvalidOption } from "@spillway/core/InvalidOption"
import * as Outcome from "@spillway/core/Outcome"
import * as RouteRequest from "@spillway/core/RouteRequest"
import type { Eligible, Picker, Strategy } from "@spillway/core/Strategy"
import { CandidateFixture, Seeded, StrategyLaws } from "@spillway/core/testing"
import { Effect } from "effect"
import fc from "fast-check"
import * as Affinity from "../src/Affinity.ts"
import * as Maglev from "../src/internal/maglev.ts"
import * as Rendezvous from "../src/internal/rendezvous.ts"
import { always, pickerOf } from "./support/pickerOf.ts"

const { candidate } = CandidateFixture
type Fixture = CandidateFixture.CandidateFixture

const many = (n: number, values: CandidateFixture.Values = {}) =>
  Array.from({ length: n }, (_, i) => candidate(`t${i}`, values))
const keyed = (affinityKey: string, input = 0) =>
  RouteRequest.make({ affinityKey, estimatedTokens: { input, output: 100 } })
const rng = Seeded.rng(1)

const of = (targets: ReadonlyArray<Fixture>, options: Affinity.Options = {}) => {
  const picker = pickerOf(Affinity.make({ tableSize: 1009, ...options }), targets)
  const pick = (key: string, eligible: Eligible = always, now = 0) =>
    picker.pick(keyed(key), eligible, now, rng)?.target.id
  return { picker, pick }
}

const facts = { ms: 0, firstContentMs: undefined, inputTokens: 1, outputTokens: 1, limits: undefined, costUsd: 0 }
const answered = (picker: Picker, by: Fixture, request: RouteRequest.RouteRequest, now: number, ms = 0) =>
  picker.settled?.(by, Outcome.success, now, { ...facts, ms, request })

const keys = (n: number) => Array.from({ length: n }, (_, i) => `conversation ${i}`)
const sigma = (n: number, share: number) => Math.sqrt(n * share * (1 - share))

describe("Affinity", () => {
  it("sends a key to the same target always, in every process, whatever the order of the list", () => {
    const targets = many(20)
    const one = of(targets)
    const other = of([...many(20)].reverse())
    for (const key of keys(200)) {
      const first = one.pick(key)
      assert.strictEqual(one.pick(key), first)
      assert.strictEqual(other.pick(key), first)
    }
    const { pick } = of(many(5), { tableSize: 65_537 })
    assert.deepStrictEqual(
      keys(8)
        .map((key) => pick(key))
        .join(" "),
      vector
    )
  })

  it("shares keys by weight: 30,000 keys on 5/3/2, five sigma", () => {
    const n = 30_000
    const { pick } = of([candidate("a", { weight: 5 }), candidate("b", { weight: 3 }), candidate("c", { weight: 2 })], {
      tableSize: 65_537
    })
    const seen: Record<string, number> = {}
    for (const key of keys(n)) {
      const id = pick(key) ?? ""
      seen[id] = (seen[id] ?? 0) + 1
    }
    for (const [id, share] of Object.entries({ a: 0.5, b: 0.3, c: 0.2 })) {
      assert.isBelow(Math.abs((seen[id] ?? 0) - n * share), 5 * sigma(n, share) + n / 65_537, id)
    }
  })

  it("passes over a target that may not be picked or fails, and returns to it when it is well again", () => {
    const targets = many(5)
    const { pick } = of(targets)
    for (const key of keys(50)) {
      const home = pick(key)
      const own = targets.find(({ target }) => target.id === home)
      const away = pick(key, ({ target }) => target.id !== home)
      assert.notStrictEqual(away, home)
      own?.set({ successRate: 0.2 })
      assert.strictEqual(pick(key), away, "the next is the key's own, for either reason")
      own?.set({ successRate: 0.6 })
      assert.strictEqual(pick(key), home)
      own?.set({ successRate: 1 })
    }
  })

  it("spreads the keys of a target that is out over all others: 10,000 keys, five sigma", () => {
    const n = 10_000
    const { pick } = of(many(5))
    const seen: Record<string, number> = {}
    let moved = 0
    for (const key of keys(n)) {
      if (pick(key) !== "t0") continue
      moved++
      const id = pick(key, ({ target }) => target.id !== "t0") ?? ""
      seen[id] = (seen[id] ?? 0) + 1
    }
    assert.lengthOf(Object.keys(seen), 4)
    for (const count of Object.values(seen)) assert.isBelow(Math.abs(count - moved / 4), 5 * sigma(moved, 0.25))
  })

  it("takes a failing target rather than none", () => {
    const { pick } = of(many(4, { successRate: 0 }))
    assert.strictEqual(
      pick("k", ({ target }) => target.id === "t2"),
      "t2"
    )
    assert.isDefined(pick("k"))
  })

  it("leaves calls without a key to the other strategy, and tells it of every attempt", () => {
    const told: Array<string> = []
    const last: Strategy = {
      name: "last",
      make: (own) =>
        Effect.succeed({
          pick: (_request, eligible) => own.findLast(eligible),
          settled: (by) => told.push(by.target.id)
        })
    }
    const targets = many(3)
    const { picker } = of(targets, { orElse: last })
    assert.strictEqual(picker.pick(RouteRequest.unspecified, always, 0, rng)?.target.id, "t2")
    for (const own of targets) answered(picker, own, keyed("k"), 1)
    assert.deepStrictEqual(told, ["t0", "t1", "t2"])
  })

  it("takes its key from where you say", () => {
    const { picker } = of(many(9), { keyOf: ({ tags }) => tags["chat"] })
    const plain = of(many(9))
    for (const key of keys(20)) {
      const request = RouteRequest.make({ affinityKey: "other", tags: { chat: key } })
      assert.strictEqual(picker.pick(request, always, 0, rng)?.target.id, plain.pick(key))
    }
  })

  describe("bounded load", () => {
    /** n balls by key into bins that keep them. */
    const fill = (bins: ReadonlyArray<Fixture>, n: number, options: Affinity.Options, key: (i: number) => string) => {
      const { picker } = of(bins, { freeInFlight: 0, ...options })
      for (let i = 0; i < n; i++) {
        const picked = picker.pick(keyed(key(i)), always, 0, rng)
        const bin = bins.find((own) => own === picked)
        if (bin !== undefined) bin.inFlight++
      }
    }

    it("never fills a target above ⌈c·m/n⌉ (Mirrokni et al. 2018): 100 bins, 1000 balls, c from 1.1 to 2", () => {
      for (const loadFactor of [1.1, 1.25, 2]) {
        const bins = many(100)
        fill(bins, 1000, { loadFactor }, (i) => `key ${i}`)
        assert.isAtMost(Math.max(...bins.map(({ inFlight }) => inFlight)), Math.ceil(loadFactor * 10))
      }
      const unbounded = many(100)
      fill(unbounded, 1000, { loadFactor: Number.POSITIVE_INFINITY }, (i) => `key ${i}`)
      assert.isAbove(Math.max(...unbounded.map(({ inFlight }) => inFlight)), 15)
    })

    it("holds one hot key to the bound of each target's weight", () => {
      const bins = [candidate("a", { weight: 5 }), candidate("b", { weight: 3 }), candidate("c", { weight: 2 })]
      fill(bins, 1000, {}, () => "hot")
      for (const { inFlight, target } of bins)
        assert.isAtMost(inFlight, Math.ceil(1.25 * 100 * target.weight), target.id)
    })

    it("is a bound among those that are up: with three of four out, the fourth keeps its keys", () => {
      const bins = many(4)
      for (const bin of bins.slice(1)) bin.set({ verdict: { _tag: "LocalReject", reason: "BreakerOpen", retryAt: 1 } })
      const up: Eligible = (own) => own.verdict(0, keyed("k").cost) === undefined
      const { picker } = of(bins, { freeInFlight: 0 })
      for (let i = 0; i < 50; i++) {
        assert.strictEqual(picker.pick(keyed(`k${i}`), up, 0, rng), bins[0])
        if (bins[0] !== undefined) bins[0].inFlight++
      }
    })

    it("counts anew, so that picks that came to nothing do not loosen it for long", () => {
      const bins = many(10)
      const { picker } = of(bins, { freeInFlight: 0 })
      for (let i = 0; i < 500; i++) picker.pick(keyed(`k${i}`), always, 0, rng)
      const home = bins.find((bin) => bin === picker.pick(keyed("hot"), always, 5000, rng))
      if (home !== undefined) home.inFlight = 3
      // Three of three in flight are more than ⌈1.25·4/10⌉.
      assert.notStrictEqual(picker.pick(keyed("hot"), always, 10_000, rng), home)
    })

    it("never passes over a target with fewer in flight than `freeInFlight`", () => {
      const bins = many(10)
      const { picker } = of(bins)
      const home = bins.find((bin) => bin === picker.pick(keyed("k"), always, 0, rng))
      for (const [inFlight, stays] of [
        [3, true],
        [4, false]
      ] as const) {
        if (home !== undefined) home.inFlight = inFlight
        assert.strictEqual(picker.pick(keyed("k"), always, 60_000 * inFlight, rng) === home, stays)
      }
    })
  })

  describe("prompt caches", () => {
    const minute = 60_000
    const warm: Affinity.Options = { promptCache: () => ({ ttl: "5 minutes", minTokens: 1024 }) }

    it("keeps a key where it was answered while the cache lives, and goes by load when it has gone cold", () => {
      const targets = many(6)
      const { picker } = of(targets, warm)
      const request = keyed("k", 5000)
      const home = picker.pick(request, always, 0, rng)
      const other = targets.find((own) => own !== home) as Fixture
      answered(picker, other, request, minute, 10_000)
      // From the beginning of the answer, which took ten seconds.
      assert.strictEqual(picker.pick(request, always, 5.8 * minute, rng), other)
      const seen = new Set<unknown>()
      for (let i = 0; i < 100; i++) seen.add(picker.pick(request, always, 5.9 * minute, rng))
      assert.isAbove(seen.size, 2)
    })

    it("passes over the warm target when it fails, and stays where it was answered instead", () => {
      const targets = many(6)
      const { picker } = of(targets, warm)
      const request = keyed("k", 5000)
      const home = targets.find((own) => own === picker.pick(request, always, 0, rng)) as Fixture
      answered(picker, home, request, 0)
      home.set({ successRate: 0 })
      const away = targets.find((own) => own === picker.pick(request, always, minute, rng)) as Fixture
      assert.notStrictEqual(away, home)
      answered(picker, away, request, minute)
      home.set({ successRate: 1 })
      assert.strictEqual(picker.pick(request, always, 2 * minute, rng), away)
    })

    it("does not stick where the prompt is too short to be kept; unknown tokens may be many", () => {
      const targets = many(6)
      const { picker } = of(targets, warm)
      const spread = (input: number) => {
        const seen = new Set<unknown>()
        for (let i = 0; i < 100; i++) seen.add(picker.pick(keyed("k", input), always, 0, rng))
        return seen.size
      }
      assert.isAbove(spread(1023), 3)
      assert.strictEqual(spread(1024), 1)
      assert.strictEqual(of(targets, warm).pick("k"), of(targets).pick("k"))
    })

    it("remembers so many keys and forgets those that were quiet for longest", () => {
      const targets = many(6)
      const { picker } = of(targets, { ...warm, recentKeys: 10 })
      const homes = new Map(keys(20).map((key) => [key, picker.pick(keyed(key, 5000), always, 0, rng)]))
      const strange = (key: string) => targets.find((own) => own !== homes.get(key)) as Fixture
      for (const key of keys(20)) answered(picker, strange(key), keyed(key, 5000), 0)
      keys(20).forEach((key, i) => {
        const expected = i < 10 ? homes.get(key) : strange(key)
        assert.strictEqual(picker.pick(keyed(key, 5000), always, 1, rng), expected, key)
      })
    })

    it("knows what vendors document, by provider and model", () => {
      const sticks = (provider: string, model: string, input: number, now: number) => {
        const targets = many(6, { target: { provider, model } })
        const { picker } = of(targets, { promptCache: "documented" })
        const request = keyed("k", input)
        const home = targets[5] as Fixture
        answered(picker, home, request, 0)
        for (let i = 0; i < 30; i++) if (picker.pick(request, always, now, rng) !== home) return false
        return true
      }
      const cases = [
        ["anthropic", "claude-opus-4-8", 1024, 5],
        ["anthropic", "claude-haiku-4-5", 4096, 5],
        ["aws", "anthropic.claude-opus-4-7-v1:0", 2048, 5],
        ["openai", "gpt-5.1", 1024, 10],
        ["deepseek", "deepseek-chat", 64, 180]
      ] as const
      for (const [provider, model, tokens, minutes] of cases) {
        assert.isTrue(sticks(provider, model, tokens, minutes * minute - 1), model)
        assert.isFalse(sticks(provider, model, tokens, minutes * minute), `${model} for how long`)
        assert.isFalse(sticks(provider, model, tokens - 1, 1), `${model} for how many tokens`)
      }
      assert.isTrue(sticks("vllm", "llama", 1, 10_000 * minute))
    })
  })

  describe("a change of the set", () => {
    const share = (before: ReadonlyArray<Fixture>, after: ReadonlyArray<Fixture>, gone: (id: string) => boolean) => {
      const whole = { tableSize: 65_537 }
      const [one, other] = [of(before, whole), of(after, whole)]
      const moved = keys(10_000).filter((key) => {
        const home = one.pick(key) ?? ""
        return !gone(home) && other.pick(key) !== home
      })
      return moved.length / 10_000
    }

    // NSDI 2016, 5.3 accepts some disruption for even shares. Measured on whole tables of 65,537: 0.62 % and 2.28 % of all
    // places change beside the 1 % that must.
    it("moves few keys beside those of a target that left: under 3 % for 1 of 100 and 10 of 1000", () => {
      const hundred = many(100)
      assert.isBelow(
        share(hundred, hundred.slice(1), (id) => id === "t0"),
        0.03
      )
      const thousand = many(1000)
      const left = new Set(thousand.slice(0, 10).map(({ target }) => target.id))
      assert.isBelow(
        share(thousand, thousand.slice(10), (id) => left.has(id)),
        0.03
      )
    })

    it("carries what it knows of warm caches over it, and forgets targets that left", () => {
      const targets = many(6)
      const strategy = Affinity.make({ promptCache: () => ({ ttl: "1 hour" }), tableSize: 1009 })
      const picker = pickerOf(strategy, targets)
      const plain = of(targets)
      const warmest = targets.find(({ target }) => target.id !== plain.pick("k")) as Fixture
      answered(picker, warmest, keyed("k"), 0)
      const next = Effect.runSync(Effect.scoped(strategy.make([...targets, candidate("new")], picker)))
      assert.strictEqual(next.pick(keyed("k"), always, 1, rng), warmest)
      const without = targets.filter((own) => own !== warmest)
      const last = Effect.runSync(Effect.scoped(strategy.make(without, next)))
      assert.include(without, last.pick(keyed("k"), always, 1, rng))
    })
  })

  it("scores a key's own target best, and those it passes over now last", () => {
    const targets = many(5)
    const { picker } = of(targets)
    for (const key of keys(30)) {
      const best = () =>
        [...targets].sort(
          (a, b) => (picker.score?.(a, keyed(key), 0) ?? 0) - (picker.score?.(b, keyed(key), 0) ?? 0)
        )[0]
      const home = targets.find((own) => own === picker.pick(keyed(key), always, 0, rng)) as Fixture
      assert.strictEqual(best(), home)
      home.set({ successRate: 0 })
      assert.strictEqual(best(), picker.pick(keyed(key), always, 0, rng))
      home.set({ successRate: 1 })
    }
  })

  it("refuses options that are none", () => {
    const bad: ReadonlyArray<object> = [
      ...[{ loadFactor: 1 }, { tableSize: 65_536 }, { minSuccessRate: 2 }, { freeInFlight: -1 }, { recentKeys: 0 }],
      ...[{ promptCache: "anthropic" }, { ttl: 1 }, { keyOf: "affinityKey" }, { orElse: {} }]
    ]
    for (const options of bad) assert.throws(() => Affinity.make(options), InvalidOption)
    assert.throws(() => of(many(1), { promptCache: () => ({ ttl: 0 }) }), InvalidOption)
  })

  for (const law of StrategyLaws.laws) {
    it(`keeps the law of every strategy: ${law.name}`, () => {
      const small = { tableSize: 251 }
      for (const strategy of [
        Affinity.make({ ...small, freeInFlight: 0 }),
        Affinity.make({
          ...small,
          promptCache: () => ({ ttl: "10 seconds", minTokens: 0 }),
          keyOf: ({ priority }) => priority
        })
      ]) {
        fc.assert(
          fc.property(fc.integer(), fc.integer({ min: 1, max: 12 }), (seed, targets) =>
            law.check(strategy, { seed, targets, picks: 40 })
          ),
          { numRuns: 6 }
        )
      }
    })
  }
})

describe("Maglev tables", () => {
  const counts = (table: Uint32Array, n: number) => {
    const counts = new Array<number>(n).fill(0)
    for (const entry of table) counts[entry] = (counts[entry] ?? 0) + 1
    return counts
  }

  it("give equal entries as many places, to one (NSDI 2016, 3.4): 3 to 1000 entries", () => {
    for (const n of [1, 3, 100, 1000]) {
      const all = counts(
        Maglev.build(
          Array.from({ length: n }, (_, i) => ({ id: `t${i}`, weight: 1 })),
          65_537
        ),
        n
      )
      assert.isAtMost(Math.max(...all) - Math.min(...all), 1)
    }
  })

  it("give places by weight, to one and half a place per entry", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.1, max: 10, noNaN: true }), { minLength: 1, maxLength: 8 }),
        (weights) => {
          const entries = weights.map((weight, i) => ({ id: `t${i}`, weight }))
          const total = weights.reduce((a, b) => a + b, 0)
          counts(Maglev.build(entries, 1009), weights.length).forEach((count, i) => {
            assert.isAtMost(Math.abs(count - (1009 * (weights[i] ?? 0)) / total), 1 + weights.length / 2)
          })
        }
      ),
      { numRuns: 100 }
    )
  })
})

describe("weighted rendezvous", () => {
  it("is won by weight, and a target that leaves moves its own keys only: 10,000 keys on 3/2/1, five sigma", () => {
    const n = 10_000
    const weights = [3, 2, 1]
    const winner = (key: number, among: ReadonlyArray<number>) =>
      among.reduce((best, i) =>
        Rendezvous.score(key, i * 7919, weights[i] ?? 0) > Rendezvous.score(key, best * 7919, weights[best] ?? 0)
          ? i
          : best
      )
    const wins = [0, 0, 0]
    for (let key = 0; key < n; key++) {
      const home = winner(key, [0, 1, 2])
      wins[home] = (wins[home] ?? 0) + 1
      if (home !== 1) assert.strictEqual(winner(key, [0, 2]), home)
    }
    wins.forEach((count, i) => {
      const share = (weights[i] ?? 0) / 6
      assert.isBelow(Math.abs(count - n * share), 5 * sigma(n, share))
    })
  })
})

/** Of this version: where it changes, conversations change their target. */
const vector = "t1 t1 t1 t3 t0 t2 t1 t3"
