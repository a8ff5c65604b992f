/**
 * The state of one answer of the chat dialect: chunks go in, encoded parts of `effect/ai` come out. A whole answer is a
 * stream of one chunk.
 *
 * - Parts are given out as soon as they are certain: text and reasoning at once, tool calls at the finish word, the finish
 *   part when the usage chunk, `[DONE]` or the end of the bytes has come after the finish word.
 * - The terminal fact is a finish word. Bytes that end without one are a failure; `[DONE]` without one after content ends
 *   as `unknown`. Whatever goes wrong after the finish word does not matter any more.
 * - A refusal is text, and its `stop` becomes `content-filter`.
 */

import type { StreamPart } from "@spillway/core/ProviderModel"
import type { AnswerState } from "../engine/Dialect.ts"
import { isError } from "../errors/ErrorBody.ts"
import { empty, type Fault, gaveUp, truncated, undecodable } from "../errors/Fault.ts"
import { ofInBand } from "../errors/ProviderError.ts"
import { finite, type JsonRecord, record, text } from "../json.ts"
import * as Chunk from "./Chunk.ts"
import * as Content from "./Content.ts"
import * as FinishReason from "./FinishReason.ts"
import * as Usage from "./Usage.ts"

export interface Options extends Content.Options {
  readonly reasoningTokens: Usage.ReasoningTokens
  /** Is `usage.cost` in USD? Default false. */
  readonly costInUsd?: boolean | undefined
}

export class ChatStream implements AnswerState {
  /** Set once; nothing is given out after it. */
  fault: Fault | undefined = undefined
  /** The finish part has been given out, or the fault is set: the rest of the bytes does not matter. */
  ended = false

  private out: Array<StreamPart> = []
  private readonly options: Options
  private readonly content: Content.Content
  private word: string | undefined = undefined
  private usage: JsonRecord | undefined = undefined
  private readonly extras: Record<string, string | number> = {}
  private introduced = false

  constructor(options: Options) {
    this.options = options
    this.content = new Content.Content(options, (part) => this.out.push(part))
  }

  /** Part of the answer has been given out. */
  get hasContent(): boolean {
    return this.content.hasContent
  }

  get settling(): boolean {
    return this.word !== undefined && !this.ended
  }

  /** The parts since the last call. */
  take(): Array<StreamPart> {
    const parts = this.out
    this.out = []
    return parts
  }

  /** One event of a stream, parsed. `name` is the event's name. */
  event(json: unknown, name: string): void {
    if (this.ended) return
    const chunk = record(Array.isArray(json) ? json[0] : json)
    if (chunk === undefined) return this.fail(undecodable("An event of the stream is no JSON object"))
    if (name === "error" || isError(chunk)) return this.fail(ofInBand(chunk))
    const choice = this.note(chunk)
    if (choice === undefined) {
      if (this.word !== undefined && record(chunk["usage"]) !== undefined) this.finish()
      return
    }
    // A whole message inside a stream is read only when it does not repeat what has been given out.
    this.choice(choice, record(choice["delta"]) ?? (this.hasContent ? undefined : record(choice["message"])))
  }

  /** A whole answer. */
  wholeAnswer(json: unknown): void {
    const body = record(Array.isArray(json) ? json[0] : json)
    if (body === undefined) return this.fail(undecodable("The answer is no JSON object"))
    if (isError(body)) return this.fail(ofInBand(body))
    const choice = this.note(body)
    const message = record(choice?.["message"]) ?? record(choice?.["delta"])
    if (choice === undefined || message === undefined) return this.fail(undecodable("The answer has no choices"))
    this.choice(choice, message)
    // Here the end of the body is the end of the answer, finish word or not.
    if (!this.ended) this.finish()
  }

  /** `[DONE]`. */
  doneMarker(): void {
    if (this.ended) return
    if (this.word !== undefined || this.hasContent) this.finish()
    else this.fail(truncated)
  }

  /** No more bytes, cleanly or not. `sawBytes`: anything but blanks had come. */
  endOfBytes(sawBytes: boolean): void {
    if (this.ended) return
    if (this.word !== undefined) this.finish()
    else this.fail(sawBytes ? truncated : empty)
  }

  /** Ends the answer with a failure, unless it was complete already. */
  fail(fault: Fault): void {
    if (this.ended) return
    if (this.word !== undefined && fault.verdict.reason !== "InvalidOutput") return this.finish()
    this.content.abandon()
    this.fault = fault
    this.ended = true
  }

  /** Remembers what stands beside the answer and introduces it once. */
  private note(chunk: JsonRecord): JsonRecord | undefined {
    const choice = Chunk.firstChoice(chunk)
    this.usage = Chunk.usage(chunk, choice) ?? this.usage
    Chunk.noteExtras(this.extras, chunk, choice)
    const id = text(chunk["id"])
    const modelId = text(chunk["model"])
    // Azure's first chunk has neither.
    if (!this.introduced && (id !== undefined || modelId !== undefined)) {
      this.introduced = true
      const timestamp = timestampOf(chunk["created"])
      this.out.push({
        type: "response-metadata",
        ...(id === undefined ? undefined : { id }),
        ...(modelId === undefined ? undefined : { modelId }),
        ...(timestamp === undefined ? undefined : { timestamp })
      })
    }
    return choice
  }

  private choice(choice: JsonRecord, delta: JsonRecord | undefined): void {
    if (record(choice["error"]) !== undefined) return this.fail(ofInBand({ error: choice["error"] }))
    const unreadable = delta === undefined ? undefined : this.content.add(delta)
    if (unreadable !== undefined) return this.fail(unreadable)
    const word = text(choice["finish_reason"])
    if (word === undefined || this.word !== undefined) return
    if (FinishReason.isFailure(word)) return this.fail(gaveUp(word))
    this.word = word
    this.giveCalls()
  }

  private giveCalls(): void {
    this.content.close()
    const cut = this.word === undefined || FinishReason.mayBeCut(this.reason())
    const invalid = this.content.giveCalls(cut)
    if (invalid !== undefined) this.fail(invalid)
  }

  private reason() {
    if (this.word === undefined) return "unknown"
    return FinishReason.from(this.word, this.content.sawCalls, this.content.refused)
  }

  private finish(): void {
    this.giveCalls()
    if (this.ended) return
    this.ended = true
    this.out.push({
      type: "finish",
      reason: this.reason(),
      usage: Usage.normalize(this.usage, this.options.reasoningTokens),
      metadata: {
        [this.options.provider]: {
          ...(this.word === undefined ? undefined : { finishReason: this.word }),
          ...this.extras
        },
        ...(this.options.costInUsd === true && this.extras["cost"] !== undefined
          ? { spillway: { costUsd: this.extras["cost"] } }
          : undefined)
      }
    })
  }
}

/** Epoch seconds to ISO; what is no time of this world is left out, a bad one would fail the answer. */
const timestampOf = (created: unknown): string | undefined => {
  const seconds = finite(created)
  return seconds === undefined || seconds <= 0 || seconds > 253402300799
    ? undefined
    : new Date(Math.trunc(seconds * 1000)).toISOString()
}
