/**
 * The state of one answer of the Messages dialect: events go in, encoded parts of `effect/ai` come out. A whole answer is
 * read as the blocks of a stream.
 *
 * The terminal fact is a stop reason. Text and thinking are given out at once, tool calls at the stop reason, the finish
 * part when the usage has come with it, or after it the next `message_stop` or the end of the bytes. A second
 * `message_start`, which gateways splice in, brings its usage and nothing else. A refusal is text, and the answer ends
 * with `content-filter`.
 * Source: https://platform.claude.com/docs/en/build-with-claude/streaming
 */
import type { StreamPart } from "@spillway/core/ProviderModel"
import type * as Schema from "effect/Schema"
import type { AnswerState } from "../engine/Dialect.ts"
import { isError } from "../errors/ErrorBody.ts"
import { empty, type Fault, gaveUp, invalidOutput, truncated, undecodable } from "../errors/Fault.ts"
import { finite, isKeepable, type JsonRecord, record, records, text } from "../json.ts"
import * as Content from "./Content.ts"
import * as Errors from "./Errors.ts"
import * as FinishReason from "./FinishReason.ts"
import * as Usage from "./Usage.ts"

export type Options = Content.Options

export class MessagesStream implements AnswerState {
  fault: Fault | undefined = undefined
  ended = false

  private parts: Array<StreamPart> = []
  private readonly owner: string
  private readonly content: Content.Content
  private introduced = false
  private word: string | undefined = undefined
  private usage: JsonRecord | undefined = undefined
  private extras: Schema.JsonObject = {}

  constructor(options: Options) {
    this.owner = options.owner
    this.content = new Content.Content(options, (part) => this.parts.push(part))
  }

  get hasContent(): boolean {
    return this.content.hasContent
  }

  get settling(): boolean {
    return this.word !== undefined && !this.ended
  }

  take(): Array<StreamPart> {
    const parts = this.parts
    this.parts = []
    return parts
  }

  event(json: unknown, name: string): void {
    if (this.ended) return
    const event = record(json)
    if (event === undefined) return this.fail(undecodable("An event of the stream is no JSON object"))
    // The name stands twice; what is in the data counts.
    const type = text(event["type"]) ?? name
    if (type === "error" || name === "error" || (event["type"] === undefined && isError(event))) {
      return this.fail(Errors.ofInBand(event))
    }
    // The stop reason has ended the content, whatever a gateway sends after it.
    if (this.word !== undefined && type.startsWith("content_block")) return
    switch (type) {
      case "message_start":
        return this.note(record(event["message"]) ?? {})
      case "content_block_start":
        return this.content.start(finite(event["index"]), record(event["content_block"]) ?? {})
      case "content_block_delta":
        return this.check(this.content.delta(finite(event["index"]), record(event["delta"]) ?? {}))
      case "content_block_stop":
        return this.content.stop(finite(event["index"]))
      case "message_delta":
        this.usage = Usage.merge(this.usage, record(event["usage"]))
        this.stop(record(event["delta"]) ?? {})
        if (this.word !== undefined && record(event["usage"]) !== undefined) this.finish()
        return
      case "message_stop":
        if (this.word !== undefined) this.finish()
        return
      case "message":
        // A whole message inside a stream is read only when it does not repeat what has been given out, and is at its end.
        if (this.hasContent || text(event["stop_reason"]) === undefined) return this.note(event)
        this.wholeAnswer(event)
    }
  }

  wholeAnswer(json: unknown): void {
    if (this.ended) return
    const message = record(Array.isArray(json) ? json[0] : json)
    if (message === undefined) return this.fail(undecodable("The answer is no JSON object"))
    if (message["content"] === undefined && isError(message)) return this.fail(Errors.ofInBand(message))
    if (!Array.isArray(message["content"])) return this.fail(undecodable("The answer has no content"))
    this.note(message)
    for (const [index, block] of records(message["content"]).entries()) {
      this.content.start(index, block)
      this.content.stop(index)
    }
    this.stop(message)
    // A whole body proves nothing: a gateway may have put it together from a stream that was cut.
    if (this.word === undefined) return this.fail(truncated)
    if (!this.ended) this.finish()
  }

  /** A gateway's. Without the word it is no end: only servers of the chat dialect leave the word out. */
  doneMarker(): void {
    this.endOfBytes(true)
  }

  endOfBytes(sawBytes: boolean): void {
    if (this.ended) return
    if (this.word !== undefined) this.finish()
    else this.fail(sawBytes ? truncated : empty)
  }

  fail(fault: Fault): void {
    if (this.ended) return
    if (this.word !== undefined && fault.verdict.reason !== "InvalidOutput") return this.finish()
    this.content.abandon()
    this.fault = fault
    this.ended = true
  }

  private check(fault: Fault | undefined): void {
    if (fault !== undefined) this.fail(fault)
  }

  /** Remembers what stands beside the answer and introduces it once. */
  private note(message: JsonRecord): void {
    this.usage = Usage.merge(this.usage, record(message["usage"]))
    const id = text(message["id"])
    const modelId = text(message["model"])
    if (this.introduced || (id === undefined && modelId === undefined)) return
    this.introduced = true
    this.parts.push({
      type: "response-metadata",
      ...(id === undefined ? undefined : { id }),
      ...(modelId === undefined ? undefined : { modelId })
    })
  }

  private stop(said: JsonRecord): void {
    const word = text(said["stop_reason"])
    if (word === undefined || this.word !== undefined) return
    if (FinishReason.isFailure(word)) return this.fail(gaveUp(word))
    const sequence = text(said["stop_sequence"])
    const details = record(said["stop_details"])
    this.extras = {
      ...(sequence === undefined ? undefined : { stopSequence: sequence }),
      // All of it came out of JSON.parse.
      ...(details === undefined || !isKeepable(details) ? undefined : { stopDetails: details as Schema.JsonObject })
    }
    this.word = word
    this.giveCalls()
  }

  private giveCalls(): void {
    const cut = this.word === undefined || FinishReason.mayBeCut(this.reason())
    if (this.content.giveCalls(cut)) return
    this.fail(invalidOutput("The arguments of a tool call are no JSON object, or it has no name"))
  }

  private reason() {
    return this.word === undefined ? "unknown" : FinishReason.from(this.word, this.content.sawCalls)
  }

  private finish(): void {
    if (this.ended) return
    if (this.word === undefined) this.giveCalls()
    if (this.ended) return
    this.ended = true
    const tier = text(this.usage?.["service_tier"])
    this.parts.push({
      type: "finish",
      reason: this.reason(),
      usage: Usage.normalize(this.usage),
      metadata: {
        [this.owner]: {
          ...(this.word === undefined ? undefined : { finishReason: this.word }),
          ...this.extras,
          ...(tier === undefined ? undefined : { serviceTier: tier }),
          ...(this.usage === undefined || !isKeepable(this.usage)
            ? undefined
            : { usage: this.usage as Schema.JsonObject })
        }
      }
    })
  }
}
