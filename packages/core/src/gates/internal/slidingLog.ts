/**
 * What was counted and when, for as long as it is inside the window: `(now - W, now]` never holds more than was let in.
 *
 * With `grain` 0 every moment is kept: exact, in memory for as many entries as the limit allows units. With a grain,
 * moments are rounded up to it: still never too much in any window, what was counted stays up to one grain longer, and
 * there are at most `W / grain + 1` entries, however large the numbers.
 *
 * A ring in the order of time. Adding and dropping are O(1), amortized; finding an entry again is a binary search. Entries
 * that were taken back whole leave when the ring is full, so that they cost no memory.
 * Source: the sliding window log in N. Mahdi, "An alternative approach to rate limiting", Figma blog, 2017; there a refused
 * request is in the log, too, here it is not.
 */
import type { Millis } from "../../model/Gate.ts"
import type { Meter } from "./meter.ts"

/** `ms` is finite and > 0, `grain` >= 0. Quantities are whole numbers, so that sums stay exact. */
export const make = (ms: Millis, grain: Millis): Meter => {
  // The size is a power of two, so that going round is one `&`.
  let keys = new Float64Array(least)
  let amounts = new Float64Array(least)
  let head = 0
  let length = 0
  let sum = 0
  const at = (i: number): number => (head + i) & (keys.length - 1)

  /** What is `ms` old has left. */
  const advance = (now: Millis): void => {
    while (length > 0) {
      const amount = amounts[head] ?? 0
      if (amount > 0 && (keys[head] ?? 0) + ms > now) return
      sum -= amount
      head = at(1)
      length--
    }
    sum = 0
  }
  /** At least twice the room that the entries need which still count: before it copies again, as many have come. */
  const makeRoom = (): void => {
    let kept = 0
    for (let i = 0; i < length; i++) if ((amounts[at(i)] ?? 0) > 0) kept++
    let size = least
    while (size < 2 * kept) size *= 2
    const nextKeys = new Float64Array(size)
    const nextAmounts = new Float64Array(size)
    let next = 0
    for (let i = 0; i < length; i++) {
      const amount = amounts[at(i)] ?? 0
      if (amount === 0) continue
      nextKeys[next] = keys[at(i)] ?? 0
      nextAmounts[next++] = amount
    }
    keys = nextKeys
    amounts = nextAmounts
    head = 0
    length = kept
  }
  const push = (key: Millis, quantity: number): void => {
    sum += quantity
    if (length > 0) {
      const last = at(length - 1)
      if (keys[last] === key) {
        amounts[last] = (amounts[last] ?? 0) + quantity
        return
      }
      if (length === keys.length) makeRoom()
    }
    const next = at(length++)
    keys[next] = key
    amounts[next] = quantity
  }
  const find = (key: Millis): number | undefined => {
    let low = 0
    let high = length - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const found = keys[at(middle)] ?? 0
      if (found === key) return at(middle)
      if (found < key) low = middle + 1
      else high = middle - 1
    }
    return undefined
  }
  const clear = (): void => {
    length = 0
    sum = 0
  }

  return {
    freeAt: (now, quantity, capacity) => {
      if (quantity > capacity) return undefined
      advance(now)
      let over = sum + quantity - capacity
      if (over <= 0) return now
      let i = 0
      for (; i < length - 1 && over > (amounts[at(i)] ?? 0); i++) over -= amounts[at(i)] ?? 0
      return (keys[at(i)] ?? 0) + ms
    },
    add: (now, quantity) => {
      advance(now)
      const key = grain === 0 ? now : Math.ceil(now / grain) * grain
      // Not before the newest one: that of a snapshot may stand a little ahead.
      const mark = length === 0 ? key : Math.max(key, keys[at(length - 1)] ?? 0)
      if (quantity > 0) push(mark, quantity)
      return mark
    },
    takeBack: (mark, quantity, now) => {
      advance(now)
      const entry = find(mark)
      if (entry === undefined) return
      const back = Math.min(quantity, amounts[entry] ?? 0)
      amounts[entry] = (amounts[entry] ?? 0) - back
      sum -= back
    },
    used: (now) => {
      advance(now)
      return sum
    },
    clear,
    save: (now) => {
      advance(now)
      const cells = new Map<number, number>()
      for (let i = 0; i < length; i++) {
        const amount = amounts[at(i)] ?? 0
        const cell = Math.ceil((((keys[at(i)] ?? 0) + ms - now) * cellsInText) / ms - 1e-6)
        if (amount > 0) cells.set(cell, (cells.get(cell) ?? 0) + amount)
      }
      return { log: [...cells].map(([cell, amount]) => `${cell}:${amount}`).join(" ") }
    },
    load: (read, now) => {
      clear()
      for (const [cell, amount] of parse(read("log"))) push(now + (cell * ms) / cellsInText - ms, amount)
    }
  }
}

/** The smallest ring; a power of two. */
const least = 16

/** A snapshot tells the times in so many parts of the window, rounded up: it stays short, however much was counted. */
const cellsInText = 100

/** `1:5 17:2`: the amounts that leave 1 and 17 hundredths of the window from now. Whatever else it may be is left out. */
const parse = (text: unknown): ReadonlyArray<readonly [cell: number, amount: number]> => {
  if (typeof text !== "string") return []
  const cells = new Map<number, number>()
  for (const word of text.split(" ")) {
    const [cell, amount] = word.split(":").map(Number)
    if (cell === undefined || amount === undefined || !(amount > 0) || !Number.isFinite(amount)) continue
    if (Number.isInteger(cell) && cell >= 1 && cell <= 2 * cellsInText) cells.set(cell, (cells.get(cell) ?? 0) + amount)
  }
  return [...cells].sort(([a], [b]) => a - b)
}
