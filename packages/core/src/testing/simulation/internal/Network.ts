/** How long a message takes from one region to another. */
import type { Millis } from "../../../model/Gate.ts"
import { InvalidOption, onlyKeys } from "../../../model/InvalidOption.ts"
import type { Link } from "../Scenario.ts"
import { atLeast, list, name, object } from "./options.ts"

export interface Way {
  readonly oneWay: Millis
  readonly jitter: Millis
}

/** From one region to another; `undefined`: no time. */
export type Network = (from: string | undefined, to: string | undefined) => Way | undefined

/** Throws `InvalidOption`. */
export const make = (where: string, links: ReadonlyArray<Link> = []): Network => {
  const ways = new Map<string, Map<string, Way>>()
  list(where, links).forEach((link, i) => {
    const at = `${where}[${i}]`
    onlyKeys(at, object(at, link), new Set(["between", "oneWay", "jitter"]))
    const [one, other] = list(`${at}.between`, link.between, 2)
    const way = {
      oneWay: atLeast(`${at}.oneWay`, link.oneWay, 0),
      jitter: atLeast(`${at}.jitter`, link.jitter ?? 0, 0)
    }
    for (const [from, to] of [
      [one, other],
      [other, one]
    ]) {
      const row = ways.get(name(`${at}.between`, from)) ?? new Map<string, Way>()
      if (one !== other && row.has(name(`${at}.between`, to))) {
        throw new InvalidOption(`${at}.between`, "a pair that is named once", link.between)
      }
      row.set(String(to), way)
      ways.set(String(from), row)
    }
  })
  return (from, to) => (from === undefined || to === undefined ? undefined : ways.get(from)?.get(to))
}

/** Milliseconds for one message; `u` is its luck. */
export const delay = (way: Way | undefined, u: number): Millis => (way === undefined ? 0 : way.oneWay + u * way.jitter)
