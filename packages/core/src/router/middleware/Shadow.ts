/**
 * Shadow traffic: a share of the calls is sent a second time, to another router or whatever the application says, and the
 * copy's answer is thrown away. What is told of it are facts: did it answer, how long did it take, what went wrong.
 *
 * Use it to see how a model, a provider or a configuration would bear the traffic before a single user depends on it. It is
 * not a hedge (the copy never answers) and not a canary (`Canary` of the strategies lets a variant answer).
 *
 * The primary call never notices: a copy runs in the router's scope, outlives its caller and ends with the router; it is
 * begun without waiting, fails for itself, has its own deadline and priority, and is dropped where `maxInFlight` run already.
 * Never copied are calls that must not be sent twice (`idempotent: false`), calls that refer to something at one target
 * (`needs.pinnedTo`), rungs of a ladder, and copies. It costs tokens: give the other router limits of its own.
 *
 * As the innermost part around the call it copies no cache hits:
 * `Pipeline.append(DefaultPipeline.pipeline, Pipeline.request("shadow", Shadow.make({ share: 0.05, send })))`.
 *
 * Source: request mirroring of Envoy (`request_mirror_policies`), which is fire and forget too.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Priority, reckoned } from "../../model/Cost.ts"
import type { Millis } from "../../model/Gate.ts"
import { InvalidOption, integer, onlyKeys, share as shareOf } from "../../model/InvalidOption.ts"
import { positiveMillis, type RouteRequest } from "../../model/RouteRequest.ts"
import { rngOf } from "../../state/internal/Time.ts"
import type { Answer } from "../Answer.ts"
import { answerOf, type Ended, type Judge, judged, type Side, sideOf } from "../internal/ShadowFacts.ts"
import type { RequestMiddleware, RouterInfo } from "../Pipeline.ts"

export type { Side } from "../internal/ShadowFacts.ts"

/** What a copy does: the same call to something else. `request` is made for it: cheap, late, uncached. */
export type Send<R = never> = (request: RouteRequest) => Effect.Effect<unknown, unknown, R>

/**
 * What the copy of this call does, where the request alone does not say it: the prompt is the caller's. Set it with
 * `Effect.provideService(Shadow.CurrentCopy, (request) => candidate.route(request, call))`. It runs with the services and the
 * scope of the router, not with the caller's: what it needs of those it brings along.
 */
export const CurrentCopy = Context.Reference<Send | undefined>("@spillway/core/router/Shadow/CurrentCopy", {
  defaultValue: () => undefined
})

/** Set while a copy runs: what it asks of a router is not copied again. */
const IsCopy = Context.Reference<boolean>("@spillway/core/router/Shadow/IsCopy", { defaultValue: () => false })

export interface Compared {
  readonly _tag: "Compared"
  readonly route: string
  readonly primary: Side
  readonly copy: Side
  /** What `judge` said; `undefined` without one, for streams, and unless both answered. */
  readonly judged: ReturnType<Judge> | undefined
}

/** `maxInFlight` copies ran already. */
export interface Dropped {
  readonly _tag: "Dropped"
  readonly route: string
}

export interface Options<R = never> {
  /** Of the calls that may be copied. In [0, 1]. */
  readonly share: number
  /** What a copy does. A call's own `CurrentCopy` goes before it; a call with neither is not copied. */
  readonly send?: Send<R>
  /** `"after"`: once the primary has answered, and only then. `"beside"`: at the same time. Default `"after"`. */
  readonly when?: "after" | "beside"
  /** Copies that run at once; beyond, they are dropped. Integer >= 1, default 16. */
  readonly maxInFlight?: number
  /** Bound on a copy, and `deadlineMs` of its request. > 0, default 60 seconds. */
  readonly deadline?: Duration.Input
  /** Of the copies' requests. Default `"P3"`. */
  readonly priority?: Priority
  /** Told once per copy, when both have ended, and once per copy that was dropped. Synchronous; what it throws is a warning. */
  readonly told?: (event: Compared | Dropped) => void
  /** Compares two answers, where your own code may see them. Only what it returns is kept. */
  readonly judge?: Judge
}

const optionKeys: ReadonlySet<string> = new Set([
  ...["share", "send", "when", "maxInFlight", "deadline", "priority", "told", "judge"]
])

