/**
 * A Maglev table: a prime number of places, each with the number of one entry, so that a key's entry is one look away.
 * Shares are those of the weights to one place in `size`, and another set of entries moves few keys beside those it must.
 *
 * Built from the ids alone: processes that know the same targets have the same table, whatever the order of their lists.
 * Source: D. Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, 3.4; weights as in
 * Envoy, `source/extensions/load_balancing_policies/maglev/maglev_lb.cc`: a lighter entry sits out some of the turns.
 */
import * as Hash from "@spillway/core/Hash"

export interface Entry {
  readonly id: string
  readonly weight: number
}

const offsetSeed = 0
const stepSeed = 1

/** Places hold indexes into `entries`. `size` is prime and at most 2^31. Empty without entries. */
export const build = (entries: ReadonlyArray<Entry>, size: number): Uint32Array => {
  if (entries.length === 0) return new Uint32Array(0)
  const count = entries.length
  const order = entries.map((_, i) => i)
  order.sort((a, b) => ((entries[a] as Entry).id < (entries[b] as Entry).id ? -1 : 1))
  const heaviest = entries.reduce((most, { weight }) => Math.max(most, weight), 0)
  const places = new Uint32Array(count)
  const steps = new Uint32Array(count)
  /** Turns an entry has earned and not had; the heaviest has one every round. Half a turn to begin with: shares are rounded. */
  const earned = new Float64Array(count).fill(0.5)
  const gains = new Float64Array(count)
  for (let n = 0; n < count; n++) {
    const { id, weight } = entries[order[n] as number] as Entry
    places[n] = Hash.text(id, offsetSeed) % size
    steps[n] = (Hash.text(id, stepSeed) % (size - 1)) + 1
    gains[n] = weight / heaviest
  }
  const free = 0xffff_ffff
  const table = new Uint32Array(size).fill(free)
  let filled = 0
  for (;;) {
    for (let n = 0; n < count; n++) {
      const credit = (earned[n] as number) + (gains[n] as number)
      // Sums of fractions fall short of a whole by their rounding.
      if (credit < 1 - 1e-9) {
        earned[n] = credit
        continue
      }
      earned[n] = credit - 1
      let place = places[n] as number
      const step = steps[n] as number
      while (table[place] !== free) {
        place += step
        if (place >= size) place -= size
      }
      table[place] = order[n] as number
      places[n] = place
      if (++filled === size) return table
    }
  }
}

/** Numbers that may be the size of a table. */
export const isPrime = (value: number): boolean => {
  if (!Number.isSafeInteger(value) || value < 2) return false
  for (let n = 2; n * n <= value; n++) if (value % n === 0) return false
  return true
}
