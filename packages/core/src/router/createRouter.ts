/**
 * The router for code without Effect: Promises, `AbortSignal`, async iterables. The same parts, the same decisions.
 *
 * The strategy is made at once, so a strategy whose `make` waits for something needs `Router.make`, or `createRouterFrom`, which
 * is also the one whose targets change.
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { InvalidOption, onlyKeys } from "../model/InvalidOption.ts"
import type { Strategy } from "../model/Strategy.ts"
import type { ClientOf, IdOf, TargetSpec } from "../model/Target.ts"
import * as Make from "./internal/Make.ts"
import * as PromiseFacade from "./internal/PromiseFacade.ts"
import { type Common, check, commonKeys, type Part, supplied } from "./internal/PromiseOptions.ts"
import type { PromiseRouter } from "./PromiseRouter.ts"
import * as Router from "./Router.ts"

export type { CallOptions, PromiseRouter, Tasks } from "./PromiseRouter.ts"

export interface CreateOptions<Specs extends ReadonlyArray<TargetSpec>>
  extends Omit<Router.Options<Specs>, "pipeline">,
    Common {
  /** E.g. `WeightedLeastConnections.make()` of `@spillway/strategies`. */
  readonly strategy: Strategy<NoInfer<IdOf<Specs>>>
}

const optionKeys: ReadonlySet<string> = new Set(["targets", "tiers", ...commonKeys])

/** Throws `InvalidOption` when an option is wrong. */
export const createRouter = <const Specs extends ReadonlyArray<TargetSpec>>(
  options: CreateOptions<Specs>
): PromiseRouter<IdOf<Specs>, ClientOf<Specs>> => {
  if (typeof options !== "object" || options === null) {
    throw new InvalidOption("createRouter: options", "an object with targets and a strategy", options)
  }
  onlyKeys("createRouter", options, optionKeys)
  check(options)
  const scope = Scope.makeUnsafe()
  const make = Make.core<IdOf<Specs>, ClientOf<Specs>, Part>(options)
  const core = Effect.runSync(supplied(options, scope, make))
  return PromiseFacade.make(core, Router.fromCore(core), scope, options.handoff)
}
