/**
 * The events of a streamed response, numbered. Source: OpenAI, API reference, "Responses", streaming events.
 *
 * An item is opened with its first piece and closed with its last. There is no `[DONE]`: the last event is
 * `response.completed` or `response.incomplete`.
 */
import type { Completion } from "../Completion.ts"
import type { CallPiece, ContentPiece, Piece } from "../Pieces.ts"
import type { FakeRequest } from "../Reaction.ts"
import { fieldsOf } from "./OpenAiErrors.ts"
import { type Item, itemsOf, responseOf, unfinished } from "./ResponsesObject.ts"
import { named, type StreamWriter } from "./Wire.ts"

type Event = { readonly type: string; readonly [field: string]: unknown }

export const responsesStream = (request: FakeRequest, completion: Completion): StreamWriter => {
  let sequence = 0
  const write = (events: ReadonlyArray<Event>): string =>
    events.map(({ type, ...rest }) => named({ type, sequence_number: sequence++, ...rest })).join("")
  const items = itemsOf(request, completion)
  return {
    open: () => {
      const response = unfinished(request, "in_progress")
      return write([
        { type: "response.created", response },
        { type: "response.in_progress", response }
      ])
    },
    piece: (piece) => {
      const item = items[piece.block]
      return item === undefined ? "" : write(eventsOf(piece, item))
    },
    finish: () => {
      const response = responseOf(request, completion)
      return write([{ type: `response.${response.status}`, response }])
    },
    done: () => "",
    error: (problem, shape) => {
      const { code, message, param } = fieldsOf(problem, request)
      if (shape !== "failed") return write([{ type: "error", code, message, param }])
      const response = { ...unfinished(request, "failed"), error: { code, message } }
      return write([{ type: "response.failed", response }])
    }
  }
}

const eventsOf = (piece: Piece, item: Item): ReadonlyArray<Event> => {
  switch (piece._tag) {
    case "Reasoning":
      return content(piece, item, reasoning)
    case "Text":
      return content(piece, item, text)
    default:
      return call(piece, item)
  }
}

/** How the two kinds of content name their events, their part and its place. */
interface Names {
  readonly part: string
  readonly text: string
  readonly place: string
  readonly list: "summary" | "content"
  readonly empty: object
}

const reasoning: Names = {
  part: "response.reasoning_summary_part",
  text: "response.reasoning_summary_text",
  place: "summary_index",
  list: "summary",
  empty: { type: "summary_text", text: "" }
}

const text: Names = {
  part: "response.content_part",
  text: "response.output_text",
  place: "content_index",
  list: "content",
  empty: { type: "output_text", text: "", annotations: [] }
}

const content = (piece: ContentPiece, item: Item, names: Names): ReadonlyArray<Event> => {
  const at = { item_id: item.id, output_index: piece.block, [names.place]: 0 }
  const events: Array<Event> = []
  if (piece.first) {
    // Encrypted content is known only when the thinking is over.
    const { encrypted_content: _later, ...begun } = item
    const status = item["status"] === undefined ? {} : { status: "in_progress" }
    const added = { ...begun, ...status, [names.list]: [] }
    events.push({ type: "response.output_item.added", output_index: piece.block, item: added })
    events.push({ type: `${names.part}.added`, ...at, part: names.empty })
  }
  events.push({ type: `${names.text}.delta`, ...at, delta: piece.text })
  if (piece.last) {
    const list = item[names.list] as ReadonlyArray<{ readonly text: string }>
    events.push({ type: `${names.text}.done`, ...at, text: list[0]?.text })
    events.push({ type: `${names.part}.done`, ...at, part: list[0] })
    events.push({ type: "response.output_item.done", output_index: piece.block, item })
  }
  return events
}

const call = (piece: CallPiece, item: Item): ReadonlyArray<Event> => {
  const at = { item_id: item.id, output_index: piece.block }
  const events: Array<Event> = []
  if (piece._tag === "Call") {
    const added = { ...item, status: "in_progress", arguments: "" }
    events.push({ type: "response.output_item.added", output_index: piece.block, item: added })
  } else {
    events.push({ type: "response.function_call_arguments.delta", ...at, delta: piece.text })
  }
  if (piece.last) {
    events.push({ type: "response.function_call_arguments.done", ...at, arguments: item["arguments"] })
    events.push({ type: "response.output_item.done", output_index: piece.block, item })
  }
  return events
}
