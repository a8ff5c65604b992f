/**
 * Tool calls of one answer, one per content block: announced at its start, their arguments in pieces of JSON text, which
 * may be none at all. A call is given out when its arguments are complete and parse: cut arguments are never `{}`.
 */
import * as Tool from "effect/ai/Tool"
import { isKeepable, type JsonRecord, record, stringify, text } from "../json.ts"

export interface ToolCall {
  /** As sent; made up where none came, or one that is taken. */
  readonly id: string
  readonly name: string
  /** Run by the vendor, its result is in the answer too. */
  readonly server: boolean
  /** Who called, where it was not the model itself but code it wrote: has to travel back. */
  readonly caller: JsonRecord | undefined
  /** What the start of the block brought, as JSON text: counts where no pieces come. */
  readonly input: string
  args: string
  /** No more of it will be shown. */
  over: boolean
  given: boolean
}

export const make = (block: JsonRecord, before: ReadonlyArray<ToolCall>, makeId: () => string): ToolCall => {
  const id = text(block["id"])
  const caller = record(block["caller"])
  return {
    id: id === undefined || before.some((call) => call.id === id) ? makeId() : id,
    name: text(block["name"])?.trim() ?? "",
    server: block["type"] === "server_tool_use",
    caller: caller?.["type"] === "direct" || !isKeepable(caller) ? undefined : caller,
    input: inputOf(block["input"]),
    ...{ args: "", over: false, given: false }
  }
}

const inputOf = (input: unknown): string => {
  if (typeof input === "string") return input
  const whole = stringify(input ?? {}) ?? "too deep"
  return whole === "{}" ? "" : whole
}

/** Nothing says what the arguments are: there are none, or they were cut. */
export const isBlank = ({ args, input }: ToolCall): boolean => args.trim() === "" && input === ""

/** The parsed arguments; no text is `{}`. `undefined`: not an object, or not JSON. */
export const parameters = (call: ToolCall): unknown => {
  if (isBlank(call)) return {}
  try {
    return record(Tool.unsafeSecureJsonParse(call.args.trim() === "" ? call.input : call.args))
  } catch {
    return undefined
  }
}
