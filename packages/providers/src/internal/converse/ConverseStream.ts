/**
 * The state of one answer of Converse: events of the stream go in, encoded parts of `effect/ai` come out. A whole answer is
 * read block by block, as a stream would have brought it.
 *
 * - Text and reasoning are given out at once, tool calls at `messageStop`, the finish part when both `messageStop` and
 *   `metadata` (which carries the usage) have come, in whatever order, or the bytes have ended after the first.
 * - The terminal fact is `messageStop`. Bytes that end without it are a failure; what goes wrong after it does not matter.
 */
import type { StreamPart } from "@spillway/core/ProviderModel"
import type { AnswerState } from "../engine/Dialect.ts"
import { isError } from "../errors/ErrorBody.ts"
import { empty, type Fault, truncated, undecodable } from "../errors/Fault.ts"
import { ofInBand } from "../errors/ProviderError.ts"
import { finite, type JsonRecord, record, records, text } from "../json.ts"
import { ContentBlocks, type Options } from "./ContentBlocks.ts"
import { rules } from "./ErrorRows.ts"
import * as FinishReason from "./FinishReason.ts"
import * as Usage from "./Usage.ts"

export class ConverseStream implements AnswerState {
  fault: Fault | undefined = undefined
  ended = false

  private out: Array<StreamPart> = []
  private readonly owner: string
  private readonly content: ContentBlocks
  /** `messageStop` has come. */
  private stopped = false
  private word: string | undefined = undefined
  private usage: JsonRecord | undefined = undefined
  private readonly extras: Record<string, string | number> = {}

  constructor(options: Options) {
    this.owner = options.owner
    this.content = new ContentBlocks(options, (part) => this.out.push(part))
  }

  get hasContent(): boolean {
    return this.content.hasContent
  }

  get settling(): boolean {
    return this.stopped && !this.ended
  }

  take(): Array<StreamPart> {
    const parts = this.out
    this.out = []
    return parts
  }

  event(json: unknown, name: string): void {
    if (this.ended) return
    const body = record(json)
    if (body === undefined) return this.fail(undecodable("An event of the stream is no JSON object"))
    // The answer is whole: only what stands beside it may follow.
    if (this.stopped && name !== "metadata") return
    const index = finite(body["contentBlockIndex"]) ?? this.content.index
    switch (name) {
      case "contentBlockStart":
        return this.content.start(index, record(body["start"]) ?? {})
      case "contentBlockDelta":
        return this.failIf(this.content.delta(index, record(body["delta"]) ?? {}))
      case "contentBlockStop":
        return this.content.stop(index)
      case "messageStop":
        this.messageStop(body)
        if (this.usage !== undefined) this.finish()
        return
      case "metadata":
        this.note(body)
        if (this.stopped) this.finish()
        return
      default:
        if (isError(body)) this.fail(ofInBand(body, rules))
    }
  }

  wholeAnswer(json: unknown): void {
    if (this.ended) return
    const body = record(Array.isArray(json) ? json[0] : json)
    if (body === undefined) return this.fail(undecodable("The answer is no JSON object"))
    const message = record(record(body["output"])?.["message"])
    if (message === undefined) {
      const failed = isError(body) || text(body["message"]) !== undefined || text(body["__type"]) !== undefined
      return this.fail(failed ? ofInBand(body, rules) : undecodable("The answer has no message"))
    }
    const content = message["content"] ?? []
    if (!Array.isArray(content)) return this.fail(undecodable("The answer has no list of blocks"))
    for (const [index, block] of records(content).entries()) {
      this.content.start(index, block)
      this.failIf(this.content.delta(index, block))
      if (this.ended) return
      this.content.stop(index)
    }
    // A whole body proves nothing: a gateway may have put it together from a stream that was cut.
    if (text(body["stopReason"]) === undefined) return this.fail(truncated)
    this.note(body)
    this.messageStop(body)
    this.finish()
  }

  /** Not Converse's own; a gateway's. */
  doneMarker(): void {
    this.endOfBytes(true)
  }

  endOfBytes(sawBytes: boolean): void {
    if (this.ended) return
    if (this.stopped) this.finish()
    else this.fail(sawBytes ? truncated : empty)
  }

  fail(fault: Fault): void {
    if (this.ended) return
    if (this.stopped && fault.verdict.reason !== "InvalidOutput") return this.finish()
    this.content.closeAll()
    this.fault = fault
    this.ended = true
  }

  private failIf(fault: Fault | undefined): void {
    if (fault !== undefined) this.fail(fault)
  }

  private messageStop(body: JsonRecord): void {
    if (this.ended || this.stopped) return
    this.stopped = true
    this.word = text(body["stopReason"])
    this.content.closeAll()
    this.failIf(this.content.giveCalls(FinishReason.mayBeCut(this.reason())))
  }

  private reason() {
    return this.word === undefined ? "unknown" : FinishReason.from(this.word, this.content.asked())
  }

  private note(body: JsonRecord): void {
    this.usage = record(body["usage"]) ?? this.usage ?? {}
    const latency = finite(record(body["metrics"])?.["latencyMs"])
    if (latency !== undefined) this.extras["latencyMs"] = latency
    const tier = text(record(body["serviceTier"])?.["type"])
    if (tier !== undefined) this.extras["serviceTier"] = tier
    const invoked = text(record(record(body["trace"])?.["promptRouter"])?.["invokedModelId"])
    if (invoked !== undefined) this.extras["invokedModelId"] = invoked
  }

  private finish(): void {
    if (this.ended) return
    this.ended = true
    const word = this.word === undefined ? undefined : { finishReason: this.word }
    this.out.push({
      type: "finish",
      reason: this.reason(),
      usage: Usage.normalize(this.usage),
      metadata: { [this.owner]: { ...word, ...this.extras } }
    })
  }
}
