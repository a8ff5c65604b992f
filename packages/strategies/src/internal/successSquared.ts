/**
 * The success rate squared: what a load is divided by, so that failing fast does not look like being free.
 *
 * A target that fails at once has nothing in flight, so its rate alone must outweigh the attempts that run elsewhere. The
 * rate drifts back to 1 and is held down by calls that fail: to outweigh ten attempts it must stay below 0.3 when squared,
 * below 0.1 when not, which costs four times as many failed calls. Bounded below, so that no load is infinite and failing
 * targets keep their order.
 */
import type { Candidate } from "@spillway/core/Candidate"
import type { Millis } from "@spillway/core/Gate"

const lowest = 0.01

/** In [0.0001, 1]. */
export const successSquared = (candidate: Candidate, now: Millis): number => squared(candidate.successRate(now))

/** The same, where the rate was read already. */
export const squared = (rate: number): number => (rate > lowest ? rate * rate : lowest * lowest)
