/**
 * One limit on requests that several processes obey together: GCRA, kept in Redis, on the server's clock.
 *
 * A decision is one script on one key: `{spillway:limit:NAME}`, so it works on a cluster, and the key expires when it says
 * nothing any more. It is one round trip, so it belongs before a call to a model, not into a hot loop.
 *
 * Redis may be slow or away. Then every decision still comes within `timeout`, made by the mode of `onLoss`, and says so in
 * its `source`; after a few losses Redis is left alone and probed now and then; when it answers again it decides again.
 * Watch `status` or the counters `spillway.redis.losses` and `spillway.redis.decisions_without`.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import { InvalidOption, integer, positive } from "../model/InvalidOption.ts"
import { positiveMillis } from "../model/RouteRequest.ts"
import * as Gcra from "./internal/gcra.ts"
import * as LossGuard from "./internal/lossGuard.ts"
import { keyName, type Loss, Redis, within } from "./internal/server.ts"

/**
 * Who decides while Redis is away. `failOpen`: everything is admitted. `failClosed`: nothing is. `localShare`: each process
 * by itself, with the limit divided by `replicas` (integer >= 1), starting with a full burst.
 */
export type OnLoss =
  | { readonly mode: "failOpen" }
  | { readonly mode: "failClosed" }
  | { readonly mode: "localShare"; readonly replicas: number }

export interface Options {
  /** Processes with the same name share the limit; give them the same numbers. Not empty, no braces. */
  readonly name: string
  /** > 0. Rounded down so that one request is a whole number of microseconds. */
  readonly requestsPerMinute: number
  /** Requests that may come at once before they are spaced. Integer >= 1; default: 1 s of the rate, at least 1. */
  readonly burst?: number
  /** A decision takes at most this long, whatever Redis does. Default 50 milliseconds. */
  readonly timeout?: Duration.Input
  /**
   * Default `{ mode: "localShare", replicas: 1 }`: it refuses nothing that the whole limit would admit, and N processes
   * together send at most N times the limit. Set `replicas` to keep the limit during an outage, too.
   */
  readonly onLoss?: OnLoss
  /** After `losses` (default 3) in a row Redis is not asked for `retryEvery` (default 1 second), then by one call. */
  readonly breaker?: { readonly losses?: number; readonly retryEvery?: Duration.Input }
}

export type Source = "redis" | OnLoss["mode"]

export interface Decision {
  readonly allowed: boolean
  /** Units that would be admitted right now; Infinity under `failOpen`. */
  readonly remaining: number
  /** Milliseconds until it is worth asking again; 0 when allowed, Infinity when `cost` is more than the burst. */
  readonly retryAfterMs: number
  readonly source: Source
}

export interface Status {
  /** Who decides now. */
  readonly mode: Source
  /** Calls to Redis without an answer since the start. */
  readonly losses: number
  readonly lastLoss: "timeout" | "error" | undefined
  /** Decisions made without Redis since the start. */
  readonly decisionsWithoutRedis: number
}

/** The wait would be longer than the caller takes. */
export class RateLimitExceeded extends Schema.TaggedError<RateLimitExceeded>()("RateLimitExceeded", {
  limit: Schema.String,
  /** Milliseconds until it is worth asking again; Infinity when the cost is more than the burst. */
  retryAfterMs: Schema.Number
}) {
  override get message() {
    return `The limit ${this.limit} is used up; worth asking again in ${Math.ceil(this.retryAfterMs)} ms`
  }
}

export interface RateLimit {
  readonly name: string
  /** Takes `cost` units (integer >= 1, default 1) or refuses. Never waits for the limit, and at most `timeout` for Redis. */
  readonly consume: (cost?: number) => Effect.Effect<Decision>
  /**
   * Takes `cost` units as soon as the limit has them. Callers of one process take turns. Fails at once when the wait would
   * be longer than `maxWait` (default: no bound). Nothing is taken while waiting, and what Redis gives to a caller that was
   * interrupted meanwhile goes back. A unit whose caller is interrupted after the last step of `take` and before its own
   * first is spent; where even that counts, acquire it (`Effect.acquireUseRelease`), which makes the wait uninterruptible.
   */
  readonly take: (cost?: number, maxWait?: Duration.Input) => Effect.Effect<Decision, RateLimitExceeded>
  /** Gives back `cost` units that were taken and not used. `source` is the decision's, default `"redis"`. Never fails. */
  readonly refund: (cost: number, source?: Source) => Effect.Effect<void>
  readonly status: Effect.Effect<Status>
}

