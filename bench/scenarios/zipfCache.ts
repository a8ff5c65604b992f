/**
 * People ask the same things: questions by Zipf's law, and answers that may be five minutes old.
 *
 * Plain client: an SDK without a cache, with openai-node's retries. 10,000 different questions, 20 a second, exponent 1; the
 * flatter 0.8 is in the second run (L. Breslau and others, "Web Caching and Zipf-like Distributions", INFOCOM 1999, found 0.64
 * to 0.83 for web pages). In a
 * third run the provider is away for two minutes, and old answers may stand in.
 *
 * How old an answer is, is not in the simulator's results: a second router, built here like the first, writes down the age of
 * every answer it hands over.
 */
import { Defaults, Router } from "@spillway/core"
import { Contender, type Scenario } from "@spillway/core/testing"
import { PowerOfTwo } from "@spillway/strategies"
import { Clock, Effect, Layer } from "effect"
import {
  at,
  availability,
  changed,
  chat,
  type Goal,
  percent,
  type Run,
  type Size,
  type Story,
  sdkRetry,
  seconds
} from "./Story.ts"

const minute = 60_000
const ttl = 5 * minute
/** `jitter` of the cache: it spreads the ends by a tenth. */
const spread = 0.1
const staleIfError = 60 * minute

const scenario = (exponent: number, share: number, outage = false): Scenario.Scenario => ({
  name: outage ? "Zipf questions, and an outage" : `Zipf questions, exponent ${exponent}`,
  seed: 5,
  duration: 30 * minute * share,
  warmup: 10 * minute * share,
  traffic: [
    {
      name: "questions",
      arrivals: { kind: "poisson", perSecond: 20 },
      deadline: "30 seconds",
      tokens: chat.tokens,
      cacheKeys: { count: 10_000, exponent }
    }
  ],
  providers: {
    provider: {
      latency: chat.latency,
      events: outage ? [{ kind: "outage", from: 20 * minute * share, lasting: 2 * minute * share }] : []
    }
  }
})

const targets = [{ id: "provider" }]

const plain = Contender.plain({ name: "plain", targets, retry: sdkRetry })

/** Defaults, which are a time to live of 5 minutes. */
const cached = Contender.router({ name: "spillway, defaults", targets, strategy: PowerOfTwo.make() })

/** Ages of the answers handed over, milliseconds. */
interface Ages {
  max: number
  over: number
  count: number
}

/** A router like `cached`, which writes down how old its answers are; `staleIfError` lets old ones stand in for none. */
const aged = (name: string, ages: Ages, cache: Defaults.Options["cache"]): Contender.Contender =>
  Contender.custom({
    name,
    targets,
    make: (world) =>
      Effect.gen(function* () {
        Object.assign(ages, { max: 0, over: 0, count: 0 })
        const services = yield* Layer.build(
          Layer.merge(Defaults.make(cache === undefined ? {} : { cache }), PowerOfTwo.layer())
        )
        const router = yield* Effect.provideContext(
          Router.make({ targets: [{ id: "provider", client: "provider" }] }),
          services
        )
        return (call: Contender.Call) => {
          const request = {
            deadline: call.deadlineMs,
            ...(call.cacheKey === undefined ? {} : { cacheKey: call.cacheKey })
          }
          const made = ({ client }: Router.Attempt<string, string>) =>
            Effect.andThen(world.ask(call, client), Clock.currentTimeMillis)
          return Effect.gen(function* () {
            const madeAt = yield* router.route(request, made)
            const age = (yield* Clock.currentTimeMillis) - madeAt
            ages.count++
            ages.max = Math.max(ages.max, age)
            if (age > ttl * (1 + spread)) ages.over++
          })
        }
      })
  })

export const zipfCache = ({ share = 1 }: Size = {}): Story => {
  const fresh: Ages = { max: 0, over: 0, count: 0 }
  const stale: Ages = { max: 0, over: 0, count: 0 }
  const runs: ReadonlyArray<Run> = [
    { scenario: scenario(1, share), contenders: [plain, cached, aged("spillway, ages", fresh, undefined)] },
    { scenario: scenario(0.8, share), contenders: [plain, cached] },
    {
      scenario: scenario(1, share, true),
      contenders: [plain, cached, aged("spillway, stale if error", stale, { staleIfError: "1 hour" })]
    }
  ]
  const bounded = (what: string, { max }: Ages, bound: number): Goal => ({
    what,
    plain: "never from memory",
    spillway: seconds(max),
    reached: max,
    target: { atMost: bound },
    show: seconds
  })
  return {
    name: "zipf-cache",
    title: "Many people ask the same things, and every answer is paid for again",
    runs,
    goals: (results) => [
      ...[0, 1].map((run) =>
        changed(
          `calls to the provider, ${at(results, run, 0).scenario}`,
          at(results, run, 0).overall.attempts,
          at(results, run, 1).overall.attempts,
          {
            to: "less",
            atLeast: 60,
            show: (value) => `${value}`,
            ifMissed: "fewer questions come again within five minutes when the law is this flat"
          }
        )
      ),
      bounded("oldest answer, at most 5 min + 10 %", fresh, ttl * (1 + spread)),
      bounded("oldest answer, stale if error, at most 1 h more", stale, ttl * (1 + spread) + staleIfError)
    ],
    notes: (results) => [
      `Availability in the run with an outage: plain ${percent(availability(at(results, 2, 0).overall))}, cache ${percent(availability(at(results, 2, 1).overall))}, stale if error ${percent(availability(at(results, 2, 2).overall))}.`,
      `Older than 5 min + 10 %: ${fresh.over} of ${fresh.count} answers; with staleIfError ${stale.over} of ${stale.count}.`
    ]
  }
}
