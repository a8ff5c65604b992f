/**
 * Load by attempts in flight: how many run now, for the target's weight. Knows neither latency nor failures.
 *
 * Use it where all targets answer about equally fast and gates deal with failures; otherwise `PeakEwma`. A target that
 * fails at once has nothing in flight and looks idle.
 * Source: the "least loaded" metric of Finagle's balancers (`LeastLoaded`).
 */
import type { Load } from "@spillway/core/Candidate"

/** Attempts in flight per weight. */
export const load: Load = (candidate) => candidate.inFlight / candidate.target.weight
