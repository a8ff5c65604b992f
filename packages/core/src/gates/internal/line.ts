/**
 * One limit of a `MultiLimit`: its meter, or several, and how much of its capacity who may use.
 *
 * A window is one meter with a capacity per kind of access. GCRA has no notion of "70 % used", so there each share is a
 * meter of its own with the rate of that share: all are charged with everything, and each stops those it is for.
 */
import type { Millis, RejectReason } from "../../model/Gate.ts"
import { type Counted, nano, resources } from "./consumption.ts"
import * as Gcra from "./gcra.ts"
import { type Meter, type Read, total } from "./meter.ts"
import { type Access, capacityFor, type Reserve } from "./reserve.ts"
import * as SlidingCounter from "./slidingCounter.ts"
import * as SlidingLog from "./slidingLog.ts"

export type Algorithm = "gcra" | "counter" | "log"

export interface Spec {
  /** Prefix of its fields in a snapshot. */
  readonly label: string
  readonly resource: Counted
  /** In units of the resource; money in billionths. `Infinity`: only what a provider reports. */
  readonly limit: number
  /** `undefined`: a total. */
  readonly per: Millis | undefined
  readonly algorithm: Algorithm
  /** GCRA only. */
  readonly burst: number
  readonly reserve: Required<Reserve>
}

interface Lane {
  /** Stops those with this access or less. */
  readonly access: Access
  readonly meter: Meter
  capacity: number
}

/** Of a window that is kept as a log: what is counted stays up to this share of it too long. */
const grain = 1 / 100

export class Line {
  readonly label: string
  readonly resource: Counted
  /** Of `resource` in `resources`. */
  readonly index: number
  readonly reason: RejectReason
  readonly reserve: Required<Reserve>
  readonly meters: ReadonlyArray<Meter>
  readonly per: Millis | undefined
  readonly algorithm: Algorithm
  readonly #lanes: ReadonlyArray<Lane>
  /** Those that each kind of access has to respect. */
  readonly #lanesOf: readonly [ReadonlyArray<Lane>, ReadonlyArray<Lane>, ReadonlyArray<Lane>]
  readonly #limit: number
  readonly #capacities: ReadonlyArray<number>
  /** When a lower limit that was reported is forgotten; `Infinity` when none is in force. */
  #loweredUntil: Millis = Number.POSITIVE_INFINITY
  #lowered = Number.POSITIVE_INFINITY
  /** Only counts: no limit of ours, and none was reported. */
  #dormant: boolean

