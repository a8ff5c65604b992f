/**
 * One main model that carried two million calls a day, and fifteen million that are to come.
 *
 * Plain client: one provider, openai-node's retries. Its capacity is what a day of two million calls needs at its peak (twice
 * the mean, at 14:00) with 30 % to spare. The provider is away for 3.6 minutes at the peak, which is 0.5 % of the calls: the
 * 99.5 % of the story. Spillway is given that provider and two backups as large, three times the capacity in all, and 7.5 times
 * the calls. For comparison the same plain client is given all three, in turn.
 *
 * Nine in ten calls may be answered from memory: 100,000 different questions, by Zipf's law.
 *
 * Scale: traffic, places and questions are multiplied by `scale`. That makes it harder for both: with few places chance alone
 * fills them (Erlang), and with fewer calls per five minutes the cache finds less. What a smaller scale loses by that is said
 * in `docs/guide/scenarios.md`.
 */
import { Contender, type Scenario } from "@spillway/core/testing"
import { SmoothWeightedRoundRobin } from "@spillway/strategies"
import { answered, at, percent, type Size, type Story, sdkRetry } from "./Story.ts"

const day = 86_400_000
const perDay = { plain: 2_000_000, ours: 15_000_000 }
/** Places of one provider: 2 M a day · peak 2 · 8.5 s per answer / 0.7. */
const places = 560
const questions = 100_000

/** An answer of some 470 tokens at 60 a second. */
const latency: Scenario.Latency = {
  firstContent: { kind: "lognormal", median: 600, p95: 2000 },
  perToken: { kind: "lognormal", median: 16, p95: 25 }
}
const tokens: Scenario.Tokens = { input: 800, output: { kind: "lognormal", median: 400, p95: 1000 } }

const classes = [
  { name: "P0", share: 0.2, deadline: "1 minute" },
  { name: "P1", share: 0.5, deadline: "2 minutes" },
  { name: "P2", share: 0.2, deadline: "10 minutes" },
  { name: "P3", share: 0.1, deadline: "1 hour" }
] as const

/** `length` is the share of the day that is simulated, around the peak. */
const scenario = (name: string, callsPerDay: number, scale: number, length: number): Scenario.Scenario => {
  const hours = 24 * length
  const begins = length === 1 ? 0 : 14 - hours / 2
  const cached = (share: number): ReadonlyArray<readonly [string, number, Partial<Scenario.TrafficClass>]> => [
    ["", 0.9 * share, { cacheKeys: { count: Math.round(questions * scale) } }],
    [", personal", 0.1 * share, {}]
  ]
  const provider: Scenario.Provider = {
    latency,
    capacity: { concurrency: Math.floor(places * scale), whenFull: "reject" },
    errors: [{ rate: 0.001, status: 500 }]
  }
  return {
    name,
    seed: 15,
    duration: day * length,
    startsAt: new Date(Date.UTC(2024, 0, 1) + begins * 3_600_000).toISOString(),
    traffic: classes.flatMap(({ deadline, name, share }) =>
      cached(share).map(([suffix, share, keys]) => ({
        name: name + suffix,
        priority: name,
        deadline,
        arrivals: {
          kind: "diurnal",
          perSecond: (callsPerDay * scale * share) / 86_400,
          peakToMean: 2,
          peakHour: 14
        },
        tokens,
        ...keys
      }))
    ),
    providers: {
      main: {
        ...provider,
        events: [{ kind: "outage", from: (14 - begins) * 3_600_000 - 108_000, lasting: 216_000 }]
      },
      "backup-1": provider,
      "backup-2": provider
    }
  }
}

const ids = ["main", "backup-1", "backup-2"] as const

const plain = Contender.plain({ name: "plain, one provider", targets: [{ id: "main" }], retry: sdkRetry })
const plainThree = Contender.plain({
  name: "plain, three in turn",
  targets: ids.map((id) => ({ id })),
  pick: "roundRobin",
  retry: sdkRetry
})

const wait = { P0: "20 seconds", P1: "1 minute", P2: "5 minutes", P3: "30 minutes" } as const

/**
 * - `maxInFlight`: the contract.
 * - `maxWait`: each class waits as long as it has time; the default is a second.
 * - `maxQueued`: in proportion to the traffic; the default is 1000.
 * - `maxEntries`: room for all questions of five minutes; the default is 10,000.
 * - `staleIfError`: an old answer rather than none.
 * - `availability`: a full main model does not make calls wait, they go to a backup at once. By default they wait for it first.
 */
const ours = (scale: number) =>
  Contender.router({
    name: "spillway",
    targets: ids.map((id) => ({ id, limits: { maxInFlight: Math.floor(places * scale) } })),
    tiers: ids.map((id) => [id]),
    strategy: SmoothWeightedRoundRobin.make(),
    defaults: {
      admission: { maxWait: (priority) => wait[priority], maxQueued: Math.max(1000, 20_000 * scale) },
      cache: { maxEntries: Math.max(10_000, questions * scale), staleIfError: "1 hour" },
      degradation: {
        availability: ({ reason }) =>
          reason === "BulkheadFull" || reason === "BreakerProbing" ? "refusing" : "unavailable"
      }
    }
  })

export const mainAndBackups = ({ scale = 1 / 20, share = 1 }: Size = {}): Story => ({
  name: "main-and-backups",
  title: "Two million calls a day on one provider become fifteen million on three, and the main one fails at the peak",
  runs: [
    { scenario: scenario("2 M calls a day, one provider", perDay.plain, scale, share), contenders: [plain] },
    {
      scenario: scenario("15 M calls a day, three providers", perDay.ours, scale, share),
      contenders: [plainThree, ours(scale)]
    }
  ],
  goals: (results) => {
    const [before, after] = [at(results, 0, 0).overall, at(results, 1, 1).overall]
    return [
      answered("availability, 2 M a day on one against 15 M a day on three", before, after, 99.99),
      {
        what: "calls answered, times what the plain client was asked",
        plain: `${before.answered} of ${before.offered}`,
        spillway: `${after.answered} of ${after.offered}`,
        reached: after.answered / before.offered,
        target: { atLeast: 7.5 * 0.9999 * 0.99 },
        show: (value) => `${value.toFixed(2)} x`
      }
    ]
  },
  notes: (results) => {
    const [three, after] = [at(results, 1, 0).overall, at(results, 1, 1).overall]
    const memory = (100 * (after.cacheHits + after.coalesced)) / after.offered
    return [
      `Scale ${scale}: ${Math.floor(places * scale)} places per provider.`,
      `The plain client with all three providers in turn answers ${percent((100 * three.answered) / three.offered)}.`,
      `From memory, or by another call's run: ${percent(memory)} of the calls.`
    ]
  }
})
