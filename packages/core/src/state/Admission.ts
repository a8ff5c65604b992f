/**
 * How callers wait for a target: how many, how long, in which order, fair between whom. Each router makes its own queue
 * from these options; what the queue does is `AdmissionQueue`.
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type * as AdmissionQueue from "./AdmissionQueue.ts"

export type Options = AdmissionQueue.Options

/** The waiting rules of an application. */
export class Admission extends Context.Service<Admission, Options>()("@spillway/core/state/Admission") {}

/** Mistakes in the options are found when the router is made. */
export const layer = (options: Options = {}): Layer.Layer<Admission> => Layer.succeed(Admission, options)
