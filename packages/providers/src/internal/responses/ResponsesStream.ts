/**
 * The state of one answer of the Responses dialect: events go in, encoded parts of `effect/ai` come out.
 *
 * Compatible servers leave events out, so only three kinds are relied on: deltas, `output_item.done`, and the terminal
 * event, whose list of items brings what none of the others did. The terminal fact is `completed` or `incomplete`; a
 * `failed` is a failure, and so is an `error` event in either of its shapes. A refusal is text, and the answer ends with
 * `content-filter`.
 * Source: https://platform.openai.com/docs/api-reference/responses-streaming
 */
import type { StreamPart } from "@spillway/core/ProviderModel"
import * as DateTime from "effect/DateTime"
import type { AnswerState } from "../engine/Dialect.ts"
import { isError } from "../errors/ErrorBody.ts"
import { empty, type Fault, gaveUp, invalidOutput, truncated, undecodable } from "../errors/Fault.ts"
import { ofInBand } from "../errors/ProviderError.ts"
import { finite, type JsonRecord, record, records, text } from "../json.ts"
import { rules } from "./Errors.ts"
import * as Finish from "./Finish.ts"
import * as Items from "./Items.ts"
import { fillArguments, nameCall, type Options, Output } from "./Output.ts"
import * as Usage from "./Usage.ts"

export type { Options }

export class ResponsesStream implements AnswerState {
  fault: Fault | undefined = undefined
  ended = false

  private parts: Array<StreamPart> = []
  private readonly owner: string
  private readonly items = Items.make()
  private readonly output: Output
  private introduced = false
  private usage: JsonRecord | undefined = undefined
  private readonly extras: Record<string, string | number> = {}

  constructor(options: Options) {
    this.owner = options.owner
    this.output = new Output(options, (part) => this.parts.push(part))
  }

  get hasContent(): boolean {
    return this.output.hasContent
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
    const type = text(event["type"])
    if (type === "error" || name === "error" || (type === undefined && isError(event))) {
      return this.fail(ofInBand(event, rules))
    }
    const response = record(event["response"])
    if (response !== undefined) this.note(response)
    this.read(type ?? name, event, response)
  }

  private read(type: string, event: JsonRecord, response: JsonRecord | undefined): void {
    const item = record(event["item"]) ?? {}
    const index = event["output_index"]
    switch (type) {
      case "response.output_item.added": {
        const added = this.items.added(item, index)
        if (added.kind !== "function_call") return
        nameCall(added, item)
        return this.output.progress(added)
      }
      case "response.output_item.done":
        return this.output.end(this.items.ended(item, index), item)
      case "response.output_text.delta":
        return this.delta("message", event, "text")
      case "response.refusal.delta":
        this.output.refused = true
        return this.delta("message", event, "text")
      case "response.reasoning_summary_text.delta":
      case "response.reasoning_summary.delta":
        return this.delta("reasoning", event, `summary${finite(event["summary_index"]) ?? 0}`)
      case "response.reasoning_text.delta":
      case "response.reasoning.delta":
        return this.delta("reasoning", event, `raw${finite(event["content_index"]) ?? 0}`)
      case "response.function_call_arguments.delta":
        return this.delta("function_call", event, "")
      case "response.function_call_arguments.done": {
        const call = this.items.piece("function_call", event["item_id"], index)
        if (call.done) return
        nameCall(call, event)
        fillArguments(call, event["arguments"])
        return this.output.progress(call)
      }
      case "response.completed":
      case "response.incomplete":
      case "response.failed":
      case "response.cancelled":
        return this.end(type.slice("response.".length), response ?? {})
    }
  }

  private delta(kind: Items.Kind, event: JsonRecord, place: string): void {
    const delta = event["delta"] ?? ""
    // A hole in the text is worse than no answer.
    if (typeof delta !== "string") return this.fail(undecodable("A piece of the answer is no text"))
    const item = this.items.piece(kind, event["item_id"], event["output_index"])
    if (kind !== "function_call") return this.output.push(item, delta, place)
    if (item.done) return
    item.received += delta
    this.output.progress(item, false, delta)
  }

