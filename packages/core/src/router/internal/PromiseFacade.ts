/** A core as a `PromiseRouter`: Promises, `AbortSignal`, async iterables in place of Effects, fibers, streams. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { InvalidOption } from "../../model/InvalidOption.ts"
import * as RouteRequest from "../../model/RouteRequest.ts"
import * as Handoff from "../../policies/Handoff.ts"
import type { CallOptions, PromiseRouter } from "../PromiseRouter.ts"
import * as RoutedModel from "../RoutedModel.ts"
import type * as Router from "../Router.ts"
import * as Around from "./Around.ts"
import type { Attempt } from "./Attempt.ts"
import { interrupt, start } from "./AttemptLoop.ts"
import { Call } from "./Call.ts"
import type { Core } from "./Core.ts"
import { fromIterable, until } from "./Iterables.ts"

/** `router` is the public face of `core`; closing it closes `scope`. */
export const make = <Id extends string, C>(
  core: Core<Id, C>,
  router: Router.Router<Id, C>,
  scope: Scope.Closeable,
  options: Handoff.Options | undefined
): PromiseRouter<Id, C> => {
  const handoff = Effect.runSync(Effect.provideService(Handoff.make(options), Scope.Scope, scope))
  const close = () => Effect.runPromise(Scope.close(scope, Exit.void))
  return {
    router,
    route: (call, options) => route(core, router, call, options),
    answer: (call, options) =>
      promised(options, (request) => router.answer(request, (attempt) => fromPromise(attempt as Attempt<Id, C>, call))),
    stream: (call, options) => {
      const stream = router.stream(options, (attempt) => fromIterable(attempt as Attempt<Id, C>, call), options)
      const iterable = Stream.toAsyncIterable(stream)
      const signal = options?.signal
      if (signal !== undefined && !isSignal(signal)) throw noSignal(signal)
      return signal === undefined ? iterable : until(signal, iterable)
    },
    handOff: (call, options) =>
      promised(options, (request) =>
        handoff.run(
          router.route(request, (attempt) => fromPromise(attempt as Attempt<Id, C>, call)),
          options
        )
      ),
    tasks: {
      poll: (taskId) => promised(undefined, () => handoff.poll(taskId)),
      wait: (taskId) => promised(undefined, () => handoff.await(taskId)),
      cancel: (taskId) => promised(undefined, () => handoff.cancel(taskId))
    },
    explain: (options) => Effect.runSync(router.explain(options)),
    status: () => Effect.runSync(router.status),
    targets: router.targets,
    decisions: () => Stream.toAsyncIterable(router.decisions),
    isolate: (id) => Effect.runSync(router.isolate(id)),
    drain: (id) => Effect.runPromise(router.drain(id)),
    restore: (id) => Effect.runSync(router.restore(id)),
    languageModel(options) {
      return Effect.runSync(RoutedModel.make(this.router, options))
    },
    close,
    [Symbol.asyncDispose]: close
  }
}

/** One call without a fiber of its own around it: the attempt's fiber is enough. */
const route = <Id extends string, C, A>(
  core: Core<Id, C>,
  router: Router.Router<Id, C>,
  run: (attempt: Router.Attempt<Id, C>) => Promise<A>,
  options: CallOptions | undefined
): Promise<A> => {
  const signal = options?.signal
  if (signal !== undefined && !isSignal(signal)) return Promise.reject(noSignal(signal))
  if (signal?.aborted === true) return Promise.reject(signal.reason)
  if (typeof run !== "function") return Promise.reject(new InvalidOption("route: call", "a function", run))
  return new Promise((resolve, reject) => {
    const request = RouteRequest.from(options)
    if (!Around.isDirect(core, request, "route")) {
      const routed = router.route(request, (attempt) => fromPromise(attempt as Attempt<Id, C>, run))
      return resolve(promised(options, () => routed))
    }
    const call = new Call(core, request, Context.empty(), false)
    const abort = () => Effect.runFork(interrupt(call))
    const perform = {
      run: (attempt: Attempt<Id, C>) => fromPromise(attempt, run),
      clock: "Attempt",
      stays: false
    } as const
    start(call, perform, (exit) => {
      signal?.removeEventListener("abort", abort)
      if (Exit.isSuccess(exit)) resolve(exit.value)
      else reject(call.cancelled ? signal?.reason : Cause.squash(exit.cause))
    })
    if (signal === undefined || call.ended) return
    if (signal.aborted) abort()
    else signal.addEventListener("abort", abort, { once: true })
  })
}

/** An Effect as a promise that rejects with the call's own error, or with the reason of the signal. */
const promised = async <A>(
  options: CallOptions | undefined,
  run: (request: RouteRequest.RouteRequest) => Effect.Effect<A, unknown>
): Promise<A> => {
  const signal = options?.signal
  if (signal !== undefined && !isSignal(signal)) throw noSignal(signal)
  signal?.throwIfAborted()
  const running = Effect.suspend(() => run(RouteRequest.from(options)))
  const exit = await Effect.runPromiseExit(running, signal === undefined ? undefined : { signal })
  if (Exit.isSuccess(exit)) return exit.value
  throw signal?.aborted === true && Cause.hasInterruptsOnly(exit.cause) ? signal.reason : Cause.squash(exit.cause)
}

const isSignal = (signal: AbortSignal): boolean => typeof signal?.addEventListener === "function"
const noSignal = (signal: unknown) => new InvalidOption("createRouter: signal", "an AbortSignal", signal)

/** Rejections stay what they are: the classifier sees them, and the caller gets them. */
const fromPromise = <Id extends string, C, A>(
  attempt: Attempt<Id, C>,
  run: (attempt: Router.Attempt<Id, C>) => Promise<A>
) =>
  Effect.callback<A, unknown>((resume) => {
    let started: Promise<A>
    try {
      started = attempt.observer?.run === undefined ? run(attempt) : attempt.observer.run(() => run(attempt))
    } catch (error) {
      // SDKs throw before they return a promise too: for a caller that is one and the same.
      return resume(Exit.fail(error))
    }
    Promise.resolve(started).then(
      (answer) => resume(Exit.succeed(answer)),
      (error) => resume(Exit.fail(error))
    )
  })
