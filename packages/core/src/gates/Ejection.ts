/**
 * Outlier ejection: of several targets that should behave alike, the one that does not is left out for a while.
 *
 * Use it beside or instead of breakers where targets can stand in for each other. A breaker knows one target and opens
 * however many others are open already; this knows the group, compares, and takes only so many out. It does not probe: a
 * member returns when its time is over. It is no judge of the last target left.
 *
 * - At once: `consecutive` failures in a row. Every `interval`: a success rate far below the mean of the others, or a share of
 *   failures above a fixed limit; the worst go first.
 * - The k-th ejection in a row lasts k times as long. A whole interval in rotation without being found makes k one less.
 * - The cap is checked against the group as it would be after the ejection, and somebody always stays available.
 * - Below `panicBelow` the share in rotation says more about us than about them: ejections are ignored, and the permit says
 *   `Panic`. Only ejections count for that share.
 * - `Success` and `Slow` are successes, `Failure` is a failure, anything else is neither. An outcome counts if its attempt
 *   began since its member's last return: not what began before an ejection, nor what runs during one.
 * - What is due shows to whoever looks next, as of the moment it was due: returns to everyone, the judgement of an interval
 *   after the answer to the admission that finds it due, so that `peek` and `admit` never differ.
 * - Chance arrives in `admit` only: the jitter of a member's next ejection is drawn by an earlier admission to it.
 *
 * Source: outlier detection and panic threshold of Envoy, with the cap of envoy#27066 checked after the ejection and the
 * decrease of k per healthy interval; the rounding of times to the interval is left out.
 */
import { type Gate, type GateEvent, type LocalReject, type Millis, noEvents, reject } from "../model/Gate.ts"
import { InvalidOption } from "../model/InvalidOption.ts"
import type { Outcome, Unused } from "../model/Outcome.ts"
import { type Options, resolve } from "./internal/ejectionOptions.ts"
import { type Cause, find } from "./internal/outliers.ts"
import * as Rotation from "./internal/rotation.ts"
import { numberAt, remaining } from "./internal/snapshots.ts"

export type { FailurePercentage, Options, SuccessRate } from "./internal/ejectionOptions.ts"
export type { Cause } from "./internal/outliers.ts"

export interface Member {
  /** Unique in its group; stands in events. */
  readonly id: string
  /**
   * Whether the member could take a call as far as its other gates go. Asked only when somebody is about to be ejected, so
   * that the one who stays is one who works. Pure. Default: always.
   */
  readonly available?: (now: Millis) => boolean
}

export interface Group {
  /** The gate of one more member; it leaves and comes back with `inSet`. Throws `InvalidOption` for the id of a member. */
  readonly gateFor: (member: Member) => Ejection
  /** Members out of rotation now. */
  readonly ejected: (now: Millis) => number
  /** Whether ejections are ignored now. */
  readonly panicking: (now: Millis) => boolean
}

export interface Permit {
  readonly generation: number
  /** `Panic` when the member is ejected and admits all the same. */
  readonly note: "Panic" | undefined
  settled: boolean
}

export interface Ejection extends Gate<Permit> {
  /** Back in rotation at once and without a past, when a person says so. */
  readonly clear: (now: Millis) => void
}

/** Comes with the next settle of any member, so it names its own. */
export interface EjectionEvent extends GateEvent {
  readonly _tag: "TargetEjected" | "TargetReturned"
  /** The member's id. */
  readonly target: string
  /** Of `TargetEjected`. */
  readonly cause?: Cause
}

interface State extends Rotation.Place {
  readonly id: string
  /** False while it has left the group: nobody is compared with it, and what its last attempts show counts for nothing. */
  isMember: boolean
  /** In a row: the next one lasts so many times as long, and once more. */
  ejections: number
  /** Failures in a row. */
  consecutive: number
  /** Since the last sweep. */
  successes: number
  failures: number
  /** Draws for the next ejection; NaN once used up. */
  jitter: number
  chance: number
  refusal: LocalReject
}

