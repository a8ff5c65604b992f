/**
 * `createRouter` for targets that come and go: a file, DNS, a catalogue, or sets that the application hands over with `reload`.
 *
 * Use it when the list is not known when the program starts. For a list that is written in the program `createRouter` is better:
 * it knows the ids as literals.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { InvalidOption, onlyKeys } from "../model/InvalidOption.ts"
import type { Strategy } from "../model/Strategy.ts"
import type { TargetSource } from "../model/TargetSource.ts"
import * as PromiseFacade from "./internal/PromiseFacade.ts"
import { type Common, check, commonKeys, type Part, supplied } from "./internal/PromiseOptions.ts"
import type { DynamicPromiseRouter } from "./PromiseRouter.ts"
import * as Router from "./Router.ts"

export type { CallOptions, DynamicPromiseRouter, Tasks } from "./PromiseRouter.ts"

export interface Options extends Omit<Router.SourceOptions, "pipeline">, Common {
  /** E.g. `WeightedLeastConnections.make()` of `@spillway/strategies`. It may name targets that come later. */
  readonly strategy: Strategy<string>
}

const optionKeys: ReadonlySet<string> = new Set(["slowStart", "allowEmpty", "waitForTargets", ...commonKeys])

/**
 * A router whose targets come from a source, such as `TargetSource.fromStream(...)`, or from a first set that `reload` replaces:
 * `await createRouterFrom(TargetSource.make({ targets }), { strategy })`. Resolves when there are targets; rejects with
 * `InvalidOption`, or with `TargetSourceError` when the source has none.
 */
export const createRouterFrom = async <C>(
  source: TargetSource<C>,
  options: Options
): Promise<DynamicPromiseRouter<C>> => {
  if (typeof options !== "object" || options === null) {
    throw new InvalidOption("createRouterFrom: options", "an object with a strategy", options)
  }
  if (!Stream.isStream(source?.changes)) {
    throw new InvalidOption(
      "createRouterFrom: source",
      "a TargetSource, such as TargetSource.make({ targets })",
      source
    )
  }
  onlyKeys("createRouterFrom", options, optionKeys)
  check(options)
  const scope = Scope.makeUnsafe()
  const made = await Effect.runPromiseExit(supplied(options, scope, Router.coreFromSource<C, Part>(source, options)))
  if (Exit.isFailure(made)) {
    await Effect.runPromise(Scope.close(scope, made))
    throw Cause.squash(made.cause)
  }
  const router = Router.fromDynamicCore(made.value)
  return {
    ...PromiseFacade.make(made.value, router, scope, options.handoff),
    router,
    reload: (set) => Effect.runPromise(router.reload(set))
  }
}
