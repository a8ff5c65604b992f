/**
 * The router: picks a target for each call, keeps the call inside its deadline and budget, moves it when the target it
 * chose is busy, slow or broken, and tells what it did.
 *
 * It is generic over the client a target carries: a `ProviderModel`, an SDK object, a URL. One call's way, step by step:
 * `internal/Around.ts` (middleware), `internal/Call.ts` (deadline, record), `internal/AttemptLoop.ts` (retry, failover,
 * hedge), `internal/Wait.ts` (back-off, admission queue), `internal/Pick.ts` (constraints, tiers, strategy, gates),
 * `internal/Attempt.ts` (clocks, permits), `internal/StreamSession.ts` (commit point), `internal/AfterBreak.ts`.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { CurrentClassifier } from "../model/Classifier.ts"
import type { Decision, DecisionRecord } from "../model/Decision.ts"
import { InvalidOption } from "../model/InvalidOption.ts"
import type { RouteError } from "../model/RouteError.ts"
import * as RouteRequest from "../model/RouteRequest.ts"
import type { CurrentStrategy } from "../model/Strategy.ts"
import type * as Target from "../model/Target.ts"
import type { TargetSet, TargetSource, TargetSourceError } from "../model/TargetSource.ts"
import type { Degradation } from "../policies/Degradation.ts"
import type { Hedging } from "../policies/Hedge.ts"
import type { RetryPolicy } from "../policies/RetryPolicy.ts"
import * as SlowStart from "../policies/SlowStart.ts"
import type * as Timeouts from "../policies/Timeouts.ts"
import type { Admission } from "../state/Admission.ts"
import type { TargetState } from "../state/internal/TargetState.ts"
import type { Answer, Attempt } from "./Answer.ts"
import type * as DefaultPipeline from "./DefaultPipeline.ts"
import * as Around from "./internal/Around.ts"
import type { Core } from "./internal/Core.ts"
import * as Explain from "./internal/Explain.ts"
import * as Follow from "./internal/Follow.ts"
import * as Make from "./internal/Make.ts"
import type { StreamOptions } from "./internal/StreamOptions.ts"
import type { Reloaded } from "./internal/Targets.ts"
import type * as Pipeline from "./Pipeline.ts"

export type { Answer, Attempt } from "./Answer.ts"
export type { RouterStatus, TargetStatus } from "./internal/Explain.ts"
export type { TargetSourceFailed } from "./internal/Follow.ts"
export type { TargetsChanged } from "./internal/Make.ts"
export type { StreamOptions } from "./internal/StreamOptions.ts"
export type { Reloaded } from "./internal/Targets.ts"

export interface Router<in out Id extends string, out C> {
  /**
   * Runs `call` on the picked target, again or elsewhere where the retry policy allows. Fails with what `call` failed
   * with when that is the caller's own doing (an invalid request), else with `RouteError`.
   */
  readonly route: <A, E, R>(
    request: RouteRequest.RouteRequest | RouteRequest.Options<Id> | undefined,
    call: (attempt: Attempt<Id, C>) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | RouteError, R>

  /** As `route`, and says where the answer comes from: who served it, degraded or not, from the model or the cache. */
  readonly answer: <A, E, R>(
    request: RouteRequest.RouteRequest | RouteRequest.Options<Id> | undefined,
    call: (attempt: Attempt<Id, C>) => Effect.Effect<A, E, R>
  ) => Effect.Effect<Answer<A, Id>, E | RouteError, R>

  /**
   * The same for streams: see `StreamOptions` for the commit point and what happens after it. Each pull runs in a fiber of
   * its own: what a stream keeps running belongs into its scope (`Effect.forkScoped`).
   */
  readonly stream: <A, E, R>(
    request: RouteRequest.RouteRequest | RouteRequest.Options<Id> | undefined,
    call: (attempt: Attempt<Id, C>) => Stream.Stream<A, E, R>,
    options?: StreamOptions<A>
  ) => Stream.Stream<A, E | RouteError, R>

  /** How the request would be decided now: candidates, exclusions with reasons, scores, the pick. Changes nothing. */
  readonly explain: (request?: RouteRequest.RouteRequest | RouteRequest.Options<Id>) => Effect.Effect<Decision<Id>>
  /** What was done, call by call. Bounded: a subscriber that lags more than 1,024 records loses the oldest. */
  readonly decisions: Stream.Stream<DecisionRecord<Id>>
  /** The targets there are now, in the order of the options: another list after each change, the same one until then. */
  readonly targets: () => ReadonlyArray<Target.Target<Id, C>>
  /** Every target: gate states, in flight, rates. Those that have left stay until their last attempt has ended. */
  readonly status: Effect.Effect<Explain.RouterStatus<Id>>
  /** Takes a target out of rotation at once, until `restore`. Attempts in flight go on. */
  readonly isolate: (id: Id) => Effect.Effect<void>
  /** As `isolate`, and waits until the target's last attempt has ended. */
  readonly drain: (id: Id) => Effect.Effect<void>
  /** Back into rotation; what its gates remember of failures and Retry-After is forgotten. */
  readonly restore: (id: Id) => Effect.Effect<void>
}

