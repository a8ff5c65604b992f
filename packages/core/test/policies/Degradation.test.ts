import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import fc from "fast-check"
import { type LocalReject, reject } from "../../src/model/Gate.ts"
import type { Target } from "../../src/model/Target.ts"
import * as Degradation from "../../src/policies/Degradation.ts"
import * as CandidateFixture from "../../src/testing/CandidateFixture.ts"
import * as Seeded from "../../src/testing/Seeded.ts"

const target: Target = CandidateFixture.candidate("a").target
const tags = (events: ReadonlyArray<Degradation.TierEvent>) => events.map(({ _tag, tier }) => `${_tag} ${tier}`)

describe("Degradation", () => {
  describe("availability", () => {
    const tiers = Degradation.make({ maxWait: 500 }).tiers(2)
    const of = (rejection: LocalReject | undefined, now = 1000) => tiers.availability(rejection, now, target)

    it("is by default what the rejection says about the target, its limiter's wait included", () => {
      assert.strictEqual(of(undefined), "available")
      for (const word of ["BreakerOpen", "CoolingDown", "Misconfigured", "Isolated", "Draining", "Ejected"]) {
        for (const retryAt of [undefined, 1001, Number.POSITIVE_INFINITY]) {
          assert.strictEqual(of(reject(word, retryAt)), "unavailable", word)
        }
      }
      for (const word of ["BreakerProbing", "Shed", "Reserved", "Ramping"]) {
        assert.strictEqual(of(reject(word)), "refusing", word)
      }
      assert.strictEqual(of(reject("BulkheadFull")), "busy")
      for (const word of ["RateLimited", "A word of a gate of one's own"]) {
        assert.strictEqual(of(reject(word, 900)), "busy")
        assert.strictEqual(of(reject(word, 1500)), "busy")
        assert.strictEqual(of(reject(word, 1501)), "unavailable")
        assert.strictEqual(of(reject(word)), "unavailable")
        // Needs more than the whole limit: that is this call's trouble, not the target's.
        assert.strictEqual(of(reject(word, Number.POSITIVE_INFINITY)), "refusing")
      }
    })

    it("takes a gate that would only rather not for one that takes the call", () => {
      assert.strictEqual(of({ ...reject("Ramping"), soft: true }), "available")
      assert.strictEqual(of({ ...reject("Shed", 9000), soft: true }), "available")
    })

    it("is what an application says where it says so, and is not asked about an open target", () => {
      const seen: Array<unknown> = []
      const own = Degradation.make({
        availability: (rejection, now, { id }) => {
          seen.push([rejection.reason, now, id])
          return "busy"
        }
      }).tiers(2)
      assert.strictEqual(own.availability(undefined, 1, target), "available")
      assert.strictEqual(own.availability(reject("BreakerOpen"), 2, target), "busy")
      assert.deepStrictEqual(seen, [["BreakerOpen", 2, "a"]])
    })

    it("of a tier is that of its best target", () => {
      const words = ["available", "busy", "refusing", "unavailable"] as const
      for (const [i, a] of words.entries()) {
        for (const [j, b] of words.entries()) {
          assert.strictEqual(Degradation.better(a, b), words[Math.min(i, j)])
        }
      }
    })
  })

  describe("a tier", () => {
    it("has all calls until one has to leave it, and none for the minimum stay after that", () => {
      const tiers = Degradation.make().tiers(2)
      assert.isTrue(tiers.isHome(0))
      assert.strictEqual(tiers.share(0, 0), 1)
      // What was merely seen, or refused to one call, is no reason to leave.
      assert.deepStrictEqual(tiers.seen(0, "unavailable", 0), [])
      assert.strictEqual(tiers.share(0, 0), 1)
      assert.deepStrictEqual(tiers.left(0, 1000), [{ _tag: "Degraded", gate: "degradation", tier: 0, until: 11_000 }])
      assert.isFalse(tiers.isHome(0))
      for (const now of [1000, 5000, 10_999]) {
        assert.deepStrictEqual(tiers.seen(0, "available", now), [])
        assert.strictEqual(tiers.share(0, now), 0)
      }
      assert.strictEqual(tiers.share(1, 1000), 1)
    })

    it("counts its stay from the switch, whoever else leaves it meanwhile", () => {
      const tiers = Degradation.make().tiers(2)
      tiers.left(0, 0)
      assert.deepStrictEqual(tiers.left(0, 9999), [])
      tiers.seen(0, "available", 10_000)
      assert.strictEqual(tiers.share(0, 10_000), 0.1)
    })

    it("comes back step by step from the moment it is first seen available after the stay", () => {
      const tiers = Degradation.make().tiers(2)
      tiers.left(0, 0)
      for (const availability of ["unavailable", "refusing"] as const) tiers.seen(0, availability, 20_000)
      assert.strictEqual(tiers.share(0, 20_000), 0)
      tiers.seen(0, "busy", 60_000)
      // A probe under way refuses the others; that is no relapse.
      tiers.seen(0, "refusing", 61_000)
      const shares = [60_000, 61_000, 63_000, 66_000, 75_000, 89_999].map((now) => tiers.share(0, now))
      const expected = [0.1, 0.1, 0.1, 0.2, 0.5, 29_999 / 30_000]
      for (const [i, share] of shares.entries()) assert.approximately(share, expected[i] ?? Number.NaN, 1e-12)
      assert.isFalse(tiers.isHome(0))
      assert.deepStrictEqual(tiers.seen(0, "available", 90_000), [{ _tag: "Recovered", gate: "degradation", tier: 0 }])
      assert.isTrue(tiers.isHome(0))
      assert.strictEqual(tiers.share(0, 90_000), 1)
    })

    // resilience specification, 1.5, of Envoy's slow start with aggression 1 over 60 s: t = 0, 6, 15, 30, 45, 60 s.
    it("has the shares of Envoy's slow start", () => {
      const tiers = Degradation.make({ minStay: 1, rampFor: "60 seconds" }).tiers(2)
      tiers.left(0, 0)
      tiers.seen(0, "available", 1)
      for (const [t, share] of [
        [0, 0.1],
        [6, 0.1],
        [15, 0.25],
        [30, 0.5],
        [45, 0.75],
        [60, 1]
      ] as const) {
        assert.approximately(tiers.share(0, 1 + t * 1000), share, 1e-12)
      }
      // A way back shorter than the second that Envoy counts at least is no way at all.
      const short = Degradation.make({ minStay: 1, rampFor: 500 }).tiers(2)
      short.left(0, 0)
      short.seen(0, "available", 1)
      assert.strictEqual(short.share(0, 1), 1)
    })

    it("begins a new stay when it fails on the way back, without another word", () => {
      for (const relapse of ["left", "seen"] as const) {
        const tiers = Degradation.make().tiers(2)
        tiers.left(0, 0)
        tiers.seen(0, "available", 10_000)
        const events = relapse === "left" ? tiers.left(0, 20_000) : tiers.seen(0, "unavailable", 20_000)
        assert.deepStrictEqual(events, [])
        assert.deepStrictEqual(tiers.snapshot(20_000)[0], { state: "left", share: 0, stayMs: 10_000, stays: 2 })
        tiers.seen(0, "available", 29_999)
        assert.strictEqual(tiers.share(0, 29_999), 0)
        tiers.seen(0, "available", 30_000)
        assert.strictEqual(tiers.share(0, 30_000), 0.1)
      }
    })

    it("tells that it recovered before it tells that it was left again", () => {
      const tiers = Degradation.make().tiers(2)
      tiers.left(0, 0)
      tiers.seen(0, "available", 10_000)
      assert.deepStrictEqual(tags(tiers.left(0, 50_000)), ["Recovered 0", "Degraded 0"])
      assert.strictEqual(tiers.snapshot(50_000)[0]?.stays, 1)
    })

    it("is never left when there is no other below it", () => {
      const tiers = Degradation.make().tiers(3)
      assert.deepStrictEqual(tiers.left(2, 0), [])
      assert.deepStrictEqual(tags(tiers.left(1, 0)), ["Degraded 1"])
      assert.deepStrictEqual(
        [0, 1, 2].map((tier) => tiers.share(tier, 0)),
        [1, 0, 1]
      )
      assert.deepStrictEqual(Degradation.make().tiers(1).left(0, 0), [])
    })

    it("does not come back earlier because the clock steps back", () => {
      const tiers = Degradation.make().tiers(2)
      tiers.left(0, 100_000)
      tiers.seen(0, "available", 0)
      assert.strictEqual(tiers.share(0, 0), 0)
      tiers.seen(0, "available", 115_000)
      assert.strictEqual(tiers.share(0, 130_000), 0.5)
      assert.strictEqual(tiers.share(0, 0), 0.5)
    })

    it("belongs to one router", () => {
      const policy = Degradation.make()
      const tiers = policy.tiers(2)
      tiers.left(0, 0)
      assert.strictEqual(policy.tiers(2).share(0, 0), 1)
    })

    it("lets its share of the calls through", () => {
      const tiers = Degradation.make().tiers(2)
      tiers.left(0, 0)
      tiers.seen(0, "available", 10_000)
      const rng = Seeded.rng(4)
      const n = 20_000
      for (const [now, p] of [
        [10_000, 0.1],
        [19_000, 0.3],
        [25_000, 0.5]
      ] as const) {
        let through = 0
        for (let i = 0; i < n; i++) if (rng() < tiers.share(0, now)) through++
        // Binomial, n = 20,000, five sigma.
        assert.approximately(through, n * p, 5 * Math.sqrt(n * p * (1 - p)))
      }
    })
  })

  /** The stays of one tier, in full; everything else is worked out from them. */
  class Model {
    stays: Array<{ readonly from: number; readonly afresh: boolean; back: number | undefined }> = []
    announced = true
    readonly minStay: number
    readonly rampFor: number
    constructor(minStay: number, rampFor: number) {
      this.minStay = minStay
      this.rampFor = rampFor
    }
    where(now: number): "home" | "left" | "returning" {
      const last = this.stays.at(-1)
      if (last === undefined) return "home"
      if (last.back === undefined) return "left"
      return now - last.back >= this.rampFor ? "home" : "returning"
    }
    recovery(now: number): Array<string> {
      if (this.announced || this.where(now) !== "home") return []
      this.announced = true
      return ["Recovered"]
    }
    left(now: number): Array<string> {
      const events = this.recovery(now)
      const where = this.where(now)
      if (where === "left") return events
      this.stays.push({ from: now, afresh: where === "home", back: undefined })
      if (where === "returning") return events
      this.announced = false
      return [...events, "Degraded"]
    }
    seen(availability: Degradation.Availability, now: number): Array<string> {
      const events = this.recovery(now)
      const last = this.stays.at(-1)
      const up = availability === "available" || availability === "busy"
      if (this.where(now) === "left" && last !== undefined && now >= last.from + this.minStay && up) last.back = now
      else if (this.where(now) === "returning" && availability === "unavailable") {
        this.stays.push({ from: now, afresh: false, back: undefined })
      }
      return events
    }
    share(now: number): number {
      const where = this.where(now)
      if (where !== "returning") return where === "home" ? 1 : 0
      const seconds = Math.max(1, (now - (this.stays.at(-1)?.back ?? Number.NaN)) / 1000)
      return Math.min(1, Math.max(0.1, seconds / (this.rampFor / 1000)))
    }
    count(now: number): number {
      if (this.where(now) === "home") return 0
      return this.stays.length - this.stays.findLastIndex(({ afresh }) => afresh)
    }
  }

  const availabilities = ["available", "busy", "refusing", "unavailable"] as const
  const command = fc.record({
    do: fc.constantFrom("left" as const, "seen" as const, "seen" as const, "read" as const),
    tier: fc.nat(2),
    availability: fc.constantFrom<Degradation.Availability>("available", ...availabilities),
    wait: fc.oneof(
      { weight: 6, arbitrary: fc.nat(4000) },
      { weight: 3, arbitrary: fc.nat(40_000) },
      { weight: 1, arbitrary: fc.integer({ min: -20_000, max: 0 }) }
    )
  })

  it("does what a list of all stays says, for any order of events", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1000, 10_000, 25_000),
        fc.constantFrom(500, 5000, 30_000),
        fc.array(command, { maxLength: 60, size: "max" }),
        (minStay, rampFor, commands) => {
          const tiers = Degradation.make({ minStay, rampFor }).tiers(3)
          const models = [new Model(minStay, rampFor), new Model(minStay, rampFor)]
          let clock = 0
          let seen = Number.NEGATIVE_INFINITY
          for (const { availability, do: what, tier, wait } of commands) {
            clock += wait
            const model = models[tier]
            seen = Math.max(seen, clock)
            const events =
              what === "left" ? tiers.left(tier, clock) : what === "seen" ? tiers.seen(tier, availability, clock) : []
            if (model === undefined) {
              assert.deepStrictEqual(events, [])
              assert.isTrue(tiers.isHome(tier))
            } else {
              const expected =
                what === "left" ? model.left(seen) : what === "seen" ? model.seen(availability, seen) : []
              if (events.length + expected.length > 0) {
                assert.deepStrictEqual(
                  tags(events),
                  expected.map((word) => `${word} ${tier}`)
                )
              }
            }
            const snapshots = tiers.snapshot(seen)
            for (const [number, model] of models.entries()) {
              const state = model.where(seen)
              const share = model.share(seen)
              const from = model.stays.at(-1)?.from ?? 0
              const stayMs = state === "left" ? Math.max(0, from + minStay - seen) : 0
              const actual = snapshots[number]
              const same =
                actual?.state === state &&
                actual.stays === model.count(seen) &&
                Math.abs(actual.stayMs - stayMs) < 1e-6 &&
                Math.abs(actual.share - share) < 1e-9 &&
                tiers.share(number, seen) === actual.share
              if (!same) assert.fail(JSON.stringify([actual, { state, share, stayMs, stays: model.count(seen) }]))
            }
            assert.strictEqual(tiers.share(2, seen), 1)
          }
        }
      ),
      { numRuns: 2000 }
    )
  })

  it("keeps its laws for a tier that flaps: events take turns, and nobody leaves it twice within the minimum stay", () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 80, size: "max" }), (commands) => {
        const minStay = 10_000
        const tiers = Degradation.make({ minStay }).tiers(2)
        const told: Array<string> = []
        const departures: Array<number> = []
        let now = 0
        let share = 1
        for (const { availability, do: what, wait } of commands) {
          now += Math.abs(wait)
          const before = tiers.snapshot(now)[0]?.stays ?? 0
          const returning = tiers.snapshot(now)[0]?.state === "returning"
          const next = tiers.share(0, now)
          assert.isTrue(next >= 0 && next <= 1)
          if (returning) assert.isAtLeast(next, share)
          const events = what === "left" ? tiers.left(0, now) : tiers.seen(0, availability, now)
          told.push(...events.map(({ _tag }) => _tag))
          if ((tiers.snapshot(now)[0]?.stays ?? 0) > before) departures.push(now)
          share = tiers.share(0, now)
        }
        assert.deepStrictEqual(
          told,
          told.map((_, i) => (i % 2 === 0 ? "Degraded" : "Recovered"))
        )
        for (const [i, at] of departures.entries()) {
          if (i > 0) assert.isAtLeast(at - (departures[i - 1] ?? 0), minStay)
        }
      }),
      { numRuns: 1000 }
    )
  })

  describe("the ladder", () => {
    const { refuse, shorterOutput, staleCache } = Degradation
    const reasons = [
      "NoCandidate",
      "AttemptsExhausted",
      "RetryBudgetExhausted",
      "DeadlineExceeded",
      "Overloaded"
    ] as const
    const words = (policy: Degradation.Policy, reason: Degradation.FailureReason) =>
      policy.rungs(reason).map(({ _tag }) => _tag)

    it("is empty by default", () => {
      for (const reason of reasons) assert.deepStrictEqual(Degradation.make().rungs(reason), [])
      const full = Degradation.make({ ladder: [refuse("No")] })
      for (const other of ["NotIdempotent", "StreamBroken", "constructor"]) {
        assert.deepStrictEqual(full.rungs(other), [])
      }
    })

    it("is tried in order, and by what a rung needs: no time after the deadline, no load on what is overloaded", () => {
      const ladder = [shorterOutput({ maxTokens: 256 }), staleCache(), refuse("Please try again in a minute.")]
      const policy = Degradation.make({ ladder })
      for (const reason of ["NoCandidate", "AttemptsExhausted"] as const) {
        assert.deepStrictEqual(policy.rungs(reason), ladder)
      }
      for (const reason of ["RetryBudgetExhausted", "DeadlineExceeded", "Overloaded"] as const) {
        assert.deepStrictEqual(words(policy, reason), ["StaleCache", "Refuse"])
      }
    })

    it("follows the reasons an application names", () => {
      const policy = Degradation.make({
        ladder: [
          refuse("Too much to do", { on: ["Overloaded"] }),
          staleCache({ maxAge: "1 hour", on: ["NoCandidate"] }),
          shorterOutput({ maxTokens: 64, on: ["RetryBudgetExhausted"] })
        ]
      })
      assert.deepStrictEqual(
        reasons.map((reason) => words(policy, reason)),
        [["StaleCache"], [], ["ShorterOutput"], [], ["Refuse"]]
      )
      assert.deepStrictEqual(policy.rungs("NoCandidate"), [
        { _tag: "StaleCache", maxAgeMs: 3_600_000, on: ["NoCandidate"] }
      ])
    })

    it("refuses rungs that can never run", () => {
      const message = (ladder: ReadonlyArray<Degradation.Rung>, expected: string) =>
        assert.throws(() => Degradation.make({ ladder }), expected)
      message(
        [refuse("No"), staleCache()],
        'Degradation: ladder[1] must be before the refusals that leave nothing for it, got "StaleCache"'
      )
      message(
        [
          refuse("No", { on: ["NoCandidate"] }),
          refuse("Nor that", { on: ["AttemptsExhausted"] }),
          shorterOutput({ maxTokens: 1 })
        ],
        "Degradation: ladder[2] must be before the refusals"
      )
      message(
        [{ _tag: "ShorterOutput", maxTokens: 9, on: ["DeadlineExceeded"] }],
        `Degradation: ladder[0].on must be without DeadlineExceeded, because it takes time, got "DeadlineExceeded"`
      )
      assert.doesNotThrow(() => Degradation.make({ ladder: [refuse("No", { on: ["NoCandidate"] }), staleCache()] }))
      // @ts-expect-error: the type says so as well
      shorterOutput({ maxTokens: 1, on: ["DeadlineExceeded"] })
    })
  })

  it.effect("comes as a layer", () =>
    Effect.gen(function* () {
      const policy = yield* Degradation.Degradation
      const tiers = policy.tiers(2)
      assert.strictEqual(tiers.left(0, 0)[0]?.until, 3000)
    }).pipe(Effect.provide(Degradation.layer({ minStay: "3 seconds" })))
  )

  it("names option, range and value of a mistake", () => {
    const message = (options: object, expected: string) =>
      assert.throws(() => Degradation.make(options as Degradation.Options), expected)
    message({ minStay: "Infinity" }, "Degradation: minStay must be a finite number > 0, got Infinity")
    message({ rampFor: "Infinity" }, "Degradation: rampFor must be a finite number > 0, got Infinity")
    message(
      { maxWait: 0 },
      `Degradation: maxWait must be a duration > 0, such as "30 seconds" or 1500 (milliseconds), got 0`
    )
    message({ availability: "busy" }, 'Degradation: availability must be a function, got "busy"')
    message({ ladder: "refuse" }, 'Degradation: ladder must be a list of rungs, got "refuse"')
    assert.throws(() => Degradation.make().tiers(0), "Degradation: tiers must be an integer >= 1, got 0")
    assert.throws(
      () => Degradation.shorterOutput({ maxTokens: 0 }),
      "Degradation: shorterOutput.maxTokens must be an integer >= 1, got 0"
    )
    assert.throws(() => Degradation.staleCache({ maxAge: 0 }), "Degradation: staleCache.maxAge must be a duration > 0")
  })
})
