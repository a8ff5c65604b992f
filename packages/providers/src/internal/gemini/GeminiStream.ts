/**
 * The state of one answer of Gemini: every event is a whole `GenerateContentResponse` that holds the next parts.
 *
 * - Text and thoughts leave at once. A call comes in one piece, is announced at once, and given out with the answer's end.
 * - A signature belongs to its part and must return on it. A part that is signed becomes a block of its own: it is joined
 *   neither with the text before it nor with that behind it. A part that is nothing but a signature is an empty block.
 * - The terminal fact is a finish word, or a blocked prompt. There is no `[DONE]`, and models have said `STOP` on every
 *   event, so the finish part waits for the end of the bytes; whatever fails in between does not matter any more.
 * Source: https://ai.google.dev/api/generate-content
 */
import type { StreamPart } from "@spillway/core/ProviderModel"
import * as Tool from "effect/ai/Tool"
import type * as Schema from "effect/Schema"
import type { AnswerState } from "../engine/Dialect.ts"
import { isError } from "../errors/ErrorBody.ts"
import { empty, type Fault, invalidOutput, truncated, undecodable } from "../errors/Fault.ts"
import { ofInBand } from "../errors/ProviderError.ts"
import { isKeepable, type JsonRecord, record, records, stringify, text } from "../json.ts"
import * as Blocks from "../parts/Blocks.ts"
import * as FileData from "../parts/FileData.ts"
import { rules } from "./Errors.ts"
import * as FinishReason from "./FinishReason.ts"
import * as Grounding from "./Grounding.ts"
import * as Usage from "./Usage.ts"

export interface Options {
  /** Key of the metadata. */
  readonly owner: string
  readonly model: string
  readonly makeId: (prefix: string) => string
}

/** What Google's own tools did: not for the application, but it has to stand in its place again when it returns. */
const returning = ["executableCode", "codeExecutionResult", "toolCall", "toolResponse"]

export class GeminiStream implements AnswerState {
  fault: Fault | undefined = undefined
  hasContent = false
  ended = false

  private parts: Array<StreamPart> = []
  private readonly options: Options
  private readonly blocks: Blocks.Blocks
  private word: string | undefined = undefined
  private blocked = false
  private usage: JsonRecord | undefined = undefined
  private introduced = false
  private readonly callIds = new Set<string>()
  private readonly cited = new Set<string>()
  private sources: Array<StreamPart> = []
  /** Given out with the end of the answer. */
  private readonly calls: Array<StreamPart> = []

  constructor(options: Options) {
    this.options = options
    this.blocks = Blocks.make((part) => this.parts.push(part), this.metadata({}))
  }

  private metadata(fields: Schema.JsonObject) {
    return { [this.options.owner]: { model: this.options.model, ...fields } }
  }

  take(): Array<StreamPart> {
    const parts = this.parts
    this.parts = []
    return parts
  }

  event(json: unknown, name: string): void {
    if (this.ended) return
    const response = record(Array.isArray(json) ? json[0] : json)
    if (response === undefined) return this.fail(undecodable("An event of the stream is no JSON object"))
    if (name === "error" || isError(response)) return this.fail(ofInBand(response, rules))
    this.note(response)
    const reason = wordOf(record(response["promptFeedback"])?.["blockReason"])
    if (reason !== undefined) {
      this.blocked = true
      this.word = reason
    }
    const candidate = records(response["candidates"]).find((one) => (one["index"] ?? 0) === 0)
    if (candidate !== undefined) this.candidate(candidate)
  }

  /** One response; or all events of a stream as a list, which is what comes without `alt=sse`. */
  wholeAnswer(json: unknown): void {
    for (const event of Array.isArray(json) ? json : [json]) this.event(event, "")
    if (this.ended) return
    if (this.word !== undefined) return this.finish()
    // A whole body proves nothing: a gateway may have put it together from a stream that was cut.
    const cut = Array.isArray(json) || this.hasContent
    this.fail(cut ? truncated : undecodable("The answer has no candidates"))
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
    this.blocks.close()
    this.fault = fault
    this.ended = true
  }

  /** Usage stands on every event, the last word on each count holds; id and model introduce the answer once. */
  private note(response: JsonRecord): void {
    this.usage = Usage.merge(this.usage, record(response["usageMetadata"]))
    const id = text(response["responseId"])
    const modelId = text(response["modelVersion"])
    if (this.introduced || (id === undefined && modelId === undefined)) return
    this.introduced = true
    this.parts.push({
      type: "response-metadata",
      ...(id === undefined ? undefined : { id }),
      ...(modelId === undefined ? undefined : { modelId })
    })
  }

