import { assert, describe, it } from "@effect/vitest"
import { RouteRequest, type Strategy } from "@spillway/core"
import { failure, success } from "@spillway/core/Outcome"
import { CandidateFixture, Seeded, StrategyLaws } from "@spillway/core/testing"
import {
  byTag,
  byTier,
  Failover,
  mix,
  orElse,
  PowerOfTwo,
  Rules,
  rank,
  SmoothWeightedRoundRobin,
  slowStart,
  sticky,
  where
} from "@spillway/strategies"
import { Effect } from "effect"

const { candidate } = CandidateFixture
const always: Strategy.Eligible = () => true
const first = Failover.make()
const request = RouteRequest.unspecified

const made = (
  strategy: Strategy.Strategy<string>,
  candidates: ReadonlyArray<Strategy.Picker | unknown>,
  before?: Strategy.Picker
) => Effect.runSync(Effect.scoped(strategy.make(candidates as ReadonlyArray<ReturnType<typeof candidate>>, before)))

const picks = (picker: Strategy.Picker, of = request, eligible = always, rng = Seeded.rng(1)) =>
  picker.pick(of, eligible, 0, rng)?.target.id

/** Tells what it was made for, given before, and told. */
const spy = (name: string) => {
  const heard: Array<string> = []
  const given: Array<Strategy.Picker | undefined> = []
  const strategy: Strategy.Strategy = {
    name,
    make: (candidates, before) =>
      Effect.sync(() => {
        given.push(before)
        return {
          pick: (_request, eligible) => candidates.find(eligible),
          settled: (one) => void heard.push(one.target.id),
          score: () => 7
        }
      })
  }
  return { strategy, heard, given }
}

const settlement: Strategy.Settlement = {
  request,
  ms: 1,
  firstContentMs: undefined,
  inputTokens: undefined,
  outputTokens: undefined,
  limits: undefined,
  costUsd: undefined
}

const a = candidate("a", { target: { region: "eu", tags: { kind: "own" } } })
const b = candidate("b", { target: { region: "us" } })
const c = candidate("c", { tier: 1, target: { region: "us", tags: { kind: "own" } } })
const all = [a, b, c]

describe("where", () => {
  it("picks among those that match, and nobody when none of them may be picked", () => {
    const picker = made(where({ regions: ["us"] }, first), all)
    assert.strictEqual(picks(picker), "b")
    assert.strictEqual(
      picks(picker, request, (one) => one !== b),
      "c"
    )
    assert.isUndefined(picks(picker, request, (one) => one === a))
    assert.strictEqual(picker.score?.(a, request, 0), Number.POSITIVE_INFINITY)
    assert.isUndefined(picks(made(where({ regions: ["moon"] }, first), all)))
    assert.strictEqual(
      picks(
        made(
          where(({ tier }) => tier === 1, first),
          all
        )
      ),
      "c"
    )
  })

  it("tells the strategy only of its own", () => {
    const { heard, strategy } = spy("s")
    const picker = made(where({ tags: { kind: "own" } }, strategy), all)
    for (const one of all) picker.settled?.(one, success, 0, settlement)
    assert.deepStrictEqual(heard, ["a", "c"])
  })

  it("names the targets it was told, beside those of the strategy", () => {
    assert.deepStrictEqual(where({ targets: ["a", "b"] }, where({ targets: ["b", "c"] }, first)).targets, [
      "a",
      "b",
      "c"
    ])
  })
})

describe("orElse", () => {
  it("scores by the second where the first has no target in the set at all", () => {
    const picker = made(orElse(where({ regions: ["moon"] }, first), first), all)
    const scores = all.map((one) => picker.score?.(one, request, 0) ?? Number.NaN)
    assert.deepStrictEqual(
      [...scores].sort((one, other) => one - other),
      scores
    )
    assert.strictEqual(new Set(scores).size, all.length)
  })

  it("asks the second when the first picks nobody, and scores it behind", () => {
    const strategy = orElse(where({ regions: ["eu"] }, first), first)
    const picker = made(strategy, all)
    assert.strictEqual(picks(picker), "a")
    assert.strictEqual(
      picks(picker, request, (one) => one !== a),
      "b"
    )
    const [own, other] = [a, b].map((one) => picker.score?.(one, request, 0) ?? Number.NaN)
    assert.isTrue((own ?? Number.NaN) < (other ?? Number.NaN))
  })
})

