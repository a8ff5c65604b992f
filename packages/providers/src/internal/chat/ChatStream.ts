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
import * as DateTime from "effect/DateTime"
import type { AnswerState } from "../engine/Dialect.ts"
import { isError } from "../errors/ErrorBody.ts"
import { empty, type Fault, gaveUp, invalidOutput, truncated, undecodable } from "../errors/Fault.ts"
import { ofInBand } from "../errors/ProviderError.ts"
import { finite, type JsonRecord, record, text } from "../json.ts"
import * as Blocks from "../parts/Blocks.ts"
import * as Chunk from "./Chunk.ts"
import * as FinishReason from "./FinishReason.ts"
import * as ToolCalls from "./ToolCalls.ts"
import * as Usage from "./Usage.ts"

export interface Options {
  /** Key of the metadata: the owner of the dialect. */
  readonly provider: string
  readonly model: string
  readonly reasoningTokens: Usage.ReasoningTokens
  /** A fresh id for a tool call that came without one. */
  readonly makeId: (prefix: string) => string
}

export class ChatStream implements AnswerState {
  /** Set once; nothing is given out after it. */
  fault: Fault | undefined = undefined
  /** Part of the answer has been given out. */
  hasContent = false
  /** The finish part has been given out, or the fault is set: the rest of the bytes does not matter. */
  ended = false

  private out: Array<StreamPart> = []
  private readonly options: Options
  private readonly blocks: Blocks.Blocks
  private readonly calls: ToolCalls.ToolCalls
  private readonly given = new Set<ToolCalls.ToolCall>()
  private word: string | undefined = undefined
  private usage: JsonRecord | undefined = undefined
  private readonly extras: Record<string, string | number> = {}
  private introduced = false
  private refused = false

  constructor(options: Options) {
    this.options = options
    this.blocks = Blocks.make((part) => this.out.push(part), { [options.provider]: { model: options.model } })
    this.calls = ToolCalls.make(() => options.makeId("call"))
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
    this.blocks.close()
    for (const call of this.calls.all) {
      if (call.shown !== undefined && !this.given.has(call)) this.out.push({ type: "tool-params-end", id: call.id })
    }
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
    if (delta !== undefined) this.delta(delta)
    const word = text(choice["finish_reason"])
    if (this.ended || word === undefined || this.word !== undefined) return
    if (FinishReason.isFailure(word)) return this.fail(gaveUp(word))
    this.word = word
    this.blocks.close()
    this.giveCalls()
  }

  private delta(delta: JsonRecord): void {
    const reasoning = Chunk.reasoning(delta)
    if (reasoning !== "") this.push("reasoning", reasoning)
    const content = delta["content"]
    // A hole in the text is worse than no answer.
    if (!Chunk.isContent(content)) return this.fail(undecodable("Content is neither text nor a list of parts"))
    if (typeof content !== "string") for (const piece of Chunk.pieces(content)) this.push(piece.kind, piece.text)
    else if (content !== "") this.push("text", content)
    const refusal = text(delta["refusal"])
    if (refusal !== undefined) {
      this.refused = true
      this.push("text", refusal)
    }
    for (const piece of Chunk.toolDeltas(delta)) {
      const call = this.calls.add(piece)
      if (call === "nothing") continue
      if (call === "lost") return this.fail(undecodable("A piece of a tool call belongs to none of the open calls"))
      this.progress(call)
    }
  }

  private push(kind: "text" | "reasoning", delta: string): void {
    this.hasContent = true
    this.blocks.push(kind, delta)
  }

  private progress(call: ToolCalls.ToolCall): void {
    if (call.id === "" || this.given.has(call)) return
    if (call.shown === undefined) {
      this.hasContent = true
      this.blocks.close()
      this.out.push({ type: "tool-params-start", id: call.id, name: call.name })
      call.shown = 0
    }
    if (call.args.length > call.shown) {
      this.out.push({ type: "tool-params-delta", id: call.id, delta: call.args.slice(call.shown) })
      call.shown = call.args.length
    }
  }

  /** Gives out the calls that are whole. After an end that may have cut one, the others are left out; else they are errors. */
  private giveCalls(): void {
    const cut = this.word === undefined || FinishReason.mayBeCut(this.reason())
    for (const call of this.calls.all) {
      if (this.given.has(call)) continue
      this.given.add(call)
      if (call.shown !== undefined) this.out.push({ type: "tool-params-end", id: call.id })
      const params = ToolCalls.parameters(call)
      if (call.name !== "" && params !== undefined && !(cut && call.args.trim() === "")) {
        const metadata = call.extra === undefined ? undefined : { [this.options.provider]: { extra: call.extra } }
        this.out.push({
          type: "tool-call",
          id: call.id,
          name: call.name,
          params,
          ...(metadata === undefined ? undefined : { metadata })
        })
      } else if (!cut) {
        return this.fail(invalidOutput("The arguments of a tool call are no JSON object, or it has no name"))
      }
    }
  }

  private reason() {
    if (this.word === undefined) return "unknown"
    return FinishReason.from(this.word, this.calls.all.length > 0, this.refused)
  }

  private finish(): void {
    this.blocks.close()
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
        }
      }
    })
  }
}

/** Epoch seconds to ISO; what is no time of this world is left out, a bad one would fail the answer. */
const timestampOf = (created: unknown): string | undefined => {
  const seconds = finite(created)
  return seconds === undefined || seconds <= 0 || seconds > 253402300799
    ? undefined
    : DateTime.formatIso(DateTime.makeUnsafe(Math.trunc(seconds * 1000)))
}
