/**
 * Which gates a call passes before any target is looked at: load shedding. None by default: a rule that refuses users must be
 * asked for.
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type { Gate } from "../model/Gate.ts"

/** Makes the gates of one router. */
export type MakeGates = () => ReadonlyArray<Gate>

export class Shedding extends Context.Service<Shedding, MakeGates>()("@spillway/core/state/Shedding") {}

/** `make` is called once per router, e.g. `() => Shedder.make()`. */
export const layer = (make: () => Gate): Layer.Layer<Shedding> => Layer.succeed(Shedding, () => [make()])

/** Nothing is shed. */
export const layerNone: Layer.Layer<Shedding> = Layer.succeed(Shedding, () => [])
