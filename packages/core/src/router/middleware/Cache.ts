/** Answers calls that name their answer (`cacheKey`) from the cache, and lets equal ones share one run. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Constraints from "../../model/Constraints.ts"
import * as RouteError from "../../model/RouteError.ts"
import type { RouteRequest } from "../../model/RouteRequest.ts"
import * as CacheKey from "../../policies/CacheKey.ts"
import * as ResponseCache from "../../policies/ResponseCache.ts"
import type { Answer } from "../Answer.ts"
import type { RequestMiddleware, RouterInfo } from "../Pipeline.ts"

export const make = (cache: ResponseCache.Service): RequestMiddleware => ({
  // Of constraints with a function nobody knows whether another call's are the same.
  applies: ({ cacheKey, needs }) => cacheKey !== undefined && needs?.allow === undefined,
  route: <A, E, R>(
    request: RouteRequest,
    next: (request: RouteRequest) => Effect.Effect<Answer<A>, E | RouteError.RouteError, R>,
    info: RouterInfo
  ) => {
    const once: Effect.Effect<ResponseCache.Cached<Answer<A>>, E | RouteError.RouteError, R> = Effect.flatMap(
      keyOf(request, info),
      (key) =>
        Effect.flatMap(cache.peek(key), (old) =>
          // With an old answer at hand nobody waits long for targets that are all closed.
          cache.get(key, next(old === undefined ? request : { ...request, patient: false }), {
            staleOn: RouteError.isRouteError
          })
        )
    )
    const answered = Effect.map(
      // Who shared the run of somebody in more of a hurry begins one of his own.
      Effect.catchIf(once, isShorterDeadline(request), () => once),
      ({ source, value }): Answer<A> =>
        source === "miss"
          ? value
          : {
              ...value,
              source: sourceOf(source),
              degraded: value.degraded || source === "stale",
              attempts: 0
            }
    )
    // Whoever shares another one's run is still bound by his own deadline; a run of his own ends by itself just before.
    return Effect.timeoutOrElse(answered, {
      duration: request.deadlineMs + 1,
      orElse: () => Effect.fail(tooLate(request))
    })
  },
  stream: <A, E, R>(
    request: RouteRequest,
    next: (request: RouteRequest) => Stream.Stream<A, E | RouteError.RouteError, R>,
    info: RouterInfo
  ): Stream.Stream<A, E | RouteError.RouteError, R> => {
    const shared = Stream.unwrap(
      Effect.map(keyOf(request, info), (key) =>
        cache.stream(key, next(request), {
          staleOn: RouteError.isRouteError,
          isEnd: info.isEnd,
          isComplete: () => !info.restarted(),
          onSource: (source) => {
            if (source !== "miss") info.answeredFrom(sourceOf(source))
          }
        })
      )
    ).pipe(Stream.catchIf(isLagged, (lagged) => Stream.fail(tooSlow(lagged))))
    const deadline = Effect.flatMap(Effect.sleep(request.deadlineMs + 1), () => Effect.fail(tooLate(request)))
    return Stream.interruptWhen(shared, deadline)
  }
})

/** What the application named, on this route: its own words say the rest. Anything that is a text has a key. */
export const keyOf = (request: RouteRequest, info: RouterInfo): Effect.Effect<CacheKey.CacheKey> =>
  Effect.orDie(
    CacheKey.of(request.tenant, [
      info.route,
      request.cacheKey ?? null,
      request.maxOutputTokens ?? null,
      // An answer made where this call must not go is not this call's answer.
      ...(request.needs === undefined ? [] : [Constraints.keyOf(request.needs) ?? null])
    ])
  )

const sourceOf = (source: Exclude<ResponseCache.Source, "miss">) => (source === "hit" ? "cache" : source)

const isShorterDeadline =
  (request: RouteRequest) =>
  (error: unknown): error is RouteError.RouteError =>
    RouteError.isRouteError(error) &&
    error.reason._tag === "DeadlineExceeded" &&
    error.reason.deadlineMs < request.deadlineMs

const tooLate = (request: RouteRequest) =>
  new RouteError.RouteError({
    reason: new RouteError.DeadlineExceeded({ deadlineMs: request.deadlineMs }),
    attempts: []
  })

const isLagged = (error: unknown): error is ResponseCache.FollowerLagged =>
  error instanceof ResponseCache.FollowerLagged

/** A reader who is much slower than those he shares a long answer with. */
const tooSlow = (lagged: ResponseCache.FollowerLagged) =>
  new RouteError.RouteError({
    reason: new RouteError.StreamBroken({ target: "cache", parts: 0 }),
    attempts: [],
    last: lagged
  })
