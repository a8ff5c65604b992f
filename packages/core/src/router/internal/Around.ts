/** The way of a call through the middleware of its pipeline; where none wants it, straight into the attempt loop. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { RouteError } from "../../model/RouteError.ts"
import type { RouteRequest } from "../../model/RouteRequest.ts"
import type { Answer } from "../Answer.ts"
import type { RequestMiddleware, RouterInfo } from "../Pipeline.ts"
import type { Attempt } from "./Attempt.ts"
import { oneCall } from "./AttemptLoop.ts"
import type { Call } from "./Call.ts"
import type { Core } from "./Core.ts"
import * as Record from "./Record.ts"
import type { Perform } from "./Run.ts"
import type { StreamOptions } from "./StreamOptions.ts"
import { streamPath } from "./StreamPath.ts"

type AnyFiber = Pick<Fiber.Fiber<unknown, unknown>, "context">

/** Does any middleware want calls of this kind? Mostly none does, and then a call costs nothing more. */
export const isDirect = <Id extends string, C>(
  core: Core<Id, C>,
  request: RouteRequest,
  kind: "route" | "stream"
): boolean => {
  for (const middleware of core.around) if (wants(middleware, request, kind)) return false
  return true
}

const wants = (middleware: RequestMiddleware, request: RouteRequest, kind: "route" | "stream"): boolean =>
  middleware[kind] !== undefined && (middleware.applies === undefined || middleware.applies(request))

export const route = <Id extends string, C, A, E, R>(
  core: Core<Id, C>,
  request: RouteRequest,
  run: (attempt: Attempt<Id, C>) => Effect.Effect<A, E, R>,
  fiber: AnyFiber
): Effect.Effect<A, E | RouteError, R> =>
  isDirect(core, request, "route")
    ? oneCall(core, request, fiber.context, performOf(run))
    : Effect.map(answer(core, request, run, fiber), (answer) => answer.value)

export const answer = <Id extends string, C, A, E, R>(
  core: Core<Id, C>,
  request: RouteRequest,
  run: (attempt: Attempt<Id, C>) => Effect.Effect<A, E, R>,
  fiber: AnyFiber
): Effect.Effect<Answer<A, Id>, E | RouteError, R> => {
  /** A call of its own was made, and leaves its own record. */
  let asked = false
  let next = (request: RouteRequest): Effect.Effect<Answer<A, Id>, E | RouteError, R> => {
    let made: Call<Id, C> | undefined
    const called = oneCall(core, request, fiber.context, performOf(run), (call) => {
      made = call
      asked = true
    })
    return Effect.map(called, (value) => answerOf(made, value))
  }
  if (isDirect(core, request, "route")) return next(request)
  const info = infoOf(
    core,
    () => false,
    () => {}
  )
  for (let i = core.around.length - 1; i >= 0; i--) {
    const middleware = core.around[i]
    if (middleware?.route === undefined) continue
    const { route } = middleware
    const inner = next
    next = (request) =>
      wants(middleware, request, "route")
        ? // Middleware knows ids as strings; what it hands on is what it was handed.
          (route<A, E, R>(request, inner, info) as Effect.Effect<Answer<A, Id>, E | RouteError, R>)
        : inner(request)
  }
  const startedAt = core.now()
  const answered = Effect.suspend(() => next(request))
  return Effect.onExit(answered, (exit) =>
    Effect.sync(() => {
      const { degraded, source } = Exit.isSuccess(exit) ? exit.value : nobody
      if (asked && source === "model") return
      Record.unasked(core, request, { streamed: false, startedAt, source, degraded, exit }, fiber.context)
    })
  )
}

const nobody = { source: "model", degraded: false } as const

export const stream = <Id extends string, C, A, E, R>(
  core: Core<Id, C>,
  request: RouteRequest,
  open: (attempt: Attempt<Id, C>) => Stream.Stream<A, E, R>,
  options: StreamOptions<A>
): Stream.Stream<A, E | RouteError, R> => {
  if (isDirect(core, request, "stream")) return streamPath(core, request, open, options)
  let restarted = false
  const noted = noting(options, () => {
    restarted = true
  })
  let asked = false
  let source: Answer<unknown>["source"] | undefined
  const info = infoOf(
    core,
    () => restarted,
    (from) => {
      source = from
    },
    options.isEnd
  )
  let next = (request: RouteRequest): Stream.Stream<A, E | RouteError, R> =>
    Stream.suspend(() => {
      asked = true
      return streamPath(core, request, open, noted)
    })
  for (let i = core.around.length - 1; i >= 0; i--) {
    const middleware = core.around[i]
    if (middleware?.stream === undefined) continue
    const { stream } = middleware
    const inner = next
    next = (request) => (wants(middleware, request, "stream") ? stream<A, E, R>(request, inner, info) : inner(request))
  }
  const startedAt = core.now()
  let whole = false
  const parts = Stream.suspend(() => next(request)).pipe(
    Stream.mapArray((parts) => {
      whole ||= options.isEnd !== undefined && parts.some(options.isEnd)
      return parts
    }),
    Stream.onEnd(
      Effect.sync(() => {
        whole = true
      })
    )
  )
  return Stream.onExit(parts, (exit) =>
    Effect.withFiber((fiber) =>
      Effect.sync(() => {
        if (asked && source === undefined) return
        // Having taken the terminal part is having taken the whole answer; one who leaves before has not.
        const ended = whole ? Exit.void : Exit.isSuccess(exit) ? Exit.interrupt() : exit
        const from = source ?? (whole ? "cache" : "model")
        const degraded = from === "stale"
        Record.unasked(core, request, { streamed: true, startedAt, source: from, degraded, exit: ended }, fiber.context)
      })
    )
  )
}

const infoOf = <Id extends string, C>(
  core: Core<Id, C>,
  restarted: RouterInfo["restarted"],
  answeredFrom: RouterInfo["answeredFrom"],
  isEnd?: (part: never) => boolean
): RouterInfo => ({
  route: core.route,
  now: core.now,
  restarted,
  answeredFrom,
  // Middleware asks about parts of this very stream.
  isEnd: isEnd as RouterInfo["isEnd"],
  payForRetry: () => core.retry.budget.tryWithdraw(core.now())
})

/** Says when the stream begins anew. */
const noting = <A>(options: StreamOptions<A>, onRestart: () => void): StreamOptions<A> => {
  const { onBreak } = options
  if (onBreak?._tag !== "Restart" && onBreak?._tag !== "Continue") return options
  const marker: typeof onBreak.marker = (broken) => {
    onRestart()
    return onBreak.marker(broken)
  }
  return { ...options, onBreak: { ...onBreak, marker } }
}

const performOf = <Id extends string, C, A, E, R>(
  run: (attempt: Attempt<Id, C>) => Effect.Effect<A, E, R>
): Perform<Id, C, A, E, R> => ({ run, clock: "Attempt", stays: false })

const answerOf = <Id extends string, C, A>(call: Call<Id, C> | undefined, value: A): Answer<A, Id> => ({
  value,
  servedBy: call?.decided?.target.id,
  degraded: call?.decided?.degraded === true,
  source: "model",
  rung: undefined,
  attempts: call?.attempts ?? 0
})
