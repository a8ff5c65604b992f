/**
 * The items of one answer, and which of them an event belongs to. Servers disagree here: ids may change from event to
 * event, indexes may be missing or always 0, items may be announced late or never. An id that is known decides; then an
 * index with an open item of the same kind; then, where the event names nothing, the last open item of that kind.
 */
import { finite, type JsonRecord, text } from "../json.ts"

export type Kind = "message" | "reasoning" | "function_call" | "other"

export interface Item {
  readonly kind: Kind
  id: string | undefined
  index: number | undefined
  /** Text, summary or arguments that have come so far. */
  received: string
  /** The same for reasoning in full words. */
  raw: string
  /** Its last event has come. */
  done: boolean
  /** Its end was cut, by the server's own word. */
  cut: boolean
  /** A call whose arguments are all there. */
  whole: boolean
  phase: string | undefined
  sealed: string | undefined
  callId: string | undefined
  name: string
  /** How much of the arguments has been shown as progress; `undefined` before the call was announced. */
  shown: number | undefined
  given: boolean
}

export interface Items {
  readonly all: ReadonlyArray<Item>
  /** Announced by an event of its own. */
  readonly added: (item: JsonRecord, index: unknown) => Item
  /** A piece of an item: announced, or new. */
  readonly piece: (kind: Kind, id: unknown, index: unknown) => Item
  /** The item that ends here. */
  readonly ended: (item: JsonRecord, index: unknown) => Item
  /** An item of the finished answer's list: the one that was streamed, or a new one. */
  readonly listed: (item: JsonRecord, place: number) => Item
}

export const kindOf = (item: JsonRecord): Kind => {
  const type = item["type"]
  if (type === undefined && item["role"] === "assistant") return "message"
  return type === "message" || type === "reasoning" || type === "function_call" ? type : "other"
}

export const make = (): Items => {
  const all: Array<Item> = []
  const matched = new Set<Item>()

  const open = (kind: Kind, id: string | undefined, index: number | undefined): Item => {
    const item: Item = {
      ...{ kind, id, index, received: "", raw: "", done: false, cut: false, whole: false },
      ...{ phase: undefined, sealed: undefined, callId: undefined, name: "", shown: undefined, given: false }
    }
    all.push(item)
    return item
  }
  const named = (kind: Kind, id: string | undefined) =>
    id === undefined ? undefined : all.findLast((item) => item.kind === kind && item.id === id)
  const placed = (kind: Kind, index: number | undefined) =>
    index === undefined ? undefined : all.findLast((item) => item.kind === kind && item.index === index && !item.done)
  const unfinished = (kind: Kind) => all.filter((item) => item.kind === kind && !item.done)

  return {
    all,
    added: (json, at) => {
      const kind = kindOf(json)
      const id = text(json["id"])
      return named(kind, id) ?? open(kind, id, finite(at))
    },
    piece: (kind, itemId, at) => {
      const id = text(itemId)
      const index = finite(at)
      const last = id === undefined && index === undefined ? unfinished(kind).at(-1) : undefined
      return named(kind, id) ?? placed(kind, index) ?? last ?? open(kind, id, index)
    },
    ended: (json, at) => {
      const kind = kindOf(json)
      const id = text(json["id"])
      const index = finite(at)
      const left = unfinished(kind)
      const only = index === undefined && left.length === 1 ? left[0] : undefined
      return named(kind, id) ?? placed(kind, index) ?? only ?? open(kind, id, index)
    },
    listed: (json, place) => {
      const kind = kindOf(json)
      const id = text(json["id"])
      const callId = text(json["call_id"])
      const free = all.filter((item) => item.kind === kind && !matched.has(item))
      const found =
        free.find((item) => id !== undefined && item.id === id) ??
        free.find((item) => callId !== undefined && item.callId === callId) ??
        free.find((item) => item.index === place) ??
        free.find((item) => item.id === undefined && item.index === undefined)
      // Every item of this kind that came had an address: this one did not come.
      const item = found ?? open(kind, id, place)
      matched.add(item)
      return item
    }
  }
}
