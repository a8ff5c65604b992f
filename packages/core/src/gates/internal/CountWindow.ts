/**
 * The last `size` outcomes, good or bad: a ring with two counters, so that adding and reading are O(1).
 *
 * Source: the ring bit buffer of resilience4j.
 */
export interface CountWindow {
  readonly add: (bad: boolean) => void
  readonly good: () => number
  readonly bad: () => number
  readonly clear: () => void
  /** Takes up counts without their order: the bad ones stand evenly among the good ones. What is too many is left out. */
  readonly fill: (good: number, bad: number) => void
}

/** `size` is an integer >= 1. */
export const make = (size: number): CountWindow => {
  const ring = new Uint8Array(size)
  let next = 0
  let length = 0
  let bads = 0
  const add = (bad: boolean): void => {
    if (length === size) bads -= ring[next] ?? 0
    else length++
    ring[next] = bad ? 1 : 0
    if (bad) bads++
    next = next + 1 === size ? 0 : next + 1
  }
  const clear = (): void => {
    next = 0
    length = 0
    bads = 0
  }
  return {
    add,
    good: () => length - bads,
    bad: () => bads,
    clear,
    fill: (good, bad) => {
      clear()
      const kept = Math.min(bad, size)
      const all = kept + Math.min(good, size - kept)
      for (let n = 1; n <= all; n++) add(Math.floor((n * kept) / all) > Math.floor(((n - 1) * kept) / all))
    }
  }
}
