/**
 * What a new set means for the targets that are there: who joins, who stays as another, who leaves. Making a plan checks the
 * whole set and makes every gate that will be needed, and changes nothing: a set that is wrong throws here.
 */
import * as Equal from "effect/Equal"
import * as Chain from "../../gates/Chain.ts"
import type { Gate, Millis } from "../../model/Gate.ts"
import * as Target from "../../model/Target.ts"
import type { TargetSet } from "../../model/TargetSource.ts"
import type { GatesOfRouter } from "../../state/Gates.ts"
import { TargetState } from "../../state/internal/TargetState.ts"

/** A target that stays, by its new description. */
export interface Change<Id extends string, C> {
  readonly state: TargetState<Id, C>
  readonly target: Target.Target<Id, C>
  readonly chain: Chain.Chain
  readonly before: Target.Target<Id, C>
  readonly chainBefore: Chain.Chain
}

export interface Plan<Id extends string, C> {
  /** All of the new set, in its order. */
  readonly states: ReadonlyArray<TargetState<Id, C>>
  readonly targets: ReadonlyArray<Target.Target<Id, C>>
  /** Not picked from before: new, or taken up again while their last attempts went on. */
  readonly joins: ReadonlyArray<TargetState<Id, C>>
  readonly leaves: ReadonlyArray<TargetState<Id, C>>
  readonly changes: ReadonlyArray<Change<Id, C>>
}

export interface Deps<Id extends string, C> {
  /** Who says what is wrong, e.g. `Router.make`. */
  readonly where: string
  readonly priceOf: (target: Target.Target<Id, C>) => Target.Target["price"]
  readonly allowEmpty: boolean
  /** One per part of the pipeline, in its order. */
  readonly gatesOf: (targets: ReadonlyArray<Target.Target>) => ReadonlyArray<GatesOfRouter>
}

/** Throws `InvalidOption`. */
export const make = <Id extends string, C>(
  set: TargetSet<C>,
  states: ReadonlyArray<TargetState<Id, C>>,
  leaving: ReadonlyMap<string, TargetState<Id, C>>,
  since: Millis,
  deps: Deps<Id, C>
): Plan<Id, C> => {
  const empty = deps.allowEmpty && Array.isArray(set?.targets) && set.targets.length === 0
  // The compiler has seen the ids of a router whose ids it knows; those of others are any string.
  const specs = set?.targets as ReadonlyArray<Target.TargetSpec<Id, C>>
  const tiers = set?.tiers as ReadonlyArray<ReadonlyArray<Id>> | undefined
  const targets = empty ? [] : Target.resolve(deps.where, specs, tiers, deps.priceOf)
  const makers = deps.gatesOf(targets)
  const known = new Map(states.map((state) => [state.target.id as string, state]))
  const joins: Array<TargetState<Id, C>> = []
  const changes: Array<Change<Id, C>> = []
  const planned = targets.map((target) => {
    const stays = known.get(target.id)
    const state = stays ?? leaving.get(target.id)
    if (state === undefined) {
      const fresh = new TargetState(target, build(makers, target, undefined), since)
      joins.push(fresh)
      return fresh
    }
    if (stays === undefined) joins.push(state)
    const { chain, target: before } = state
    if (sameTarget(before, target)) return state
    const other = sameLimits(before, target) ? chain : build(makers, target, stays?.chain)
    changes.push({ state, target, chain: other, before, chainBefore: chain })
    return state
  })
  const stay = new Set(planned)
  return { states: planned, targets, joins, leaves: states.filter((state) => !stay.has(state)), changes }
}

/** New gates, outside of any group until they are used. `current` steps out of the way meanwhile: it may have the same name there. */
const build = (
  makers: ReadonlyArray<GatesOfRouter>,
  target: Target.Target,
  current: Chain.Chain | undefined
): Chain.Chain => {
  const made: Array<Gate> = []
  current?.inSet(false)
  try {
    for (const gatesOf of makers) made.push(...gatesOf(target))
    return Chain.make(made)
  } finally {
    for (const gate of made) gate.inSet?.(false)
    current?.inSet(true)
  }
}

const sameTarget = (one: Target.Target, other: Target.Target): boolean =>
  one.client === other.client && sameChoice(one, other)

/** All that a strategy may look at: not the client. */
export const sameChoice = (one: Target.Target, other: Target.Target): boolean =>
  Equal.equals({ ...one, client: undefined }, { ...other, client: undefined })

/** All that the gates of a target are made of. The price counts where money is limited. */
const sameLimits = (one: Target.Target, other: Target.Target): boolean =>
  Equal.equals(one.limits, other.limits) &&
  one.contextWindow === other.contextWindow &&
  one.account === other.account &&
  (Equal.equals(one.price, other.price) || !limitsMoney(other))

const limitsMoney = ({ account, limits }: Target.Target): boolean =>
  account !== undefined || limits.usdPerDay !== undefined || limits.usdPerMonth !== undefined