  constructor(spec: Spec) {
    this.label = spec.label
    this.resource = spec.resource
    this.index = resources.indexOf(spec.resource)
    this.reason = reasons[spec.resource]
    this.reserve = spec.reserve
    this.per = spec.per
    this.algorithm = spec.algorithm
    this.#limit = spec.limit
    this.#dormant = spec.limit === Number.POSITIVE_INFINITY
    this.#lanes = spec.per !== undefined && spec.algorithm === "gcra" ? gcraLanes(spec, spec.per) : windowLanes(spec)
    this.#lanesOf = [lanesOf(this.#lanes, 0), lanesOf(this.#lanes, 1), lanesOf(this.#lanes, 2)]
    this.#capacities = this.#lanes.map(({ capacity }) => capacity)
    this.meters = [...new Set(this.#lanes.map(({ meter }) => meter))]
  }

  /** As `Meter.freeAt`, for all the shares that `access` has to respect. */
  freeAt(now: Millis, quantity: number, access: Access): Millis | undefined {
    if (now >= this.#loweredUntil) this.#raise()
    if (this.#dormant) return now
    let free = now
    for (const lane of this.#lanesOf[access]) {
      const at = lane.meter.freeAt(now, quantity, lane.capacity)
      if (at === undefined) return this.#loweredUntil < Number.POSITIVE_INFINITY ? this.#loweredUntil : undefined
      if (at > free) free = at
    }
    return free
  }

  /** A provider's own limit: in force until `until` where it is lower, never where it is higher. Windows only. */
  lower(limit: number, until: Millis): void {
    if (limit >= this.#limit) return this.#raise()
    this.#lowered = limit
    this.#loweredUntil = until
    this.#dormant = false
    for (const lane of this.#lanes) lane.capacity = Math.max(1, capacityFor(lane.access, limit, this.reserve))
  }

  /** Forgets what a provider reported. */
  forget(): void {
    this.#raise()
  }

  /** Share that is left, in [0, 1]; `undefined` while nothing is limited. */
  share(now: Millis): number | undefined {
    const [widest] = this.#lanes
    if (this.#dormant || widest === undefined) return undefined
    return Math.min(1, Math.max(0, 1 - widest.meter.used(now) / widest.capacity))
  }

  clear(): void {
    for (const meter of this.meters) meter.clear()
    this.#raise()
  }

  /** `used` and `capacity` are for people (money in USD), the rest is for `load`. */
  save(now: Millis, into: Record<string, string | number>): void {
    const [main] = this.#lanes
    if (main === undefined) return
    const unit = this.resource === "usd" ? nano : 1
    if (Number.isFinite(this.#limit)) {
      into[`${this.label}.used`] = main.meter.used(now) / unit
      into[`${this.label}.capacity`] = main.capacity / unit
    }
    this.meters.forEach((meter, i) => {
      for (const [key, value] of Object.entries(meter.save(now))) into[`${this.#prefix(i)}${key}`] = value
    })
    if (this.#loweredUntil < Number.POSITIVE_INFINITY) {
      into[`${this.label}.reported`] = this.#lowered
      into[`${this.label}.reportedForMs`] = Math.max(0, this.#loweredUntil - now)
    }
  }

  load(read: Read, now: Millis): void {
    this.meters.forEach((meter, i) => {
      meter.load((key) => read(`${this.#prefix(i)}${key}`), now)
    })
    const limit = read(`${this.label}.reported`)
    const forMs = read(`${this.label}.reportedForMs`)
    this.#raise()
    if (typeof limit === "number" && limit >= 1 && typeof forMs === "number" && forMs > 0)
      this.lower(limit, now + forMs)
  }

  #raise(): void {
    this.#loweredUntil = Number.POSITIVE_INFINITY
    this.#dormant = this.#limit === Number.POSITIVE_INFINITY
    this.#lanes.forEach((lane, i) => {
      lane.capacity = this.#capacities[i] ?? lane.capacity
    })
  }

  #prefix(meter: number): string {
    return meter === 0 ? `${this.label}.` : `${this.label}.${meter}.`
  }
}

/** Why it refuses, when it does for everybody. */
export const reasons: Record<Counted, RejectReason> = {
  requests: "RequestsLimited",
  tokens: "TokensLimited",
  inputTokens: "InputTokensLimited",
  outputTokens: "OutputTokensLimited",
  usd: "BudgetExhausted"
}

/** The widest first; those that would be no narrower are left out. */
const accesses = ({ limit, reserve }: Spec): ReadonlyArray<Access> => {
  const all: ReadonlyArray<Access> = [2, 1, 0]
  return all.filter((access) => access === 2 || capacityFor(access, limit, reserve) < limit)
}

const windowLanes = (spec: Spec): ReadonlyArray<Lane> => {
  const { algorithm, limit, per, reserve } = spec
  const meter =
    per === undefined ? total() : algorithm === "counter" ? SlidingCounter.make(per) : SlidingLog.make(per, per * grain)
  // Where the limit is not known yet (`Infinity`), its shares may be needed later.
  const kinds: ReadonlyArray<Access> = Number.isFinite(limit) || reserve.headroom === 0 ? accesses(spec) : [2, 1, 0]
  return kinds.map((access) => ({ access, meter, capacity: capacityFor(access, limit, reserve) }))
}

/** Of one meter the narrowest share decides; meters of their own are asked each. */
const lanesOf = (lanes: ReadonlyArray<Lane>, access: Access): ReadonlyArray<Lane> => {
  const all = lanes.filter((lane) => lane.access >= access)
  return all.filter((lane, i) => all[i + 1]?.meter !== lane.meter)
}

const gcraLanes = (spec: Spec, per: Millis): ReadonlyArray<Lane> =>
  accesses(spec).map((access) => {
    const rate = capacityFor(access, spec.limit, spec.reserve)
    const burst = Math.max(1, capacityFor(access, spec.burst, spec.reserve))
    // Debt is bounded by what comes in one period; for a share by what others can have taken of it.
    const maxDebt = access === 2 ? spec.limit : spec.limit - rate
    return { access, meter: Gcra.make({ spacing: per / rate, burst, maxDebt }), capacity: burst }
  })
