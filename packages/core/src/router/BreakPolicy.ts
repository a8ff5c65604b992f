/**
 * What happens when a stream breaks after its first content was handed over, the commit point. Before it every failure
 * moves to another target unseen.
 *
 * - `fail`: the stream fails with `StreamBroken`; the caller has what it has. The default.
 * - `restart`: `marker` makes one part that says "forget what you have", then the whole answer follows from another target.
 * - `buffered`: nothing is handed over before the answer is complete, so every break is repaired unseen. For consumers
 *   that only want the final text; the whole answer is held in memory.
 */
export type BreakPolicy<A> = Fail | Restart<A> | Buffered

export interface Fail {
  readonly _tag: "Fail"
}

export interface Restart<A> {
  readonly _tag: "Restart"
  readonly marker: (broken: Broken) => A
}

export interface Buffered {
  readonly _tag: "Buffered"
}

/** What broke. */
export interface Broken {
  readonly target: string
  /** Parts of the broken answer that had been handed over. */
  readonly parts: number
}

export const fail: BreakPolicy<never> = { _tag: "Fail" }
export const buffered: BreakPolicy<never> = { _tag: "Buffered" }
export const restart = <A>(marker: (broken: Broken) => A): BreakPolicy<A> => ({ _tag: "Restart", marker })