describe("byTier", () => {
  it("is the strategy of the tier it is made for; the last one serves tiers behind it", () => {
    const strategy = byTier([SmoothWeightedRoundRobin.make({ randomStart: false }), first])
    const main = made(strategy, [a, b])
    assert.deepStrictEqual([picks(main), picks(main)], ["a", "b"])
    const backups = [candidate("x", { tier: 2 }), candidate("y", { tier: 2 })]
    const backup = made(strategy, backups)
    assert.deepStrictEqual([picks(backup), picks(backup)], ["x", "x"])
  })
})

describe("byTag", () => {
  const last: Strategy.Strategy = {
    name: "last",
    make: (candidates) => Effect.succeed({ pick: (_request, eligible) => candidates.findLast(eligible) })
  }
  const picker = made(byTag("kind", { batch: last, eu: where({ regions: ["eu"] }, first) }, first), all)
  const of = (tags: Record<string, string>) => RouteRequest.make({ tags })

  it("goes by the tag of the call, and otherwise without it, with another value, or when nobody is left", () => {
    assert.strictEqual(picks(picker, of({ kind: "batch" })), "c")
    assert.strictEqual(picks(picker, of({ kind: "chat" })), "a")
    assert.strictEqual(picks(picker, of({})), "a")
    assert.strictEqual(picks(picker, of({ kind: "toString" })), "a")
    assert.strictEqual(
      picks(picker, of({ kind: "eu" }), (one) => one !== a),
      "b"
    )
  })
})

describe("mix", () => {
  const parts = [
    { share: 3, strategy: where({ targets: ["a"] }, first) },
    { share: 1, strategy: where({ targets: ["b"] }, first) }
  ]

  it("gives each strategy its share of the picks: 20,000, five sigma", () => {
    const picker = made(mix(parts), all)
    const rng = Seeded.rng(5)
    const n = 20_000
    let count = 0
    for (let i = 0; i < n; i++) if (picks(picker, request, always, rng) === "b") count++
    assert.closeTo(count / n, 0.25, 5 * Math.sqrt((0.25 * 0.75) / n))
  })

  it("keeps a key where it is, with the same shares over 20,000 keys, and asks the others when nobody is left", () => {
    const picker = made(mix(parts, { keyOf: ({ affinityKey }) => affinityKey }), all)
    const n = 20_000
    let count = 0
    for (let i = 0; i < n; i++) {
      const of = RouteRequest.make({ affinityKey: `user ${i}` })
      const picked = picks(picker, of)
      if (i < 100) assert.strictEqual(picks(picker, of, always, Seeded.rng(i)), picked)
      if (picked === "b") count++
    }
    assert.closeTo(count / n, 0.25, 5 * Math.sqrt((0.25 * 0.75) / n))
    assert.strictEqual(
      picks(picker, request, (one) => one === b),
      "b"
    )
  })
})

describe("rank", () => {
  const price = { of: ({ target }: { target: { price?: { output: number } | undefined } }) => target.price?.output }
  const latency = { of: (one: { latency: (now: number) => number | undefined }, now: number) => one.latency(now) }
  const priced = (id: string, output: number, ms: number) =>
    candidate(id, { latency: ms, target: { price: { input: 0, output } } })
  const cheap = priced("cheap", 1, 3000)
  const fast = priced("fast", 9, 300)
  const fair = priced("fair", 3, 700)

  it("weighs measures of different units by their weights alone", () => {
    const by = (money: number, time: number) =>
      picks(
        made(
          rank([
            { ...price, weight: money },
            { ...latency, weight: time }
          ]),
          [cheap, fast, fair]
        )
      )
    assert.strictEqual(by(10, 1), "cheap")
    assert.strictEqual(by(1, 10), "fast")
    assert.strictEqual(by(1, 1), "fair")
  })

  it("takes what is not known for the worst, in a score from 0 to 1", () => {
    const picker = made(rank([price]), [cheap, fast, candidate("unknown")])
    assert.strictEqual(
      picks(picker, request, (one) => one !== cheap),
      "fast"
    )
    assert.strictEqual(picker.score?.(cheap, request, 0), 0)
    assert.strictEqual(picker.score?.(fast, request, 0), 1)
  })

  it("gives equals the same chance, also when all of them are looked at: 20,000 picks, five sigma", () => {
    const equals = [candidate("x"), candidate("y"), candidate("z"), candidate("worse", { inFlight: 1 })]
    const picker = made(rank([{ of: ({ inFlight }) => inFlight }]), equals)
    const rng = Seeded.rng(3)
    const n = 20_000
    const counts: Record<string, number> = {}
    for (let i = 0; i < n; i++) {
      const id = picks(picker, request, always, rng) ?? "none"
      counts[id] = (counts[id] ?? 0) + 1
    }
    assert.deepStrictEqual(Object.keys(counts).sort(), ["x", "y", "z"])
    for (const count of Object.values(counts)) assert.closeTo(count / n, 1 / 3, 5 * Math.sqrt(2 / 9 / n))
  })

  it("looks at a few of many: the best of 100 is not everybody's", () => {
    const many = Array.from({ length: 100 }, (_, i) => priced(`t${i}`, i, 1))
    const picker = made(rank([price]), many)
    const rng = Seeded.rng(2)
    const n = 10_000
    let best = 0
    for (let i = 0; i < n; i++) if (picks(picker, request, always, rng) === "t0") best++
    // It is among four of a hundred that are drawn.
    assert.closeTo(best / n, 0.04, 5 * Math.sqrt((0.04 * 0.96) / n))
  })
})

