/**
 * The share of the traffic that a target gets some time after it came back, from a tenth to all of it. At full load at
 * once, a provider with cold caches or few replicas fails again.
 *
 * Source: Envoy's slow start mode, with its least share of 10 % and its first second taken as over.
 */
import type { Millis } from "../../model/Gate.ts"

const least = 0.1
const firstSecond = 1000

/** `elapsed` of `length` milliseconds; an aggression above 1 rises faster at first, below 1 slower. 1 from `length` on. */
export const share = (elapsed: Millis, length: Millis, aggression: number): number =>
  Math.min(1, Math.max(least, (Math.max(elapsed, firstSecond) / length) ** (1 / aggression)))