  private candidate(candidate: JsonRecord): void {
    for (const part of records(record(candidate["content"])?.["parts"])) {
      this.part(part)
      if (this.ended) return
    }
    this.sources.push(...Grounding.from(candidate, this.cited, this.options.makeId))
    this.word = wordOf(candidate["finishReason"]) ?? this.word
  }

  private part(part: JsonRecord): void {
    const thoughtSignature = text(part["thoughtSignature"])
    const call = record(part["functionCall"])
    const data = record(part["inlineData"])
    if (call !== undefined) return this.call(call, thoughtSignature)
    if (returning.some((kind) => record(part[kind]) !== undefined)) {
      // All of a part came out of JSON.parse.
      return isKeepable(part) ? this.alone("reasoning", "", { part: part as Schema.JsonObject }) : undefined
    }
    if (data !== undefined) return this.file(data, part, thoughtSignature)
    const words = part["text"] ?? ""
    // A hole in the text is worse than no answer.
    if (typeof words !== "string") return this.fail(undecodable("A piece of the answer is no text"))
    const kind = part["thought"] === true ? "reasoning" : "text"
    if (thoughtSignature !== undefined) return this.alone(kind, words, { thoughtSignature })
    if (words === "") return
    this.hasContent = true
    this.blocks.push(kind, words)
  }

  /** A block that is joined with nothing. */
  private alone(kind: Blocks.Kind, words: string, fields: Schema.JsonObject): void {
    this.blocks.close()
    this.blocks.push(kind, words)
    this.blocks.note(this.metadata(fields))
    this.blocks.close()
    if (words !== "") this.hasContent = true
  }

  private call(call: JsonRecord, thoughtSignature: string | undefined): void {
    const name = text(call["name"])
    const args = call["args"] ?? {}
    const written = stringify(args) ?? ""
    const params = parameters(written)
    // Pieces of arguments come only where they were asked for; without the rest of them there is no call.
    const partial = call["partialArgs"] !== undefined || call["willContinue"] === true
    if (name === undefined || params === undefined || partial) {
      return this.fail(invalidOutput("The arguments of a tool call are no JSON object, or it has no name"))
    }
    const wireId = text(call["id"])
    const id = wireId === undefined || this.callIds.has(wireId) ? this.options.makeId("call") : wireId
    this.callIds.add(id)
    const fields = {
      ...(wireId === undefined ? undefined : { id: wireId }),
      ...(thoughtSignature === undefined ? undefined : { thoughtSignature })
    }
    this.blocks.close()
    this.hasContent = true
    this.parts.push(
      { type: "tool-params-start", id, name },
      { type: "tool-params-delta", id, delta: written },
      { type: "tool-params-end", id }
    )
    // A handler that has run cannot be taken back; an answer that breaks before can.
    this.calls.push({
      type: "tool-call",
      id,
      name,
      params,
      ...(Object.keys(fields).length === 0 ? undefined : { metadata: this.metadata(fields) })
    })
  }

  private file(data: JsonRecord, part: JsonRecord, thoughtSignature: string | undefined): void {
    const bytes = text(data["data"])
    // A picture that is only thought of is a draft.
    if (bytes === undefined || !FileData.isBase64(bytes) || part["thought"] === true) return
    this.blocks.close()
    this.hasContent = true
    this.parts.push({
      type: "file",
      mediaType: text(data["mimeType"]) ?? "application/octet-stream",
      data: bytes,
      ...(thoughtSignature === undefined ? undefined : { metadata: this.metadata({ thoughtSignature }) })
    })
  }

  private finish(): void {
    if (!this.hasContent && this.word !== undefined && FinishReason.isBrokenCall(this.word)) {
      return this.fail(invalidOutput("The model's tool call could not be read"))
    }
    this.blocks.close()
    this.parts.push(...this.calls, ...this.sources)
    this.ended = true
    this.parts.push({
      type: "finish",
      reason: this.reason(),
      usage: Usage.normalize(this.usage),
      metadata: { [this.options.owner]: this.word === undefined ? {} : { finishReason: this.word } }
    })
  }

  private reason() {
    if (this.blocked) return "content-filter"
    return this.word === undefined ? "unknown" : FinishReason.from(this.word, this.callIds.size > 0)
  }
}

/** The default of Google's enumerations is no word: some gateways write it where there is none. */
const wordOf = (value: unknown): string | undefined => {
  const word = text(value)
  return word?.endsWith("_UNSPECIFIED") === true ? undefined : word
}

/** `undefined`: no object, or one that would change what an object is (`__proto__`). */
const parameters = (args: string): unknown => {
  try {
    return record(Tool.unsafeSecureJsonParse(args))
  } catch {
    return undefined
  }
}
