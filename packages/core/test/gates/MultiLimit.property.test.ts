import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import * as MultiLimit from "../../src/gates/MultiLimit.ts"
import type { AttemptReason, Cost, Priority } from "../../src/model/Cost.ts"
import { isReject, type Measured, type Millis } from "../../src/model/Gate.ts"
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
import { admitted, half } from "./support.ts"

const minute = 60_000
const price = { input: 2.5, output: 10 }
const resources = ["requests", "tokens", "inputTokens", "outputTokens", "usd"] as const
type Amounts = Readonly<Record<(typeof resources)[number], number>>

/** Money in billionths, rounded once per attempt. */
const amounts = (requests: number, input: number, output: number): Amounts => ({
  requests,
  tokens: input + output,
  inputTokens: input,
  outputTokens: output,
  usd: Math.round((input * price.input + output * price.output) * 1000)
})

const estimate = ({ outputTokens = 0, requests, tokens }: Cost) =>
  amounts(requests, tokens - outputTokens, outputTokens)

/** What `outcome` leaves of an estimate, told in words once more. */
const consumption = (cost: Cost, outcome: Outcome | Unused, measured: Measured): Amounts => {
  if (outcome._tag === "Unused") return amounts(0, 0, 0)
  const { inputTokens, outputTokens } = estimate(cost)
  const read = outcome._tag !== "RateLimited" && outcome._tag !== "Misconfigured"
  const whole = outcome._tag === "Success" || outcome._tag === "Slow"
  const begun =
    read && (measured.firstContentMs !== undefined || (outcome._tag === "Failure" && outcome.afterFirstContent))
  return amounts(
    cost.requests,
    measured.inputTokens ?? (read ? inputTokens : 0),
    measured.outputTokens ?? (whole || begun ? outputTokens : 0)
  )
}

/** Something that was counted. Its amount shrinks when less was consumed than reserved, and changes in no other way. */
interface Entry {
  readonly at: Millis
  readonly resource: (typeof resources)[number]
  amount: number
}

interface Limit {
  readonly resource: (typeof resources)[number]
  readonly reason: string
  readonly capacity: number
  /** What is used at a moment, added up from all there ever was. */
  readonly used: (entries: ReadonlyArray<Entry>, at: Millis) => number
}

const sum = (entries: ReadonlyArray<Entry>) => entries.reduce((all, { amount }) => all + amount, 0)

/** Every entry counts until the end of its hundredth of a minute is a minute old. */
const log: Limit["used"] = (entries, at) =>
  sum(entries.filter((entry) => Math.ceil((entry.at * 100) / minute) * (minute / 100) > at - minute))

const counter: Limit["used"] = (entries, at) => {
  const window = Math.floor(at / minute)
  const inWindow = (w: number) => sum(entries.filter((entry) => Math.floor(entry.at / minute) === w))
  return inWindow(window) + inWindow(window - 1) * (1 - (at - window * minute) / minute)
}

/** What is used only shrinks while nothing comes: the first moment at which `need` fits, by bisection. */
const firstFit = (used: (at: Millis) => number, need: number, capacity: number, now: Millis): Millis => {
  let [low, high] = [now, now + 3 * minute]
  if (used(low) + need <= capacity) return now
  if (used(high) + need > capacity) return Number.POSITIVE_INFINITY
  for (let i = 0; i < 26; i++) {
    const middle = (low + high) / 2
    if (used(middle) + need <= capacity) high = middle
    else low = middle
  }
  return high
}

const outcomes = fc.constantFrom<Outcome | Unused>(
  success,
  slow,
  ignored,
  unused,
  rateLimited(5),
  misconfigured("Auth"),
  failure("Network"),
  failure("Truncated", { afterFirstContent: true })
)
const tokens = fc.option(fc.nat(80), { nil: undefined })
const facts: fc.Arbitrary<Measured> = fc.record({
  ms: fc.constant(100),
  firstContentMs: fc.option(fc.constant(50), { nil: undefined }),
  inputTokens: tokens,
  outputTokens: tokens,
  limits: fc.constant(undefined)
})
const costs: fc.Arbitrary<Cost> = fc
  .record({
    input: fc.nat(45),
    outputTokens: fc.nat(45),
    priority: fc.constantFrom<Priority>("P0", "P1", "P2"),
    reason: fc.constantFrom<AttemptReason>("primary", "retry", "failover", "hedge")
  })
  .map(({ input, ...cost }) => ({ ...cost, requests: 1, tokens: input + cost.outputTokens }))