/** Rejects with `Ejected` and until when. Throws `InvalidOption`. */
export const make = (options: Options = {}): Group => {
  const rules = resolve(options)
  const mostInARow = Math.ceil(rules.maxEjection / rules.baseEjection)
  const rotation = Rotation.make<State>(rules)
  /** The first is an interval after the first admission. */
  let nextSweep = Number.POSITIVE_INFINITY
  let lastSeen = Number.NEGATIVE_INFINITY
  /** Bounded: between two settles, which alone bring outcomes, a member can be ejected once and return once. */
  let events: Array<EjectionEvent> = []

  const returned = (member: State): void => {
    events.push({ _tag: "TargetReturned", gate: "ejection", target: member.id })
  }
  const putOut = (member: State, until: Millis): void => {
    rotation.leave(member, until)
    forgetOutcomes(member)
    member.refusal = reject("Ejected", until)
  }
  const judge = (member: State, cause: Cause, at: Millis, now: Millis): void => {
    // Nobody was admitted since the last draw was used up: the judgement waits for chance.
    if (rules.enforcing < 1 && Number.isNaN(member.chance)) return
    member.consecutive = 0
    if (!rotation.mayLeave(member, now)) return
    const spared = rules.enforcing < 1 && member.chance < 1 - rules.enforcing
    member.chance = Number.NaN
    if (spared) return
    member.ejections = Math.min(member.ejections + 1, mostInARow)
    const lasts = Math.min(rules.baseEjection * member.ejections, rules.maxEjection)
    const until = at + lasts * (1 + rules.jitter * (member.jitter || 0))
    member.jitter = Number.NaN
    putOut(member, until)
    events.push({ _tag: "TargetEjected", gate: "ejection", until, target: member.id, cause })
  }

  /** The judgement of the interval that ends at `at`. */
  const sweep = (at: Millis, now: Millis): void => {
    const present = rotation.places.filter(({ until }) => until === Rotation.inRotation)
    const found = find(present, rules)
    for (const { cause, member } of found) judge(member, cause, at, now)
    for (const member of present) {
      member.successes = 0
      member.failures = 0
      if (!found.some((outlier) => outlier.member === member)) reward(member, at, 1)
    }
  }
  /** One less for each of `sweeps` sweeps from `at` on that ends a whole interval in rotation. */
  const reward = (member: State, at: Millis, sweeps: number): void => {
    if (member.ejections === 0 || member.until !== Rotation.inRotation) return
    const tooEarly = Math.max(0, Math.ceil((member.returnedAt - at) / rules.interval + 1))
    member.ejections = Math.max(0, member.ejections - Math.max(0, sweeps - tooEarly))
  }
  /** Whatever is due, in its order. Only the first of several sweeps that were missed has outcomes to judge. */
  const catchUp = (at: Millis): void => {
    if (at >= nextSweep) {
      rotation.release(nextSweep, returned)
      sweep(nextSweep, at)
      rotation.release(at, returned)
      const missed = Math.floor((at - nextSweep) / rules.interval)
      for (const member of rotation.places) reward(member, nextSweep + rules.interval, missed)
      nextSweep += (missed + 1) * rules.interval
    } else if (at >= rotation.firstReturn()) rotation.release(at, returned)
  }
  const see = (now: Millis): Millis => {
    if (now > lastSeen) lastSeen = now
    return lastSeen
  }

  const learn = (member: State, outcome: Outcome | Unused, at: Millis): void => {
    if (outcome._tag === "Failure") {
      member.failures++
      member.consecutive++
      if (member.consecutive >= rules.consecutive) judge(member, "Consecutive", at, at)
    } else if (outcome._tag === "Success" || outcome._tag === "Slow") {
      member.successes++
      member.consecutive = 0
    }
  }

  const gateOf = (member: State): Ejection => ({
    name: "ejection",
    peek: (now) => {
      const at = Math.max(now, lastSeen)
      return at < member.until && !rotation.panicking(at) ? member.refusal : undefined
    },
    admit: (now, _cost, rng) => {
      const at = see(now)
      if (nextSweep === Number.POSITIVE_INFINITY) nextSweep = at + rules.interval
      const out = at < member.until
      const refused = out && !rotation.panicking(at)
      catchUp(at)
      if (refused) return member.refusal
      if (rules.jitter > 0 && Number.isNaN(member.jitter)) member.jitter = rng()
      if (rules.enforcing < 1 && Number.isNaN(member.chance)) member.chance = rng()
      return { generation: member.generation, note: out ? "Panic" : undefined, settled: false }
    },
    settle: (permit, outcome, now) => {
      if (permit.settled) return noEvents
      permit.settled = true
      const at = see(now)
      catchUp(at)
      const counts = member.isMember && permit.generation === member.generation
      if (counts && member.until === Rotation.inRotation) learn(member, outcome, at)
      if (events.length === 0) return noEvents
      const published = events
      events = []
      return published
    },
    clear: (now) => {
      const at = see(now)
      catchUp(at)
      if (member.until !== Rotation.inRotation) {
        rotation.comeBack(member, at)
        returned(member)
      }
      member.ejections = 0
      forgetOutcomes(member)
    },
    inSet: (isInSet) => {
      if (member.isMember === isInSet) return
      member.isMember = isInSet
      if (isInSet) rotation.join(member)
      else rotation.part(member)
    },
    snapshot: (now) => {
      const at = Math.max(now, lastSeen)
      return {
        state: at < member.until ? "ejected" : "available",
        retryInMs: remaining(member.until, at),
        ejections: member.ejections,
        consecutive: member.consecutive,
        successes: member.successes,
        failures: member.failures
      }
    },
    restore: (snapshot, now) => {
      const at = see(now)
      catchUp(at)
      if (member.until !== Rotation.inRotation) rotation.comeBack(member, at)
      member.generation++
      member.returnedAt = at // for how long it had been back is not in the snapshot
      member.ejections = Math.min(numberAt(snapshot, "ejections"), mostInARow)
      const retryInMs = numberAt(snapshot, "retryInMs")
      // In a group that is smaller now, not everyone may be out again.
      if (snapshot.state === "ejected" && retryInMs > 0 && rotation.mayLeave(member, at)) putOut(member, at + retryInMs)
      else {
        member.consecutive = numberAt(snapshot, "consecutive")
        member.successes = numberAt(snapshot, "successes")
        member.failures = numberAt(snapshot, "failures")
      }
    }
  })

  return {
    gateFor: ({ available, id }) => {
      if (rotation.places.some((member) => member.id === id)) {
        throw new InvalidOption("Ejection: gateFor: id", "unique in its group", id)
      }
      const member: State = { ...inRotation, id, available: available ?? always }
      rotation.join(member)
      return gateOf(member)
    },
    ejected: (now) => rotation.out(Math.max(now, lastSeen)),
    panicking: (now) => rotation.panicking(Math.max(now, lastSeen))
  }
}

const inRotation = {
  isMember: true,
  until: Rotation.inRotation,
  returnedAt: Number.NEGATIVE_INFINITY,
  generation: 0,
  ejections: 0,
  consecutive: 0,
  successes: 0,
  failures: 0,
  jitter: Number.NaN,
  chance: Number.NaN,
  refusal: reject("Ejected")
}
const always = (): boolean => true

const forgetOutcomes = (member: State): void => {
  member.consecutive = 0
  member.successes = 0
  member.failures = 0
}
