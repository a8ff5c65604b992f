import { assert, it } from "@effect/vitest"
import type { Cost } from "../../src/model/Cost.ts"
import { type Gate, type GateEvent, isReject, type LocalReject, type Millis, type Rng } from "../../src/model/Gate.ts"
import type { Outcome, Unused } from "../../src/model/Outcome.ts"
import * as GateLaws from "../../src/testing/GateLaws.ts"

export const one: Cost = { requests: 1, tokens: 0 }

/** The middle of every range. */
export const half: Rng = () => 0.5

/** A permit; fails the test when the gate refuses. */
export const admitted = <P extends object>(gate: Gate<P>, now: Millis, cost: Cost = one, rng: Rng = half): P => {
  const answer = gate.admit(now, cost, rng)
  if (isReject(answer)) assert.fail(`refused at ${now}: ${answer.reason}`)
  return answer
}

/** A rejection; fails the test when the gate admits. */
export const refused = <P extends object>(gate: Gate<P>, now: Millis, cost: Cost = one): LocalReject => {
  const answer = gate.admit(now, cost, half)
  if (!isReject(answer)) assert.fail(`admitted at ${now}`)
  return answer
}

/** One attempt from admission to its end, at one moment. */
export const attempt = <P extends object>(
  gate: Gate<P>,
  now: Millis,
  outcome: Outcome | Unused,
  rng: Rng = half
): ReadonlyArray<GateEvent> => gate.settle(admitted(gate, now, one, rng), outcome, now)

export const tags = (events: ReadonlyArray<GateEvent>): ReadonlyArray<string> => events.map((event) => event._tag)

/** The laws of every gate, as tests of this one. */
export const obeysTheLaws = <P extends object>(subject: GateLaws.Subject<P>): void => {
  for (const law of GateLaws.laws) it(law.name, () => law.check(subject))
}