/**
 * A router whose targets come and go: their ids are any string. `isolate`, `drain` and `restore` of an id that it does not
 * have are defects.
 */
export interface DynamicRouter<in out C> extends Router<string, C> {
  /**
   * Another set of targets, checked as a whole and swapped in one turn; calls in flight are not disturbed. Fails with
   * `InvalidOption` when the set is wrong, and has changed nothing then. Sets are taken one after the other.
   *
   * Targets that stay keep what is known of them; weight, tags, price and client hold from the next attempt on. Where limits,
   * context window or account changed, gates are made anew and take over from the old ones. Targets that go are picked no
   * more, and their last attempts end in peace. New ones start slowly.
   */
  readonly reload: (set: TargetSet<C>) => Effect.Effect<Reloaded, InvalidOption>
}

export interface Options<
  Specs extends ReadonlyArray<Target.TargetSpec>,
  P extends Pipeline.AnyPart = DefaultPipeline.Parts
> {
  /** At least one. Ids are unique, weights > 0. */
  readonly targets: Specs
  /**
   * Target ids, best tier first; names every target once. A later tier answers only when no target before it can, and its
   * answers are `degraded`. Default: one tier.
   */
  readonly tiers?: ReadonlyArray<ReadonlyArray<Target.IdOf<Specs>>>
  /** Name for spans, metrics and records: bounded in number, e.g. `"chat"`. Default `"default"`. */
  readonly route?: string
  readonly timeouts?: Timeouts.Options
  /** What calls and attempts pass on their way. Default `DefaultPipeline.pipeline`. */
  readonly pipeline?: Pipeline.Pipeline<P>
}

/** Of a router whose targets change, beside its targets. */
export interface DynamicOptions<P extends Pipeline.AnyPart = DefaultPipeline.Parts>
  extends Pick<Options<[], P>, "route" | "timeouts" | "pipeline"> {
  /** How targets that join later come to their share. Default: a window of 30 seconds. `false`: all of it at once. */
  readonly slowStart?: SlowStart.Options | false
  /** True: a set without targets is taken too, and calls fail with `NoCandidate`. Default false: it is refused. */
  readonly allowEmpty?: boolean
}

export interface SourceOptions<P extends Pipeline.AnyPart = DefaultPipeline.Parts> extends DynamicOptions<P> {
  /** True: problems before the first set are waited out, with a warning in the log. Default false: the first one fails. */
  readonly waitForTargets?: boolean
}

/** What every router needs, whatever its pipeline. */
export type Services = CurrentStrategy | RetryPolicy | CurrentClassifier | Admission | Hedging | Degradation

/** Any router whose ids are not known to the compiler. */
export type Any = Router<string, unknown>

/**
 * Makes a router that lives as long as the scope. A mistake in the options is a defect, `InvalidOption`, that names the
 * option, what it takes and what it was given.
 */
export const make = <
  const Specs extends ReadonlyArray<Target.TargetSpec>,
  P extends Pipeline.AnyPart = DefaultPipeline.Parts
>(
  options: Options<Specs, P>
): Effect.Effect<
  Router<Target.IdOf<Specs>, Target.ClientOf<Specs>>,
  never,
  Scope.Scope | Services | Pipeline.Services<P>
