/**
 * Who of a group is out of rotation and until when, how many may be, and whether that is still worth minding. Why somebody
 * leaves is not decided here.
 *
 * The number of members out is asked with every pick of one who is out, so it is a counter: exact until the first of the
 * times has passed, and counted anew after that until `release` has been called.
 */
import type { Millis } from "../../model/Gate.ts"
import type { Rules } from "./ejectionOptions.ts"

export interface Place {
  /** As far as everything but this rotation goes. */
  readonly available: (now: Millis) => boolean
  /** When it comes back; `inRotation` while it is there. A time that has passed is as good as that. */
  until: Millis
  /** The last time it came back. */
  returnedAt: Millis
  /** One more with each return: which of its times in rotation this is. */
  generation: number
}

export const inRotation: Millis = Number.NEGATIVE_INFINITY

export interface Rotation<P extends Place> {
  /** In the order of joining. */
  readonly places: ReadonlyArray<P>
  readonly join: (place: P) => void
  /** It is no longer one of the group. Out of rotation it stays so, and counts again from the moment it joins again. */
  readonly part: (place: P) => void
  /** The first time at which somebody is due to return; Infinity when nobody is. */
  readonly firstReturn: () => Millis
  readonly out: (at: Millis) => number
  /** Whether too few are left to mind who is out. */
  readonly panicking: (at: Millis) => boolean
  /** Whether the cap holds and enough others are available once this one has left. For one who is in rotation. */
  readonly mayLeave: (place: P, now: Millis) => boolean
  readonly leave: (place: P, until: Millis) => void
  readonly comeBack: (place: P, at: Millis) => void
  /** Brings back everyone who is due, each at its own time. */
  readonly release: (at: Millis, returned: (place: P) => void) => void
}

export const make = <P extends Place>(
  rules: Pick<Rules, "maxEjectedShare" | "minAvailable" | "panicBelow">
): Rotation<P> => {
  const places: Array<P> = []
  let gone = 0
  let first = Number.POSITIVE_INFINITY

  const out = (at: Millis): number => {
    if (at < first) return gone
    let count = 0
    for (const { until } of places) if (at < until) count++
    return count
  }
  const findFirst = (): void => {
    first = Number.POSITIVE_INFINITY
    for (const { until } of places) if (until !== inRotation && until < first) first = until
  }
  const put = (place: P, at: Millis): void => {
    place.until = inRotation
    place.returnedAt = at
    place.generation++
    gone--
  }

  return {
    places,
    join: (place) => {
      places.push(place)
      if (place.until === inRotation) return
      gone++
      if (place.until < first) first = place.until
    },
    part: (place) => {
      const at = places.indexOf(place)
      if (at < 0) return
      places.splice(at, 1)
      if (place.until === inRotation) return
      gone--
      findFirst()
    },
    firstReturn: () => first,
    out,
    panicking: (at) => gone > 0 && (places.length - out(at)) / places.length < rules.panicBelow,
    mayLeave: (place, now) => {
      // After the leave, not before it (envoy#27066). A share such as 0.29 of 100 is a little less than 29 in binary.
      if (gone + 1 > Math.max(1, Math.floor(rules.maxEjectedShare * places.length + 1e-9))) return false
      let left = 0
      for (const other of places) if (other !== place && other.until === inRotation && other.available(now)) left++
      return left >= rules.minAvailable
    },
    leave: (place, until) => {
      place.until = until
      gone++
      if (until < first) first = until
    },
    comeBack: (place, at) => {
      put(place, at)
      findFirst()
    },
    release: (at, returned) => {
      if (at < first) return
      for (const place of places) {
        if (place.until === inRotation || place.until > at) continue
        put(place, place.until)
        returned(place)
      }
      findFirst()
    }
  }
}