/** For `Pipeline.request`. `R` is what `send` needs, taken when the router is made. Throws `InvalidOption`. */
export const make = <R = never>(options: Options<R>): Effect.Effect<RequestMiddleware, never, R | Scope.Scope> => {
  onlyKeys("Shadow", options, optionKeys)
  const share = shareOf("Shadow: share", options.share)
  const maxInFlight = integer("Shadow: maxInFlight", options.maxInFlight ?? 16)
  const deadlineMs = positiveMillis("Shadow: deadline", options.deadline ?? "60 seconds")
  const { judge, priority = "P3", send, told, when = "after" } = options
  if (when !== "after" && when !== "beside") throw new InvalidOption("Shadow: when", `"after" or "beside"`, when)

  const tell = (event: () => Compared | Dropped) => {
    if (told === undefined) return
    try {
      told(event())
    } catch (error) {
      console.warn("Spillway: told or judge of a shadow threw.", error)
    }
  }

  return Effect.gen(function* () {
    const copies = yield* FiberSet.make<unknown>()
    const run = yield* FiberSet.runtime(copies)<R>()
    const rng = rngOf(yield* Random.Random)

    const wanted = (request: RouteRequest, fiber: Pick<Fiber.Fiber<unknown>, "getRef">): Send<R> | undefined => {
      if (request.needs?.pinnedTo !== undefined || fiber.getRef(IsCopy)) return undefined
      const copy = fiber.getRef(CurrentCopy) ?? send
      return copy !== undefined && rng() < share ? copy : undefined
    }

    /** Begins a copy; what it returns is told how the primary ended. `undefined`: there is no copy. */
    const begin = (copy: Send<R>, request: RouteRequest, { now, route }: RouterInfo) => {
      const { state } = copies
      if (state._tag === "Closed") return undefined
      if (state.backing.size >= maxInFlight) {
        tell(() => ({ _tag: "Dropped", route }))
        return undefined
      }
      let primary: Ended | undefined
      let other: Ended | undefined
      const bothEnded = () => {
        if (primary === undefined || other === undefined) return
        const [one, two] = [primary, other]
        tell(() => ({ _tag: "Compared", route, primary: one.side, copy: two.side, judged: judged(one, two, judge) }))
      }
      const ended = Effect.suspend(() => {
        const startedAt = now()
        return Effect.onExit(
          Effect.timeoutOrElse(
            Effect.suspend(() => copy(copyOf(request, priority, deadlineMs))),
            { duration: deadlineMs, orElse: () => Effect.fail({ _tag: "DeadlineExceeded" }) }
          ),
          (exit) =>
            Effect.sync(() => {
              other = { side: sideOf(exit, now() - startedAt), answer: answerOf(exit, judge) }
              bothEnded()
            })
        )
      })
      // Not before the primary has gone its way: what a copy does at once is not waited for either.
      run(Effect.exit(Effect.provideService(Effect.andThen(Effect.yieldNow, ended), IsCopy, true)))
      return (end: Ended) => {
        primary = end
        bothEnded()
      }
    }

    return {
      applies: (request) => share > 0 && request.idempotent && request.rung === undefined,
      route: <A, E, R2>(
        request: RouteRequest,
        next: (request: RouteRequest) => Effect.Effect<Answer<A>, E, R2>,
        info: RouterInfo
      ) =>
        Effect.withFiber<Answer<A>, E, R2>((fiber) => {
          const copy = wanted(request, fiber)
          if (copy === undefined) return next(request)
          const startedAt = info.now()
          const beside = when === "beside" ? begin(copy, request, info) : undefined
          if (when === "beside" && beside === undefined) return next(request)
          return Effect.onExit(
            Effect.suspend(() => next(request)),
            (exit) =>
              Effect.sync(() => {
                const isAnswer = Exit.isSuccess(exit) && exit.value.source === "model"
                const report = beside ?? (isAnswer ? begin(copy, request, info) : undefined)
                const answer = Exit.map(exit, ({ value }) => value)
                report?.({ side: sideOf(exit, info.now() - startedAt), answer: answerOf(answer, judge) })
              })
          )
        }),
      stream: <A, E, R2>(
        request: RouteRequest,
        next: (request: RouteRequest) => Stream.Stream<A, E, R2>,
        info: RouterInfo
      ) =>
        Stream.unwrap(
          Effect.withFiber<Stream.Stream<A, E, R2>>((fiber) => {
            const copy = wanted(request, fiber)
            if (copy === undefined) return Effect.succeed(next(request))
            const startedAt = info.now()
            const beside = when === "beside" ? begin(copy, request, info) : undefined
            if (when === "beside" && beside === undefined) return Effect.succeed(next(request))
            let whole = false
            const parts = next(request).pipe(
              Stream.mapArray((parts) => {
                whole ||= info.isEnd !== undefined && parts.some(info.isEnd)
                return parts
              }),
              Stream.onEnd(
                Effect.sync(() => {
                  whole = true
                })
              )
            )
            return Effect.succeed(
              Stream.onExit(parts, (exit) =>
                Effect.sync(() => {
                  const report = beside ?? (whole ? begin(copy, request, info) : undefined)
                  // One who leaves before the end of the answer has interrupted it.
                  const end = whole ? Exit.void : Exit.isSuccess(exit) ? Exit.interrupt() : exit
                  report?.({ side: sideOf(end, info.now() - startedAt), answer: undefined })
                })
              )
            )
          })
        )
    } satisfies RequestMiddleware
  })
}

const copyOf = (request: RouteRequest, priority: Priority, deadlineMs: Millis): RouteRequest => {
  const { cost } = request
  const { estimate, outputTokens = 0, requests } = cost
  return {
    ...request,
    priority,
    deadlineMs,
    cost:
      estimate === undefined
        ? { ...cost, priority, reason: "primary" }
        : reckoned({ requests, priority, reason: "primary" }, estimate, 1, outputTokens),
    cacheKey: undefined,
    patient: false
  }
}