const losses = Metric.counter("spillway.redis.losses", { incremental: true })
const decisionsWithout = Metric.counter("spillway.redis.decisions_without", { incremental: true })

/** A mistake in the options is an `InvalidOption` defect. */
export const make = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<RateLimit, never, Redis> {
  const redis = yield* Redis
  const clock = yield* Clock.Clock
  const { breaker, burst, intervalMicros, key, name, onLoss, timeoutMs } = yield* Effect.sync(() => resolve(options))
  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const guard = LossGuard.make(breaker)
  const labels = { limit: name, mode: onLoss.mode }
  const lossCount = Metric.withAttributes(losses, labels)
  const withoutCount = Metric.withAttributes(decisionsWithout, labels)
  yield* Effect.andThen(Metric.update(lossCount, 0), Metric.update(withoutCount, 0))
  let decidedWithout = 0

  const lost = Effect.fnUntraced(function* (loss: Loss) {
    const first = guard.lost(now(), loss.kind)
    yield* Metric.update(lossCount, 1)
    if (first)
      yield* Effect.logWarning(`Limit ${name}: Redis does not answer (${loss.kind}), deciding by ${onLoss.mode}`)
  })
  const answered = Effect.suspend(() =>
    guard.answered() ? Effect.logInfo(`Limit ${name}: Redis decides again`) : Effect.void
  )

  const replicas = onLoss.mode === "localShare" ? onLoss.replicas : 1
  const share = Gcra.local({
    intervalMs: (intervalMicros / 1000) * replicas,
    burst: Math.max(1, Math.floor(burst / replicas)),
    maxCost: burst
  })
  const without = Effect.fnUntraced(function* (cost: number): Effect.fn.Return<Decision> {
    decidedWithout++
    yield* Metric.update(withoutCount, 1)
    switch (onLoss.mode) {
      case "failOpen":
        return { allowed: true, remaining: Number.POSITIVE_INFINITY, retryAfterMs: 0, source: "failOpen" }
      case "failClosed":
        // Not before Redis is asked again; while that call is under way, its bound.
        return {
          allowed: false,
          remaining: 0,
          retryAfterMs: Math.max(guard.retryIn(now()), timeoutMs),
          source: "failClosed"
        }
      case "localShare":
        return { ...share.consume(now(), cost), source: "localShare" }
    }
  })

  const ask = redis.eval(Gcra.consume)
  const consume = (cost = 1): Effect.Effect<Decision> =>
    Effect.suspend(() => {
      integer("RateLimit.consume: cost", cost)
      if (!guard.ask(now())) return without(cost)
      return within(ask(key, intervalMicros, burst, cost), timeoutMs).pipe(
        Effect.onInterrupt(() => Effect.sync(guard.dropped)),
        Effect.matchEffect({
          onFailure: (loss) => Effect.andThen(lost(loss), without(cost)),
          onSuccess: ([allowed, remaining, retryMicros]) =>
            Effect.as(answered, {
              allowed: allowed === 1,
              remaining,
              retryAfterMs: retryMicros < 0 ? Number.POSITIVE_INFINITY : retryMicros / 1000,
              source: "redis" as const
            })
        })
      )
    })

  const giveBack = redis.eval(Gcra.refund)
  const refund = (cost: number, source: Source = "redis"): Effect.Effect<void> =>
    Effect.suspend(() => {
      integer("RateLimit.refund: cost", cost)
      if (source === "localShare") return Effect.sync(() => share.refund(now(), cost))
      if (source !== "redis" || !guard.ask(now())) return Effect.void
      return within(giveBack(key, intervalMicros, cost), timeoutMs).pipe(
        Effect.onInterrupt(() => Effect.sync(guard.dropped)),
        Effect.matchEffect({ onFailure: lost, onSuccess: () => answered })
      )
    })

  // Callers of this process take turns, so that a crowd of waiters asks Redis as often as one.
  const turn = Semaphore.makeUnsafe(1)
  let waiting = 0
  const inTurn = (cost: number, until: number, taken: (decision: Decision) => void) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        while (true) {
          // Not interruptible, but bounded: what Redis gives is known, so that it can go back.
          const decision = yield* consume(cost)
          if (decision.allowed) {
            taken(decision)
            return decision
          }
          if (decision.retryAfterMs === Number.POSITIVE_INFINITY || now() + decision.retryAfterMs > until) {
            return yield* new RateLimitExceeded({ limit: name, retryAfterMs: decision.retryAfterMs })
          }
          yield* restore(Effect.sleep(Math.ceil(decision.retryAfterMs)))
        }
      })
    )
  const take = (cost = 1, maxWait: Duration.Input = Duration.infinity): Effect.Effect<Decision, RateLimitExceeded> =>
    Effect.suspend(() => {
      integer("RateLimit.take: cost", cost)
      const waitMs = Duration.toMillis(Duration.fromInputUnsafe(maxWait))
      // What stands before this caller and is more than a full burst takes at least its time.
      const leastMs = ((waiting + cost - burst) * intervalMicros) / 1000
      if (leastMs > waitMs && guard.retryIn(now()) === 0) {
        return Effect.fail(
          new RateLimitExceeded({ limit: name, retryAfterMs: cost > burst ? Number.POSITIVE_INFINITY : leastMs })
        )
      }
      const until = now() + waitMs
      let source: Source | undefined
      waiting += cost
      const taken = Semaphore.withPermit(
        turn,
        Effect.suspend(() =>
          inTurn(cost, until, (decision) => {
            source = decision.source
          })
        )
      )
      const bounded =
        waitMs === Number.POSITIVE_INFINITY
          ? taken
          : Effect.timeoutOrElse(taken, {
              duration: waitMs + timeoutMs,
              orElse: () => Effect.fail(new RateLimitExceeded({ limit: name, retryAfterMs: intervalMicros / 1000 }))
            })
      return Effect.onExit(bounded, (exit) => {
        waiting -= cost
        return Exit.isFailure(exit) && source !== undefined ? refund(cost, source) : Effect.void
      })
    })

  const status = Effect.sync((): Status => {
    const { lastLoss, losses, open } = guard.snapshot()
    return { mode: open ? onLoss.mode : "redis", losses, lastLoss, decisionsWithoutRedis: decidedWithout }
  })
  return { name, consume, take, refund, status }
})

const resolve = (options: Options) => {
  const where = "RateLimit"
  const name = keyName(`${where}: name`, options.name)
  const perMinute = positive(`${where}: requestsPerMinute`, options.requestsPerMinute)
  const onLoss: OnLoss = options.onLoss ?? { mode: "localShare", replicas: 1 }
  if (onLoss.mode === "localShare") integer(`${where}: onLoss.replicas`, onLoss.replicas)
  else if (onLoss.mode !== "failOpen" && onLoss.mode !== "failClosed") {
    throw new InvalidOption(`${where}: onLoss.mode`, `"failOpen", "failClosed" or "localShare"`, onLoss)
  }
  return {
    name,
    key: `{spillway:limit:${name}}`,
    intervalMicros: Math.ceil(60_000_000 / perMinute),
    burst: integer(`${where}: burst`, options.burst ?? Math.max(1, Math.floor(perMinute / 60))),
    timeoutMs: positiveMillis(`${where}: timeout`, options.timeout ?? 50),
    onLoss,
    breaker: {
      losses: integer(`${where}: breaker.losses`, options.breaker?.losses ?? 3),
      retryEveryMs: positiveMillis(`${where}: breaker.retryEvery`, options.breaker?.retryEvery ?? 1000)
    }
  }
}
