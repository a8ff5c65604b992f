/**
 * The content blocks of one answer: text, reasoning, tool calls, results of tools that ran at the vendor, citations. A block
 * of a whole answer goes through `start`, `delta` and `stop` like one of a stream.
 *
 * A reasoning block's signature, or its encrypted form, goes into the metadata of its end, with the model that made it.
 */
import type { StreamPart } from "@spillway/core/ProviderModel"
import { type Fault, invalidOutput, undecodable } from "../errors/Fault.ts"
import { type JsonRecord, record, records, text } from "../json.ts"
import * as Blocks from "../parts/Blocks.ts"
import * as ModelMark from "./ModelMark.ts"
import * as ServerTools from "./ServerTools.ts"
import * as ToolCalls from "./ToolCalls.ts"

export interface Options {
  /** Key of the metadata. */
  readonly owner: string
  readonly model: string
  /** A fresh id for a tool call that came without one. */
  readonly makeId: (prefix: string) => string
}

export class ContentBlocks {
  /** Part of the answer has been given out. */
  hasContent = false
  /** Of the block that was touched last; blocks without a number belong to it. */
  index = -1

  private readonly options: Options
  private readonly emit: (part: StreamPart) => void
  private readonly blocks: Blocks.Blocks
  private readonly calls: Array<ToolCalls.ToolCall> = []
  /** By index of the block. */
  private readonly open = new Map<number, ToolCalls.ToolCall>()
  private result: ServerTools.Pending | undefined = undefined
  private sources = 0

  constructor(options: Options, emit: (part: StreamPart) => void) {
    this.options = options
    this.emit = emit
    this.blocks = Blocks.make(emit, { [options.owner]: { model: ModelMark.of(options.model) } })
  }

  /** The model has called a tool that is the caller's to run. */
  asked(): boolean {
    return this.calls.some((call) => !call.providerExecuted)
  }

  /** Only tools have a start; a whole block looks like one. */
  start(index: number, start: JsonRecord): void {
    this.blocks.close()
    this.index = index
    const toolResult = record(start["toolResult"])
    if (toolResult !== undefined) this.result = ServerTools.open(toolResult)
    const toolUse = record(start["toolUse"])
    if (toolUse === undefined) return
    const call = ToolCalls.open(toolUse, this.calls, () => this.options.makeId("tooluse"))
    this.calls.push(call)
    this.open.set(index, call)
    this.hasContent = true
    const { id, name } = call
    this.emit({ type: "tool-params-start", id, name, ...executed(call) })
    if (call.args !== "") this.emit({ type: "tool-params-delta", id, delta: call.args })
  }

  delta(index: number, delta: JsonRecord): Fault | undefined {
    const words = delta["text"] ?? ""
    // A hole in the text is worse than no answer.
    if (typeof words !== "string") return undecodable("A piece of the answer is no text")
    if (delta["text"] === words) this.push(index, "text", words)
    const reasoning = record(delta["reasoningContent"])
    if (reasoning !== undefined) this.reasoning(index, reasoning)
    const citations = record(delta["citationsContent"])
    for (const piece of records(citations?.["content"])) this.push(index, "text", text(piece["text"]) ?? "")
    for (const citation of [...records([delta["citation"]]), ...records(citations?.["citations"])]) this.cite(citation)
    if (this.result !== undefined) ServerTools.add(this.result, delta["toolResult"])
    const toolUse = record(delta["toolUse"])
    return toolUse === undefined ? undefined : this.input(index, toolUse["input"])
  }

  stop(index: number): void {
    const call = this.open.get(index)
    this.open.delete(index)
    if (call !== undefined) this.close(call)
    if (index === this.index) this.blocks.close()
    // The result of a call that ran already may follow it before the end.
    if (call?.providerExecuted === true) this.give(call, ToolCalls.parameters(call))
    const result = this.result === undefined ? undefined : ServerTools.part(this.result, this.calls)
    this.result = undefined
    if (result !== undefined) this.emit(result)
  }

  /** Ends what is open. */
  closeAll(): void {
    this.blocks.close()
    for (const call of this.calls) this.close(call)
  }

  /** Gives out the calls that are whole. After an end that may have `cut` one, the others are left out; else they are errors. */
  giveCalls(cut: boolean): Fault | undefined {
    for (const call of this.calls) {
      if (call.given) continue
      this.give(call, cut && call.args.trim() === "" ? undefined : ToolCalls.parameters(call))
      if (!call.given && !cut) {
        return invalidOutput("The arguments of a tool call are no JSON object, or it has no name")
      }
    }
    return undefined
  }

  private give(call: ToolCalls.ToolCall, params: unknown): void {
    if (call.name === "" || params === undefined) return
    call.given = true
    this.emit({ type: "tool-call", id: call.id, name: call.name, params, ...executed(call) })
  }

  private reasoning(index: number, reasoning: JsonRecord): void {
    // In a stream the fields stand side by side, in a whole answer below `reasoningText`.
    const from = record(reasoning["reasoningText"]) ?? reasoning
    const words = from["text"]
    if (typeof words === "string") this.push(index, "reasoning", words)
    const signature = text(from["signature"])
    const redactedContent = text(reasoning["redactedContent"])
    if (signature === undefined && redactedContent === undefined) return
    this.push(index, "reasoning", "")
    this.blocks.note({
      [this.options.owner]: {
        ...(signature === undefined ? undefined : { signature }),
        ...(redactedContent === undefined ? undefined : { redactedContent })
      }
    })
  }

  private push(index: number, kind: Blocks.Kind, delta: string): void {
    if (index !== this.index) this.blocks.close()
    this.index = index
    if (delta !== "") this.hasContent = true
    this.blocks.push(kind, delta)
  }

  private input(index: number, input: unknown): Fault | undefined {
    const call = this.open.get(index)
    if (call === undefined) return undecodable("A piece of a tool call belongs to none")
    // Of a whole block, the start has taken it.
    const piece = call.whole || ToolCalls.isBlank(input) ? "" : input
    if (typeof piece !== "string") return undecodable("A piece of a tool call is no text")
    if (piece === "") return undefined
    call.args += piece
    this.emit({ type: "tool-params-delta", id: call.id, delta: piece })
    return undefined
  }

  private cite(citation: JsonRecord): void {
    const url = text(record(record(citation["location"])?.["web"])?.["url"])
    if (url === undefined || !URL.canParse(url)) return
    const title = text(citation["title"]) ?? url
    this.emit({ type: "source", sourceType: "url", id: `source-${this.sources++}`, url, title })
  }

  private close(call: ToolCalls.ToolCall): void {
    if (!call.closed) this.emit({ type: "tool-params-end", id: call.id })
    call.closed = true
  }
}

const executed = (call: ToolCalls.ToolCall) => (call.providerExecuted ? { providerExecuted: true } : undefined)
