/**
 * Several gates as one: admitted left to right, all or nothing. On the first rejection the permits taken so far are handed
 * back as `Unused`, so that a full bulkhead costs no rate-limit token.
 *
 * Put first what rejects most and costs least. A gate that throws is a bug in that gate; it never costs the others a permit:
 * thrown while admitting, the earlier permits go back and the error goes on; thrown while settling, it becomes an event.
 */

import type { Cost } from "../model/Cost.ts"
import {
  type Gate,
  type GateEvent,
  type GateSnapshot,
  isReject,
  type LocalReject,
  type Measured,
  type Millis,
  noEvents,
  type Rng,
  type Verdict
} from "../model/Gate.ts"
import { InvalidOption } from "../model/InvalidOption.ts"
import { type Outcome, type Unused, unused } from "../model/Outcome.ts"

/** One permit of each gate, in their order. */
export interface ChainPermit {
  readonly permits: ReadonlyArray<object>
  /** Whose it is and where it is given back; `undefined` once that has happened. */
  chain: Chain | undefined
}

export interface Chain {
  readonly gates: ReadonlyArray<Gate>
  /** The first gate's "no", with its reason and its time; `undefined` when all say yes. Changes nothing. */
  readonly peek: (now: Millis, cost: Cost) => Verdict
  /** A permit of every gate, or the first rejection. */
  readonly admit: (now: Millis, cost: Cost, rng: Rng) => ChainPermit | LocalReject
  /**
   * Gives every permit back; a second call with the same permit changes nothing. Events of `admit` come with the next
   * `settle`. A gate that throws shows as `GateFailed`.
   */
  readonly settle: (
    permit: ChainPermit,
    outcome: Outcome | Unused,
    now: Millis,
    measured?: Measured
  ) => ReadonlyArray<GateEvent>
  /** The least of what its gates have left, in [0, 1]; `undefined` when none of them counts. */
  readonly headroom: (now: Millis) => number | undefined
  /** By gate name. */
  readonly snapshot: (now: Millis) => Readonly<Record<string, GateSnapshot>>
  /** Takes up what it finds for its gates; a gate that is not in the snapshot stays as it is. */
  readonly restore: (snapshot: Readonly<Record<string, GateSnapshot>>, now: Millis) => void
  /** Stands from now on where `before` stood: gate by gate, by name. Permits of `before` are settled there. */
  readonly takeOver: (before: Chain, now: Millis) => void
  /** Tells its gates whether their target is one of those the router picks from. */
  readonly inSet: (isInSet: boolean) => void
}

/** The list is copied. Throws `InvalidOption` when two gates have the same name. */
export const make = (list: ReadonlyArray<Gate>): Chain => {
  const gates = list.slice()
  gates.forEach((gate, i) => {
    if (gates.findIndex(({ name }) => name === gate.name) < i) {
      throw new InvalidOption(`Chain: gates[${i}].name`, "unique in its chain", gate.name)
    }
  })
  const size = gates.length
  /** What happened while permits were handed back inside `admit`, which has no way to say so. */
  let held: ReadonlyArray<GateEvent> = noEvents

  const giveBack = (
    permits: ReadonlyArray<object>,
    outcome: Outcome | Unused,
    now: Millis,
    measured: Measured | undefined
  ) => {
    let events = noEvents
    for (let i = 0; i < size; i++) {
      const gate = gates[i]
      const permit = permits[i]
      if (gate === undefined || permit === undefined) break
      const heard = settleOne(gate, permit, outcome, now, measured)
      if (heard.length > 0) events = events.length === 0 ? heard : events.concat(heard)
    }
    return events
  }
  const rollBack = (permits: ReadonlyArray<object>, now: Millis): void => {
    const events = giveBack(permits, unused, now, undefined)
    if (events.length > 0) held = held.concat(events)
  }

  const counting = gates.filter((gate) => gate.headroom !== undefined)

  const chain: Chain = {
    gates,
    headroom: (now) => {
      let least: number | undefined
      for (const gate of counting) {
        const left = gate.headroom?.(now)
        if (left !== undefined && (least === undefined || left < least)) least = left
      }
      return least
    },
    peek: (now, cost) => {
      for (const gate of gates) {
        const verdict = gate.peek(now, cost)
        if (verdict !== undefined) return verdict
      }
      return undefined
    },
    admit: (now, cost, rng) => {
      const permits = new Array<object>(size) // exact: pushing to an empty array would reserve room for 17
      let i = 0
      try {
        for (const gate of gates) {
          const answer = gate.admit(now, cost, rng)
          if (isReject(answer)) {
            if (i > 0) rollBack(permits, now)
            return answer
          }
          permits[i++] = answer
        }
      } catch (error) {
        rollBack(permits, now)
        throw error
      }
      return { permits, chain }
    },
    settle: (permit, outcome, now, measured) => {
      if (permit.chain === undefined) return noEvents
      permit.chain = undefined
      const events = giveBack(permit.permits, outcome, now, measured)
      if (held.length === 0) return events
      const all = held.concat(events)
      held = noEvents
      return all
    },
    snapshot: (now) => Object.fromEntries(gates.map((gate) => [gate.name, gate.snapshot(now)])),
    restore: (snapshot, now) => {
      for (const gate of gates) {
        const own = Object.hasOwn(snapshot, gate.name) ? snapshot[gate.name] : undefined
        if (own !== undefined) gate.restore(own, now)
      }
    },
    takeOver: (before, now) => {
      for (const gate of gates) {
        const old = before.gates.find(({ name }) => name === gate.name)
        if (old === undefined || old === gate) continue
        if (gate.takeOver === undefined) gate.restore(old.snapshot(now), now)
        else gate.takeOver(old, now)
      }
    },
    inSet: (isInSet) => {
      for (const gate of gates) gate.inSet?.(isInSet)
    }
  }
  return chain
}

/** What the gates had to say about letting this attempt in. */
export const notesOf = (permit: ChainPermit): ReadonlyArray<string> => {
  let notes: Array<string> | undefined
  for (const one of permit.permits) {
    const { note } = one as { readonly note?: unknown }
    if (typeof note === "string") notes = notes === undefined ? [note] : [...notes, note]
  }
  return notes ?? noNotes
}

const noNotes: ReadonlyArray<string> = []

const settleOne = (
  gate: Gate,
  permit: object,
  outcome: Outcome | Unused,
  now: Millis,
  measured: Measured | undefined
): ReadonlyArray<GateEvent> => {
  try {
    return gate.settle(permit, outcome, now, measured)
  } catch {
    return [{ _tag: "GateFailed", gate: gate.name }]
  }
}
