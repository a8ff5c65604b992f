import { assert, describe, it } from "@effect/vitest"
import * as Bulkhead from "../../src/gates/Bulkhead.ts"
import * as Chain from "../../src/gates/Chain.ts"
import * as MultiLimit from "../../src/gates/MultiLimit.ts"
import type { AttemptReason, Cost, Priority } from "../../src/model/Cost.ts"
import { type Gate, isReject, type Measured, type Millis, type ReportedLimit } from "../../src/model/Gate.ts"
import {
  failure,
  ignored,
  misconfigured,
  type Outcome,
  rateLimited,
  slow,
  success,
  type Unused,
  unused
} from "../../src/model/Outcome.ts"
import { admitted, half, obeysTheLaws, one, refused } from "./support.ts"

const second = 1000
const minute = 60 * second
const day = 1440 * minute
const price = { input: 3, output: 15 }

/** Input and output apart. */
const needs = (input: number, output: number, priority: Priority = "P1", reason: AttemptReason = "primary"): Cost => ({
  requests: 1,
  tokens: input + output,
  outputTokens: output,
  priority,
  reason
})

const measured = (
  inputTokens: number | undefined,
  outputTokens: number | undefined,
  more: Partial<Measured> = {}
): Measured => ({ ms: 10, firstContentMs: undefined, inputTokens, outputTokens, limits: undefined, ...more })

const reporting = (...limits: ReadonlyArray<ReportedLimit>) => measured(undefined, undefined, { limits })

const admits = (gate: Gate<MultiLimit.Permit>, now: Millis, cost: Cost = one) => {
  const permits: Array<MultiLimit.Permit> = []
  for (;;) {
    const answer = gate.admit(now, cost, half)
    if (isReject(answer)) return permits
    permits.push(answer)
  }
}

