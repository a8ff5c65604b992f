/**
 * How many attempts are in flight, in a box: the gate that stands in for another one after a change of limits takes the box
 * over, so that attempts which settle with the old gate free their place in the new one.
 */
import type { Gate } from "../../model/Gate.ts"

export interface InFlight {
  count: number
}

/** Under this key a gate that counts shows its box to its successor. */
export const box: unique symbol = Symbol("@spillway/core/gates/InFlight")

export interface Counting {
  readonly [box]: () => InFlight
}

/** The box of a gate that counts attempts in flight; `undefined` for any other gate. */
export const of = (gate: Gate): InFlight | undefined => (gate as Partial<Counting>)[box]?.()
