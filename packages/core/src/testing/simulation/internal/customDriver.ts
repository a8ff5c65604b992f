/** Code of the user's own between callers and providers. */
import * as Effect from "effect/Effect"
import { InvalidOption, onlyKeys } from "../../../model/InvalidOption.ts"
import type { CustomOptions, World as PublicWorld } from "../Contender.ts"
import type { MakeDriver } from "./Driver.ts"
import { list, name, object } from "./options.ts"
import { SimCall } from "./SimCall.ts"
import type { Bound, World } from "./World.ts"

/** Throws `InvalidOption`. */
export const make = (where: string, options: CustomOptions, world: World): MakeDriver => {
  onlyKeys(where, object(where, options), new Set(["name", "targets", "make", "_tag"]))
  if (typeof options.make !== "function") throw new InvalidOption(`${where}: make`, "a function", options.make)
  const bounds = new Map<string, Bound>()
  list(`${where}: targets`, options.targets, 1).forEach((target, i) => {
    const at = `${where}: targets[${i}]`
    onlyKeys(at, object(at, target), new Set(["id", "provider", "weight", "price"]))
    bounds.set(target.id, world.bind(at, name(`${at}.id`, target.id), target.provider ?? target.id, target.price))
  })
  const theirs: PublicWorld = {
    ask: (call, target) => {
      const bound = bounds.get(target)
      const known = [...bounds.keys()].map((id) => JSON.stringify(id)).join(", ")
      if (bound === undefined) throw new InvalidOption(`${where}: ask`, `one of its targets, ${known}`, target)
      if (!(call instanceof SimCall)) throw new InvalidOption(`${where}: ask`, "a call that it was given", call)
      return world.ask(call, bound)
    }
  }
  return Effect.map(options.make(theirs), (perform) => (call) => Effect.suspend(() => perform(call)))
}