const mayUseReserve = ({ priority, reason }: Cost) =>
  reason !== "retry" && reason !== "hedge" && (priority === "P0" || (reason === "failover" && priority === "P1"))

const known = (inputTokens: number, outputTokens: number): Measured => ({
  ms: 1,
  firstContentMs: undefined,
  inputTokens,
  outputTokens,
  limits: undefined
})

describe("MultiLimit, against everything that happened", () => {
  it("decides as a recomputation of all limits does, settles what was consumed, and refuses without a trace", () => {
    let verdicts = 0
    fc.assert(
      fc.property(
        fc.record({
          tokensPerMinute: fc.integer({ min: 60, max: 150 }),
          outputTokensPerMinute: fc.integer({ min: 60, max: 120 }),
          requestsPerMinute: fc.integer({ min: 3, max: 8 }),
          maxInFlight: fc.integer({ min: 2, max: 5 }),
          usdTotal: fc.integer({ min: 1, max: 40 }).map((n) => n / 4000),
          headroom: fc.constantFrom(0, 0.3)
        }),
        fc.array(
          fc.record({
            wait: fc.oneof(fc.integer({ min: -500, max: 4000 }), fc.integer({ min: 0, max: 90_000 })),
            cost: costs,
            settles: fc.option(fc.nat(6)),
            outcome: outcomes,
            measured: facts
          }),
          { maxLength: 24, size: "max" }
        ),
        ({ headroom, maxInFlight, outputTokensPerMinute, requestsPerMinute, tokensPerMinute, usdTotal }, commands) => {
          const gate = MultiLimit.make({
            requestsPerMinute: { limit: requestsPerMinute, algorithm: "log" },
            tokensPerMinute,
            outputTokensPerMinute: { limit: outputTokensPerMinute, algorithm: "counter" },
            usdTotal,
            maxInFlight,
            headroom,
            price
          })
          const limits: ReadonlyArray<Limit> = [
            { resource: "requests", reason: "RequestsLimited", capacity: requestsPerMinute, used: log },
            { resource: "tokens", reason: "TokensLimited", capacity: tokensPerMinute, used: log },
            { resource: "outputTokens", reason: "OutputTokensLimited", capacity: outputTokensPerMinute, used: counter },
            { resource: "usd", reason: "BudgetExhausted", capacity: Math.round(usdTotal * 1e9), used: sum }
          ]
          const entries: Array<Entry> = []
          const open: Array<{ readonly permit: MultiLimit.Permit; readonly cost: Cost; readonly own: Array<Entry> }> =
            []
          let clock = 0
          let now = Number.NEGATIVE_INFINITY

          const end = (which: number, outcome: Outcome | Unused, measured: Measured) => {
            const [ended] = open.splice(which, 1)
            if (ended === undefined) return
            gate.settle(ended.permit, outcome, clock, measured)
            gate.settle(ended.permit, unused, clock) // a second word about it changes nothing
            const consumed = consumption(ended.cost, outcome, measured)
            for (const entry of ended.own) {
              const more = consumed[entry.resource] - entry.amount
              // More than was reserved is counted when it is known; less was never there.
              if (more > 0) entries.push({ at: now, resource: entry.resource, amount: more })
              else entry.amount += more
            }
          }
          const check = (cost: Cost): void => {
            const share = mayUseReserve(cost) || headroom === 0 ? 1 : 1 - headroom
            const room = (capacity: number) => Math.floor(share * capacity + 1e-9)
            const all = limits.map((limit) => {
              const own = entries.filter(({ resource }) => resource === limit.resource)
              const need = estimate(cost)[limit.resource]
              const used = (at: Millis) => limit.used(own, at)
              return { limit, need, used, opens: firstFit(used, need, room(limit.capacity), now) }
            })
            // Of fractions too close to the border it is not known what rounding does.
            const close = all.some(({ limit, need, used }) => {
              const left = room(limit.capacity) - used(now) - need
              return left !== 0 && Math.abs(left) < 1e-2
            })
            if (close) return
            verdicts++
            const before = JSON.stringify(gate.snapshot(clock))
            const verdict = gate.peek(clock, cost) as MultiLimit.Refusal | undefined
            const longest = all.reduce((a, b) => (b.opens > a.opens ? b : a))
            if (all.some(({ limit, need }) => need > room(limit.capacity))) {
              assert.deepStrictEqual([verdict?.reason, verdict?.retryAt], ["NeverFits", undefined])
            } else if (longest.opens > now) {
              const { limit, need, opens, used } = longest
              const onlyReserve = used(now) + need <= limit.capacity
              assert.strictEqual(verdict?.resource, limit.resource)
              assert.strictEqual(verdict?.reason, onlyReserve ? "Reserved" : limit.reason)
              if (opens === Number.POSITIVE_INFINITY) assert.isUndefined(verdict?.retryAt)
              else assert.approximately(verdict?.retryAt ?? Number.NaN, opens, 0.01)
            } else if (open.length >= room(maxInFlight)) {
              const reason = open.length < maxInFlight ? "Reserved" : "BulkheadFull"
              assert.deepStrictEqual([verdict?.reason, verdict?.retryAt], [reason, undefined])
            } else assert.isUndefined(verdict)
            const answer = gate.admit(clock, cost, half)
            if (isReject(answer)) {
              assert.strictEqual(answer, verdict)
              assert.strictEqual(JSON.stringify(gate.snapshot(clock)), before)
              return
            }
            assert.isUndefined(verdict)
            const reserved = estimate(cost)
            const own = resources.map((resource) => ({ at: now, resource, amount: reserved[resource] }))
            entries.push(...own)
            open.push({ permit: answer, cost, own })
          }

          for (const { cost, measured, outcome, settles, wait } of commands) {
            clock += wait
            now = Math.max(now, clock) // a clock that steps back
            check(cost)
            if (settles !== null) end(settles, outcome, measured)
          }
          for (let n = 0; open.length > 0; n++) end(0, success, known(n, 2 * n))

          const snapshot = gate.snapshot(clock)
          assert.strictEqual(snapshot["inFlight"], 0)
          // Settled tokens are consumed tokens, and so is everything else.
          for (const resource of resources) {
            const consumed = sum(entries.filter((entry) => entry.resource === resource))
            assert.strictEqual(snapshot[`spent.${resource}`], resource === "usd" ? consumed / 1e9 : consumed)
          }
          const rested = gate.snapshot(clock + 10 * minute)
          for (const name of ["tokensPerMinute", "outputTokensPerMinute", "requestsPerMinute"]) {
            assert.strictEqual(rested[`${name}.used`], 0)
          }
          assert.strictEqual(rested["usdTotal.used"], snapshot["spent.usd"])
        }
      ),
      { numRuns: 1200 }
    )
    assert.isAbove(verdicts, 5000)
  })

  it("settles under GCRA what was consumed, never gives back more than is right, and keeps the law of windows", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 100, max: 1000 }),
        fc.array(
          fc.record({
            wait: fc.nat(20_000),
            tokens: fc.integer({ min: 1, max: 100 }),
            settles: fc.option(fc.nat(4)),
            share: fc.double({ min: 0, max: 1.5, noNaN: true })
          }),
          { maxLength: 40, size: "max" }
        ),
        (burst, commands) => {
          const rate = 600 // one token each 100 ms
          const gate = MultiLimit.make({ tokensPerMinute: { limit: rate, burst, algorithm: "gcra" } })
          const entries: Array<Entry> = []
          const open: Array<{ readonly permit: MultiLimit.Permit; readonly own: Entry }> = []
          let now = 0
          let over = 0
          /** The level of a bucket that leaks a token each 100 ms, filled once more from the beginning. */
          const level = () => {
            let filled = 0
            let last = 0
            for (const { amount, at } of entries) {
              filled = Math.max(0, filled - (at - last) / 100) + amount
              last = at
            }
            return Math.max(0, filled - (now - last) / 100)
          }
          for (const { settles, share, tokens, wait } of commands) {
            now += wait
            const cost: Cost = { requests: 1, tokens }
            const answer = gate.admit(now, cost, half)
            if (!isReject(answer)) {
              const own: Entry = { at: now, resource: "tokens", amount: tokens }
              entries.push(own)
              open.push({ permit: answer, own })
            }
            const [ended] = settles === null ? [] : open.splice(settles, 1)
            if (ended !== undefined) {
              const consumed = Math.round(ended.own.amount * share)
              gate.settle(ended.permit, success, now, known(consumed, 0))
              const more = consumed - ended.own.amount
              if (more > 0) {
                entries.push({ at: now, resource: "tokens", amount: more })
                over += more
              } else ended.own.amount += more
            }
            assert.isAtLeast(Number(gate.snapshot(now)["tokensPerMinute.used"]), level() - 1e-6)
            assert.strictEqual(gate.snapshot(now)["spent.tokens"], sum(entries))
          }
          let excess = Number.NEGATIVE_INFINITY
          const inOrder = [...entries].sort((a, b) => a.at - b.at)
          inOrder.forEach((first, i) => {
            let inWindow = 0
            for (const { amount, at } of inOrder.slice(i)) {
              inWindow += amount
              excess = Math.max(excess, inWindow - (burst + over + (at - first.at) / 100))
            }
          })
          assert.isAtMost(excess, 1e-6)
        }
      ),
      { numRuns: 1200 }
    )
  })

  it("obeys the newest report of a provider, by the order of admission, until its reset", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            wait: fc.nat(400),
            tokens: fc.nat(5),
            settles: fc.option(fc.nat(5)),
            unused: fc.boolean(),
            consumed: fc.nat(7),
            report: fc.option(fc.record({ remaining: fc.nat(12), resetMs: fc.nat(3000) }))
          }),
          { maxLength: 60, size: "max" }
        ),
        (commands) => {
          const gate = MultiLimit.make({ learn: true })
          const all: Array<{ readonly permit: MultiLimit.Permit; used: number; settled: boolean }> = []
          const heard: Array<{ readonly order: number; readonly before: number; left: number; until: Millis }> = []
          let now = 0
          for (const { consumed, report, settles, tokens, unused: handsBack, wait } of commands) {
            now += wait
            // The report of the latest attempt among those heard so far; of one attempt there is one.
            const newest = heard.reduce<(typeof heard)[number] | undefined>(
              (best, one) => (best === undefined || one.order > best.order ? one : best),
              undefined
            )
            const sinceThen = all.reduce(
              (used, one, order) => used + (order >= (newest?.before ?? 0) ? one.used : 0),
              0
            )
            const closed = newest !== undefined && now < newest.until && Math.max(1, tokens) > newest.left - sinceThen
            const cost: Cost = { requests: 1, tokens }
            assert.strictEqual(gate.peek(now, cost)?.retryAt, closed ? newest.until : undefined)
            if (!closed) all.push({ permit: admitted(gate, now, cost), used: tokens, settled: false })
            const which = settles === null ? -1 : all.length - 1 - settles
            const ended = all[which]
            if (ended === undefined || ended.settled) continue
            ended.settled = true
            const limits = report === null ? undefined : [{ resource: "tokens" as const, ...report }]
            gate.settle(ended.permit, handsBack ? unused : success, now, { ...known(consumed, 0), limits })
            ended.used = handsBack ? 0 : consumed
            if (report === null || handsBack) continue
            heard.push({ order: which, before: all.length, left: report.remaining, until: now + report.resetMs })
          }
        }
      ),
      { numRuns: 1200 }
    )
  })
})
