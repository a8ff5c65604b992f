/**
 * At most so many attempts in flight. Rejects with `BulkheadFull` and never queues: waiting is the router's.
 *
 * A stream holds its permit until its last part, so the cap is on answers being written, not on requests being sent.
 * Source: the semaphore isolation of Hystrix and resilience4j.
 */
import { type Gate, type LocalReject, noEvents, reject } from "../model/Gate.ts"
import { integer } from "../model/InvalidOption.ts"
import * as InFlight from "./internal/InFlight.ts"

export interface Options {
  /** Attempts in flight at once. Integer >= 1. */
  readonly maxInFlight: number
}

export interface Permit {
  settled: boolean
}

/**
 * Throws `InvalidOption`. A snapshot is for people: restoring takes nothing up, because permits do not outlive a process. With
 * a lower limit than what it takes over, it admits when enough have ended.
 */
export const make = (options: Options): Gate<Permit> => {
  const limit = integer("Bulkhead: maxInFlight", options.maxInFlight)
  const full: LocalReject = reject("BulkheadFull") // made once: rejections are common
  let inFlight: InFlight.InFlight = { count: 0 }
  const gate: Gate<Permit> & InFlight.Counting = {
    name: "bulkhead",
    peek: () => (inFlight.count < limit ? undefined : full),
    admit: () => {
      if (inFlight.count >= limit) return full
      inFlight.count++
      return { settled: false }
    },
    settle: (permit) => {
      if (permit.settled) return noEvents
      permit.settled = true
      inFlight.count--
      return noEvents
    },
    headroom: () => Math.max(0, 1 - inFlight.count / limit),
    snapshot: () => ({
      state: inFlight.count < limit ? "free" : "full",
      inFlight: inFlight.count,
      maxInFlight: limit
    }),
    restore: () => {},
    [InFlight.box]: () => inFlight,
    takeOver: (before) => {
      inFlight = InFlight.of(before) ?? inFlight
    }
  }
  return gate
}
