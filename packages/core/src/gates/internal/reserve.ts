/**
 * Who may use what of a capacity: everyone up to the headroom, then failover traffic, then P0.
 *
 * Retries, hedges and P2/P3 never get into the reserve: it is there for what is most urgent and for the traffic of a target
 * that was lost, and those would eat it up first when something is wrong.
 */
import type { Cost } from "../../model/Cost.ts"
import { InvalidOption, share } from "../../model/InvalidOption.ts"

/** 0: everyone. 1: a failover of P1. 2: P0, as a first attempt or a failover. */
export type Access = 0 | 1 | 2

export const accessOf = ({ priority, reason }: Cost): Access => {
  if (reason === "retry" || reason === "hedge") return 0
  if (priority === "P0") return 2
  return reason === "failover" && priority !== "P2" && priority !== "P3" ? 1 : 0
}

/** Options of everything that has a reserve. */
export interface Reserve {
  /** Share of the capacity kept for P0 and failover traffic, in [0, 1). */
  readonly headroom?: number
  /** Share of the reserve that failover traffic leaves to P0, in [0, 1]. Default 0: both may use all of it. */
  readonly keepForP0?: number
}

/** Checked, with defaults filled in; `where` goes before the option's name. Throws `InvalidOption`. */
export const resolve = (where: string, options: Reserve, defaults: Required<Reserve>): Required<Reserve> => {
  const headroom = options.headroom ?? defaults.headroom
  if (!(typeof headroom === "number" && headroom >= 0 && headroom < 1)) {
    throw new InvalidOption(`${where}headroom`, "a share in [0, 1)", headroom)
  }
  return { headroom, keepForP0: share(`${where}keepForP0`, options.keepForP0 ?? defaults.keepForP0) }
}

/** What `access` may use of `capacity`: `⌊(1 - headroom)·C⌋` for everyone, all of it for P0. */
export const capacityFor = (access: Access, capacity: number, { headroom, keepForP0 }: Required<Reserve>): number => {
  const kept = access === 0 ? headroom : access === 1 ? headroom * keepForP0 : 0
  // (1 - .9)·10 is a little less than 1.
  return kept === 0 ? capacity : Math.floor((1 - kept) * capacity + 1e-9)
}
