/**
 * Failover: always the first that may be picked, in a fixed order. O(1) per pick while the first are well.
 *
 * Use it for a main target and its stand-ins: a committed quota before pay-as-you-go, the own cluster before a vendor. It
 * knows no load: the first gets everything until a gate says no. So spill-over is the gates' doing: a bulkhead, a rate limit,
 * `Headroom` close the first while it is full, and the next takes what is left. Without one, the first is overrun. For several
 * that share the load before the others come in, use the router's tiers and any strategy within them.
 *
 * It comes back as soon as the first may be picked again; where that should be gradual, a gate's slow start does it.
 */
import type { Candidate } from "@spillway/core/Candidate"
import { InvalidOption, onlyKeys } from "@spillway/core/InvalidOption"
import { CurrentStrategy, type Strategy } from "@spillway/core/Strategy"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

export interface Options<Id extends string = never> {
  /**
   * Who comes first. Ids, first to last, each once: those that are not named follow in the order of the set. `"weight"`: the
   * heaviest first, equals in the order of the set. `"list"`, the default: the order of the set.
   */
  readonly order?: "list" | "weight" | ReadonlyArray<Id>
}

const optionKeys: ReadonlySet<string> = new Set(["order"])

/** `score` is the place in the order, from 0. Throws `InvalidOption`: an id named twice, an order that is none. */
export const make = <const Id extends string = never>(options: Options<Id> = {}): Strategy<Id> => {
  onlyKeys("Failover", options, optionKeys)
  const order = check(options.order ?? "list")
  return {
    name: "failover",
    ...(typeof order === "string" ? {} : { targets: order }),
    make: (candidates) =>
      Effect.sync(() => {
        const ordered = sorted(candidates, order)
        return {
          pick: (_request, eligible) => {
            // A loop, not `find`: nothing is handed over per pick.
            for (const candidate of ordered) if (eligible(candidate)) return candidate
            return undefined
          },
          score: (candidate) => {
            const place = ordered.indexOf(candidate)
            return place === -1 ? Number.POSITIVE_INFINITY : place
          }
        }
      })
  }
}

/** The application's strategy, as `make`. The ids are not checked against a router's; with `make` they are. */
export const layer = <const Id extends string = never>(options?: Options<Id>): Layer.Layer<CurrentStrategy> =>
  Layer.succeed(CurrentStrategy, make(options))

type Order<Id extends string> = "list" | "weight" | ReadonlyArray<Id>

const check = <Id extends string>(order: Order<Id>): Order<Id> => {
  if (order === "list" || order === "weight") return order
  if (!Array.isArray(order) || order.length === 0) {
    throw new InvalidOption("Failover: order", `"list", "weight" or a list of at least one target id`, order)
  }
  const seen = new Set<string>()
  order.forEach((id, i) => {
    if (typeof id !== "string" || seen.has(id)) {
      throw new InvalidOption(`Failover: order[${i}]`, "a target id, named once", id)
    }
    seen.add(id)
  })
  return [...order]
}

/** `sort` is stable: equals stay in the order of the set. */
const sorted = (candidates: ReadonlyArray<Candidate>, order: Order<string>): ReadonlyArray<Candidate> => {
  if (order === "list") return [...candidates]
  if (order === "weight") return [...candidates].sort((a, b) => b.target.weight - a.target.weight)
  const placeOf = new Map(order.map((id, i) => [id, i]))
  const place = ({ target }: Candidate) => placeOf.get(target.id) ?? order.length
  return [...candidates].sort((a, b) => place(a) - place(b))
}
