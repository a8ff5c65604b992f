import { afterAll, assert, describe, it } from "@effect/vitest"
import type { Candidate } from "@spillway/core/Candidate"
import * as Ewma from "@spillway/core/Ewma"
import type { Millis } from "@spillway/core/Gate"
import { success } from "@spillway/core/Outcome"
import * as RouteRequest from "@spillway/core/RouteRequest"
import type { Strategy } from "@spillway/core/Strategy"
import { CandidateFixture, Seeded } from "@spillway/core/testing"
import * as EdfWeightedRoundRobin from "../src/EdfWeightedRoundRobin.ts"
import * as InFlight from "../src/loads/InFlight.ts"
import * as PeakEwma from "../src/loads/PeakEwma.ts"
import * as TokenNormalized from "../src/loads/TokenNormalized.ts"
import * as PowerOfTwo from "../src/PowerOfTwo.ts"
import * as SmoothWeightedRoundRobin from "../src/SmoothWeightedRoundRobin.ts"
import * as WeightedLeastConnections from "../src/WeightedLeastConnections.ts"
import * as WeightedRandom from "../src/WeightedRandom.ts"
import { pickerOf } from "./support/pickerOf.ts"
import { lognormal } from "./support/simulate.ts"

const clients = 100
const targets = 10
/** The first target is out until then. */
const back = 35_000
const end = 41_000
/** Fewer long before, which is only there to have a past. */
const perSecond = (now: Millis) => (now < back - 3000 ? 100 : 1000)

/** A target as one client sees it: the averages are everybody's, the attempts in flight its own. */
class Seen implements Candidate {
  readonly target: Candidate["target"]
  readonly since = Number.NEGATIVE_INFINITY
  readonly average: Ewma.Ewma
  inFlight = 0

  constructor(id: string, average: Ewma.Ewma) {
    this.target = CandidateFixture.candidate(id).target
    this.average = average
  }

  latency(now: Millis): Millis | undefined {
    return this.average.value(now)
  }

  timeToFirstContent(): undefined {
    return undefined
  }

  timePerToken(): undefined {
    return undefined
  }

  headroom(): undefined {
    return undefined
  }

  successRate(): number {
    return 1
  }

  verdict(): undefined {
    return undefined
  }
}

/**
 * The most that any target gets in any second after the first is back, in fair shares. It was in use for `usedFor` before it
 * was taken out: long enough ago that 5 % are left of its average, or never.
 */
const most = (strategy: Strategy<string>, usedFor: Millis): number => {
  const averages = Array.from({ length: targets }, () => Ewma.make())
  const fleet = Array.from({ length: clients }, (_, seed) => {
    const own = averages.map((average, i) => new Seen(`t${i}`, average))
    return { own, picker: pickerOf(strategy, own), rng: Seeded.rng(seed) }
  })
  const events = Seeded.rng(1000)
  const ending = new Map<number, Array<() => void>>()
  const counts = new Map<number, Array<number>>()
  let arrival = 0
  for (let now = 0; now < end; now++) {
    for (const settle of ending.get(now) ?? []) settle()
    ending.delete(now)
    for (; arrival <= now; arrival += (-Math.log(1 - events()) * 1000) / perSecond(now)) {
      const client = fleet[Seeded.int(events, clients)]
      if (client === undefined) continue
      const { own, picker, rng } = client
      const isIn = now >= back || now < usedFor
      const picked = picker.pick(RouteRequest.unspecified, (candidate) => isIn || candidate !== own[0], now, rng)
      const i = own.indexOf(picked as Seen)
      const seen = own[i]
      if (seen === undefined) continue
      seen.inFlight++
      const ms = lognormal(events, 1000)
      const at = now + Math.max(1, Math.round(ms))
      const settle = () => {
        seen.inFlight--
        seen.average.observe(ms, at)
        picker.settled?.(seen, success, at, {
          request: RouteRequest.unspecified,
          ms,
          firstContentMs: undefined,
          inputTokens: undefined,
          outputTokens: undefined,
          limits: undefined,
          costUsd: undefined
        })
      }
      const others = ending.get(at)
      if (others === undefined) ending.set(at, [settle])
      else others.push(settle)
      if (now < back) continue
      // Any second: the whole ones and those between, by tenths.
      const tenth = Math.floor((now - back) / 100)
      const slot = counts.get(tenth) ?? averages.map(() => 0)
      slot[i] = (slot[i] ?? 0) + 1
      counts.set(tenth, slot)
    }
  }
  let highest = 0
  for (let from = 0; from + 10 <= (end - back) / 100; from++) {
    const second = averages.map((_, i) => {
      let sum = 0
      for (let tenth = from; tenth < from + 10; tenth++) sum += counts.get(tenth)?.[i] ?? 0
      return sum
    })
    const total = second.reduce((a, b) => a + b, 0)
    highest = Math.max(highest, (Math.max(...second) * targets) / total)
  }
  return highest
}

/** One line per strategy, and how many fair shares it may give one target in a second; `undefined`: it is only printed. */
const table: ReadonlyArray<readonly [name: string, strategy: Strategy<string>, atMost: number | undefined]> = [
  ["power of two, default", PowerOfTwo.make(), 2],
  ["power of two by peak EWMA", PowerOfTwo.make({ load: PeakEwma.load }), 2],
  [
    "power of two, default load, never stale",
    PowerOfTwo.make({ load: TokenNormalized.load, staleAfter: "Infinity" }),
    undefined
  ],
  ["power of two by attempts in flight", PowerOfTwo.make({ load: InFlight.load }), 2],
  ["weighted least connections", WeightedLeastConnections.make(), 2],
  ["smooth weighted round robin", SmoothWeightedRoundRobin.make(), 2],
  ["EDF weighted round robin", EdfWeightedRoundRobin.make(), 2],
  ["weighted random", WeightedRandom.make(), 2]
]

// 1,000 calls a second: a fair share is 100, one sigma of it 9.5, so that 2 fair shares are ten sigma away by chance.
describe("100 clients that see the same, and one target of ten that comes back: the most any target gets in any second", () => {
  const lines: Array<string> = []
  for (const [name, strategy, atMost = targets] of table) {
    it(`is at most ${atMost} fair shares with ${name}, the average faded or unknown`, () => {
      const [faded, unknown] = [most(strategy, 5000), most(strategy, 0)]
      lines.push(`${faded.toFixed(2)} faded, ${unknown.toFixed(2)} unknown  ${name}`)
      assert.isAtMost(Math.max(faded, unknown), atMost)
      // It is in use again: nobody has everything else.
      assert.isAtLeast(Math.min(faded, unknown), 1)
    })
  }

  afterAll(() => console.log(lines.join("\n")))
})