> => Effect.map(Make.core<Target.IdOf<Specs>, Target.ClientOf<Specs>, P>(options), fromCore)

/** A router that begins with the set given and changes by `reload`. A mistake in the options is a defect, `InvalidOption`. */
export const makeDynamic = <C, P extends Pipeline.AnyPart = DefaultPipeline.Parts>(
  options: DynamicOptions<P> & TargetSet<C>
): Effect.Effect<DynamicRouter<C>, never, Scope.Scope | Services | Pipeline.Services<P>> =>
  Effect.map(Effect.orDie(dynamicCore(options, options, "Router.makeDynamic")), fromDynamicCore)

/**
 * A router of the targets that `source` says: waits for the first set, and follows until the scope closes. A set that is wrong
 * and a problem of the source keep the set that was there and are published as `TargetSourceFailed`, a change as
 * `TargetsChanged` (`Telemetry.routerEvent`). Fails when the first thing it hears is no usable set, unless `waitForTargets`.
 */
export const fromSource = <C, P extends Pipeline.AnyPart = DefaultPipeline.Parts>(
  source: TargetSource<C>,
  options: SourceOptions<P> = {}
): Effect.Effect<DynamicRouter<C>, TargetSourceError, Scope.Scope | Services | Pipeline.Services<P>> =>
  Effect.map(coreFromSource(source, options), fromDynamicCore)

/** @internal */
export const coreFromSource = <C, P extends Pipeline.AnyPart>(source: TargetSource<C>, options: SourceOptions<P>) =>
  Follow.follow(source, options.waitForTargets ?? false, (set) => dynamicCore(set, options, Follow.where(source)))

/** @internal */
export const dynamicCore = <C, P extends Pipeline.AnyPart>(
  { targets, tiers }: TargetSet<C>,
  { allowEmpty = false, pipeline, route, slowStart, timeouts }: DynamicOptions<P>,
  where: string
) =>
  Make.changingCore<string, C, P>(where, {
    targets,
    tiers,
    ...(route === undefined ? {} : { route }),
    ...(timeouts === undefined ? {} : { timeouts }),
    ...(pipeline === undefined ? {} : { pipeline }),
    changing: {
      allowEmpty,
      strategy: (strategy) => (slowStart === false ? strategy : SlowStart.wrap(strategy, slowStart))
    }
  })

/** @internal The public face of a core whose targets change. */
export const fromDynamicCore = <C>(core: Core<string, C>): DynamicRouter<C> => ({
  ...fromCore(core),
  reload: (set) => core.targets.reload(set, "Router.reload")
})

/** @internal The public face of a core. */
export const fromCore = <Id extends string, C>(core: Core<Id, C>): Router<Id, C> => {
  const stateOf = (id: Id): TargetState<Id, C> => {
    const state = core.targets.find(id)
    if (state !== undefined) return state
    throw new InvalidOption(
      "Router: target id",
      `one of ${core.states.map((s) => JSON.stringify(s.target.id)).join(", ")}`,
      id
    )
  }
  return {
    route: (options, call) => Effect.withFiber((fiber) => Around.route(core, RouteRequest.from(options), call, fiber)),
    answer: (options, call) =>
      Effect.withFiber((fiber) => Around.answer(core, RouteRequest.from(options), call, fiber)),
    stream: (options, call, streamOptions = {}) =>
      Stream.suspend(() => Around.stream(core, RouteRequest.from(options), call, streamOptions)),
    explain: (request) => Effect.sync(() => Explain.explain(core, RouteRequest.from(request))),
    decisions: core.decisions.stream,
    targets: () => core.targets.inUse.targets,
    status: Effect.sync(() => Explain.status(core)),
    isolate: (id) =>
      Effect.sync(() => {
        stateOf(id).control = "isolated"
      }),
    drain: (id) =>
      Effect.callback((resume) => {
        const state = stateOf(id)
        state.control = "draining"
        state.whenIdle(() => resume(Effect.void))
      }),
    restore: (id) =>
      Effect.sync(() => {
        const now = core.now()
        stateOf(id).restore(now)
        if (core.admission.size > 0) core.admission.released(now)
      })
  }
}
