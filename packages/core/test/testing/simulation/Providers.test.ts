import { assert, describe, it } from "@effect/vitest"
import type { Provider } from "../../../src/testing/simulation/Scenario.ts"
import { once, resultOf, scenario, sum } from "./fixture.ts"

/**
 * Mean wait in an M/M/c queue, in units of the mean service time. Source: A. K. Erlang's C formula, as in L. Kleinrock, "Queueing
 * Systems", volume 1, 1975, section 3.5.
 */
const erlangWait = (servers: number, load: number): number => {
  let term = 1
  let below = 0
  for (let k = 0; k < servers; k++) {
    below += term
    term *= load / (k + 1)
  }
  const all = term * (servers / (servers - load))
  return all / (below + all) / (servers - load)
}

const quick: Provider = { latency: { firstContent: 100 } }

describe("a simulated provider", () => {
  it("that queues lets Poisson calls wait as long as Erlang C says (c = 1 and 5, n = 40,000: sigma about 5 %)", () => {
    for (const [servers, load] of [
      [1, 0.6],
      [5, 3]
    ] as const) {
      const perSecond = load * 10
      const result = resultOf(
        scenario(
          {
            a: {
              latency: { firstContent: { kind: "exponential", mean: 100 } },
              capacity: { concurrency: servers, whenFull: "queue" }
            }
          },
          { arrivals: { kind: "poisson", perSecond } },
          { duration: Math.round((40_000 / perSecond) * 1000), warmup: "20 seconds" }
        ),
        once()
      )
      const wait = ((result.overall.latency.mean ?? 0) - 100) / 100
      const exact = erlangWait(servers, load)
      assert.isBelow(Math.abs(wait / exact - 1), 0.25, `c = ${servers}: ${wait} instead of ${exact}`)
      // Little's law: what is under way is rate × time.
      const underWay = (result.overall.latency.mean ?? 0) * (result.overall.offered / result.durationMs)
      assert.isBelow(Math.abs((result.targets[0]?.inFlightMean ?? 0) / underWay - 1), 0.02)
    }
  })

  it("answers 429 above its concurrency", () => {
    const result = resultOf(
      scenario(
        { a: { latency: { firstContent: 1000 }, capacity: { concurrency: 3, retryAfter: "2 seconds" } } },
        { arrivals: { kind: "times", at: [0, 1, 2, 3, 4, 1500] } }
      ),
      once()
    )
    assert.deepStrictEqual(result.targets[0]?.errors, { "429": 2 })
    assert.deepStrictEqual(result.overall.errors, { RateLimited: 2 })
    assert.strictEqual(result.overall.answered, 4)
    assert.strictEqual(result.targets[0]?.inFlightMax, 5)
  })

  it("answers 429 when its queue is full", () => {
    const result = resultOf(
      scenario(
        { a: { latency: { firstContent: 1000 }, capacity: { concurrency: 1, whenFull: "queue", maxQueued: 2 } } },
        { arrivals: { kind: "times", at: [0, 1, 2, 3, 4] } }
      ),
      once()
    )
    assert.strictEqual(result.overall.answered, 3)
    assert.strictEqual(result.overall.latency.max, 2998)
    assert.deepStrictEqual(result.targets[0]?.errors, { "429": 2 })
  })

  it("answers so many requests per minute and a minute's worth at first, and says when the next one fits", () => {
    const provider = { ...quick, capacity: { requestsPerMinute: 60 } }
    const result = resultOf(scenario({ a: provider }, { arrivals: { kind: "constant", perSecond: 3 } }), once())
    // 10 minutes of one per second, and the full bucket of the beginning.
    assert.isAtMost(Math.abs(result.overall.answered - 660), 1)
    // One that waits as long as it is told is answered.
    const patient = resultOf(
      scenario({ a: provider }, { arrivals: { kind: "times", at: new Array<number>(61).fill(0) } }),
      once("a", { retry: { retries: 1, retryAfter: true } })
    )
    assert.strictEqual(patient.overall.answered, 61)
    assert.strictEqual(patient.overall.latency.max, 1105)
  })

  it("counts tokens per minute, those of the answer too", () => {
    const result = resultOf(
      scenario(
        { a: { ...quick, capacity: { tokensPerMinute: 1000 } } },
        { arrivals: { kind: "times", at: [0, 0, 0, 0] }, tokens: { input: 300, output: 100 } }
      ),
      once()
    )
    assert.strictEqual(result.overall.answered, 2)
  })

  it("shares the limits of its account with the others that have it", () => {
    const provider = { latency: { firstContent: 1000 }, account: "shared" }
    const both = resultOf(
      scenario(
        { a: provider, b: provider },
        { arrivals: { kind: "times", at: [0, 1, 2, 3, 4, 5] } },
        { accounts: { shared: { concurrency: 4 } } }
      ),
      once("a", { targets: [{ id: "a" }, { id: "b" }], pick: "roundRobin" })
    )
    assert.strictEqual(both.overall.answered, 4)
    assert.deepStrictEqual(
      both.targets.map(({ errors }) => errors),
      [{ "429": 1 }, { "429": 1 }]
    )
  })

  it("fails as often as its error rates say (n = 6,000, five sigma)", () => {
    const errors = [
      { rate: 0.1, status: 500 },
      { rate: 0.05, status: 529, after: 700 }
    ]
    const { overall, targets } = resultOf(
      scenario({ a: { ...quick, errors, silent: 0.02 } }),
      once("a", { timeout: 2000 })
    )
    const near = (count: number | undefined, p: number) =>
      assert.isBelow(Math.abs((count ?? 0) - overall.offered * p), 5 * Math.sqrt(overall.offered * p))
    near(targets[0]?.errors["500"], 0.1)
    near(targets[0]?.errors["529"], 0.05)
    near(targets[0]?.interrupted, 0.02)
    assert.strictEqual(targets[0]?.interrupted, overall.errors["TimeoutAttempt"])
  })

  it("that is down answers nobody while it lasts and cuts off who was under way, and the series shows it", () => {
    const outage = { kind: "outage", from: "4 minutes", lasting: "2 minutes", status: 503 } as const
    const result = resultOf(scenario({ a: { latency: { firstContent: 500 }, events: [outage] } }), once())
    const { bucketMs, failed, answered } = result.series
    for (const [i, n] of failed.entries()) {
      const [from, to] = [i * bucketMs, (i + 1) * bucketMs]
      if (to <= 240_000 || from >= 361_000) assert.strictEqual(n, 0, `failed at ${from}`)
      if (from >= 242_000 && to <= 360_000) {
        assert.isAbove(n, 0, `none failed at ${from}`)
        assert.strictEqual(answered[i], 0)
      }
    }
    assert.isAbove(result.targets[0]?.errors["Cut"] ?? 0, 0)
    assert.strictEqual(result.overall.errors["Network"], result.targets[0]?.errors["Cut"])
    assert.strictEqual(sum(failed), result.overall.failed)
  })

  it("that is silent answers nobody, and whoever has no time-out waits until the end", () => {
    const outage = { kind: "outage", from: "1 minute", lasting: "1 minute", how: "silence" } as const
    const { overall, targets } = resultOf(
      scenario({ a: { ...quick, events: [outage] } }, { arrivals: { kind: "constant", perSecond: 1 } }),
      once("a", { timeout: "2 hours" })
    )
    assert.strictEqual(overall.unfinished, 60)
    assert.strictEqual(overall.failed, 0)
    assert.strictEqual(targets[0]?.interrupted, 60)
  })

  it("flaps, slows down, and starts slowly after an outage", () => {
    const arrivals = { kind: "constant", perSecond: 1 } as const
    const flapping = resultOf(
      scenario(
        {
          a: { ...quick, events: [{ kind: "flap", from: "1 minute", lasting: "4 minutes", down: 10_000, up: 30_000 }] }
        },
        { arrivals }
      ),
      once()
    )
    assert.strictEqual(flapping.overall.failed, 60)
    const brown = resultOf(
      scenario(
        { a: { ...quick, events: [{ kind: "brownOut", from: "1 minute", lasting: "9 minutes", latencyFactor: 5 }] } },
        { arrivals }
      ),
      once()
    )
    assert.closeTo(brown.overall.latency.mean ?? 0, (60 * 100 + 540 * 500) / 600, 1e-6)
    const slow = resultOf(
      scenario(
        {
          a: {
            ...quick,
            events: [
              { kind: "outage", from: 0, lasting: "1 minute", slowStart: { lasting: "100 seconds", factor: 11 } }
            ]
          }
        },
        { arrivals }
      ),
      once()
    )
    // From 11 times as long down to as before, evenly: 100 calls of 6 times the latency on the mean.
    assert.closeTo(slow.overall.latency.mean ?? 0, (100 * 605 + 440 * 100) / 540, 1)
    assert.closeTo(slow.overall.latency.max ?? 0, 1100, 1e-6)
  })

  it("takes fewer at once while its capacity is reduced, and serves its queue when it is back", () => {
    const events = [{ kind: "capacity", from: 0, lasting: "1 minute", factor: 0.5 }] as const
    const capacity = { concurrency: 3, whenFull: "queue" } as const
    const { overall } = resultOf(
      scenario(
        { a: { latency: { firstContent: 50_000 }, capacity, events } },
        { arrivals: { kind: "times", at: [1, 1, 1, 1] } }
      ),
      once()
    )
    // One at a time until 60 s: at 1 ms, at 50 s, and from 60 s two more at once.
    assert.strictEqual(overall.latency.max, 60_000 + 50_000 - 1)
  })

  it("is as far away as the network says, there and back", () => {
    const network = [{ between: ["eu", "us"] as const, oneWay: 40 }]
    const { overall, targets } = resultOf(
      scenario(
        { a: { latency: { firstContent: 100 }, region: "us", capacity: { concurrency: 1 } } },
        // The second arrives there when the first one's answer has just left.
        { arrivals: { kind: "times", at: [0, 101] }, region: "eu" },
        { network }
      ),
      once()
    )
    assert.strictEqual(overall.latency.max, 180)
    assert.strictEqual(targets[0]?.answers, 2)
  })
})
