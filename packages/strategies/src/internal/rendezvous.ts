/**
 * Weighted rendezvous (highest random weight): every key ranks all targets by a score of key and target, and a target that
 * leaves hands each of its keys to that key's next one. O(n), for when few targets are left to choose from.
 *
 * Source: D. Thaler, C. Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", IEEE/ACM ToN 6(1), 1998; weights by
 * logarithm: C. Schindelhauer, G. Schomaker, "Weighted Distributed Hash Tables", SPAA 2005.
 */
import * as Hash from "@spillway/core/Hash"

/** Higher is better; a target is the best of all for a share of the keys that is its share of the weight. */
export const score = (key: number, target: number, weight: number): number =>
  -weight / Math.log(Hash.unit(Hash.mix(key, target)))
