/** What is still tried when the tiers have failed: a shorter answer, an old one, the application's own words. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Millis } from "../../model/Gate.ts"
import * as RouteError from "../../model/RouteError.ts"
import type { RouteRequest } from "../../model/RouteRequest.ts"
import * as Degradation from "../../policies/Degradation.ts"
import type * as ResponseCache from "../../policies/ResponseCache.ts"
import type { Answer } from "../Answer.ts"
import type { RequestMiddleware, RouterInfo } from "../Pipeline.ts"
import { keyOf } from "./Cache.ts"

/** A call on its way down: what is left to try, and of its time. */
interface Fall {
  readonly request: RouteRequest
  readonly rungs: ReadonlyArray<Degradation.Rung>
  readonly deadlineAt: Millis
  readonly info: RouterInfo
}

export const make = (degradation: Degradation.Policy, cache: ResponseCache.Service): RequestMiddleware => {
  /** The next rung with something to offer; `undefined` at the end of the ladder. */
  const step = <B>(
    fall: Fall,
    error: RouteError.RouteError,
    rungs: {
      readonly shorter: (request: RouteRequest) => B
      readonly stale: (maxAgeMs: Millis) => B
      readonly refuse: (error: RouteError.RouteError) => B
    }
  ): { readonly rest: Fall; readonly body: B } | undefined => {
    const [rung, ...rest] = fall.rungs
    if (rung === undefined) return undefined
    const after = { ...fall, rungs: rest }
    switch (rung._tag) {
      case "ShorterOutput": {
        const shorter = shorten(fall, error, rung.maxTokens)
        return shorter === undefined ? step(after, error, rungs) : { rest: after, body: rungs.shorter(shorter) }
      }
      case "StaleCache":
        return fall.request.cacheKey === undefined
          ? step(after, error, rungs)
          : { rest: after, body: rungs.stale(rung.maxAgeMs) }
      case "Refuse":
        return { rest: after, body: rungs.refuse(refusal(rung.text, error)) }
    }
  }
  const begin = (request: RouteRequest, startedAt: Millis, error: RouteError.RouteError, info: RouterInfo): Fall => ({
    request,
    rungs: degradation.rungs(error.reason._tag),
    deadlineAt: startedAt + request.deadlineMs,
    info
  })

  const climbDown = <A, E, R>(
    fall: Fall,
    error: RouteError.RouteError,
    next: (request: RouteRequest) => Effect.Effect<Answer<A>, E | RouteError.RouteError, R>
  ): Effect.Effect<Answer<A>, E | RouteError.RouteError, R> => {
    const found = step<Effect.Effect<Answer<A>, E | RouteError.RouteError, R>>(fall, error, {
      shorter: (request) => Effect.map(next(request), (answer) => onRung(answer, "ShorterOutput")),
      stale: (maxAgeMs) =>
        Effect.flatMap(keyOf(fall.request, fall.info), (key) =>
          Effect.flatMap(cache.peek<Answer<A>>(key), (old) =>
            old !== undefined && old.ageMs <= maxAgeMs
              ? Effect.succeed(onRung({ ...old.value, source: "stale", attempts: 0 }, "StaleCache"))
              : Effect.fail(error)
          )
        ),
      refuse: (refused) => Effect.fail(refused)
    })
    if (found === undefined) return Effect.fail(error)
    return Effect.catchIf(found.body, isTiersFailed, (again) => climbDown(found.rest, again, next))
  }

  const streamDown = <A, E, R>(
    fall: Fall,
    error: RouteError.RouteError,
    next: (request: RouteRequest) => Stream.Stream<A, E | RouteError.RouteError, R>
  ): Stream.Stream<A, E | RouteError.RouteError, R> => {
    const found = step<Stream.Stream<A, E | RouteError.RouteError, R>>(fall, error, {
      shorter: next,
      stale: (maxAgeMs) =>
        Stream.unwrap(
          Effect.flatMap(keyOf(fall.request, fall.info), (key) =>
            Effect.map(cache.peekParts<A>(key), (old) =>
              old !== undefined && old.ageMs <= maxAgeMs ? staleParts(fall, old.value) : Stream.fail(error)
            )
          )
        ),
      refuse: (refused) => Stream.fail(refused)
    })
    return found === undefined
      ? Stream.fail(error)
      : beforeTheFirst(found.body, (again) => streamDown(found.rest, again, next))
  }

  const hasRungs = Degradation.failureReasons.some((reason) => degradation.rungs(reason).length > 0)
  /** Who has a rung for "nobody can" need not wait for somebody. */
  const hurried = degradation.rungs("NoCandidate").length > 0
  const first = (request: RouteRequest): RouteRequest => (hurried ? { ...request, patient: false } : request)

  return {
    applies: () => hasRungs,
    route: (request, next, info) =>
      Effect.suspend(() => {
        const startedAt = info.now()
        return Effect.catchIf(next(first(request)), isTiersFailed, (error) =>
          climbDown(begin(request, startedAt, error, info), error, next)
        )
      }),
    stream: (request, next, info) =>
      Stream.suspend(() => {
        const startedAt = info.now()
        return beforeTheFirst(next(first(request)), (error) =>
          streamDown(begin(request, startedAt, error, info), error, next)
        )
      })
  }
}

const eligible: ReadonlySet<string> = new Set(Degradation.failureReasons)

const isTiersFailed = (error: unknown): error is RouteError.RouteError =>
  RouteError.isRouteError(error) && eligible.has(error.reason._tag)

/** A stream of which the caller has a part already is not begun anew. */
const beforeTheFirst = <A, E, R>(
  stream: Stream.Stream<A, E | RouteError.RouteError, R>,
  orElse: (error: RouteError.RouteError) => Stream.Stream<A, E | RouteError.RouteError, R>
): Stream.Stream<A, E | RouteError.RouteError, R> =>
  Stream.suspend(() => {
    let begun = false
    return stream.pipe(
      Stream.mapArray((parts) => {
        begun = true
        return parts
      }),
      Stream.catchIf(isTiersFailed, (error) => (begun ? Stream.fail(error) : orElse(error)))
    )
  })

/**
 * The same call for less: never for more than it asked, never in the cache, never past its deadline, never for nothing, and
 * never a second time where that is forbidden.
 */
const shorten = (fall: Fall, error: RouteError.RouteError, maxTokens: number): RouteRequest | undefined => {
  const { request } = fall
  const deadlineMs = fall.deadlineAt - fall.info.now()
  if (deadlineMs <= 0 || (!request.idempotent && error.attempts.length > 0)) return undefined
  if (!fall.info.payForRetry()) return undefined
  const maxOutputTokens = Math.min(maxTokens, request.maxOutputTokens ?? Number.POSITIVE_INFINITY)
  const cost = { ...request.cost, reason: "retry" } as const
  return { ...request, cost, maxOutputTokens, cacheKey: undefined, deadlineMs, rung: "ShorterOutput" }
}

const staleParts = <A>({ info }: Fall, parts: ReadonlyArray<A>): Stream.Stream<A> =>
  Stream.suspend(() => {
    info.answeredFrom("stale")
    return Stream.fromIterable(parts)
  })

const onRung = <A>(answer: Answer<A>, rung: string): Answer<A> => ({ ...answer, degraded: true, rung })

const refusal = (text: string, error: RouteError.RouteError): RouteError.RouteError =>
  new RouteError.RouteError({
    reason: new RouteError.Refused({ text }),
    attempts: error.attempts,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
    ...(error.last === undefined ? {} : { last: error.last })
  })
