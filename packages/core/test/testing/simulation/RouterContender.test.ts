import { assert, describe, it } from "@effect/vitest"
import * as Gates from "../../../src/state/Gates.ts"
import * as Contender from "../../../src/testing/simulation/Contender.ts"
import type { Provider } from "../../../src/testing/simulation/Scenario.ts"
import { inOrder, resultOf, scenario } from "./fixture.ts"

const router = (options: Partial<Contender.RouterOptions> = {}) =>
  Contender.router({ targets: [{ id: "a" }], strategy: inOrder, ...options })

const second: Provider = { latency: { firstContent: 1000 } }
const quick: Provider = { latency: { firstContent: 100 } }
const three = { kind: "times", at: [0, 0, 0] } as const

describe("the real router in simulated time", () => {
  it("streams: the first content and the end come when the provider gives them", () => {
    const { overall } = resultOf(
      scenario(
        { a: { latency: { firstContent: 100, perToken: 10, perInputToken: 0.5 } } },
        { streamed: true, tokens: { input: 40, output: 20 } },
        { duration: "1 minute" }
      ),
      router()
    )
    assert.strictEqual(overall.answered, overall.offered)
    assert.strictEqual(overall.firstContent.count, overall.offered)
    assert.closeTo(overall.firstContent.mean ?? 0, 120, 1e-6)
    assert.closeTo(overall.latency.mean ?? 0, 320, 1e-6)
  })

  it("queues callers for a target that is full, and says how long they waited", () => {
    const { overall, targets } = resultOf(
      scenario({ a: quick }, { arrivals: three }),
      router({ targets: [{ id: "a", limits: { maxInFlight: 1 } }] })
    )
    assert.strictEqual(overall.answered, 3)
    assert.strictEqual(overall.queued.count, 3)
    assert.closeTo(overall.queued.max ?? 0, 200, 1e-3)
    assert.closeTo(overall.latency.max ?? 0, 300, 1e-3)
    assert.strictEqual(targets[0]?.inFlightMax, 1)
  })

  it("moves calls to a later tier when the first is down, and opens the breaker of the one that failed", () => {
    const { overall, targets } = resultOf(
      scenario({
        a: { ...second, events: [{ kind: "outage", from: "2 minutes", lasting: "2 minutes" }] },
        b: second
      }),
      router({ targets: [{ id: "a" }, { id: "b" }], tiers: [["a"], ["b"]] })
    )
    assert.isAbove(overall.availability ?? 0, 0.999)
    // A fifth of the calls, 10 per second, come during the outage.
    assert.isAbove(overall.degraded, 1100)
    assert.strictEqual(overall.degraded, targets[1]?.answers)
    assert.isAtLeast(targets[0]?.events["BreakerOpened"] ?? 0, 1)
    // The breaker keeps the calls away: of 1,200 only its probes and those before it are lost on the target.
    assert.isBelow(targets[0]?.failed ?? 0, 100)
  })

  it("answers from its cache, and lets identical calls share one run", () => {
    const { overall } = resultOf(
      scenario({ a: second }, { arrivals: { kind: "times", at: [0, 500, 1500, 2500] }, cacheKeys: { count: 1 } }),
      router()
    )
    assert.deepStrictEqual([overall.attempts, overall.coalesced, overall.cacheHits], [1, 1, 2])
    assert.strictEqual(overall.answered, 4)
  })

  it("pays for answers by their tokens, and for what was begun and given up", () => {
    const price = { input: 2, output: 10 }
    const tokens = { input: 1000, output: 100 }
    const at = { kind: "times", at: [0] } as const
    const provider = { latency: { firstContent: 1000, perToken: 10 } }
    const targets = [{ id: "a", price }]
    const whole = resultOf(scenario({ a: provider }, { arrivals: at, tokens }), router({ targets }))
    assert.closeTo(whole.overall.costUsd ?? 0, (1000 * 2 + 100 * 10) / 1e6, 1e-12)
    const half = resultOf(scenario({ a: provider }, { arrivals: at, tokens, deadline: 1500 }), router({ targets }))
    assert.closeTo(half.overall.costUsd ?? 0, (1000 * 2 + 50 * 10) / 1e6, 1e-12)
    assert.isNull(resultOf(scenario({ a: provider }, { arrivals: at, tokens }), router()).overall.costUsd)
  })

  it("stands once in every region that has callers, or several times, and callers share out among them", () => {
    const places: Array<Contender.Place> = []
    const traffic = (name: string, region: string) => ({
      name,
      region,
      arrivals: { kind: "constant", perSecond: 1 } as const
    })
    resultOf(
      { ...scenario({ a: second }), traffic: [traffic("one", "eu"), traffic("two", "us")] },
      router({
        instances: 2,
        perRegion: true,
        strategy: (place) => {
          places.push(place)
          return inOrder
        }
      })
    )
    assert.deepStrictEqual(
      places.map(({ instance, region }) => `${region} ${instance}`),
      ["eu 0", "eu 1", "us 0", "us 1"]
    )
    // Each instance has a bulkhead of its own: three of them let three through at once, one after the other through one.
    const full = { targets: [{ id: "a", limits: { maxInFlight: 1 } }] }
    const alone = resultOf(scenario({ a: quick }, { arrivals: three }), router(full))
    const apart = resultOf(scenario({ a: quick }, { arrivals: three }), router({ ...full, instances: 3 }))
    assert.closeTo(alone.overall.latency.max ?? 0, 300, 1e-3)
    assert.closeTo(apart.overall.latency.max ?? 0, 100, 1e-3)
  })

  it("takes layers of one's own before the defaults", () => {
    const layer = Gates.layer({ maxInFlight: 1 })
    const { targets } = resultOf(scenario({ a: second }, { arrivals: three }), router({ layer }))
    assert.strictEqual(targets[0]?.inFlightMax, 1)
  })
})
