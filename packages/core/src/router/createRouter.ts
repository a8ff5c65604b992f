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
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Classifier, CurrentClassifier } from "../model/Classifier.ts"
import type { Decision, DecisionRecord } from "../model/Decision.ts"
import type { Gate } from "../model/Gate.ts"
import { InvalidOption, onlyKeys } from "../model/InvalidOption.ts"
import type { ProviderModel } from "../model/ProviderModel.ts"
import * as RouteRequest from "../model/RouteRequest.ts"
import { CurrentStrategy, type Strategy } from "../model/Strategy.ts"
import type { ClientOf, IdOf, TargetSpec } from "../model/Target.ts"
import { CurrentTelemetry, type Telemetry } from "../model/Telemetry.ts"
import * as Handoff from "../policies/Handoff.ts"
import * as Pricing from "../policies/Pricing.ts"
import * as Tokenizer from "../policies/Tokenizer.ts"
import * as Gates from "../state/Gates.ts"
import * as Shedding from "../state/Shedding.ts"
import * as Defaults from "./Defaults.ts"
import * as Around from "./internal/Around.ts"
import type { Attempt } from "./internal/Attempt.ts"
import { interrupt, start } from "./internal/AttemptLoop.ts"
import { Call } from "./internal/Call.ts"
import type { Core } from "./internal/Core.ts"
import { fromIterable, until } from "./internal/Iterables.ts"
import * as Make from "./internal/Make.ts"
import type * as Pipeline from "./Pipeline.ts"
import * as RoutedModel from "./RoutedModel.ts"
import * as Router from "./Router.ts"

export interface CreateOptions<Specs extends ReadonlyArray<TargetSpec>>
  extends Omit<Router.Options<Specs>, "pipeline">,
    Omit<Defaults.Options, "gates"> {
  /** E.g. `WeightedLeastConnections.make()` of `@spillway/strategies`. */
  readonly strategy: Strategy<NoInfer<IdOf<Specs>>>
  readonly gates?: Gates.Options | Gates.GatesOf
  /** When calls made with `handOff` become tasks. Default after 500 ms. */
  readonly handoff?: Handoff.Options
  /** Load shedding for the whole router, e.g. `() => Shedder.make()`. Default: none. */
  readonly shed?: () => Gate
  /** Parts of a pipeline of your own; they may need what `Defaults` supplies. Default `DefaultPipeline.pipeline`. */
  readonly pipeline?: Pipeline.Pipeline<Part>
  /** What a rejection says about its target. Default: `AiError` by its reason, anything else is the target's failure. */
  readonly classify?: Classifier
  readonly telemetry?: Telemetry
  /** Prices of targets that name none, e.g. `Catalogue.makePricing()` of `@spillway/providers`. Default: none. */
  readonly pricing?: Pricing.Pricing
  /** Who counts the tokens of a call before it is sent. Default: an estimate. */
  readonly tokenizer?: Tokenizer.Tokenizer
}

type Part = Pipeline.CallPart<string, Supplied> | Pipeline.AttemptPart<string, Supplied>
type Supplied = Defaults.Services | Scope.Scope

/** What may be said about one call; `signal` interrupts it, and what it holds is given back. */
export interface CallOptions<Id extends string = string> extends RouteRequest.Options<Id> {
  readonly signal?: AbortSignal | undefined
}

