/** Makes the parts of a pipeline, in its order, and sorts them by where the router uses them. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Gate } from "../../model/Gate.ts"
import type { GatesOf } from "../../state/Gates.ts"
import type { AttemptMiddleware, Pipeline, RequestMiddleware } from "../Pipeline.ts"

export interface Parts {
  readonly around: ReadonlyArray<RequestMiddleware>
  readonly routerGates: ReadonlyArray<Gate>
  readonly gatesOf: ReadonlyArray<GatesOf>
  readonly aroundAttempts: ReadonlyArray<AttemptMiddleware>
}

export const make = Effect.fnUntraced(function* (pipeline: Pipeline) {
  const around: Array<RequestMiddleware> = []
  const routerGates: Array<Gate> = []
  for (const part of pipeline.call) {
    if (part.kind === "request") around.push(yield* part.make)
    else routerGates.push(...(yield* part.make))
  }
  const gatesOf: Array<GatesOf> = []
  const aroundAttempts: Array<AttemptMiddleware> = []
  for (const part of pipeline.attempt) {
    if (part.kind === "targetGates") gatesOf.push(yield* part.make)
    else aroundAttempts.push(yield* part.make)
  }
  const parts: Parts = {
    around,
    routerGates,
    gatesOf,
    aroundAttempts
  }
  return parts
}) as (pipeline: Pipeline) => Effect.Effect<Parts, never, Scope.Scope>
