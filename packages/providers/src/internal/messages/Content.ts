/**
 * The content blocks of one answer: text and thinking are given out as they come, calls by `giveCalls` when the end says
 * whether they are whole. Tools the vendor ran are done when their block ends; call and result are `providerExecuted`.
 *
 * A block is known by its index. Servers that leave out starts, ends or indexes are read by the kind of the piece. What
 * has to travel back (signatures, redacted thinking, whole results of the vendor's tools) goes into the metadata with the
 * model that made it.
 */
import type { StreamPart } from "@spillway/core/ProviderModel"
import type * as Schema from "effect/Schema"
import { type Fault, undecodable } from "../errors/Fault.ts"
import { isKeepable, type JsonRecord, record, records, text } from "../json.ts"
import * as Blocks from "../parts/Blocks.ts"
import * as Citations from "./Citations.ts"
import * as ToolCalls from "./ToolCalls.ts"

export interface Options {
  /** Key of the metadata. */
  readonly owner: string
  readonly model: string
  /** A fresh id for what came without one. */
  readonly makeId: (prefix: string) => string
}

interface Block {
  readonly kind: "text" | "thinking" | "call" | "other"
  readonly call?: ToolCalls.ToolCall
  readonly citations: Array<JsonRecord>
  signature: string | undefined
  /** Some of it has been given out. */
  begun: boolean
  /** Another block came between: what was signed is not what was given out in one piece. */
  torn: boolean
}

export class Content {
  /** Part of the answer has been given out. */
  hasContent = false

  private readonly options: Options
  private readonly emit: (part: StreamPart) => void
  private readonly blocks: Blocks.Blocks
  private readonly open = new Map<number, Block>()
  private last = -1
  /** The one whose text is open towards the reader. */
  private current: Block | undefined = undefined
  private readonly calls: Array<ToolCalls.ToolCall> = []
  private readonly cited = new Set<string>()

  constructor(options: Options, emit: (part: StreamPart) => void) {
    this.options = options
    this.emit = emit
    this.blocks = Blocks.make(emit, { [options.owner]: { model: options.model } })
  }

  /** There is a call for the caller to run. */
  get sawCalls(): boolean {
    return this.calls.some(({ server }) => !server)
  }

  start(index: number | undefined, json: JsonRecord): void {
    const type = text(json["type"]) ?? ""
    switch (type) {
      case "text": {
        const block = this.begin(index, "text")
        for (const citation of records(json["citations"])) block.citations.push(citation)
        return this.push(block, text(json["text"]) ?? "")
      }
      case "thinking": {
        const block = this.begin(index, "thinking")
        block.signature = text(json["signature"])
        return this.push(block, text(json["thinking"]) ?? "")
      }
      case "redacted_thinking":
        this.begin(index, "other")
        return this.mark({ redactedData: text(json["data"]) ?? "" })
      case "tool_use":
      case "server_tool_use": {
        const call = ToolCalls.make(json, this.calls, () => this.options.makeId("toolu"))
        this.begin(index, "call", call)
        return this.announce(call)
      }
      default:
        this.begin(index, "other")
        if (type.endsWith("_tool_result")) this.result(type, json)
    }
  }

  /** A fault when a piece cannot be read: a hole in the answer is worse than no answer. */
  delta(index: number | undefined, json: JsonRecord): Fault | undefined {
    const block = this.open.get(index ?? this.last)
    switch (json["type"]) {
      case "text_delta":
        return this.piece(block?.kind === "text" ? block : this.begin(index, "text"), json["text"])
      case "thinking_delta":
        return this.piece(block?.kind === "thinking" ? block : this.begin(index, "thinking"), json["thinking"])
      case "signature_delta":
        if (block !== undefined) block.signature = text(json["signature"]) ?? block.signature
        return undefined
      case "citations_delta":
        block?.citations.push(record(json["citation"]) ?? {})
        return undefined
      case "input_json_delta": {
        const piece = json["partial_json"] ?? ""
        if (typeof piece !== "string") return undecodable("A piece of a tool call is no text")
        if (block?.kind === "other" || piece === "") return undefined
        if (block?.call === undefined) return undecodable("A piece of a tool call belongs to no open call")
        block.call.args += piece
        if (block.call.name !== "") this.emit({ type: "tool-params-delta", id: block.call.id, delta: piece })
        return undefined
      }
    }
    return undefined
  }

  stop(index: number | undefined): void {
    const at = index ?? this.last
    const block = this.open.get(at)
    if (block === undefined) return
    this.open.delete(at)
    this.end(block)
  }

