/**
 * Weighted round robin by earliest deadline: every target has a next turn in virtual time, the soonest is picked and its next
 * one is 1 / weight later. O(log n) per pick, nothing is allocated.
 *
 * Use it when shares matter and targets are many or their weights change: with hundreds of targets, or with weights that
 * follow what targets report (`weightOf`). With a handful of fixed weights `SmoothWeightedRoundRobin` does the same and keeps
 * its turns more even. It sees neither load nor failures but through `weightOf`; gates take out what fails.
 *
 * While two targets are eligible, their picks n and weights w differ by |n_i / w_i - n_j / w_j| <= 1 / w_i + 1 / w_j: the
 * bound of self-clocked fair queueing, of which this is the case of equal packets. So of k picks, in a set of n that is
 * eligible from the start, a target of share p gets k * p within 1 + p * (n - 2): within one of two, within two of equals.
 * The bound does without the sum of the weights that are eligible, and so does a pick.
 *
 * The first turn is drawn from the first step: processes that start together do not all begin with the same target. A
 * target out of rotation neither gains nor loses, whoever returns takes its own turns again, and one that joins draws its
 * first turn. With few eligible a pick looks at each once.
 * Sources: Envoy, `source/common/upstream/edf_scheduler.h`; gRPC proposal A58 (weighted round robin); the first turn,
 * envoyproxy/envoy#31378; the bound, S. J. Golestani, "A Self-Clocked Fair Queueing Scheme for Broadband Applications",
 * INFOCOM 1994.
 */
import type { Candidate } from "@spillway/core/Candidate"
import type { Millis } from "@spillway/core/Gate"
import { InvalidOption, onlyKeys } from "@spillway/core/InvalidOption"
import { CurrentStrategy, type Strategy } from "@spillway/core/Strategy"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { EdfPicker } from "./internal/edf.ts"

export interface Options {
  /**
   * A weight that changes: by success rate, by what a target reports of its utilisation. Every 4 n picks of n targets all are
   * asked anew, and the way to their next turn is stretched with the weight. Bounded to [1e-6, 1e9]; `undefined` is the
   * target's own weight, for one that has not reported. Default: its own weight.
   */
  readonly weightOf?: (candidate: Candidate, now: Millis) => number | undefined
}

const optionKeys: ReadonlySet<string> = new Set(["weightOf"])

/** `score` is the virtual time until the next turn, O(n). Throws `InvalidOption`. */
export const make = (options: Options = {}): Strategy => {
  const { weightOf } = options
  onlyKeys("EdfWeightedRoundRobin", options, optionKeys)
  if (weightOf !== undefined && typeof weightOf !== "function") {
    throw new InvalidOption("EdfWeightedRoundRobin: weightOf", "a function of a candidate and a time", weightOf)
  }
  return {
    name: "edf-wrr",
    make: (candidates, before) => Effect.sync(() => new EdfPicker(candidates, before, weightOf))
  }
}

/** The application's strategy, as `make`. */
export const layer = (options?: Options): Layer.Layer<CurrentStrategy> => Layer.succeed(CurrentStrategy, make(options))