  wholeAnswer(json: unknown): void {
    if (this.ended) return
    const response = record(Array.isArray(json) ? json[0] : json)
    if (response === undefined) return this.fail(undecodable("The answer is no JSON object"))
    if (response["status"] !== "failed" && isError(response)) return this.fail(ofInBand(response, rules))
    this.note(response)
    this.end(undefined, response)
  }

  /** Remembers what stands beside the answer and introduces it once. */
  private note(response: JsonRecord): void {
    const id = text(response["id"])
    const modelId = text(response["model"])
    this.usage = record(response["usage"]) ?? this.usage
    const tier = text(response["service_tier"])
    if (tier !== undefined) this.extras["serviceTier"] = tier
    const cost = finite(this.usage?.["cost"])
    if (cost !== undefined) this.extras["cost"] = cost
    this.output.responseId = id ?? this.output.responseId
    if (this.introduced || (id === undefined && modelId === undefined)) return
    this.introduced = true
    const timestamp = timestampOf(response["created_at"])
    this.parts.push({
      type: "response-metadata",
      ...(id === undefined ? undefined : { id }),
      ...(modelId === undefined ? undefined : { modelId }),
      ...(timestamp === undefined ? undefined : { timestamp })
    })
  }

  private end(said: string | undefined, response: JsonRecord): void {
    const end = Finish.endOf(said, response)
    if (end === "failed") return this.fail(ofInBand({ error: response["error"] ?? {} }, rules))
    if (end === "cancelled") return this.fail(gaveUp("cancelled"))
    if (end === "open") return this.fail(undecodable("The answer is not at its end, or has no output"))
    for (const [place, json] of records(response["output"]).entries()) {
      this.output.end(this.items.listed(json, place), json)
    }
    this.finish(end, Finish.wordOf(end, response))
  }

  private finish(end: Finish.End, word: string): void {
    this.output.close()
    if (!this.settleCalls(word !== "completed")) {
      return this.fail(invalidOutput("The arguments of a tool call are no JSON object, or it has no name"))
    }
    this.ended = true
    this.parts.push({
      type: "finish",
      reason: Finish.reasonOf(end, word, { calls: this.output.called, refusal: this.output.refused }),
      usage: Usage.normalize(this.usage),
      metadata: { [this.owner]: { finishReason: word, ...this.extras } }
    })
  }

  /** After an end that may have cut a call, those that are not whole are left out; else they are errors. */
  private settleCalls(cut: boolean): boolean {
    for (const call of this.items.all) {
      if (call.kind !== "function_call" || call.given) continue
      const mayBeCut = cut || call.cut
      const isDoubtful = mayBeCut && (call.cut || (call.received.trim() === "" && !call.whole))
      if (!isDoubtful && this.output.giveCall(call)) continue
      if (!mayBeCut) return false
      this.output.endProgress(call)
    }
    return true
  }

  /** A compatible server's. Without the terminal event it is no end: only servers of the chat dialect leave that out. */
  doneMarker(): void {
    this.endOfBytes(true)
  }

  endOfBytes(sawBytes: boolean): void {
    if (!this.ended) this.fail(sawBytes ? truncated : empty)
  }

  fail(fault: Fault): void {
    if (this.ended) return
    this.output.close()
    for (const item of this.items.all) this.output.endProgress(item)
    this.fault = fault
    this.ended = true
  }
}

/** Epoch seconds to ISO; what is no time of this world is left out, a bad one would fail the answer. */
const timestampOf = (created: unknown): string | undefined => {
  const seconds = finite(created)
  return seconds === undefined || seconds <= 0 || seconds > 253402300799
    ? undefined
    : DateTime.formatIso(DateTime.makeUnsafe(Math.trunc(seconds * 1000)))
}
