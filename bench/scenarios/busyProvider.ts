/**
 * 500 concurrent callers against one provider that takes 100 calls at a time and answers everybody else with 429.
 *
 * Plain client: what tutorials say about rate limits, five calls in all with 1 s · 2^n + U(0, 1) s between them, on 429 only, a
 * Retry-After obeyed (this provider says none). Callers are workers: whatever came of a call, the next one follows after half a
 * second on average.
 *
 * The third run is a provider that limits requests per minute, refused ones included.
 *
 * The second run is the same with 400 places, where the callers are only a few too many.
 *
 * Both sides are given a minute per call. The limit is that of the provider's contract, so most applications know it; the
 * third contender has to find it out.
 */
import { Contender, ProviderError, type Scenario } from "@spillway/core/testing"
import { PowerOfTwo } from "@spillway/strategies"
import { Effect, Random } from "effect"
import { at, changed, chat, type Size, type Story, unanswered } from "./Story.ts"

const scenario = (places: number, share: number): Scenario.Scenario => ({
  name: `500 callers, ${places} places`,
  seed: 429,
  duration: 300_000 * share,
  warmup: 60_000 * share,
  traffic: [
    {
      name: "workers",
      arrivals: { kind: "callers", count: 500, think: { kind: "exponential", mean: 500 }, rampUp: 5_000 },
      deadline: "60 seconds",
      tokens: chat.tokens
    }
  ],
  providers: { provider: { latency: chat.latency, capacity: { concurrency: places, whenFull: "reject" } } }
})

const calls = 5

const plain = Contender.custom({
  name: "plain",
  targets: [{ id: "provider" }],
  make: (world) => {
    const ask = (call: Contender.Call, n: number): Effect.Effect<unknown, unknown> =>
      Effect.catch(world.ask(call, "provider"), (error) => {
        if (!(error instanceof ProviderError.ProviderError) || error.status !== 429 || n + 1 >= calls) {
          return Effect.fail(error)
        }
        const said = 1000 * Number(error.headers["retry-after"] ?? 0)
        return Effect.flatMap(Random.next, (luck) =>
          Effect.andThen(Effect.sleep(Math.max(1000 * 2 ** n + 1000 * luck, said)), ask(call, n + 1))
        )
      })
    return Effect.succeed((call) => ask(call, 0))
  }
})

/**
 * The other kind of busy: so many requests a minute, and refused ones count too, as OpenAI documents ("How can I solve 429", help
 * article 5955604). It says when to come back.
 */
const rated = (share: number): Scenario.Scenario => ({
  ...scenario(100, share),
  name: "500 callers, 3,000 requests a minute, refused ones count",
  providers: { provider: { latency: chat.latency, capacity: { requestsPerMinute: 3000, rejectionsCount: true } } }
})

/** As long as the plain client is at it: 15 to 19 s. */
const admission = { maxWait: "19 seconds" } as const

/** `maxInFlight` is the contract's number; `maxWait`, because workers have time and the default is a second. */
const known = (places: number) =>
  Contender.router({
    name: "spillway, limit known",
    targets: [{ id: "provider", limits: { maxInFlight: places } }],
    strategy: PowerOfTwo.make(),
    defaults: { admission }
  })

const knownRate = Contender.router({
  name: "spillway, limit known",
  targets: [{ id: "provider", limits: { requestsPerMinute: 3000, maxInFlight: 500 } }],
  strategy: PowerOfTwo.make(),
  defaults: { admission }
})

/** Nothing is known but what a 429 says: the target rests until then. */
const toldRate = Contender.router({
  name: "spillway, limit not known",
  targets: [{ id: "provider", limits: { maxInFlight: 500 } }],
  strategy: PowerOfTwo.make(),
  defaults: { admission }
})

/** `adaptive` finds the number out, `maxInFlight` is an upper bound that means nothing. */
const learning = Contender.router({
  name: "spillway, limit learned",
  targets: [{ id: "provider" }],
  strategy: PowerOfTwo.make(),
  defaults: { admission, gates: { adaptive: true, maxInFlight: 1000 } }
})

const byDefault = Contender.router({
  name: "spillway, defaults",
  targets: [{ id: "provider" }],
  strategy: PowerOfTwo.make()
})

const rate = (value: number): string => `${value.toFixed(1)} answers/s`
const failing = (value: number): string => `${value.toFixed(2)} % fail`

const full =
  "its places bound both clients: those who keep knocking find each place that comes free, so hardly any stays empty to be won"

export const busyProvider = ({ share = 1 }: Size = {}): Story => ({
  name: "busy-provider",
  title: "500 concurrent callers, and a provider that takes 100 at a time and answers 429 to the rest",
  runs: [
    { scenario: scenario(100, share), contenders: [plain, known(100), learning, byDefault] },
    { scenario: scenario(400, share), contenders: [plain, known(400)] },
    { scenario: rated(share), contenders: [plain, knownRate, toldRate] }
  ],
  goals: (results) =>
    (
      [
        ["places, limit known", 0, 1],
        ["places, limit learned", 0, 2],
        ["rate, limit known", 2, 1],
        ["rate, limit not known", 2, 2]
      ] as const
    ).flatMap(([name, run, i]) => {
      const [before, after] = [at(results, run, 0).overall, at(results, run, i).overall]
      return [
        changed(`answers per second, ${name}`, before.goodputPerSecond, after.goodputPerSecond, {
          to: "more",
          atLeast: 40,
          show: rate,
          ifMissed: full
        }),
        changed(`calls that fail, ${name}`, unanswered(before), unanswered(after), {
          to: "less",
          atLeast: 65,
          show: failing
        })
      ]
    }),
  notes: (results) => {
    const per = (run: number, i: number) => rate(at(results, run, i).overall.goodputPerSecond)
    return [
      `With a wait of at most a second, the default: ${failing(unanswered(at(results, 0, 3).overall))}.`,
      `With 400 places for the 500: plain ${per(1, 0)}, limit known ${per(1, 1)}.`
    ]
  }
})
