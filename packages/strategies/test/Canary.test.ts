import { assert, describe, it } from "@effect/vitest"
import type { Candidate } from "@spillway/core/Candidate"
import { InvalidOption } from "@spillway/core/InvalidOption"
import * as Outcome from "@spillway/core/Outcome"
import * as RouteRequest from "@spillway/core/RouteRequest"
import type { Strategy } from "@spillway/core/Strategy"
import { CandidateFixture, Seeded, StrategyLaws } from "@spillway/core/testing"
import { Effect } from "effect"
import fc from "fast-check"
import * as Canary from "../src/Canary.ts"
import { always } from "./support/pickerOf.ts"

const { candidate } = CandidateFixture

const pickerOf = (strategy: Strategy<string>, candidates: ReadonlyArray<Candidate>) =>
  Effect.runSync(Effect.scoped(strategy.make(candidates)))

const targets = [
  candidate("stable-1"),
  candidate("stable-2"),
  candidate("new"),
  candidate("eu", { target: { region: "eu", tags: { group: "x" } } })
]
type Id = "stable-1" | "stable-2" | "new" | "eu"

const armOf = (candidate: Candidate | undefined) =>
  candidate === undefined ? "none" : candidate.target.id.startsWith("stable") ? "rest" : candidate.target.id

const arms = (options: Canary.Options<Id>, keys: ReadonlyArray<string>) => {
  const picker = pickerOf(Canary.make(options), targets)
  const rng = Seeded.rng(1)
  return keys.map((affinityKey) => armOf(picker.pick(RouteRequest.make({ affinityKey }), always, 0, rng)))
}

const users = (n: number) => Array.from({ length: n }, (_, i) => `user-${i}`)
const sigma = (n: number, share: number) => Math.sqrt(n * share * (1 - share))
const count = (all: ReadonlyArray<string>, arm: string) => all.filter((own) => own === arm).length