export interface PromiseRouter<in out Id extends string, out C> {
  /** Runs `call` on the picked target; hand `attempt.signal` to what you start. Rejects with the call's own error, with `RouteError`, or with the signal's reason. */
  readonly route: <A>(call: (attempt: Router.Attempt<Id, C>) => Promise<A>, options?: CallOptions<Id>) => Promise<A>
  /** As `route`, and says who served it, degraded or not, from the model or the cache. */
  readonly answer: <A>(
    call: (attempt: Router.Attempt<Id, C>) => Promise<A>,
    options?: CallOptions<Id>
  ) => Promise<Router.Answer<A, Id>>
  /**
   * As `route`, but a call that takes long becomes a task: `Done` with its answer, or `Accepted` with the id under which
   * `tasks` knows it. The signal ends it until then; after that only `tasks.cancel` does.
   */
  readonly handOff: <A>(
    call: (attempt: Router.Attempt<Id, C>) => Promise<A>,
    options?: CallOptions<Id> & Handoff.RunOptions
  ) => Promise<Handoff.Handed<A>>
  /** Calls that were handed off. Reject with `TaskNotFound`. */
  readonly tasks: Tasks
  /** The same for streams; leaving the loop early ends the provider's stream. */
  readonly stream: <A>(
    call: (attempt: Router.Attempt<Id, C>) => AsyncIterable<A>,
    options?: CallOptions<Id> & Router.StreamOptions<A>
  ) => AsyncIterable<A>
  readonly explain: (options?: RouteRequest.Options<Id>) => Decision<Id>
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
  /** Ends what the router itself runs: shared runs of the cache and tasks are interrupted. Other calls in flight go on. */
  readonly close: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

export interface Tasks {
  /** How the task stands; changes nothing. */
  readonly poll: (taskId: string) => Promise<Handoff.TaskStatus>
  /** Resolves when the task has ended, however it did. */
  readonly wait: (taskId: string) => Promise<Handoff.EndedStatus>
  /** True when this call ended it. */
  readonly cancel: (taskId: string) => Promise<boolean>
}

const optionKeys: ReadonlySet<string> = new Set([
  ...["targets", "tiers", "route", "timeouts", "pipeline", "strategy", "gates", "retry", "admission", "hedge"],
  ...["degradation", "cache", "handoff", "shed", "classify", "telemetry"],
  ...["pricing", "tokenizer"]
])

/** Throws `InvalidOption` when an option is wrong. */
export const createRouter = <const Specs extends ReadonlyArray<TargetSpec>>(
  options: CreateOptions<Specs>
): PromiseRouter<IdOf<Specs>, ClientOf<Specs>> => {
  if (typeof options !== "object" || options === null) {
    throw new InvalidOption("createRouter: options", "an object with targets and a strategy", options)
  }
  onlyKeys("createRouter", options, optionKeys)
  if (options.shed !== undefined && typeof options.shed !== "function") {
    throw new InvalidOption(
      "createRouter: shed",
      "a function that makes a gate, such as () => Shedder.make()",
      options.shed
    )
  }
  if (options.classify !== undefined && typeof options.classify !== "function") {
    throw new InvalidOption("createRouter: classify", "a function", options.classify)
  }
  if (options.pricing !== undefined && typeof options.pricing?.priceOf !== "function") {
    throw new InvalidOption("createRouter: pricing", "an object with priceOf", options.pricing)
  }
  if (options.tokenizer !== undefined && typeof options.tokenizer?.estimate !== "function") {
    throw new InvalidOption("createRouter: tokenizer", "an object with estimate", options.tokenizer)
  }
  if (typeof options.strategy?.make !== "function") {
    throw new InvalidOption(
      "createRouter: strategy",
      "a strategy, such as PowerOfTwo.make()",
      options.strategy,
      "Not the module and not its layer"
    )
  }
  const scope = Scope.makeUnsafe()
  const { classify, gates, pricing, shed, telemetry, tokenizer, ...defaults } = options
  const own = Layer.mergeAll(
    Layer.succeed(CurrentStrategy, options.strategy),
    Layer.succeed(CurrentTelemetry, telemetry),
    ...(typeof gates === "function" ? [Layer.succeed(Gates.Gates, gates)] : []),
    ...(pricing === undefined ? [] : [Layer.succeed(Pricing.CurrentPricing, pricing)]),
    ...(tokenizer === undefined ? [] : [Layer.succeed(Tokenizer.CurrentTokenizer, tokenizer)]),
    ...(classify === undefined ? [] : [Layer.succeed(CurrentClassifier, classify)]),
    ...(shed === undefined ? [] : [Shedding.layer(shed)])
  )
  const supplied = Defaults.make(typeof gates === "function" || gates === undefined ? defaults : { ...defaults, gates })
  const core = Effect.runSync(
    Layer.buildWithScope(Layer.mergeAll(supplied, own), scope).pipe(
      Effect.flatMap((services) =>
        Effect.provideContext(
          Make.core<IdOf<Specs>, ClientOf<Specs>, Part>(options),
          Context.add(services, Scope.Scope, scope)
        )
      )
    )
  )
  const router = Router.fromCore(core)
  const handoff = Effect.runSync(Effect.provideService(Handoff.make(options.handoff), Scope.Scope, scope))
  const close = () => Effect.runPromise(Scope.close(scope, Exit.void))
  return {
    router,
    route: (call, options) => route(core, router, call, options),
    answer: (call, options) =>
      promised(options, (request) =>
        router.answer(request, (attempt) => fromPromise(attempt as Attempt<IdOf<Specs>, ClientOf<Specs>>, call))
      ),
    stream: (call, options) => {
      const stream = router.stream(
        options,
        (attempt) => fromIterable(attempt as Attempt<IdOf<Specs>, ClientOf<Specs>>, call),
        options
      )
      const iterable = Stream.toAsyncIterable(stream)
      const signal = options?.signal
      if (signal !== undefined && !isSignal(signal)) throw noSignal(signal)
      return signal === undefined ? iterable : until(signal, iterable)
    },
    handOff: (call, options) =>
      promised(options, (request) =>
        handoff.run(
          router.route(request, (attempt) => fromPromise(attempt as Attempt<IdOf<Specs>, ClientOf<Specs>>, call)),
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
