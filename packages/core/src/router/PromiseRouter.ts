/** What `createRouter` gives: a router for code without Effect. The same parts, the same decisions. */
import type * as LanguageModel from "effect/ai/LanguageModel"
import type { Decision, DecisionRecord } from "../model/Decision.ts"
import type { ProviderModel } from "../model/ProviderModel.ts"
import type * as RouteRequest from "../model/RouteRequest.ts"
import type { Target } from "../model/Target.ts"
import type { TargetSet } from "../model/TargetSource.ts"
import type * as Handoff from "../policies/Handoff.ts"
import type * as RoutedModel from "./RoutedModel.ts"
import type * as Router from "./Router.ts"

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
  /** The targets there are now: another list after each change, the same one until then. */
  readonly targets: () => ReadonlyArray<Target<Id, C>>
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

/** A router whose targets come and go: their ids are any string. */
export interface DynamicPromiseRouter<in out C> extends PromiseRouter<string, C> {
  /** Another set of targets: see `Router.DynamicRouter`. Rejects with `InvalidOption`, and has changed nothing then. */
  readonly reload: (set: TargetSet<C>) => Promise<Router.Reloaded>
  /** The same router for Effect code. */
  readonly router: Router.DynamicRouter<C>
}

export interface Tasks {
  /** How the task stands; changes nothing. */
  readonly poll: (taskId: string) => Promise<Handoff.TaskStatus>
  /** Resolves when the task has ended, however it did. */
  readonly wait: (taskId: string) => Promise<Handoff.EndedStatus>
  /** True when this call ended it. */
  readonly cancel: (taskId: string) => Promise<boolean>
}
