/**
 * What a label may say. Routes and targets come from `attach` and nowhere else, and only so many of them in all; a word (an
 * error type, a reason) must look like one. So no request can make a new series, and no coming and going of targets either.
 */
import type { Target } from "@spillway/core/Target"
import * as Names from "../Names.ts"

export interface Labels {
  /** Makes a router's names known, up to the bound. */
  readonly attach: (route: string, targets: ReadonlyArray<Target>) => void
  /** Targets that the route has no longer. Answers the ids that no other route has. Routers of one name share what it has. */
  readonly detach: (route: string, left: ReadonlyArray<Target>) => ReadonlyArray<string>
  /** The route, or `_other`. */
  readonly route: (route: string) => string
  /** The target's id, or `_other`. */
  readonly target: (target: Target) => string
  /** An error type or a reason, or `_OTHER`. For spans as well: a sentence here could hold what a provider wrote. */
  readonly word: (word: string | undefined) => string
  /** Known routes with the ids of their targets. */
  readonly routes: ReadonlyMap<string, ReadonlySet<string>>
  /** Series of gauges that have ended since somebody last looked, by route; `""` for those of a target alone. */
  readonly ended: Map<string, Set<string>>
  /** Known targets by id. */
  readonly targets: ReadonlyMap<string, Target>
}

/** Words beyond those in the documentation. */
const maxWords = 50
const wordShape = /^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/

/** At most `cap` routes and `cap` targets. */
export const make = (cap: number): Labels => {
  const routes = new Map<string, Set<string>>()
  const targets = new Map<string, Target>()
  /** Every id that was ever a label. */
  const seen = new Set<string>()
  const ended = new Map<string, Set<string>>()
  const end = (route: string, id: string) => ended.set(route, (ended.get(route) ?? new Set()).add(id))
  const words = new Set(Names.words)
  const limit = words.size + maxWords
  return {
    routes,
    ended,
    targets,
    attach: (route, added) => {
      for (const target of added) {
        if (!seen.has(target.id) && seen.size >= cap) continue
        seen.add(target.id)
        targets.set(target.id, target)
      }
      if (!routes.has(route) && routes.size >= cap) return
      const ids = routes.get(route) ?? new Set()
      routes.set(route, ids)
      for (const { id } of added) if (targets.has(id)) ids.add(id)
    },
    detach: (route, left) => {
      const gone: Array<string> = []
      for (const { id } of left) {
        if (routes.get(route)?.delete(id) === true) end(route, id)
        if (Array.from(routes.values()).some((ids) => ids.has(id))) continue
        if (targets.delete(id)) end("", id)
        gone.push(id)
      }
      return gone
    },
    route: (route) => (routes.has(route) ? route : Names.otherLabel),
    target: ({ id }) => (targets.has(id) ? id : Names.otherLabel),
    word: (word) => {
      if (word === undefined) return Names.otherError
      if (words.has(word)) return word
      if (words.size >= limit || !wordShape.test(word)) return Names.otherError
      words.add(word)
      return word
    }
  }
}
