/**
 * At most so many attempts in flight. Rejects with `BulkheadFull` and never queues: waiting is the router's.
 *
 * A stream holds its permit until its last part, so the cap is on answers being written, not on requests being sent.
 * Source: the semaphore isolation of Hystrix and resilience4j.
 */
import { type Gate, type LocalReject, noEvents, reject } from "../model/Gate.ts"
import { integer } from "../model/InvalidOption.ts"

export interface Options {
  /** Attempts in flight at once. Integer >= 1. */
  readonly maxInFlight: number
}

export interface Permit {
  settled: boolean
}

/** Throws `InvalidOption`. A snapshot is for people: restoring takes nothing up, because permits do not outlive a process. */
export const make = (options: Options): Gate<Permit> => {
  const limit = integer("Bulkhead: maxInFlight", options.maxInFlight)
  const full: LocalReject = reject("BulkheadFull") // made once: rejections are common
  let inFlight = 0
  return {
    name: "bulkhead",
    peek: () => (inFlight < limit ? undefined : full),
    admit: () => {
      if (inFlight >= limit) return full
      inFlight++
      return { settled: false }
    },
    settle: (permit) => {
      if (permit.settled) return noEvents
      permit.settled = true
      inFlight--
      return noEvents
    },
    headroom: () => 1 - inFlight / limit,
    snapshot: () => ({ state: inFlight < limit ? "free" : "full", inFlight, maxInFlight: limit }),
    restore: () => {}
  }
}