describe("every combinator", () => {
  const base = PowerOfTwo.make()
  const combined: Readonly<Record<string, Strategy.Strategy>> = {
    where: where({}, base),
    orElse: orElse(
      where(({ weight }) => weight > 4, base),
      base
    ),
    byTier: byTier([base]),
    byTag: byTag("kind", { x: first }, base),
    mix: mix([
      { share: 1, strategy: base },
      { share: 2, strategy: SmoothWeightedRoundRobin.make() }
    ]),
    rank: rank([{ of: ({ inFlight }) => inFlight }, { of: (one, now) => one.latency(now), weight: 2 }]),
    slowStart: slowStart(SmoothWeightedRoundRobin.make()),
    sticky: sticky(base),
    rules: Rules.make([{ when: { priorities: ["P0"] }, use: first }])
  }
  for (const [name, strategy] of Object.entries(combined)) {
    it(`keeps the laws of strategies: ${name}, 20 worlds`, () => {
      for (let seed = 1; seed <= 20; seed++) StrategyLaws.check(strategy, { seed, targets: 1 + (seed % 7), picks: 60 })
    })
  }

  it("tells the inner ones what became of attempts, and hands them their own last pickers when the set changes", () => {
    const inner = [spy("one"), spy("two")] as const
    const [one, two] = inner.map(({ strategy }) => strategy) as [Strategy.Strategy, Strategy.Strategy]
    const build: ReadonlyArray<Strategy.Strategy> = [
      orElse(one, two),
      byTag("kind", { x: one }, two),
      mix([
        { share: 1, strategy: one },
        { share: 1, strategy: two }
      ]),
      Rules.make([{ when: {}, use: one }], two)
    ]
    for (const strategy of build) {
      const before = made(strategy, [a, b])
      made(strategy, [a, b, c], before)
      before.settled?.(b, failure("Overloaded"), 0, settlement)
      for (const { given, heard } of inner) {
        assert.strictEqual(heard.splice(0).join(), "b", strategy.name)
        const [none, last] = given.splice(0)
        assert.isUndefined(none)
        assert.strictEqual(last?.score?.(a, request, 0), 7, strategy.name)
      }
    }
  })

  it("refuses what is no strategy, with a hint, and a list or share that is none", () => {
    const wrong = PowerOfTwo as unknown as Strategy.Strategy
    assert.throws(() => where({}, undefined as unknown as Strategy.Strategy), /where: strategy must be a strategy/)
    assert.throws(() => orElse(first, {} as Strategy.Strategy), /orElse: second must be a strategy.*Not the module/)
    assert.throws(() => where({ region: ["eu"] } as object, first), /where: selector must be made of/)
    assert.throws(() => byTier([]), /byTier must be a list of at least one strategy/)
    assert.throws(() => mix([{ share: 0, strategy: first }]), /mix\[0\]\.share must be a finite number > 0, got 0/)
    const part = { share: 1, strategy: first }
    assert.throws(() => mix([part], { keyof: () => "x" } as object), /mix must be made of keyOf, got "keyof"/)
    assert.throws(() => mix([part], { keyOf: "user" } as object), /mix: keyOf must be a function of a request/)
    const misspelt = { ...part, weight: 2 }
    assert.throws(() => mix([misspelt]), /mix\[0\] must be made of share, strategy, got "weight"/)
    assert.throws(() => rank([{ of: () => 1 }], { choice: 2 } as object), /rank must be made of .*got "choice"/)
    const heavy = { of: () => 1, wieght: 2 }
    assert.throws(() => rank([heavy]), /rank\[0\] must be made of of, weight, got "wieght"/)
    assert.throws(() => rank([]), /rank must be a list of at least one/)
    assert.throws(() => byTag("", {}, first), /byTag: tag must be a non-empty string/)
    void wrong
  })
})
