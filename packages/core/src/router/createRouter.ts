/**
 * The router for code without Effect: Promises, `AbortSignal`, async iterables. The same parts, the same decisions.
 *
 * The strategy is made at once, so a strategy whose `make` waits for something needs `Router.make`.
 */
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Classifier, CurrentClassifier, classify } from "../model/Classifier.ts"
import type { Decision, DecisionRecord } from "../model/Decision.ts"
import type { ProviderModel } from "../model/ProviderModel.ts"
import type * as RouteRequest from "../model/RouteRequest.ts"
import { CurrentStrategy, type Strategy } from "../model/Strategy.ts"
import type { ClientOf, IdOf, TargetSpec } from "../model/Target.ts"
import { CurrentTelemetry, type Telemetry } from "../model/Telemetry.ts"
import * as RetryPolicy from "../policies/RetryPolicy.ts"
import * as Gates from "../state/Gates.ts"
import * as RoutedModel from "./RoutedModel.ts"
import * as Router from "./Router.ts"

export interface CreateOptions<Specs extends ReadonlyArray<TargetSpec>> extends Router.Options<Specs> {
  /** E.g. `WeightedLeastConnections.make()` of `@spillway/strategies`. */
  readonly strategy: Strategy
  readonly gates?: Gates.Options | Gates.GatesOf
  readonly retry?: RetryPolicy.Options
  /** What a rejection says about its target. Default: `AiError` by its reason, anything else is the target's failure. */
  readonly classify?: Classifier
  readonly telemetry?: Telemetry
}

/** What may be said about one call; `signal` interrupts it, and what it holds is given back. */
export interface CallOptions extends RouteRequest.Options {
  readonly signal?: AbortSignal
}

export interface PromiseRouter<in out Id extends string, out C> {
  /** Runs `call` on the picked target. Rejects with the call's own error, with `RouteError`, or with the signal's reason. */
  readonly route: <A>(
    call: (attempt: Router.Attempt<Id, C>, signal: AbortSignal) => Promise<A>,
    options?: CallOptions
  ) => Promise<A>
  /** The same for streams; leaving the loop early ends the provider's stream. */
  readonly stream: <A>(
    call: (attempt: Router.Attempt<Id, C>, signal: AbortSignal) => AsyncIterable<A>,
    options?: CallOptions & Router.StreamOptions<A>
  ) => AsyncIterable<A>
  readonly explain: (options?: RouteRequest.Options) => Decision<Id>
  readonly status: () => Router.RouterStatus<Id>
  readonly decisions: () => AsyncIterable<DecisionRecord<Id>>
  readonly isolate: (id: Id) => void
  readonly drain: (id: Id) => Promise<void>
  readonly restore: (id: Id) => void
  /** The `LanguageModel` of `effect/ai` over the same router; for targets that are models. */
  readonly languageModel: (
    this: PromiseRouter<Id, ProviderModel>,
    options?: RoutedModel.Options
  ) => LanguageModel.LanguageModel
  /** The same router for Effect code. */
  readonly router: Router.Router<Id, C>
  /** Ends the router's timers. Calls in flight go on. */
  readonly close: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

/** Throws `InvalidOption` when an option is wrong. */
export const createRouter = <const Specs extends ReadonlyArray<TargetSpec>>(
  options: CreateOptions<Specs>
): PromiseRouter<IdOf<Specs>, ClientOf<Specs>> => {
  const scope = Scope.makeUnsafe()
  const gates = typeof options.gates === "function" ? options.gates : Gates.make(options.gates)
  const services = Context.make(CurrentStrategy, options.strategy).pipe(
    Context.add(Gates.Gates, gates),
    Context.add(RetryPolicy.RetryPolicy, RetryPolicy.make(options.retry)),
    Context.add(CurrentClassifier, options.classify ?? classify),
    Context.add(CurrentTelemetry, options.telemetry),
    Context.add(Scope.Scope, scope)
  )
  return fromRouter(Effect.runSyncWith(services)(Router.make(options)), scope)
}

const fromRouter = <Id extends string, C>(router: Router.Router<Id, C>, scope: Scope.Closeable): PromiseRouter<Id, C> => {
  const close = () => Effect.runPromise(Scope.close(scope, Exit.void))
  return {
    router,
    route: (call, options) =>
      run(
        router.route(options, (attempt) =>
          Effect.tryPromise({ try: (signal) => call(attempt, signal), catch: (error) => error })
        ),
        options?.signal
      ),
    stream: (call, options) => {
      const stream = router.stream(
        options,
        (attempt) =>
          Stream.unwrap(
            Effect.map(abortedAtEnd, (signal) => Stream.fromAsyncIterable(call(attempt, signal), (error) => error))
          ),
        options
      )
      const signal = options?.signal
      return Stream.toAsyncIterable(signal === undefined ? stream : Stream.interruptWhen(stream, aborted(signal)))
    },
    explain: (options) => Effect.runSync(router.explain(options)),
    status: () => Effect.runSync(router.status),
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

const run = <A>(effect: Effect.Effect<A, unknown>, signal: AbortSignal | undefined): Promise<A> => {
  if (signal === undefined) return Effect.runPromise(effect)
  if (signal.aborted) return Promise.reject(signal.reason)
  return Effect.runPromiseExit(effect, { signal }).then((exit) => {
    if (Exit.isSuccess(exit)) return exit.value
    throw signal.aborted && Cause.hasInterrupts(exit.cause) ? signal.reason : Cause.squash(exit.cause)
  })
}

/** A signal that fires when the scope closes: the attempt is over, whatever its iterator is waiting for. */
const abortedAtEnd = Effect.acquireRelease(
  Effect.sync(() => new AbortController()),
  (controller) => Effect.sync(() => controller.abort())
).pipe(Effect.map((controller) => controller.signal))

/** Fails with the signal's reason once it fires. */
const aborted = (signal: AbortSignal): Effect.Effect<never, unknown> =>
  Effect.callback((resume) => {
    const fire = () => resume(Effect.fail(signal.reason))
    if (signal.aborted) return fire()
    signal.addEventListener("abort", fire, { once: true })
    return Effect.sync(() => signal.removeEventListener("abort", fire))
  })
