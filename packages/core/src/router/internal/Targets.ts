/**
 * The targets of a running router, and how one set becomes another: checked as a whole, then swapped in one turn.
 *
 * - Targets that stay are the same objects: numbers, breaker, permits, attempts in flight. A description that changed holds
 *   from the next attempt on; where limits changed, new gates take over from the old ones, and permits go back to those that
 *   gave them.
 * - Targets that go are picked no more. Their last attempts end in peace, then nothing of them is left. One that comes back
 *   before that is taken up as it is.
 * - A strategy is made again for the tiers that changed. Until it is ready the old members serve; one set follows the other,
 *   none is skipped.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { Millis } from "../../model/Gate.ts"
import { InvalidOption } from "../../model/InvalidOption.ts"
import type { Picker, Strategy } from "../../model/Strategy.ts"
import type { Target } from "../../model/Target.ts"
import type { TargetSet } from "../../model/TargetSource.ts"
import type * as Degradation from "../../policies/Degradation.ts"
import type { TargetState } from "../../state/internal/TargetState.ts"
import * as TargetPlan from "./TargetPlan.ts"

/** Targets that share the traffic; the next tier is asked when none of them can. */
export interface Tier<Id extends string, C> {
  readonly states: ReadonlyArray<TargetState<Id, C>>
  readonly picker: Picker
}

/** The set that is picked from: replaced as a whole, by one assignment. */
export interface InUse<Id extends string, C> {
  /** In the order of the options. */
  readonly states: ReadonlyArray<TargetState<Id, C>>
  /** The same as they are described; another list after each change. */
  readonly targets: ReadonlyArray<Target<Id, C>>
  readonly tiers: ReadonlyArray<Tier<Id, C>>
  readonly degradation: Degradation.Tiers
}

/** What a new set has changed, by target id. */
export interface Reloaded {
  readonly added: ReadonlyArray<string>
  readonly removed: ReadonlyArray<string>
  readonly changed: ReadonlyArray<string>
  /** As they were. */
  readonly kept: ReadonlyArray<string>
}

export interface Deps<Id extends string, C> extends Omit<TargetPlan.Deps<Id, C>, "where"> {
  readonly strategy: Strategy<string>
  readonly degradation: Degradation.Policy
  /** The router's. */
  readonly scope: Scope.Scope
  readonly now: () => Millis
}

export class Targets<Id extends string, C> {
  inUse: InUse<Id, C>
  /** Out of the set, with attempts in flight. */
  readonly leaving: Map<string, TargetState<Id, C>> = new Map()
  /** Told in the turn of the swap. */
  onSwap: ((report: Reloaded) => void) | undefined = undefined
  /** Told when nothing of a target is left. */
  onGone: ((target: Target<Id, C>) => void) | undefined = undefined

  readonly #deps: Deps<Id, C>
  readonly #turn = Semaphore.makeUnsafe(1)
  readonly #scopes = new WeakMap<Tier<Id, C>, Scope.Closeable>()
  /** Who says when its last attempt has ended: once, however often it leaves and comes back until then. */
  readonly #watched = new Set<TargetState<Id, C>>()

  constructor(deps: Deps<Id, C>) {
    this.#deps = deps
    this.inUse = { states: [], targets: [], tiers: [], degradation: deps.degradation.tiers(1) }
  }

  /** Whoever it is: in the set, or on its way out. */
  find(id: string): TargetState<Id, C> | undefined {
    return this.inUse.states.find((state) => state.target.id === id) ?? this.leaving.get(id)
  }