describe("Canary", () => {
  const two = (newShare: number, euShare: number): Canary.Options<Id> => ({
    name: "winter",
    variants: { new: { share: newShare, targets: ["new"] }, eu: { share: euShare, targets: { regions: ["eu"] } } }
  })

  it("gives every variant its share of the keys: 20,000 keys, five sigma", () => {
    const n = 20_000
    const seen = arms(two(0.1, 0.25), users(n))
    for (const [arm, share] of [
      ["new", 0.1],
      ["eu", 0.25],
      ["rest", 0.65]
    ] as const) {
      assert.isBelow(Math.abs(count(seen, arm) - n * share), 5 * sigma(n, share), arm)
    }
  })

  it("draws calls without a key, with the same shares: 20,000 calls, five sigma", () => {
    const n = 20_000
    const picker = pickerOf(Canary.make(two(0.1, 0.25)), targets)
    const rng = Seeded.rng(5)
    const seen = Array.from({ length: n }, () => armOf(picker.pick(RouteRequest.unspecified, always, 0, rng)))
    assert.isBelow(Math.abs(count(seen, "new") - n * 0.1), 5 * sigma(n, 0.1))
    assert.isBelow(Math.abs(count(seen, "eu") - n * 0.25), 5 * sigma(n, 0.25))
  })

  it("keeps everybody who was in a share that grows; another variant loses members only to one before it that grew", () => {
    const share = fc.integer({ min: 0, max: 50 }).map((percent) => percent / 100)
    const keys = users(400)
    fc.assert(
      fc.property(share, share, share, fc.boolean(), (a, b, more, first) => {
        const grown = first ? two(Math.max(a, more), b) : two(a, Math.max(b, more))
        const name = first ? "new" : "eu"
        const [before, after] = [arms(two(a, b), keys), arms(grown, keys)]
        before.forEach((arm, i) => {
          if (arm === after[i]) return
          assert.notStrictEqual(arm, name)
          if (arm === "eu" || name === "eu") assert.strictEqual(after[i], name, `${keys[i]} was in ${arm}`)
        })
      }),
      { numRuns: 40 }
    )
  })

  it("divides the same users independently under another name: 20,000 keys, five sigma", () => {
    const n = 20_000
    const half = (name: string) => arms({ name, variants: { new: { share: 0.5, targets: ["new"] } } }, users(n))
    const [one, other] = [half("one"), half("other")]
    const both = one.filter((arm, i) => arm === "new" && other[i] === "new").length
    assert.isBelow(Math.abs(both - n / 4), 5 * sigma(n, 0.25))
  })

  it("puts the same users into it in every process", () => {
    assert.deepStrictEqual(arms(two(0.3, 0.3), users(16)).join(" "), vector)
  })

  it("knows a call by its affinity key, else its tenant, or by what you say", () => {
    const options = two(0.5, 0)
    const by = (request: RouteRequest.Options, keyOf?: Canary.Options["keyOf"]) => {
      const picker = pickerOf(Canary.make({ ...options, ...(keyOf === undefined ? {} : { keyOf }) }), targets)
      return armOf(picker.pick(RouteRequest.make(request), always, 0, Seeded.rng(1)))
    }
    for (const key of users(20)) {
      const [expected] = arms(options, [key])
      assert.strictEqual(by({ tenant: key }), expected)
      assert.strictEqual(by({ tenant: "t", affinityKey: key }), expected)
      assert.strictEqual(
        by({ affinityKey: "x", tags: { user: key } }, ({ tags }) => tags["user"]),
        expected
      )
    }
  })

  it("falls to the rest when a variant has nobody, to the variants when the rest has nobody, and to none when strict", () => {
    const options: Canary.Options<Id> = { name: "n", variants: { new: { share: 1, targets: ["new"] } } }
    const pick = (strict: boolean, eligible: (id: string) => boolean, share = 1) =>
      pickerOf(Canary.make({ ...options, strict, variants: { new: { share, targets: ["new"] } } }), targets).pick(
        RouteRequest.make({ affinityKey: "k" }),
        ({ target }) => eligible(target.id),
        0,
        Seeded.rng(1)
      )?.target.id
    assert.strictEqual(
      pick(false, () => true),
      "new"
    )
    assert.strictEqual(
      pick(false, (id) => id === "eu"),
      "eu"
    )
    assert.strictEqual(
      pick(false, (id) => id === "new", 0),
      "new"
    )
    assert.isUndefined(pick(true, (id) => id === "eu"))
    assert.isUndefined(pick(true, (id) => id === "new", 0))
  })

  it("lets another strategy decide inside, and tells it of its own attempts only", () => {
    const told: Array<string> = []
    const within = (name: string): Strategy => ({
      name,
      make: (own) =>
        Effect.sync(() => {
          told.push(`${name} has ${own.map(({ target }) => target.id).join(" ")}`)
          return {
            pick: (_request, eligible) => own.findLast(eligible),
            settled: (candidate) => told.push(`${name} hears of ${candidate.target.id}`),
            score: () => 7
          }
        })
    })
    const strategy = Canary.make({
      name: "n",
      within: within("rest"),
      variants: { a: { share: 1, targets: { targets: ["new", "eu"] }, within: within("a") } }
    })
    const picker = pickerOf(strategy, targets)
    const request = RouteRequest.make({ affinityKey: "k" })
    const picked = picker.pick(request, always, 0, Seeded.rng(1))
    assert.strictEqual(picked?.target.id, "eu")
    const facts = { ms: 1, firstContentMs: undefined, inputTokens: 1, outputTokens: 1, limits: undefined, costUsd: 0 }
    for (const one of targets) picker.settled?.(one, Outcome.success, 1, { ...facts, request })
    assert.deepStrictEqual(told, [
      "a has new eu",
      "rest has stable-1 stable-2",
      ...["rest hears of stable-1", "rest hears of stable-2", "a hears of new", "a hears of eu"]
    ])
    const scores = targets.map((one) => picker.score?.(one, request, 1))
    assert.deepStrictEqual(scores, [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 7, 7])
  })

  it("refuses shares above 1, variants of nobody, and names that are none", () => {
    const bad: ReadonlyArray<unknown> = [
      { name: "n", variants: {} },
      { name: "", variants: { a: { share: 0.1, targets: ["new"] } } },
      { name: "n", variants: { a: { share: 0.6, targets: ["new"] }, b: { share: 0.6, targets: ["eu"] } } },
      { name: "n", variants: { a: { share: 2, targets: ["new"] } } },
      { name: "n", variants: { a: { share: 0.1, targets: [] } } },
      { name: "n", variants: { a: { share: 0.1, targets: ["new"], wihtin: 1 } } },
      { name: "n", variants: { a: { share: 0.1 } } },
      { name: "n", variants: { a: { share: 0.1, targets: ["new"], within: {} } } },
      { name: "n", variants: { a: { share: 0.1, targets: ["new"] } }, within: {} },
      { name: "n", variants: { a: { share: 0.1, targets: ["new"] } }, keyOf: "user" },
      { name: "n", variants: { a: { share: 0.1, targets: ["new"] } }, strict: "yes" },
      { name: "n", variant: {} }
    ]
    for (const options of bad) assert.throws(() => Canary.make(options as Canary.Options), InvalidOption)
    // Ten times a tenth is not quite 1 in floating point.
    const ten = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`v${i}`, { share: 0.1, targets: ["new"] }]))
    assert.doesNotThrow(() => Canary.make({ name: "n", variants: ten }))
  })

  it("names its targets, so that no router is made without them", () => {
    const strategy: Strategy<"new"> = Canary.make({ name: "n", variants: { a: { share: 0.1, targets: ["new"] } } })
    assert.deepStrictEqual(strategy.targets, ["new"])
  })

  for (const law of StrategyLaws.laws) {
    it(`keeps the law of every strategy: ${law.name}`, () => {
      const strategy = Canary.make({
        name: "laws",
        variants: { a: { share: 0.3, targets: ["t0", "t2"] }, b: { share: 0.3, targets: { targets: ["t1"] } } }
      })
      fc.assert(
        fc.property(fc.integer(), fc.integer({ min: 1, max: 6 }), (seed, n) =>
          law.check(strategy, { seed, targets: n, picks: 40 })
        ),
        { numRuns: 10 }
      )
    })
  }
})

/** Of this version: where it changes, users change their variant. */
const vector = "rest eu new rest eu new eu new rest rest rest rest new eu new new"