  /** Gives out the calls that are whole. After an end that may have cut one the others are left out, else it is false. */
  giveCalls(cut: boolean): boolean {
    this.closeAll()
    for (const call of this.calls) {
      if (call.given) continue
      if (!(cut && ToolCalls.isBlank(call)) && this.give(call)) continue
      if (!cut && !call.server) return false
    }
    return true
  }

  /** The answer failed: what is open ends, and no call is given out. */
  abandon(): void {
    this.closeAll()
  }

  private closeAll(): void {
    for (const at of [...this.open.keys()]) this.stop(at)
    this.close()
  }

  private begin(index: number | undefined, kind: Block["kind"], call?: ToolCalls.ToolCall): Block {
    const at = index ?? this.last + 1
    this.stop(at)
    const block: Block = {
      ...{ kind, citations: [], signature: undefined, begun: false, torn: false },
      ...(call === undefined ? undefined : { call })
    }
    this.open.set(at, block)
    this.last = at
    return block
  }

  private piece(block: Block, value: unknown): Fault | undefined {
    const piece = value ?? ""
    if (typeof piece !== "string") return undecodable("A piece of the answer is no text")
    this.push(block, piece)
    return undefined
  }

  private push(block: Block, piece: string): void {
    if (piece === "") return
    if (this.current !== block) {
      this.close()
      block.torn = block.begun
    }
    this.current = block
    block.begun = true
    this.blocks.push(block.kind === "thinking" ? "reasoning" : "text", piece)
    this.hasContent = true
  }

  /** Ends what is open towards the reader. */
  private close(): void {
    const signature = this.current?.torn === false ? this.current.signature : undefined
    if (signature !== undefined && this.current?.kind === "thinking") this.blocks.note(this.metadata({ signature }))
    this.blocks.close()
    this.current = undefined
  }

  private end(block: Block): void {
    if (this.current === block) this.close()
    // Thinking whose words the caller did not want, or that are kept by the vendor.
    if (block.kind === "thinking" && !block.begun && block.signature !== undefined) {
      this.mark({ signature: block.signature })
    }
    for (const citation of block.citations) this.cite(citation)
    if (block.call !== undefined) {
      this.endProgress(block.call)
      if (block.call.server && !ToolCalls.isBlank(block.call)) this.give(block.call)
    }
  }

  /** Thinking without words. */
  private mark(fields: Schema.JsonObject): void {
    this.close()
    this.blocks.push("reasoning", "")
    this.blocks.note(this.metadata(fields))
    this.blocks.close()
  }

  private metadata(fields: Schema.JsonObject): Blocks.Metadata {
    return { [this.options.owner]: { model: this.options.model, ...fields } }
  }

  private announce(call: ToolCalls.ToolCall): void {
    this.calls.push(call)
    if (call.name === "") return
    this.close()
    this.hasContent = true
    this.emit({
      type: "tool-params-start",
      id: call.id,
      name: call.name,
      ...(call.server ? { providerExecuted: true } : undefined)
    })
  }

  private endProgress(call: ToolCalls.ToolCall): void {
    if (call.over || call.name === "") return
    call.over = true
    this.emit({ type: "tool-params-end", id: call.id })
  }

  private give(call: ToolCalls.ToolCall): boolean {
    const params = call.name === "" ? undefined : ToolCalls.parameters(call)
    if (params === undefined) return false
    call.given = true
    const back = call.server || call.caller !== undefined
    this.emit({
      type: "tool-call",
      id: call.id,
      name: call.name,
      params,
      ...(call.server ? { providerExecuted: true } : undefined),
      // All of it came out of JSON.parse.
      ...(back
        ? { metadata: this.metadata(call.caller === undefined ? {} : { caller: call.caller as Schema.JsonObject }) }
        : undefined)
    })
    return true
  }

  /** The call may stand in the turn before, which was paused. */
  private result(type: string, json: JsonRecord): void {
    const id = text(json["tool_use_id"])
    if (id === undefined || !isKeepable(json)) return
    const call = this.calls.find((call) => call.server && call.id === id)
    if (call?.given === false) this.give(call)
    this.close()
    this.hasContent = true
    this.emit({
      type: "tool-result",
      id,
      name: call?.name ?? type.slice(0, -"_tool_result".length),
      result: json["content"] ?? null,
      isFailure: json["is_error"] === true || (text(record(json["content"])?.["type"]) ?? "").endsWith("_error"),
      providerExecuted: true,
      metadata: this.metadata({ block: json as Schema.JsonObject })
    })
  }

  private cite(citation: JsonRecord): void {
    const source = Citations.sourceOf(citation, this.cited, this.options.makeId)
    if (source === undefined) return
    this.close()
    this.hasContent = true
    this.emit(source)
  }
}