  /** Fails when the set is wrong, or does not go together with the gates; then nothing has changed. */
  readonly reload = (
    set: TargetSet<C>,
    where: string,
    since: Millis | undefined = undefined
  ): Effect.Effect<Reloaded, InvalidOption> =>
    this.#turn.withPermit(
      Effect.uninterruptibleMask((restore) =>
        Effect.gen({ self: this }, function* () {
          const plan = yield* this.#plan(set, where, since)
          const before = this.inUse.tiers
          const made: Array<Scope.Closeable> = []
          const tiers = yield* restore(this.#tiersOf(plan, made)).pipe(
            Effect.onExit((exit) => (Exit.isSuccess(exit) ? Effect.void : this.#undo(plan, made)))
          )
          const report = this.#swap(plan, tiers)
          yield* this.#close(before.filter((tier) => !tiers.includes(tier)))
          return report
        })
      )
    )

  /** Checks the set, and describes the targets that stay anew, in one turn. */
  #plan(set: TargetSet<C>, where: string, since: Millis | undefined) {
    return Effect.suspend((): Effect.Effect<TargetPlan.Plan<Id, C>, InvalidOption> => {
      const now = this.#deps.now()
      let plan: TargetPlan.Plan<Id, C>
      try {
        plan = TargetPlan.make(set, this.inUse.states, this.leaving, since ?? now, { ...this.#deps, where })
      } catch (error) {
        if (error instanceof InvalidOption) return Effect.fail(error)
        throw error
      }
      for (const { chain, chainBefore, state, target } of plan.changes) {
        state.become(target, chain)
        if (chain === chainBefore) continue
        exchange(chainBefore, chain)
        chain.takeOver(chainBefore, now)
        if (state.isLeaving) chain.inSet(false)
      }
      return Effect.succeed(plan)
    })
  }

  /** A strategy was interrupted, or threw: as if nothing had been said. */
  #undo(plan: TargetPlan.Plan<Id, C>, made: ReadonlyArray<Scope.Closeable>) {
    return Effect.suspend(() => {
      for (const { before, chain, chainBefore, state } of plan.changes) {
        state.become(before, chainBefore)
        if (chain !== chainBefore && !state.isLeaving) exchange(chain, chainBefore)
      }
      return Effect.forEach(made, (scope) => Scope.close(scope, Exit.void), { discard: true })
    })
  }

  /** The tiers of the new set. A tier whose members are what they were keeps its picker. */
  #tiersOf(plan: TargetPlan.Plan<Id, C>, made: Array<Scope.Closeable>) {
    const { scope, strategy } = this.#deps
    const weighed = new Set(
      plan.changes.flatMap(({ before, state, target }) => (TargetPlan.sameChoice(before, target) ? [] : [state]))
    )
    const old = this.inUse.tiers
    const numbers = new Set(plan.targets.map(({ tier }) => tier).sort((a, b) => a - b))
    return Effect.forEach(Array.from(numbers), (number, i) => {
      const states = plan.states.filter((state) => state.target.tier === number)
      const before = old[i]
      if (before !== undefined && same(before.states, states) && !states.some((state) => weighed.has(state))) {
        return Effect.succeed(before)
      }
      const own = Scope.forkUnsafe(scope)
      made.push(own)
      return Effect.map(Scope.provide(strategy.make(states, before?.picker), own), (picker): Tier<Id, C> => {
        const tier = { states, picker }
        this.#scopes.set(tier, own)
        return tier
      })
    })
  }

  /** One turn, in which nobody picks. */
  #swap(plan: TargetPlan.Plan<Id, C>, tiers: ReadonlyArray<Tier<Id, C>>): Reloaded {
    const { degradation } = this.#deps
    const { inUse } = this
    for (const state of plan.leaves) this.#leave(state)
    for (const state of plan.joins) {
      this.leaving.delete(state.target.id)
      // Gates that were made for it stand outside until now.
      if (state.isLeaving) state.isLeaving = false
      else state.chain.inSet(true)
    }
    for (const tier of tiers) for (const state of tier.states) state.picker = tier.picker
    const count = Math.max(1, tiers.length)
    this.inUse = {
      states: plan.states,
      targets: plan.targets,
      tiers,
      // What is known of a tier is known by its number: another number of tiers begins anew.
      degradation: Math.max(1, inUse.tiers.length) === count ? inUse.degradation : degradation.tiers(count)
    }
    const joined = new Set(plan.joins)
    const changed = new Set(plan.changes.map(({ state }) => state))
    const idsOf = (states: ReadonlyArray<TargetState<Id, C>>) => states.map(({ target }) => target.id)
    const stayed = plan.states.filter((state) => !joined.has(state))
    const report: Reloaded = {
      added: idsOf(plan.joins),
      removed: idsOf(plan.leaves),
      changed: idsOf(stayed.filter((state) => changed.has(state))),
      kept: idsOf(stayed.filter((state) => !changed.has(state)))
    }
    this.onSwap?.(report)
    return report
  }

  #leave(state: TargetState<Id, C>): void {
    state.picker = undefined
    state.isLeaving = true
    this.leaving.set(state.target.id, state)
    if (this.#watched.has(state)) return
    this.#watched.add(state)
    state.whenIdle(() => {
      this.#watched.delete(state)
      if (this.leaving.get(state.target.id) !== state) return
      this.leaving.delete(state.target.id)
      this.onGone?.(state.target)
    })
  }

  #close(tiers: ReadonlyArray<Tier<Id, C>>) {
    const scopes = tiers.map((tier) => this.#scopes.get(tier)).filter((scope) => scope !== undefined)
    return Effect.forEach(scopes, (scope) => Scope.close(scope, Exit.void), { discard: true })
  }
}

const exchange = (
  out: { readonly inSet: (isInSet: boolean) => void },
  into: { readonly inSet: (isInSet: boolean) => void }
): void => {
  out.inSet(false)
  into.inSet(true)
}

const same = <A>(one: ReadonlyArray<A>, other: ReadonlyArray<A>): boolean =>
  one.length === other.length && one.every((a, i) => a === other[i])
