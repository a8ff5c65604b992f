/**
 * What a label may say. Routes and targets come from `attach` and nowhere else, and only so many of them; a word (an
 * error type, a reason) must look like one. So no request can make a new series.
 */
import type { Target } from "@spillway/core/Target"
import * as Names from "../Names.ts"

export interface Labels {
  /** Makes a router's names known, up to the bound. */
  readonly attach: (route: string, targets: ReadonlyArray<Target>) => void
  /** The route, or `_other`. */
  readonly route: (route: string) => string
  /** The target's id, or `_other`. */
  readonly target: (target: Target) => string
  /** An error type or a reason, or `_OTHER`. For spans as well: a sentence here could hold what a provider wrote. */
  readonly word: (word: string | undefined) => string
  /** Known routes with the ids of their targets. */
  readonly routes: ReadonlyMap<string, ReadonlySet<string>>
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
  const words = new Set(Names.words)
  const limit = words.size + maxWords
  return {
    routes,
    targets,
    attach: (route, added) => {
      for (const target of added) if (targets.has(target.id) || targets.size < cap) targets.set(target.id, target)
      if (!routes.has(route) && routes.size >= cap) return
      const ids = routes.get(route) ?? new Set()
      routes.set(route, ids)
      for (const { id } of added) if (targets.has(id)) ids.add(id)
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