describe("MultiLimit", () => {
  describe("all at once", () => {
    obeysTheLaws({
      make: () =>
        MultiLimit.make({
          requestsPerMinute: { limit: 60, burst: 9 },
          requestsPerDay: { limit: 500_000, algorithm: "counter" },
          tokensPerMinute: 95,
          inputTokensPerMinute: { limit: 90, algorithm: "counter" },
          outputTokensPerMinute: { limit: 50, algorithm: "gcra" },
          usdPerDay: 1000,
          maxInFlight: 8,
          price
        }),
      cost: needs(7, 3)
    })
  })
  describe("with headroom", () => {
    obeysTheLaws({
      make: () => MultiLimit.make({ requestsPerMinute: { limit: 60, burst: 20 }, tokensPerMinute: 400, headroom: 0.3 }),
      cost: needs(7, 3, "P0")
    })
  })

  describe("one step over all limits", () => {
    it("takes from all or from none", () => {
      const gate = MultiLimit.make({
        requestsPerMinute: { limit: 60, burst: 3 },
        tokensPerMinute: 100,
        maxInFlight: 10
      })
      admitted(gate, 0, needs(60, 0))
      for (let n = 0; n < 5; n++) refused(gate, 0, needs(60, 0))
      // The refused ones have used up no request: two of the burst are left.
      assert.strictEqual(admits(gate, 0, needs(1, 0)).length, 2)
      assert.strictEqual(gate.snapshot(0)["inFlight"], 3)
    })

    it("tells the longest wait, and which resource it is for", () => {
      const gate = MultiLimit.make({
        requestsPerMinute: { limit: 60, burst: 1 },
        requestsPerDay: 3,
        tokensPerMinute: 100,
        maxInFlight: 1
      })
      const first = admitted(gate, 0, needs(100, 0))
      const why = (cost: Cost, now: Millis) => {
        const { reason, resource, retryAt } = gate.peek(now, cost) as MultiLimit.Refusal
        return [reason, resource, retryAt]
      }
      assert.deepStrictEqual(why(needs(0, 0), 0), ["RequestsLimited", "requests", second])
      assert.deepStrictEqual(why(needs(1, 0), 0), ["TokensLimited", "tokens", minute])
      // A place may be free any time: that is told when nothing else is missing.
      assert.deepStrictEqual(why(needs(0, 0), 2000), ["BulkheadFull", "inFlight", undefined])
      gate.settle(first, success, 2000)
      admitted(gate, 2000, needs(0, 0))
      assert.deepStrictEqual(why(needs(1, 0), 2000), ["TokensLimited", "tokens", minute])
    })

    it("gives what never fits no time", () => {
      const gate = MultiLimit.make({
        tokensPerMinute: 100,
        requestsPerMinute: { limit: 60, burst: 2 },
        usdTotal: 1,
        price
      })
      admits(gate, 0, needs(10, 0))
      const { reason, resource, retryAt } = gate.admit(0, needs(101, 0), half) as MultiLimit.Refusal
      assert.deepStrictEqual([reason, resource, retryAt], ["NeverFits", "tokens", undefined])
      assert.strictEqual(refused(gate, 0, { requests: 3, tokens: 0 }).reason, "NeverFits")
      assert.strictEqual(refused(MultiLimit.make({ usdTotal: 1, price }), 0, needs(400_000, 0)).reason, "NeverFits")
    })

    it("says the first moment at which each algorithm has room", () => {
      const rows: ReadonlyArray<readonly ["gcra" | "counter" | "log", Millis]> = [
        // 60 of 100 are used at 0; 50 more need 10 to leave: after 10/100 of the minute,
        ["gcra", 0.1 * minute],
        // when 50 of the 60 in the previous window count for no more than the 50 that are free,
        ["counter", minute + minute / 6],
        // and when all 60 leave together.
        ["log", minute]
      ]
      for (const [algorithm, retryAt] of rows) {
        const gate = MultiLimit.make({ tokensPerMinute: { limit: 100, algorithm } })
        admitted(gate, 0, needs(60, 0))
        const refusal = refused(gate, 0, needs(50, 0))
        assert.strictEqual(refusal.reason, "TokensLimited")
        assert.approximately(refusal.retryAt ?? 0, retryAt, 1e-6)
        admitted(gate, refusal.retryAt ?? 0, needs(50, 0))
      }
    })

    it("lets into no minute more tokens than the limit, where the log counts", () => {
      const gate = MultiLimit.make({ tokensPerMinute: 1000 })
      const taken: Array<readonly [Millis, number]> = []
      for (let now = 0; now < 5 * minute; now += 137) {
        const tokens = 1 + ((now * 7919) % 83)
        if (!isReject(gate.admit(now, needs(tokens, 0), half))) taken.push([now, tokens])
      }
      for (const [from] of taken) {
        const inMinute = taken.reduce((sum, [at, n]) => (at >= from && at < from + minute ? sum + n : sum), 0)
        assert.isAtMost(inMinute, 1000)
      }
      // And nearly all of it: what was counted stays a hundredth of a minute too long at most.
      assert.isAtLeast(
        taken.reduce((sum, [, n]) => sum + n, 0),
        4850
      )
    })

    it("limits whatever is written down in the list, in any period", () => {
      const gate = MultiLimit.make({
        limits: [
          { resource: "requests", limit: 2, per: "1 second" },
          { resource: "outputTokens", limit: 50, per: "1 hour", algorithm: "counter" },
          { resource: "tokens", limit: 1000 }
        ]
      })
      admitted(gate, 0, needs(0, 30))
      admitted(gate, 0, needs(0, 0))
      const { reason: spaced, retryAt: next } = refused(gate, 0, needs(0, 1))
      assert.deepStrictEqual([spaced, next], ["RequestsLimited", 500])
      assert.strictEqual(refused(gate, 500, needs(0, 30)).reason, "OutputTokensLimited")
      admitted(gate, 500, needs(970, 0))
      const { reason, retryAt } = refused(gate, day, needs(1, 0))
      assert.deepStrictEqual([reason, retryAt], ["TokensLimited", undefined]) // a total
    })
  })

  describe("reserve and settle", () => {
    const used = (gate: Gate<MultiLimit.Permit>, now: Millis) => {
      const snapshot = gate.snapshot(now)
      return [
        snapshot["tokensPerMinute.used"],
        snapshot["inputTokensPerMinute.used"],
        snapshot["outputTokensPerMinute.used"]
      ]
    }
    const make = () =>
      MultiLimit.make({
        tokensPerMinute: 10_000,
        inputTokensPerMinute: 10_000,
        outputTokensPerMinute: 10_000,
        usdTotal: 100,
        price
      })

    it("reserves the estimate, and gives back or charges the difference", () => {
      for (const [input, output] of [
        [80, 20],
        [100, 400],
        [500, 900],
        [0, 0]
      ] as const) {
        const gate = make()
        const permit = admitted(gate, 0, needs(100, 400))
        assert.deepStrictEqual(used(gate, 0), [500, 100, 400])
        assert.strictEqual(gate.snapshot(0)["usdTotal.used"], (100 * 3 + 400 * 15) / 1e6)
        gate.settle(permit, success, 5000, measured(input, output))
        assert.deepStrictEqual(used(gate, 5000), [input + output, input, output])
        assert.strictEqual(gate.snapshot(5000)["usdTotal.used"], (input * 3 + output * 15) / 1e6)
      }
    })

    it("keeps of an unknown consumption what was probably used", () => {
      const seen = measured(undefined, undefined, { firstContentMs: 5 })
      const rows: ReadonlyArray<readonly [Outcome | Unused, Measured | undefined, number, number, number]> = [
        // outcome, measured -> input, output, requests
        [success, undefined, 100, 400, 1],
        [slow, measured(undefined, 7), 100, 7, 1],
        [success, measured(3, undefined), 3, 400, 1],
        // Interrupted before any content: the prompt was read, the answer did not come about.
        [ignored, undefined, 100, 0, 1],
        [ignored, measured(undefined, undefined), 100, 0, 1],
        [ignored, measured(90, 11), 90, 11, 1],
        // After some of it, nobody knows how much.
        [ignored, seen, 100, 400, 1],
        [failure("Network"), undefined, 100, 0, 1],
        [failure("Truncated", { afterFirstContent: true }), undefined, 100, 400, 1],
        [failure("TimeoutIdle"), seen, 100, 400, 1],
        [failure("Truncated", { afterFirstContent: true }), measured(90, 11), 90, 11, 1],
        // A provider that refuses reads nothing, and counts the request.
        [rateLimited(1000), undefined, 0, 0, 1],
        [misconfigured("Auth"), undefined, 0, 0, 1],
        [rateLimited(), measured(100, 0), 100, 0, 1],
        [unused, measured(90, 11), 0, 0, 0],
        // What is no number of tokens says nothing.
        [success, measured(Number.NaN, -1), 100, 400, 1],
        [success, measured(Number.POSITIVE_INFINITY, 5), 100, 5, 1]
      ]
      for (const [outcome, facts, input, output, requests] of rows) {
        const gate = make()
        const permit = admitted(gate, 0, needs(100, 400))
        gate.settle(permit, outcome, 1, facts)
        const snapshot = gate.snapshot(1)
        assert.deepStrictEqual(
          [snapshot["inputTokensPerMinute.used"], snapshot["outputTokensPerMinute.used"], snapshot["spent.requests"]],
          [input, output, requests],
          `${outcome._tag} ${JSON.stringify(facts)}`
        )
        assert.strictEqual(snapshot["inFlight"], 0)
      }
    })

    it("goes into debt when more was consumed than reserved, and lets nobody pass until it is worked off", () => {
      const gate = MultiLimit.make({ tokensPerMinute: 1000 })
      const permit = admitted(gate, 0, needs(10, 0))
      gate.settle(permit, success, 30_000, measured(10, 5000))
      assert.strictEqual(gate.snapshot(30_000)["tokensPerMinute.used"], 5010)
      // Not even one that names no tokens.
      const { reason, retryAt } = refused(gate, 30_000, needs(0, 0))
      assert.deepStrictEqual([reason, retryAt], ["TokensLimited", 90_000])
      admitted(gate, 90_000, needs(1000, 0))
    })

    it("bounds the debt: whatever was consumed, it is over after two periods", () => {
      for (const algorithm of ["gcra", "counter", "log"] as const) {
        const gate = MultiLimit.make({ tokensPerMinute: { limit: 1000, algorithm } })
        const permit = admitted(gate, 0, needs(1000, 0))
        gate.settle(permit, success, 0, measured(1e12, 1e12))
        assert.isAtMost(refused(gate, 0, needs(0, 0)).retryAt ?? Number.POSITIVE_INFINITY, 2 * minute)
        admitted(gate, 2 * minute + 1, needs(0, 0))
      }
    })

    it("frees the place at the end of any attempt, and no earlier", () => {
      for (const outcome of [
        success,
        slow,
        ignored,
        unused,
        rateLimited(),
        misconfigured("Auth"),
        failure("Network")
      ]) {
        const gate = MultiLimit.make({ maxInFlight: 1 })
        const permit = admitted(gate, 0)
        assert.deepStrictEqual(refused(gate, day).reason, "BulkheadFull")
        gate.settle(permit, outcome, day)
        gate.settle(permit, outcome, day)
        assert.strictEqual(admits(gate, day).length, 1)
      }
    })

    it("counts tokens that nobody named as the default says", () => {
      const gate = MultiLimit.make({ tokensPerMinute: 1000, defaultTokens: { input: 300, output: 100 } })
      admitted(gate, 0)
      assert.strictEqual(gate.snapshot(0)["tokensPerMinute.used"], 400)
      admitted(gate, 0, needs(5, 0))
      assert.strictEqual(gate.snapshot(0)["tokensPerMinute.used"], 405)
    })

    // Ten calls reserve 1000 tokens each at once, of 10,000 a minute, and use 100 of them.
    it("gives all of it back that was not used, whoever ends first, where the log counts", () => {
      for (const order of ["first", "last"] as const) {
        const gate = MultiLimit.make({ tokensPerMinute: 10_000 })
        const permits = admits(gate, 0, needs(0, 1000))
        assert.strictEqual(permits.length, 10)
        for (const permit of order === "first" ? permits : permits.reverse()) {
          gate.settle(permit, success, 30_000, measured(0, 100))
        }
        assert.strictEqual(gate.snapshot(30_000)["tokensPerMinute.used"], 1000)
      }
    })
  })

  describe("money", () => {
    it("stops at the budget of a day and of a month, and says when some of it is there again", () => {
      const gate = MultiLimit.make({ usdPerDay: 1, usdPerMonth: 2.5, price: { input: 1, output: 0 } })
      const million = needs(1_000_000, 0)
      gate.settle(admitted(gate, 0, million), success, second, measured(1_000_000, 0))
      const { reason, resource, retryAt } = refused(gate, second, million) as MultiLimit.Refusal
      assert.deepStrictEqual([reason, resource, retryAt], ["BudgetExhausted", "usd", day])
      admitted(gate, day, million)
      // The day's own wait would end at two days, the month's when the first million leaves it.
      assert.strictEqual(refused(gate, day, million).retryAt, 30 * day)
    })

    it("stops for good at a total, until a person resets it", () => {
      const gate = MultiLimit.make({ usdTotal: 0.001, price })
      const permit = admitted(gate, 0, needs(100, 20))
      gate.settle(permit, success, 0, measured(100, 50))
      const { reason, retryAt } = refused(gate, 1000 * day, needs(10, 0))
      assert.deepStrictEqual([reason, retryAt], ["BudgetExhausted", undefined])
      gate.clear(1000 * day) // bringing a target back is no new budget
      refused(gate, 1000 * day, needs(10, 0))
      gate.reset()
      admitted(gate, 1000 * day, needs(10, 0))
    })

    it("adds up fractions of a cent without losing any", () => {
      const gate = MultiLimit.make({ usdTotal: 10, price: { input: 0.15, output: 0.6 } })
      for (let n = 0; n < 10_000; n++) {
        gate.settle(admitted(gate, n, needs(1, 1)), success, n, measured(1, 1))
      }
      assert.strictEqual(gate.snapshot(0)["usdTotal.used"], 0.0075)
    })

    it("charges each target of the account its own price", () => {
      const gate = MultiLimit.make({ usdTotal: 10, price })
      const cheap = gate.priced({ input: 0.1, output: 0.4 })
      const [dear, other] = [admitted(gate, 0, needs(1000, 1000)), admitted(cheap, 0, needs(1000, 1000))]
      assert.strictEqual(gate.snapshot(0)["usdTotal.used"], 0.018 + 0.0005)
      cheap.settle(other, success, 0, measured(2000, 0))
      gate.settle(dear, ignored, 0)
      assert.strictEqual(cheap.snapshot(0)["usdTotal.used"], 0.003 + 0.0002)
    })
  })

  describe("shared by the targets of an account", () => {
    const chains = () => {
      const account = MultiLimit.make({ name: "account", tokensPerMinute: 1000, maxInFlight: 3 })
      const own = [1, 2].map(() => MultiLimit.make({ requestsPerMinute: { limit: 60, burst: 2 } }))
      return { account, own, chains: own.map((gate) => Chain.make([account, gate, Bulkhead.make({ maxInFlight: 2 })])) }
    }
    const take = (chain: Chain.Chain, now: Millis, cost: Cost) => {
      const permit = chain.admit(now, cost, half)
      if (isReject(permit)) assert.fail(permit.reason)
      return permit
    }

    it("is one limit above all of them, with a permit for each attempt", () => {
      const {
        account,
        chains: [a, b]
      } = chains()
      if (a === undefined || b === undefined) return assert.fail()
      const first = take(a, 0, needs(600, 0))
      assert.strictEqual(b.peek(0, needs(600, 0))?.reason, "TokensLimited")
      const second = take(b, 0, needs(400, 0))
      a.settle(first, success, 0, measured(100, 0))
      a.settle(first, success, 0, measured(100, 0))
      assert.strictEqual(account.snapshot(0)["tokensPerMinute.used"], 500)
      assert.strictEqual(account.snapshot(0)["inFlight"], 1)
      b.settle(second, unused, 0)
      assert.strictEqual(account.snapshot(0)["tokensPerMinute.used"], 100)
    })

    it("gets everything back when a gate behind it refuses", () => {
      const {
        account,
        chains: [a]
      } = chains()
      if (a === undefined) return assert.fail()
      const [first, second] = [take(a, 0, needs(10, 0)), take(a, 0, needs(10, 0))]
      for (let n = 0; n < 50; n++) assert.isTrue(isReject(a.admit(0, needs(10, 0), half)))
      assert.strictEqual(account.snapshot(0)["tokensPerMinute.used"], 20)
      assert.strictEqual(account.snapshot(0)["inFlight"], 2)
      assert.strictEqual(account.snapshot(0)["spent.requests"], 2)
      for (const permit of [first, second]) a.settle(permit, success, 0, measured(10, 0))
    })

    it("has its own name in a chain, and may be restored by each of them", () => {
      assert.throws(
        () => Chain.make([MultiLimit.make({ maxInFlight: 1 }), MultiLimit.make({ maxInFlight: 1 })]),
        "unique"
      )
      const before = chains()
      for (const chain of before.chains) chain.settle(take(chain, 0, needs(300, 0)), success, 0, measured(300, 0))
      const after = chains()
      after.chains.forEach((chain, i) => {
        const snapshot = before.chains[i]?.snapshot(0)
        if (snapshot !== undefined) chain.restore(snapshot, 5000)
      })
      assert.strictEqual(after.account.snapshot(5000)["tokensPerMinute.used"], 600)
      assert.strictEqual(after.account.peek(5000, needs(500, 0))?.reason, "TokensLimited")
    })
  })

  describe("what a provider reports", () => {
    const tell = (gate: Gate<MultiLimit.Permit>, now: Millis, ...limits: ReadonlyArray<ReportedLimit>) =>
      gate.settle(admitted(gate, now), success, now, reporting(...limits))

    it("lowers what is left until its reset, and not longer", () => {
      const gate = MultiLimit.make({ requestsPerMinute: { limit: 6000, burst: 50 } })
      tell(gate, 0, { resource: "requests", remaining: 3, resetMs: 20_000 })
      assert.strictEqual(admits(gate, 1000).length, 3)
      const { reason, retryAt } = refused(gate, 1000)
      assert.deepStrictEqual([reason, retryAt], ["RequestsLimited", 20_000])
      assert.strictEqual(admits(gate, 20_000).length, 50)
    })

    it("never raises anything", () => {
      const gate = MultiLimit.make({ requestsPerMinute: { limit: 60, burst: 2 }, tokensPerMinute: 100 })
      tell(
        gate,
        0,
        { resource: "requests", limit: 1e6, remaining: 1e6, resetMs: minute },
        { resource: "tokens", limit: 1e6, remaining: 1e6, resetMs: minute }
      )
      assert.strictEqual(admits(gate, 0).length, 1)
      assert.strictEqual(refused(gate, 0, needs(101, 0)).reason, "NeverFits")
      assert.strictEqual(refused(gate, minute, needs(101, 0)).reason, "NeverFits")
    })

    it("takes the place of an earlier report, up and down", () => {
      const gate = MultiLimit.make({ tokensPerMinute: 1000 })
      tell(gate, 0, { resource: "tokens", remaining: 0, resetMs: 5000 })
      assert.strictEqual(refused(gate, 0, needs(0, 0)).retryAt, 5000) // who does not know his need needs something
      tell(gate, 5000, { resource: "tokens", remaining: 100, resetMs: 30_000 })
      assert.strictEqual(refused(gate, 5000, needs(101, 0)).retryAt, 35_000)
      tell(gate, 5000, { resource: "tokens", remaining: 400, resetMs: 10_000 })
      admitted(gate, 5000, needs(101, 0))
    })

    it("believes the attempt admitted later, whichever ends first", () => {
      const gate = MultiLimit.make({ requestsPerMinute: { limit: 6000, burst: 50 } })
      const [early, late] = [admitted(gate, 0), admitted(gate, 1)]
      gate.settle(late, success, 100, reporting({ resource: "requests", remaining: 5, resetMs: minute }))
      gate.settle(early, success, 200, reporting({ resource: "requests", remaining: 0, resetMs: minute }))
      assert.strictEqual(admits(gate, 300).length, 5)
      // In the other direction as well: an old word that more is left opens nothing.
      const [old, young] = [admitted(gate, 2 * minute), admitted(gate, 2 * minute)]
      gate.settle(young, success, 2 * minute, reporting({ resource: "requests", remaining: 0, resetMs: minute }))
      gate.settle(old, success, 2 * minute, reporting({ resource: "requests", remaining: 40, resetMs: minute }))
      refused(gate, 2 * minute)
    })

    it("uses up what was reported left, and gets back what was not consumed of it", () => {
      const gate = MultiLimit.make({ tokensPerMinute: 1e6 })
      const before = admitted(gate, 0, needs(500, 0))
      tell(gate, 0, { resource: "tokens", remaining: 1000, resetMs: minute })
      const after = admitted(gate, 0, needs(900, 0))
      assert.strictEqual(gate.snapshot(0)["reported.tokens.left"], 100)
      gate.settle(after, success, 1, measured(300, 0))
      assert.strictEqual(gate.snapshot(1)["reported.tokens.left"], 700)
      // The provider may have counted this one, or not: it changes nothing.
      gate.settle(before, success, 1, measured(0, 0))
      assert.strictEqual(gate.snapshot(1)["reported.tokens.left"], 700)
      const again = admitted(gate, 1, needs(700, 0))
      gate.settle(again, unused, 1)
      assert.strictEqual(gate.snapshot(1)["reported.tokens.left"], 700)
    })

    it("counts the reset of a stream from the head of its answer", () => {
      const gate = MultiLimit.make({ requestsPerMinute: { limit: 6000, burst: 50 } })
      const limits = [{ resource: "requests", remaining: 0, resetMs: 30_000 }] as const
      const facts = measured(undefined, undefined, { limits, ms: 20_000, firstContentMs: 1000 })
      gate.settle(admitted(gate, 0), success, 20_000, facts)
      assert.strictEqual(refused(gate, 20_000).retryAt, 31_000)
      const stale = { ...facts, ms: 60_000 }
      gate.settle(admitted(gate, 31_000), success, 91_000, stale)
      admitted(gate, 91_000) // that was over before the stream was
    })

    it("lowers the limit per minute to the provider's own, until that is corrected or ten minutes old", () => {
      for (const algorithm of ["gcra", "counter", "log"] as const) {
        const make = () =>
          MultiLimit.make({
            requestsPerMinute: { limit: 100, algorithm, ...(algorithm === "gcra" ? { burst: 100 } : {}) }
          })
        const gate = make()
        tell(gate, 0, { resource: "requests", limit: 10 })
        assert.strictEqual(admits(gate, 1).length, 9) // one told it
        assert.strictEqual(refused(gate, 1).reason, "RequestsLimited")
        tell(gate, 3 * minute, { resource: "requests", limit: 20 })
        assert.strictEqual(admits(gate, 3 * minute).length, 19)
        tell(gate, 6 * minute, { resource: "requests", limit: 2000 })
        assert.strictEqual(admits(gate, 6 * minute).length, 99)
        tell(gate, 9 * minute, { resource: "requests", limit: 10 })
        // More than the whole of it: it fits again when the report is forgotten.
        assert.strictEqual(refused(gate, 9 * minute, { requests: 11, tokens: 0 }).retryAt, 19 * minute)
        assert.strictEqual(admits(gate, 19 * minute).length, 100)
      }
    })

    it("hears the provider's own limit from the attempt admitted later, too", () => {
      const gate = MultiLimit.make({ requestsPerMinute: { limit: 100, algorithm: "log" } })
      const [early, late] = [admitted(gate, 0), admitted(gate, 1)]
      gate.settle(late, success, 2, reporting({ resource: "requests", limit: 10 }))
      gate.settle(early, success, 3, reporting({ resource: "requests", limit: 50 }))
      assert.strictEqual(gate.snapshot(3)["requestsPerMinute.capacity"], 10)
    })

    it("takes a limit per day for no limit per day of ours: headers do not say their period", () => {
      const gate = MultiLimit.make({ requestsPerMinute: 6000, requestsPerDay: 50_000 })
      tell(gate, 0, { resource: "requests", limit: 1000, remaining: 999, resetMs: 100 })
      assert.strictEqual(gate.snapshot(0)["requestsPerDay.capacity"], 50_000)
      assert.isUndefined(gate.peek(minute, one))
    })

    it("counts without a limit of ours only where it is to learn", () => {
      const told = { resource: "requests", remaining: 0, resetMs: 30_000 } as const
      const careless = MultiLimit.make({ tokensPerMinute: 1000 })
      tell(careless, 0, told)
      assert.isUndefined(careless.peek(0, one))
      const learning = MultiLimit.make({ learn: true })
      assert.isUndefined(learning.peek(0, one))
      tell(learning, 0, told, { resource: "outputTokens", remaining: 10, resetMs: 5000 })
      assert.deepStrictEqual([refused(learning, 0).reason, refused(learning, 0).retryAt], ["RequestsLimited", 30_000])
      admitted(learning, 30_000, needs(0, 11))
    })

    it("lets nothing be learned from what is no number, and holds a minute without a reset", () => {
      const gate = MultiLimit.make({ learn: true })
      tell(gate, 0, { resource: "requests", remaining: -1, resetMs: 1000 })
      tell(gate, 0, { resource: "requests", remaining: Number.NaN, limit: 0 })
      tell(gate, 0, { resource: "requests", limit: 5 })
      assert.isUndefined(gate.peek(0, one))
      tell(gate, 0, { resource: "requests", remaining: 0 })
      assert.strictEqual(refused(gate, 0).retryAt, minute)
    })

    it("is forgotten when a person brings a target back, and kept over a restart", () => {
      const gate = MultiLimit.make({ requestsPerMinute: { limit: 100, burst: 50 } })
      tell(gate, 0, { resource: "requests", limit: 10, remaining: 0, resetMs: 30_000 })
      const restored = MultiLimit.make({ requestsPerMinute: { limit: 100, burst: 50 } })
      restored.restore(JSON.parse(JSON.stringify(gate.snapshot(10_000))), 500_000)
      assert.strictEqual(refused(restored, 500_000).retryAt, 520_000)
      assert.isAtMost(admits(restored, 520_000).length, 10)
      gate.clear(10_000)
      assert.strictEqual(admits(gate, 10_000).length, 50)
    })
  })

  describe("headroom", () => {
    it("keeps its share of each resource for P0 and for failovers of P1", () => {
      const rows: ReadonlyArray<readonly [Priority, AttemptReason, boolean]> = [
        ["P0", "primary", true],
        ["P0", "failover", true],
        ["P1", "failover", true],
        ["P0", "retry", false],
        ["P0", "hedge", false],
        ["P1", "primary", false],
        ["P1", "retry", false],
        ["P1", "hedge", false],
        ["P2", "failover", false],
        ["P3", "failover", false],
        ["P2", "primary", false]
      ]
      for (const [options, resource] of [
        [{ tokensPerMinute: 100 }, "tokens"],
        [{ tokensPerMinute: { limit: 100, algorithm: "counter" } }, "tokens"],
        [{ requestsPerDay: 10 }, "requests"],
        [{ requestsPerMinute: { limit: 10, burst: 10 } }, "requests"],
        [{ usdPerDay: 0.0001, price: { input: 1, output: 0 } }, "usd"],
        [{ usdTotal: 0.0001, price: { input: 1, output: 0 } }, "usd"],
        [{ maxInFlight: 10 }, "inFlight"]
      ] as const) {
        for (const [priority, reason, passes] of rows) {
          const gate = MultiLimit.make({ ...options, headroom: 0.3 })
          const normal = admits(gate, 0, needs(10, 0))
          assert.strictEqual(normal.length, 7, resource)
          assert.isTrue(normal.every(({ note }) => note === undefined))
          const answer = gate.admit(0, needs(10, 0, priority, reason), half)
          if (isReject(answer)) {
            assert.deepStrictEqual([answer.reason, passes], ["Reserved", false])
            assert.strictEqual((answer as MultiLimit.Refusal).resource, resource)
          } else assert.deepStrictEqual([answer.note, passes], ["Reserve", true])
        }
        const gate = MultiLimit.make({ ...options, headroom: 0.3 })
        assert.strictEqual(admitted(gate, 0, needs(10, 0, "P0")).note, undefined)
        assert.strictEqual(admits(gate, 0, needs(10, 0, "P0")).length, 9)
        const reasons = [refused(gate, 0, needs(10, 0, "P0")).reason, refused(gate, 0, needs(10, 0)).reason]
        assert.strictEqual(reasons[0], reasons[1], "what is gone for everybody is not reserved")
        assert.notStrictEqual(reasons[0], "Reserved")
      }
    })

    it("leaves normal traffic 70 % of a rate, not only of its burst", () => {
      const gate = MultiLimit.make({ requestsPerMinute: { limit: 600, burst: 10, headroom: 0.3 } })
      const passed = (priority: Priority, from: Millis) => {
        let n = 0
        for (let now = from; now < from + 10 * minute; now += 10) {
          if (!isReject(gate.admit(now, needs(0, 0, priority), half))) n++
        }
        return n
      }
      assert.approximately(passed("P1", 0), 4200, 8)
      // P0 may use all of it; what it takes out of the share is not there for others, but no longer than a while.
      assert.approximately(passed("P0", 20 * minute), 6000, 11)
      refused(gate, 30 * minute, needs(0, 0))
      admitted(gate, 30.5 * minute, needs(0, 0))
    })

    it("leaves a part of the reserve to P0 alone where that is wanted", () => {
      const gate = MultiLimit.make({ tokensPerMinute: 100, headroom: 0.4, keepForP0: 0.5 })
      assert.strictEqual(admits(gate, 0, needs(10, 0)).length, 6)
      assert.strictEqual(admits(gate, 0, needs(10, 0, "P1", "failover")).length, 2)
      assert.strictEqual(refused(gate, 0, needs(10, 0, "P1", "failover")).reason, "Reserved")
      assert.strictEqual(admits(gate, 0, needs(10, 0, "P0")).length, 2)
    })

    it("says when normal traffic has room again, and that what is more than its share never does", () => {
      const gate = MultiLimit.make({ tokensPerMinute: 100, headroom: 0.3 })
      admitted(gate, 0, needs(70, 0))
      admitted(gate, 30_000, needs(30, 0, "P0"))
      assert.strictEqual(refused(gate, 30_000, needs(40, 0)).retryAt, minute)
      assert.strictEqual(refused(gate, 30_000, needs(41, 0)).retryAt, 90_000)
      assert.strictEqual(refused(gate, 30_000, needs(71, 0)).reason, "NeverFits")
    })

    it("holds back its share also of what a provider reports", () => {
      const gate = MultiLimit.make({ requestsPerMinute: { limit: 6000, burst: 500, headroom: 0.3 } })
      const limits = [{ resource: "requests", limit: 100, remaining: 35, resetMs: 30_000 }] as const
      gate.settle(admitted(gate, 0), success, 0, measured(undefined, undefined, { limits }))
      assert.strictEqual(admits(gate, 0).length, 5) // 70 of 100 are gone then
      assert.strictEqual(refused(gate, 0).reason, "Reserved")
      assert.strictEqual(admits(gate, 0, needs(0, 0, "P0")).length, 30)
      assert.strictEqual(refused(gate, 0, needs(0, 0, "P0")).reason, "RequestsLimited")
    })
  })

  it("survives a restart: what was spent stays spent, in every kind of meter", () => {
    const make = () =>
      MultiLimit.make({
        requestsPerMinute: { limit: 60, burst: 10, headroom: 0.2 },
        tokensPerMinute: 1000,
        tokensPerDay: { limit: 10_000, algorithm: "counter" },
        usdTotal: 1,
        price
      })
    const gate = make()
    for (const now of [0, 10_000, 20_000]) {
      gate.settle(admitted(gate, now, needs(200, 50)), success, now, measured(200, 50))
    }
    const restored = make()
    restored.restore(JSON.parse(JSON.stringify(gate.snapshot(30_000))), 1e6)
    const [was, is] = [gate.snapshot(30_000), restored.snapshot(1e6)]
    for (const key of ["tokensPerMinute.used", "tokensPerDay.used", "usdTotal.used", "spent.usd", "spent.tokens"]) {
      assert.strictEqual(is[key], was[key], key)
    }
    assert.strictEqual(refused(restored, 1e6, needs(251, 0)).reason, "TokensLimited")
    admitted(restored, 1e6 + 31_000, needs(251, 0)) // the first 250 were 30 s old
  })

  it("gives back after a restart what is taken then, whatever the clock shows", () => {
    const gate = MultiLimit.make({ tokensPerMinute: 100 })
    admitted(gate, 29_500, needs(40, 0)) // stays until its hundredth of a minute has ended: for 60.5 s
    gate.restore(gate.snapshot(29_500), 1e6)
    gate.settle(admitted(gate, 1e6, needs(50, 0)), success, 1e6, measured(10, 0))
    assert.strictEqual(gate.snapshot(1e6)["tokensPerMinute.used"], 50)
    assert.strictEqual(gate.snapshot(1e6 + 60_000)["tokensPerMinute.used"], 50)
    assert.strictEqual(gate.snapshot(1e6 + 60_600)["tokensPerMinute.used"], 0)
  })

  it("keeps the estimate of an attempt from before a restore, and forgets one from before a reset", () => {
    const gate = MultiLimit.make({
      tokensPerMinute: { limit: 1000, algorithm: "counter" },
      usdTotal: 1,
      price,
      maxInFlight: 9
    })
    const [first, second] = [admitted(gate, 0, needs(100, 0)), admitted(gate, 0, needs(50, 0))]
    gate.restore(gate.snapshot(0), 5000)
    gate.settle(first, success, 5000, measured(0, 900))
    assert.strictEqual(gate.snapshot(5000)["tokensPerMinute.used"], 150)
    assert.strictEqual(gate.snapshot(5000)["spent.tokens"], 150)
    gate.reset()
    const third = admitted(gate, 5000, needs(7, 0))
    gate.settle(second, success, 5000, measured(0, 900))
    assert.strictEqual(gate.snapshot(5000)["tokensPerMinute.used"], 7)
    assert.strictEqual(gate.snapshot(5000)["spent.tokens"], 7)
    assert.strictEqual(gate.snapshot(5000)["usdTotal.used"], 0.000021)
    assert.strictEqual(gate.snapshot(5000)["inFlight"], 1)
    gate.settle(third, success, 5000)
    assert.strictEqual(gate.snapshot(5000)["inFlight"], 0)
  })

  it("makes one rejection for all who ask until the answer changes", () => {
    const gate = MultiLimit.make({ requestsPerMinute: 60, maxInFlight: 5 })
    admitted(gate, 0)
    assert.strictEqual(gate.peek(1, one), gate.peek(2, one))
    assert.strictEqual(gate.peek(2, one), gate.admit(3, one, half))
  })

  it("is not led astray by a clock that steps back", () => {
    const gate = MultiLimit.make({ tokensPerMinute: 100 })
    const permit = admitted(gate, minute, needs(60, 0))
    assert.strictEqual(refused(gate, 0, needs(60, 0)).retryAt, 2 * minute)
    gate.settle(permit, success, -5000, measured(50, 0))
    admitted(gate, 1, needs(50, 0))
    assert.strictEqual(refused(gate, 2, needs(1, 0)).retryAt, 2 * minute)
  })

  it("names option, range and value of a mistake", () => {
    const throws = (options: unknown, message: string) =>
      assert.throws(() => MultiLimit.make(options as MultiLimit.Options), message)
    throws({}, "MultiLimit must be given at least one limit, or learn: true, got")
    throws({ tokenPerMinute: 5 }, `MultiLimit must be made of requestsPerMinute,`)
    throws({ requestsPerMinute: 0 }, "MultiLimit: requestsPerMinute must be a finite number > 0, got 0")
    throws({ tokensPerMinute: 1.5 }, "MultiLimit: tokensPerMinute must be an integer >= 1, got 1.5")
    throws(
      { tokensPerMinute: { limit: 5, burst: 2 } },
      `MultiLimit: tokensPerMinute.burst must be left out: only "gcra"`
    )
    throws(
      { tokensPerMinute: { limit: 5, algorithm: "fixed" } },
      "MultiLimit: tokensPerMinute.algorithm must be one of gcra"
    )
    throws({ usdTotal: { limit: 5, algorithm: "log" }, price }, "MultiLimit: usdTotal.algorithm must be left out where")
    throws({ usdPerDay: 5 }, "MultiLimit: price must be given where money is limited (USD per million tokens)")
    throws({ usdPerDay: 5, price: { input: -1, output: 1 } }, "MultiLimit: price.input must be a finite number >= 0")
    throws({ maxInFlight: 0 }, "MultiLimit: maxInFlight must be an integer >= 1, got 0")
    throws({ maxInFlight: 5, headroom: 1 }, "MultiLimit: headroom must be a share in [0, 1), got 1")
    throws({ maxInFlight: 5, headroom: 0.1, keepForP0: 2 }, "MultiLimit: keepForP0 must be a share in [0, 1], got 2")
    throws(
      { maxInFlight: { limit: 1, headroom: 0.3 } },
      "MultiLimit: maxInFlight.headroom must be small enough to leave normal traffic 1 of 1, got 0.3"
    )
    throws(
      { limits: [{ resource: "gold", limit: 1 }] },
      "MultiLimit: limits[0].resource must be one of requests, tokens"
    )
    throws(
      { requestsPerMinute: 5, limits: [{ resource: "requests", limit: 1, per: "1 minute" }] },
      "MultiLimit: limits must be different from each other in resource or period"
    )
    throws(
      { maxInFlight: 1, defaultTokens: { input: -1, output: 0 } },
      "MultiLimit: defaultTokens.input must be an integer"
    )
    assert.throws(
      () => MultiLimit.make({ maxInFlight: 1 }).priced({ input: 1, output: Number.NaN }),
      "priced: price.output"
    )
  })
})
