/**
 * How much of the load each priority level takes, by how well the levels are. Level 0 takes as much as its health allows, the
 * next ones what is left; when all together are not well enough, each takes its part of what there is.
 *
 * health_i = min(1, factor * share_i); total = min(1, sum of health); load_i = min(1 - loads before, health_i / total).
 * Source: Envoy, "Priority levels" and "Degraded endpoints" (load balancing), overprovisioning factor 1.4.
 */

/**
 * Writes into `loads`, by place in `order`; `shares` in [0, 1] are by the numbers in it. The loads add up to 1. When nobody is
 * well at all, the first level takes everything: there is nothing to tell them apart by.
 */
export const loadsOf = (
  order: ReadonlyArray<number>,
  shares: Float64Array,
  factor: number,
  loads: Float64Array
): void => {
  let total = 0
  for (const number of order) total += Math.min(1, factor * (shares[number] ?? 0))
  if (total === 0) {
    loads.fill(0)
    loads[0] = 1
    return
  }
  const whole = Math.min(1, total)
  let left = 1
  for (let place = 0; place < order.length; place++) {
    const health = Math.min(1, factor * (shares[order[place] ?? -1] ?? 0))
    const load = Math.min(left, health / whole)
    loads[place] = load
    left -= load
  }
}
