/**
 * Ids of tool calls in the form the vendor takes: letters, digits, `_` and `-`, and no two calls with the same one. A
 * history may come from a vendor that counts its calls anew in every turn.
 *
 * A new id depends on what stands before it only: the same in every later request, so that a cached prefix stays one.
 */

export interface ToolIds {
  /** The id a call goes out with. */
  readonly call: (id: string) => string
  /** The id of the last call that had this one, for its result. */
  readonly result: (id: string) => string
}

/** For one prompt. */
export const make = (): ToolIds => {
  const current = new Map<string, string>()
  const taken = new Set<string>()
  return {
    call: (id) => {
      const plain = id.replace(/[^\w-]/g, "_") || "call"
      let name = plain
      for (let n = 2; taken.has(name); n++) name = `${plain}_${n}`
      taken.add(name)
      current.set(id, name)
      return name
    },
    result: (id) => current.get(id) ?? id
  }
}
