/** A strategy to which new targets come step by step. A router does this by itself for targets that join it later. */
import * as SlowStart from "@spillway/core/SlowStart"

/** `SlowStart.wrap` of core. */
export const slowStart = SlowStart.wrap
