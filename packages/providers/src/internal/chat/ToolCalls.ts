/**
 * Puts tool calls together from their deltas. Servers disagree about every field: ids are empty, late, repeated on each
 * delta or for two calls; an index is missing, reused or starts at 1; names come late, twice or blank; arguments may be an
 * object. A delta belongs to the call with its id; else to the one with its index, unless that has another id and the
 * delta brings a new name; else to the one with its name; else to the only open call.
 *
 * A call is given out when its arguments are complete and parse: cut arguments are never `{}`.
 */
import * as Tool from "effect/ai/Tool"
import type * as Schema from "effect/Schema"
import { finite, type JsonRecord, record, text } from "../json.ts"

export interface ToolCall {
  /** As sent; made up where the server sent none or one that is taken. */
  id: string
  wireId: string
  index: number | undefined
  name: string
  args: string
  /** How much of `args` has been shown as progress; `undefined` before the call was announced. */
  shown: number | undefined
  /** Google's compatible endpoint: has to travel back. */
  extra: Schema.JsonObject | undefined
}

export interface ToolCalls {
  /** Every call so far, in order of appearance. */
  readonly all: ReadonlyArray<ToolCall>
  /** The call that `delta` belongs to, with the delta in it; `lost`: several are open and it could be any. */
  readonly add: (delta: JsonRecord) => ToolCall | "nothing" | "lost"
}

export const make = (makeId: () => string): ToolCalls => {
  const all: Array<ToolCall> = []

  const open = (id: string, index: number | undefined): ToolCall => {
    const call: ToolCall = { id: "", wireId: id, index, name: "", args: "", shown: undefined, extra: undefined }
    all.push(call)
    return call
  }

  return {
    all,
    add: (delta) => {
      // The old `function_call` form has no `function` around its fields.
      const fn = record(delta["function"]) ?? delta
      const id = text(delta["id"]) ?? ""
      const index = finite(delta["index"])
      const name = text(fn["name"])?.trim() ?? ""
      const raw = fn["arguments"]
      const args = typeof raw === "string" ? raw : record(raw) === undefined ? "" : JSON.stringify(raw)
      const found = find(all, id, index, name, args)
      if (found === "lost") return args === "" ? "nothing" : "lost"
      const call = found === "new" ? open(id, index) : found
      if (call.wireId === "") call.wireId = id
      if (call.name === "") call.name = name
      call.args += args
      // All of a delta came out of JSON.parse.
      call.extra ??= record(delta["extra_content"]) as Schema.JsonObject | undefined
      // The id is fixed when the call can be announced, for a late one has come by then or never will.
      if (call.id === "" && call.name !== "") {
        const taken = call.wireId === "" || all.some((other) => other.id === call.wireId)
        call.id = taken ? makeId() : call.wireId
      }
      return call
    }
  }
}

const find = (
  all: ReadonlyArray<ToolCall>,
  id: string,
  index: number | undefined,
  name: string,
  args: string
): ToolCall | "new" | "lost" => {
  if (id !== "") {
    const same = all.filter((call) => call.wireId === id)
    const exact = same.find((call) => index === undefined || call.index === undefined || call.index === index)
    if (exact !== undefined) {
      const sure = index !== undefined && exact.index === index
      return !sure && restarts(exact, name, args) ? "new" : exact
    }
    // One id for two calls: another index and a name of its own make it another call.
    const last = same.at(-1)
    if (last !== undefined && name === "") return last
  }
  if (index !== undefined) {
    const there = all.findLast((call) => call.index === index)
    if (there !== undefined) {
      const otherId = id !== "" && there.wireId !== "" && there.wireId !== id
      const newName = name !== "" && (otherId || (there.name !== "" && there.name !== name))
      return newName || restarts(there, name, args) ? "new" : there
    }
    // An index nobody has is a new call, unless the only open one never had an index.
    const only = all.length === 1 && id === "" && name === "" ? all[0] : undefined
    return only !== undefined && only.index === undefined ? only : "new"
  }
  if (id !== "") {
    const nameless = all.filter((call) => call.wireId === "")
    return name === "" && nameless.length === 1 ? (nameless[0] ?? "new") : "new"
  }
  if (name !== "") {
    const named = all.findLast((call) => call.name === name)
    return named === undefined || restarts(named, name, args) ? "new" : named
  }
  if (args === "") return "lost"
  return all.length > 1 ? "lost" : (all[0] ?? "new")
}

/** A name again with more text after arguments that are whole begins the next call of the same tool. */
const restarts = (call: ToolCall, name: string, args: string): boolean =>
  name !== "" && call.name !== "" && call.args !== "" && args.trim() !== "" && parameters(call) !== undefined

/** The parsed arguments; an empty text is `{}`. `undefined`: not an object, or not JSON. */
export const parameters = (call: ToolCall): unknown => {
  if (call.args.trim() === "") return {}
  try {
    return record(Tool.unsafeSecureJsonParse(call.args))
  } catch {
    return undefined
  }
}
