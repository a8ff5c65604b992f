/**
 * One step of smooth weighted round robin, shared by the strategies that turn among equals.
 *
 * Every slot that takes part gains its weight; the one with the most is picked and pays what all gained together. After k
 * steps with the same participants a slot's `current` is k * weight - total * (its picks), so no slot is ever more than
 * about one pick off its share, and picks of one slot never come in bursts.
 * Source: nginx, `ngx_http_upstream_get_peer` (commit "Upstream: smooth weighted round-robin balancing", 2012).
 */
import type { Candidate } from "@spillway/core/Candidate"
import type { Rng } from "@spillway/core/Gate"

export interface Slot {
  readonly candidate: Candidate
  readonly weight: number
  /** Current weight: what the slot is owed. */
  current: number
  /** Scratch of one pick, so that a pick allocates nothing; NaN takes part in nothing. */
  load: number
}

export const slotsOf = (candidates: ReadonlyArray<Candidate>): ReadonlyArray<Slot> =>
  candidates.map((candidate) => ({ candidate, weight: candidate.target.weight, current: 0, load: Number.NaN }))

/** One step among the slots whose `load` is `load`; of equal current weights the first. The others stay as they are. */
export const step = (slots: ReadonlyArray<Slot>, load: number): Candidate | undefined => {
  let best: Slot | undefined
  let total = 0
  for (const slot of slots) {
    if (slot.load !== load) continue
    slot.current += slot.weight
    total += slot.weight
    if (best === undefined || slot.current > best.current) best = slot
  }
  if (best !== undefined) best.current -= total
  return best?.candidate
}

/** Longest rotation that is wound forward exactly. */
const longest = 1000

/**
 * Winds a fresh rotation forward by a random number of steps. Many processes that start together would otherwise all send
 * their first call to the same target. With integer weights that sum to at most 1000 every step of the rotation is then
 * equally likely to be the first; with others the chance is right to about 0.1 %.
 * Source: envoyproxy/envoy#31378 (the first-pick problem).
 */
export const scatter = (slots: ReadonlyArray<Slot>, rng: Rng): void => {
  const total = slots.reduce((sum, slot) => sum + slot.weight, 0)
  const period = Number.isInteger(total) && total <= longest ? total : longest
  for (const slot of slots) slot.load = 0
  for (let steps = Math.floor(rng() * period); steps > 0; steps--) step(slots, 0)
}
