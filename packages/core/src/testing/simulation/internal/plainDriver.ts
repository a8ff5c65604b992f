/**
 * A client as SDKs bring one: it picks without looking, and retries with exponential back-off.
 *
 * Source: the retry loops of the vendors' own SDKs: 2 retries, 0.5 s doubling to 8 s, up to a quarter off, a Retry-After of at
 * most a minute honoured, on 408, 409, 429, 5xx and cut connections.
 */
import * as Effect from "effect/Effect"
import { AttemptTimeout } from "../../../model/Classifier.ts"
import type { Millis } from "../../../model/Gate.ts"
import { integer, onlyKeys, positive, share } from "../../../model/InvalidOption.ts"
import { DeadlineExceeded } from "../../../model/RouteError.ts"
import type { PlainOptions, PlainRetry } from "../Contender.ts"
import { ProviderError } from "../ProviderError.ts"
import { derive, draws, uniform } from "./Chance.ts"
import { type Quantile, weighted } from "./Distribution.ts"
import type { Driver, MakeDriver } from "./Driver.ts"
import { atLeast, list, millis, name, object, oneOf } from "./options.ts"
import type { SimCall } from "./SimCall.ts"
import type { Bound, World } from "./World.ts"

const keys: ReadonlySet<string> = new Set([
  ...(["name", "targets", "pick", "retry", "timeout", "keepsDeadline"] as const),
  "_tag"
] satisfies ReadonlyArray<keyof PlainOptions | "_tag">)
const retryKeys: ReadonlySet<string> = new Set([
  ...(["retries", "base", "factor", "longest", "jitter", "retryAfter", "repick"] as const)
] satisfies ReadonlyArray<keyof PlainRetry>)

interface Retry {
  readonly retries: number
  readonly base: Millis
  readonly factor: number
  readonly longest: Millis
  readonly jitter: number
  readonly retryAfter: boolean
  readonly repick: boolean
}

/** Longest Retry-After that is honoured, milliseconds. */
const longestRetryAfter = 60_000

/** Throws `InvalidOption`. */
export const make = (where: string, options: PlainOptions, world: World): MakeDriver => {
  onlyKeys(where, object(where, options), keys)
  const targets = list(`${where}: targets`, options.targets, 1).map((target, i) => {
    const at = `${where}: targets[${i}]`
    onlyKeys(at, object(at, target), new Set(["id", "provider", "weight", "price"]))
    return world.bind(at, name(`${at}.id`, target.id), target.provider ?? target.id, target.price)
  })
  const kind = oneOf(`${where}: pick`, options.pick ?? "first", ["first", "weighted", "roundRobin"])
  const weights = (i: number) => positive(`${where}: targets[${i}].weight`, options.targets[i]?.weight ?? 1)
  const pick = pickOf(kind, targets, weighted(`${where}: targets`, weights, targets.length))
  const retry = retryOf(`${where}: retry`, options.retry ?? {})
  const timeout = millis(`${where}: timeout`, options.timeout ?? "10 minutes")
  const keepsDeadline = options.keepsDeadline ?? true
  return Effect.sync(() => driverOf(world, pick, retry, timeout, keepsDeadline))
}

