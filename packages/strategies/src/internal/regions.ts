/** Regions as `NearestRegion` sees them: which candidates stand together, by an order that is given or by the region's name. */
import type { Candidate } from "@spillway/core/Candidate"
import { InvalidOption } from "@spillway/core/InvalidOption"

/** `name` is empty for targets whose region nobody knows, or that the order does not name. */
export interface Group {
  readonly name: string
  readonly members: ReadonlyArray<Candidate>
}

/** In the order that is given, else as they come; those without a name last. None is empty. */
export const groupsOf = (
  candidates: ReadonlyArray<Candidate>,
  order: ReadonlyArray<ReadonlyArray<string>> | undefined
): ReadonlyArray<Group> => {
  const nameOf = ({ target: { region } }: Candidate): string => {
    if (order === undefined || region === undefined) return region ?? ""
    const near = order.find((near) => near.includes(region))
    return near === undefined ? "" : nameFor(near)
  }
  const groups = new Map<string, Array<Candidate>>()
  for (const near of order ?? []) groups.set(nameFor(near), [])
  for (const candidate of candidates) {
    const name = nameOf(candidate)
    const members = groups.get(name)
    if (members === undefined) groups.set(name, [candidate])
    else members.push(candidate)
  }
  // Targets whose region nobody knows come last.
  const named = [...groups].filter(([name, members]) => name !== "" && members.length > 0)
  const rest = groups.get("")
  return [...named, ...(rest === undefined ? [] : [["", rest] as const])].map(([name, members]) => ({ name, members }))
}

/** Two lists never have the same, whatever characters are in a region's name. */
const nameFor = (near: ReadonlyArray<string>): string => JSON.stringify(near)

/** Throws `InvalidOption`. */
export const checkOrder = (order: ReadonlyArray<ReadonlyArray<string>>): void => {
  const seen = new Set<string>()
  order.forEach((near, i) => {
    if (!Array.isArray(near) || near.length === 0) {
      throw new InvalidOption(`NearestRegion: order[${i}]`, "a region, or a list of at least one", near)
    }
    for (const region of near) {
      if (typeof region !== "string" || region === "" || seen.has(region)) {
        throw new InvalidOption(`NearestRegion: order[${i}]`, "made of regions that are named once", region)
      }
      seen.add(region)
    }
  })
}
