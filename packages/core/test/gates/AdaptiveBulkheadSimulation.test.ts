/**
 * Targets with a capacity nobody knows, on virtual time: arrivals at random, answers of 2.5 to 7.5 s. What a gate refuses goes
 * elsewhere.
 */
import { assert, describe, it } from "@effect/vitest"
import * as AdaptiveBulkhead from "../../src/gates/AdaptiveBulkhead.ts"
import * as Bulkhead from "../../src/gates/Bulkhead.ts"
import { type Gate, isReject, type Millis } from "../../src/model/Gate.ts"
import { ignored, rateLimited, success } from "../../src/model/Outcome.ts"
import * as Seeded from "../../src/testing/Seeded.ts"
import { one } from "./support.ts"

const answerMs = 5000
const minutes = (n: number): Millis => n * 60_000

/** What will happen, earliest last. */
const agenda = () => {
  const queue: Array<{ readonly at: Millis; readonly happens: () => void }> = []
  const clock = { now: 0 }
  const after = (wait: Millis, happens: () => void): void => {
    const at = clock.now + wait
    let i = queue.length
    while (i > 0 && (queue[i - 1]?.at ?? 0) < at) i--
    queue.splice(i, 0, { at, happens })
  }
  /** `passing` hears how long nothing happened, before what comes then. */
  const run = (end: Millis, passing: (ms: Millis) => void): void => {
    for (let next = queue.pop(); next !== undefined && next.at < end; next = queue.pop()) {
      passing(next.at - clock.now)
      clock.now = next.at
      next.happens()
    }
  }
  return { clock, after, run }
}

interface World {
  readonly capacity: (now: Millis) => number
  /** Arrivals, as a multiple of what the capacity at time 0 can answer. */
  readonly demand: number
  readonly ms: Millis
  readonly seed: number
  /** Share of the calls whose caller leaves after a second. Default 0. */
  readonly cancelled?: number
}

/** Refuses after 50 ms whatever is too much. */
const refusing = <P extends object>(gate: Gate<P>, { cancelled = 0, capacity, demand, ms, seed }: World) => {
  const rng = Seeded.rng(seed)
  const { after, clock, run } = agenda()
  let [busy, usedTime, capacityTime, sent, refusals] = [0, 0, 0, 0, 0]
  const arrive = (): void => {
    after((-Math.log(1 - rng()) * answerMs) / (demand * capacity(0)), arrive)
    const permit = gate.admit(clock.now, one, rng)
    if (isReject(permit)) return
    sent++
    if (busy >= capacity(clock.now)) {
      refusals++
      return after(50, () => gate.settle(permit, rateLimited(), clock.now))
    }
    busy++
    const leaves = rng() < cancelled
    after(leaves ? 1000 : answerMs * (0.5 + rng()), () => {
      busy--
      gate.settle(permit, leaves ? ignored : success, clock.now)
    })
  }
  arrive()
  run(ms, (passed) => {
    usedTime += busy * passed
    capacityTime += capacity(clock.now) * passed
  })
  return { used: usedTime / capacityTime, refused: refusals / sent }
}

/** Answers 40 at a time and lets the rest wait; three times as many calls as that. */
const queueing = <P extends object>(gate: Gate<P>, seed: number) => {
  const slots = 40
  const rng = Seeded.rng(seed)
  const { after, clock, run } = agenda()
  const waiting: Array<() => void> = []
  const firsts: Array<Millis> = []
  let [busy, usedTime] = [0, 0]
  const begin = (permit: P, since: Millis): void => {
    busy++
    const firstContentMs = clock.now - since + 200 + 100 * rng()
    after(answerMs * (0.5 + rng()), () => {
      busy--
      firsts.push(firstContentMs)
      gate.settle(permit, success, clock.now, {
        ms: clock.now - since,
        firstContentMs,
        inputTokens: undefined,
        outputTokens: undefined,
        limits: undefined
      })
      waiting.shift()?.()
    })
  }
  const arrive = (): void => {
    after((-Math.log(1 - rng()) * answerMs) / (3 * slots), arrive)
    const since = clock.now
    const permit = gate.admit(since, one, rng)
    if (isReject(permit)) return
    if (busy < slots) begin(permit, since)
    else waiting.push(() => begin(permit, since))
  }
  arrive()
  run(minutes(3), (passed) => {
    usedTime += busy * passed
  })
  firsts.sort((a, b) => a - b)
  return { used: usedTime / (slots * clock.now), median: firsts[Math.floor(firsts.length / 2)] ?? Number.NaN }
}