const driverOf = (
  world: World,
  pick: (call: SimCall, attempt: number) => Bound,
  retry: Retry,
  timeout: Millis,
  keepsDeadline: boolean
): Driver => {
  const { timeline } = world
  const silent = withoutStack(() => new AttemptTimeout("Attempt", timeout))
  const tooLate = new Map(
    world.traffic.map(({ deadlineMs }) => [deadlineMs, withoutStack(() => new DeadlineExceeded({ deadlineMs }))])
  )
  const go = (call: SimCall, before: Bound | undefined, retries: number): Effect.Effect<string, unknown> => {
    const bound = before !== undefined && !retry.repick ? before : pick(call, retries)
    const leftOf = () => (keepsDeadline ? call.startedAt + call.deadlineMs - timeline.now : Number.POSITIVE_INFINITY)
    const late = () => tooLate.get(call.deadlineMs)
    const left = leftOf()
    const asked = within(world, call, bound, Math.min(timeout, left), () => (left < timeout ? late() : silent))
    return Effect.catch(asked, (error): Effect.Effect<string, unknown> => {
      if (retries >= retry.retries || !isRetried(error)) return Effect.fail(error)
      const wait = waitOf(retry, call, retries, error)
      const left = leftOf()
      if (wait >= left)
        return Effect.andThen(
          timeline.sleepMs(left),
          Effect.suspend(() => Effect.fail(late()))
        )
      return Effect.andThen(
        timeline.sleepMs(wait),
        Effect.suspend(() => go(call, bound, retries + 1))
      )
    })
  }
  return (call) => go(call, undefined, 0)
}

/** One attempt, given up after `ms`. */
const within = (
  world: World,
  call: SimCall,
  bound: Bound,
  ms: Millis,
  error: () => unknown
): Effect.Effect<string, unknown> =>
  Effect.callback((resume) => {
    const { timeline } = world
    const ask = world.begin(call, bound, {
      content: (now) => {
        if (call.firstContentAt < 0) call.firstContentAt = now
      },
      done: () => {
        timeline.cancel(timer)
        resume(answer)
      },
      failed: (error) => {
        timeline.cancel(timer)
        resume(Effect.fail(error))
      }
    })
    const timer = timeline.at(timeline.now + ms, (now) => {
      ask.giveUp(now)
      resume(Effect.suspend(() => Effect.fail(error())))
    })
    return Effect.sync(() => {
      timeline.cancel(timer)
      ask.giveUp(timeline.now)
    })
  })

const answer = Effect.succeed("answer")

const isRetried = (error: unknown): boolean => {
  if (error instanceof AttemptTimeout) return true
  if (!(error instanceof ProviderError)) return false
  const { status } = error
  return status === undefined || status === 408 || status === 409 || status === 429 || status >= 500
}

const waitOf = (retry: Retry, call: SimCall, retries: number, error: unknown): Millis => {
  const said = error instanceof ProviderError ? Number(error.headers["retry-after"] ?? Number.NaN) * 1000 : Number.NaN
  if (retry.retryAfter && said > 0 && said <= longestRetryAfter) return said
  const wait = Math.min(retry.longest, retry.base * retry.factor ** retries)
  const off = retry.jitter * uniform(derive(call.seed, draws.attempts + retries), draws.pick)
  return Math.max(1, wait * (1 - off))
}

const pickOf = (
  kind: NonNullable<PlainOptions["pick"]>,
  targets: ReadonlyArray<Bound>,
  byWeight: Quantile
): ((call: SimCall, attempt: number) => Bound) => {
  let turn = 0
  const at = (index: number): Bound => {
    const bound = targets[index]
    if (bound === undefined) throw new Error("No such target")
    return bound
  }
  if (kind === "first") return () => at(0)
  if (kind === "roundRobin") return () => at(turn++ % targets.length)
  return (call, attempt) => at(byWeight(uniform(derive(call.seed, attempt), draws.pick)))
}

const retryOf = (where: string, retry: PlainRetry): Retry => {
  onlyKeys(where, object(where, retry), retryKeys)
  return {
    retries: integer(`${where}.retries`, retry.retries ?? 2, 0),
    base: millis(`${where}.base`, retry.base ?? 500),
    factor: atLeast(`${where}.factor`, retry.factor ?? 2, 1),
    longest: millis(`${where}.longest`, retry.longest ?? "8 seconds"),
    jitter: share(`${where}.jitter`, retry.jitter ?? 0.25),
    retryAfter: retry.retryAfter ?? true,
    repick: retry.repick ?? true
  }
}

/** An error that is made once and shown to many calls: whose stack it has says nothing. */
const withoutStack = <E extends Error>(make: () => E): E => {
  const error = make()
  error.stack = ""
  return error
}
