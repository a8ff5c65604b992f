/**
 * What the deltas of one answer add up to: blocks of reasoning and text, tool calls, sources, a refusal. Text and reasoning
 * are given out at once, tool calls by `giveCalls` when the end says whether they are whole.
 */
import type { StreamPart } from "@spillway/core/ProviderModel"
import { type Fault, invalidOutput, undecodable } from "../errors/Fault.ts"
import { type JsonRecord, record, records, text } from "../json.ts"
import * as Blocks from "../parts/Blocks.ts"
import * as Chunk from "./Chunk.ts"
import { details as detailsName } from "./Reasoning.ts"
import * as ReasoningDetails from "./ReasoningDetails.ts"
import * as ThinkTags from "./ThinkTags.ts"
import * as ToolCalls from "./ToolCalls.ts"

export interface Options {
  /** Key of the metadata: the owner of the dialect. */
  readonly provider: string
  readonly model: string
  /** Read `<think>…</think>` in the text as reasoning. Default false. */
  readonly thinkTags?: boolean | undefined
  /** A fresh id for what came without one. */
  readonly makeId: (prefix: string) => string
}

export class Content {
  /** Part of the answer has been given out. */
  hasContent = false
  /** Some of the text is a refusal. */
  refused = false

  private readonly options: Options
  private readonly emit: (part: StreamPart) => void
  private readonly blocks: Blocks.Blocks
  private readonly tags: ThinkTags.ThinkTags | undefined
  private readonly details = ReasoningDetails.make()
  private readonly calls: ToolCalls.ToolCalls
  private readonly given = new Set<ToolCalls.ToolCall>()
  private readonly sources = new Set<string>()

  constructor(options: Options, emit: (part: StreamPart) => void) {
    this.options = options
    this.emit = emit
    this.blocks = Blocks.make(emit, { [options.provider]: { model: options.model } })
    this.tags = options.thinkTags === true ? ThinkTags.make() : undefined
    this.calls = ToolCalls.make(() => options.makeId("call"))
  }

  get sawCalls(): boolean {
    return this.calls.all.length > 0
  }

  /** A fault when something in it cannot be read: a hole in the answer is worse than no answer. */
  add(delta: JsonRecord): Fault | undefined {
    this.details.add(delta)
    const reasoning = Chunk.reasoning(delta)
    if (reasoning !== "") this.push("reasoning", reasoning)
    const content = delta["content"]
    if (!Chunk.isContent(content)) return undecodable("Content is neither text nor a list of parts")
    if (typeof content !== "string") for (const piece of Chunk.pieces(content)) this.push(piece.kind, piece.text)
    else if (content !== "") this.text(content)
    const refusal = text(delta["refusal"])
    if (refusal !== undefined) {
      this.refused = true
      this.push("text", refusal)
    }
    if (delta["annotations"] !== undefined) {
      for (const annotation of records(delta["annotations"])) this.source(record(annotation["url_citation"]))
    }
    for (const piece of Chunk.toolDeltas(delta)) {
      const call = this.calls.add(piece)
      if (call === "nothing") continue
      if (call === "lost") return undecodable("A piece of a tool call belongs to none of the open calls")
      this.progress(call)
    }
    return undefined
  }

  /** Ends the open block, with all that was held back for it. */
  close(): void {
    for (const piece of this.tags?.end() ?? []) this.push(piece.kind, piece.text)
    this.closeBlock()
  }

  /** The answer failed: what is open ends, and no call is given out. */
  abandon(): void {
    this.close()
    for (const call of this.calls.all) {
      if (call.shown !== undefined && !this.given.has(call)) this.emit({ type: "tool-params-end", id: call.id })
    }
  }

  /** Gives out the calls that are whole. After an end that may have cut one, the others are left out; else they are errors. */
  giveCalls(cut: boolean): Fault | undefined {
    for (const call of this.calls.all) {
      if (this.given.has(call)) continue
      this.given.add(call)
      if (call.shown !== undefined) this.emit({ type: "tool-params-end", id: call.id })
      const params = ToolCalls.parameters(call)
      if (call.name !== "" && params !== undefined && !(cut && call.args.trim() === "")) {
        const metadata = call.extra === undefined ? undefined : { [this.options.provider]: { extra: call.extra } }
        this.emit({
          type: "tool-call",
          id: call.id,
          name: call.name,
          params,
          ...(metadata === undefined ? undefined : { metadata })
        })
      } else if (!cut) {
        return invalidOutput("The arguments of a tool call are no JSON object, or it has no name")
      }
    }
    return undefined
  }

  private text(content: string): void {
    if (this.tags === undefined) this.push("text", content)
    else for (const piece of this.tags.feed(content)) this.push(piece.kind, piece.text)
  }

  private push(kind: Blocks.Kind, delta: string): void {
    this.hasContent = true
    if (kind !== "reasoning" && this.blocks.open() === "reasoning") this.closeBlock()
    this.blocks.push(kind, delta)
  }

  /** Details go with the reasoning they belong to; those that stand alone get a block without text. */
  private closeBlock(): void {
    const blocks = this.details.take()
    if (blocks !== undefined) {
      if (this.blocks.open() !== "reasoning") this.blocks.push("reasoning", "")
      this.blocks.note({ [this.options.provider]: { [detailsName]: blocks } })
    }
    this.blocks.close()
  }

  private progress(call: ToolCalls.ToolCall): void {
    if (call.id === "" || this.given.has(call)) return
    if (call.shown === undefined) {
      this.close()
      this.hasContent = true
      this.emit({ type: "tool-params-start", id: call.id, name: call.name })
      call.shown = 0
    }
    if (call.args.length > call.shown) {
      this.emit({ type: "tool-params-delta", id: call.id, delta: call.args.slice(call.shown) })
      call.shown = call.args.length
    }
  }

  private source(citation: JsonRecord | undefined): void {
    const url = text(citation?.["url"])
    if (url === undefined || this.sources.has(url)) return
    this.sources.add(url)
    const id = this.options.makeId("source")
    this.emit({ type: "source", sourceType: "url", id, url, title: text(citation?.["title"]) ?? url })
  }
}
