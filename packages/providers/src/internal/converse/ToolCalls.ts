/**
 * Tool calls of one answer, one per content block: opened by `contentBlockStart`, their arguments in pieces of JSON text.
 * A call is given out when its arguments are complete and parse: cut arguments are never `{}`.
 */
import * as Tool from "effect/ai/Tool"
import { type JsonRecord, record, stringify, text } from "../json.ts"

export interface ToolCall {
  /** As sent; made up where none came, or one that is taken. */
  readonly id: string
  readonly name: string
  /** Run by the vendor, its result is in the answer too. */
  readonly providerExecuted: boolean
  /** A block of a whole answer: no pieces of arguments come. */
  readonly whole: boolean
  args: string
  /** `contentBlockStop` has come, or the end. */
  closed: boolean
  /** Given out as a whole. */
  given: boolean
}

/** From the `toolUse` of a start, or of a block of a whole answer. */
export const open = (toolUse: JsonRecord, before: ReadonlyArray<ToolCall>, makeId: () => string): ToolCall => {
  const id = text(toolUse["toolUseId"])
  const input = toolUse["input"]
  const given = wholeOf(input)
  return {
    id: id === undefined || before.some((call) => call.id === id) ? makeId() : id,
    name: text(toolUse["name"])?.trim() ?? "",
    providerExecuted: toolUse["type"] === "server_tool_use",
    // Some gateways begin a stream's call with an empty object, as Anthropic does.
    whole: given !== "",
    args: given,
    closed: false,
    given: false
  }
}

/** Nothing, or an empty object. */
export const isBlank = (input: unknown): boolean =>
  input === undefined || input === null || (record(input) !== undefined && Object.keys(input).length === 0)

/** Of a whole block. One without arguments looks like one that was cut before them: the end tells. What is too deep is no JSON. */
const wholeOf = (input: unknown): string => {
  return typeof input !== "object" || isBlank(input) ? "" : (stringify(input) ?? "too deep")
}

/** The parsed arguments; an empty text is `{}`. `undefined`: not an object, or not JSON. */
export const parameters = (call: ToolCall): unknown => {
  if (call.args.trim() === "") return {}
  try {
    return record(Tool.unsafeSecureJsonParse(call.args))
  } catch {
    return undefined
  }
}
