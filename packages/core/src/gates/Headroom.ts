/**
 * Keeps a part of a target's capacity for what must not wait: P0, and the traffic of a target that was lost.
 *
 * With capacity C and headroom h an attempt of normal traffic passes iff `in flight + 1 <= ⌊(1 - h)·C⌋`. Above that only P0
 * and the failovers of P1 pass, up to C; never retries, hedges, P2 or P3. It counts attempts in flight, so it stands where a
 * `Bulkhead` would; for requests, tokens and money per time `MultiLimit` has the same option.
 *
 * What it buys (`validate`): the others can take over a lost target's traffic only if h is at least its share of the
 * weights. 30 % are enough for four equal targets, not for three, and not for a target with half of the weight. And
 * shorter queues (`wait`): at 70 % of C an arrival waits with a chance of 70 % for C = 1, of 9 % for C = 20.
 * Source: N-1 redundancy; A. K. Erlang's C formula (1917) for the waits.
 */
import { type Gate, type LocalReject, noEvents, reject } from "../model/Gate.ts"
import { InvalidOption, integer, positive } from "../model/InvalidOption.ts"
import * as InFlight from "./internal/InFlight.ts"
import { accessOf, capacityFor, type Reserve, resolve } from "./internal/reserve.ts"

export interface Options extends Reserve {
  /** Attempts in flight at once. Integer >= 1; or a function for a limit that is learned, asked each time. */
  readonly capacity: number | (() => number)
  /** Share of the capacity kept for P0 and failover traffic, in [0, 1). Default 0.3. */
  readonly headroom?: number
}

export interface Permit {
  /** `"Reserve"` when normal traffic would have been refused. */
  readonly note: string | undefined
  settled: boolean
}

/**
 * Rejects with `Reserved` what only the reserve has room for, and with `BulkheadFull` when that is used up, too.
 * A snapshot is for people: restoring takes nothing up, because permits do not outlive a process. Throws `InvalidOption`.
 */
export const make = (options: Options): Gate<Permit> => {
  const reserve = resolve("Headroom: ", options, { headroom: 0.3, keepForP0: 0 })
  const fixed = typeof options.capacity === "function" ? undefined : integer("Headroom: capacity", options.capacity)
  const learned = typeof options.capacity === "function" ? options.capacity : undefined
  if (fixed !== undefined && capacityFor(0, fixed, reserve) < 1) {
    throw new InvalidOption(
      "Headroom: headroom",
      `small enough to leave normal traffic 1 of ${fixed}`,
      reserve.headroom
    )
  }
  // A learned limit may shrink to 1. Somebody has to pass all the same, or it never grows again.
  const capacity = (): number => fixed ?? Math.max(1, Math.floor(learned?.() ?? 1))
  const forAll = (): number => Math.max(1, capacityFor(0, capacity(), reserve))
  const full = reject("BulkheadFull")
  const reserved = reject("Reserved")
  let inFlight: InFlight.InFlight = { count: 0 }

  const verdict = (access: 0 | 1 | 2): LocalReject | undefined => {
    const all = capacity()
    if (inFlight.count >= all) return full
    return inFlight.count < Math.max(1, capacityFor(access, all, reserve)) ? undefined : reserved
  }
  const gate: Gate<Permit> & InFlight.Counting = {
    name: "headroom",
    peek: (_now, cost) => verdict(accessOf(cost)),
    admit: (_now, cost) => {
      const refused = verdict(accessOf(cost))
      if (refused !== undefined) return refused
      return { note: inFlight.count++ < forAll() ? undefined : "Reserve", settled: false }
    },
    settle: (permit) => {
      if (permit.settled) return noEvents
      permit.settled = true
      inFlight.count--
      return noEvents
    },
    snapshot: () => {
      const all = capacity()
      const { count } = inFlight
      const state = count < forAll() ? "free" : count < all ? "reserved" : "full"
      return { state, inFlight: count, capacity: all, utilisation: count / all }
    },
    restore: () => {},
    [InFlight.box]: () => inFlight,
    takeOver: (before) => {
      inFlight = InFlight.of(before) ?? inFlight
    }
  }
  return gate
}

/**
 * Do the others survive the loss of any one target? Each target is taken to run at `1 - headroom` of its capacity, and the
 * capacities to be in the ratio of the `weights` (by target id, each > 0). `undefined`: they do. Else what would happen, and
 * what to do: for a warning, or for an error where shedding is no answer. With `keepForP0` give it what is left for
 * failovers, `headroom·(1 - keepForP0)`. Throws `InvalidOption` when a number is no number.
 */
export const validate = (options: {
  readonly headroom: number
  readonly weights: Readonly<Record<string, number>>
}): string | undefined => {
  const { headroom } = resolve("Headroom.validate: ", options, { headroom: 0.3, keepForP0: 0 })
  const targets = Object.entries(options.weights)
  if (targets.length === 0)
    throw new InvalidOption("Headroom.validate: weights", "at least one target", options.weights)
  const sum = targets.reduce((all, [id, weight]) => all + positive(`Headroom.validate: weights.${id}`, weight), 0)
  if (targets.length === 1) return `Nobody is left when ${targets[0]?.[0]} is lost: add a second target.`
  const lost = targets.filter(([, weight]) => weight / sum > headroom + 1e-9).sort(([, a], [, b]) => b - a)
  const [worst] = lost
  if (worst === undefined) return undefined
  const losses = lost.map(([id, weight]) => {
    const others = targets.filter(([other]) => other !== id).map(([other]) => other)
    const load = ((1 - headroom) * sum) / (sum - weight)
    return `Without ${id} (${percent(weight / sum)} of the weight), ${others.join(", ")} would run at ${load.toFixed(2)} of capacity.`
  })
  const share = worst[1] / sum
  const equal = Math.ceil(1 / headroom - 1e-9)
  const spread =
    headroom > 0 ? ` give no target more than ${percent(headroom)} of the weight (${equal} equal targets),` : ""
  return `${losses.join(" ")} Set headroom to at least ${percent(share)},${spread} or accept that the rest is shed.`
}

/**
 * What an arrival has to wait for when `capacity` attempts may run at once and `utilisation` of them run on average
 * (random arrivals, random lengths, one queue): the chance of having to wait at all, and the mean wait in lengths of one
 * attempt. `capacity` is an integer >= 1, `utilisation` in [0, 1). Throws `InvalidOption`.
 */
export const wait = (options: {
  readonly capacity: number
  readonly utilisation: number
}): { readonly chance: number; readonly mean: number } => {
  const servers = integer("Headroom.wait: capacity", options.capacity)
  const { utilisation } = options
  if (!(utilisation >= 0 && utilisation < 1)) {
    throw new InvalidOption("Headroom.wait: utilisation", "a share in [0, 1)", utilisation)
  }
  // Erlang B by its recursion, which neither overflows nor cancels; C from B.
  let blocked = 1
  for (let n = 1; n <= servers; n++) {
    const offered = servers * utilisation * blocked
    blocked = offered / (n + offered)
  }
  const chance = blocked / (1 - utilisation * (1 - blocked))
  return { chance, mean: chance / (servers * (1 - utilisation)) }
}

/** Up: what is asked for must be enough. */
const percent = (share: number): string => `${Math.ceil(share * 1000 - 1e-6) / 10} %`