describe("AdaptiveBulkhead before a target of unknown capacity", () => {
  const seeds = [1, 2, 3, 4, 5]

  it("uses more than 85 % of it with less than 1 % refused, where fixed limits use a quarter or have a quarter refused", () => {
    for (const seed of seeds) {
      const world: World = { capacity: () => 50, demand: 1.5, ms: minutes(10), seed }
      const adaptive = refusing(AdaptiveBulkhead.make(), world)
      assert.isAbove(adaptive.used, 0.85)
      assert.isBelow(adaptive.refused, 0.01)
      const high = refusing(Bulkhead.make({ maxInFlight: 200 }), world)
      assert.isAbove(high.refused, 0.25)
      const low = refusing(Bulkhead.make({ maxInFlight: 10 }), world)
      assert.isBelow(low.used, 0.25)
    }
  })

  it("has far fewer calls refused than one more per success has, and that has fewer than it has without generations", () => {
    /** `AIMDLimit` of Netflix/concurrency-limits, as an algorithm of one's own. */
    const plain = (fenced: boolean): AdaptiveBulkhead.Algorithm => ({
      name: "plain",
      defaultMin: 1,
      make: ({ initial, max, min }) => {
        let limit = initial
        return {
          current: () => limit,
          learn: (outcome, inFlight, fresh) => {
            if (fenced && !fresh) return false
            const before = limit
            if (AdaptiveBulkhead.isOverload(outcome)) limit = Math.max(min, Math.floor(limit * 0.9))
            else if (2 * inFlight >= limit) limit = Math.min(max, limit + 1)
            return limit < before
          },
          raiseTo: () => {},
          snapshot: () => ({ limit }),
          restore: () => {}
        }
      }
    })
    const world: World = { capacity: () => 50, demand: 1.5, ms: minutes(10), seed: 1 }
    const ours = refusing(AdaptiveBulkhead.make(), world)
    const fenced = refusing(AdaptiveBulkhead.make({ algorithm: plain(true) }), world)
    const unfenced = refusing(AdaptiveBulkhead.make({ algorithm: plain(false) }), world)
    assert.isAbove(fenced.refused, 5 * ours.refused)
    assert.isAbove(unfenced.refused, 2 * fenced.refused)
    assert.isAtMost(Math.abs(fenced.used - ours.used), 0.05)
  })

  it("does so at capacities from 10 to 150, with fewer refusals the larger they are", () => {
    for (const [capacity, refused] of [
      [10, 0.07],
      [20, 0.03],
      [100, 0.003],
      [150, 0.002]
    ] as const) {
      const result = refusing(AdaptiveBulkhead.make(), {
        capacity: () => capacity,
        demand: 1.5,
        ms: minutes(10),
        seed: 1
      })
      assert.isAbove(result.used, 0.8, `${capacity}`)
      assert.isBelow(result.refused, refused, `${capacity}`)
    }
  })

  it("follows a capacity that falls to a third and rises to seven times that", () => {
    for (const seed of seeds) {
      const capacity = (now: Millis) => (now < minutes(5) ? 50 : now < minutes(10) ? 15 : now < minutes(15) ? 100 : 50)
      const result = refusing(AdaptiveBulkhead.make(), { capacity, demand: 3, ms: minutes(20), seed })
      assert.isAbove(result.used, 0.8)
      assert.isBelow(result.refused, 0.02)
    }
  })

  it("keeps its limit when every caller leaves, and finds the capacity when a third of them do", () => {
    const world: World = { capacity: () => 50, demand: 3, ms: minutes(10), seed: 1 }
    const gate = AdaptiveBulkhead.make({ initial: 30 })
    const all = refusing(gate, { ...world, cancelled: 1 })
    assert.strictEqual(gate.limit(), 30)
    assert.strictEqual(all.refused, 0)
    const some = refusing(AdaptiveBulkhead.make(), { ...world, cancelled: 1 / 3 })
    assert.isAbove(some.used, 0.8)
    assert.isBelow(some.refused, 0.01)
  })

  it("keeps the first content near by gradient where the target queues, at two thirds of its capacity or more", () => {
    for (const seed of seeds) {
      const adaptive = queueing(AdaptiveBulkhead.make({ algorithm: AdaptiveBulkhead.gradient() }), seed)
      assert.isAbove(adaptive.used, 0.66)
      assert.isBelow(adaptive.median, 1000)
      const high = queueing(Bulkhead.make({ maxInFlight: 200 }), seed)
      assert.isAbove(high.median, 10_000)
    }
  })
})
