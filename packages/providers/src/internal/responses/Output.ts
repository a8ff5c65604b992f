/**
 * From the items of an answer to parts of `effect/ai`: what has been given out of which item, and what is still missing.
 *
 * Text and reasoning leave at once, calls with the end of the answer, if they are whole and their arguments parse. The last event of an item brings its
 * full text: what no delta brought is given out then, nothing twice. What has to travel back (item ids, sealed reasoning,
 * whole items of tools the vendor ran) goes into the metadata with the model that made it.
 */
import type { StreamPart } from "@spillway/core/ProviderModel"
import * as Tool from "effect/ai/Tool"
import type * as Schema from "effect/Schema"
import { isKeepable, type JsonRecord, record, records, stringify, text } from "../json.ts"
import * as Blocks from "../parts/Blocks.ts"
import * as FileData from "../parts/FileData.ts"
import type { Item } from "./Items.ts"
import * as Sources from "./Sources.ts"

export interface Options {
  /** Key of the metadata. */
  readonly owner: string
  readonly model: string
  /** Does the vendor keep the answer? Then ids alone are worth keeping. */
  readonly store: boolean
  readonly makeId: (prefix: string) => string
}

/** Items of tools the vendor ran that may stand between reasoning and text, and must do so again when they return. */
const returning = /^(web_search|file_search|code_interpreter)_call$/

export class Output {
  hasContent = false
  refused = false
  /** At least one call has been given out. */
  called = false
  /** Of the answer as a whole; noted on its parts where the vendor keeps answers. */
  responseId: string | undefined = undefined

  private readonly emit: (part: StreamPart) => void
  private readonly options: Options
  private readonly blocks: Blocks.Blocks
  private current: Item | undefined = undefined
  private place = ""
  private readonly cited = new Set<string>()
  private readonly callIds = new Set<string>()

  constructor(options: Options, emit: (part: StreamPart) => void) {
    this.options = options
    this.emit = emit
    this.blocks = Blocks.make(emit, { [options.owner]: { model: options.model } })
  }

  /** A piece of text. `place` tells the summaries of one reasoning item apart. */
  push(item: Item, delta: string, place = "text"): void {
    if (delta === "" || item.done) return
    this.give(item, delta, place)
  }

  private give(item: Item, delta: string, place: string): void {
    if (this.current !== item || this.place !== place) this.close()
    this.current = item
    this.place = place
    this.blocks.push(item.kind === "reasoning" ? "reasoning" : "text", delta)
    if (place.startsWith("raw")) item.raw += delta
    else item.received += delta
    this.hasContent = true
  }

  close(): void {
    const item = this.current
    const open = this.blocks.open()
    if (item !== undefined && open !== undefined) {
      const mark = {
        ...(this.place.startsWith("raw") ? { raw: true } : undefined),
        ...(item.sealed === undefined ? undefined : { encryptedContent: item.sealed }),
        ...(item.phase === undefined ? undefined : { phase: item.phase })
      }
      const metadata = this.metadata(item.id, mark)
      if (metadata !== undefined) this.blocks.note(metadata)
    }
    this.blocks.close()
    this.current = undefined
  }

  private metadata(id: string | undefined, more?: Schema.JsonObject): Blocks.Metadata | undefined {
    const { model, owner, store } = this.options
    const fields = {
      ...(id === undefined ? undefined : { id }),
      ...(store && this.responseId !== undefined ? { responseId: this.responseId } : undefined),
      ...more
    }
    return Object.keys(fields).length === 0 ? undefined : { [owner]: { model, ...fields } }
  }

  /** The last event of an item, with all that is in it. */
  end(item: Item, json: JsonRecord): void {
    if (item.done) return
    item.id = text(json["id"]) ?? item.id
    item.cut = json["status"] === "incomplete"
    if (item.kind === "message") this.endMessage(item, json)
    else if (item.kind === "reasoning") this.endReasoning(item, json)
    else if (item.kind === "function_call") this.endCall(item, json)
    else this.endOther(json)
    item.done = true
  }

  private endMessage(item: Item, json: JsonRecord): void {
    const { content } = json
    const pieces = typeof content === "string" ? [{ text: content }] : records(content)
    item.phase = text(json["phase"])
    if (pieces.some((piece) => text(piece["refusal"]) !== undefined)) this.refused = true
    this.fill(item, [pieces.map((piece) => text(piece["text"]) ?? text(piece["refusal"]) ?? "").join("")], "text")
    if (this.current === item) this.close()
    for (const source of pieces.flatMap((piece) => Sources.from(piece, this.cited, this.options.makeId))) {
      this.close()
      this.hasContent = true
      this.emit(source)
    }
  }

  private endReasoning(item: Item, json: JsonRecord): void {
    item.sealed = text(json["encrypted_content"])
    const textsOf = (value: unknown) => records(value).map((piece) => text(piece["text"]) ?? "")
    this.fill(item, textsOf(json["summary"]), "summary")
    this.fill(item, textsOf(json["content"]), "raw")
    if (this.current !== item && (item.sealed !== undefined || (this.options.store && item.id !== undefined))) {
      this.close()
      this.current = item
      this.place = "summary"
      this.blocks.push("reasoning", "")
    }
    if (this.current === item) this.close()
  }

  /** What the deltas did not bring. Text that says something else than they did is left alone: it cannot be unsaid. */
  private fill(item: Item, texts: ReadonlyArray<string>, place: "text" | "summary" | "raw"): void {
    const received = place === "raw" ? item.raw : item.received
    if (!texts.join("").startsWith(received)) return
    let before = 0
    texts.forEach((whole, i) => {
      const missing = whole.slice(Math.max(0, received.length - before))
      if (missing !== "") this.give(item, missing, place === "text" ? place : `${place}${i}`)
      before += whole.length
    })
  }

  /** Announces a call and shows how its arguments grow, by `piece`. `last`: no id will come any more. */
  progress(item: Item, last = false, piece = ""): void {
    if (item.given || item.name === "") return
    if (item.shown === undefined) {
      if (item.callId === undefined && !last) return
      if (item.callId === undefined || this.callIds.has(item.callId)) item.callId = this.options.makeId("call")
      this.callIds.add(item.callId)
      this.close()
      this.hasContent = true
      this.emit({ type: "tool-params-start", id: item.callId, name: item.name })
      item.shown = 0
    }
    if (item.received.length > item.shown) {
      // Taking a piece out of a text that grows copies all of it, each time.
      const delta = item.received.length - item.shown === piece.length ? piece : item.received.slice(item.shown)
      this.emit({ type: "tool-params-delta", id: item.callId ?? "", delta })
      item.shown = item.received.length
    }
  }

  private endCall(item: Item, json: JsonRecord): void {
    nameCall(item, json)
    fillArguments(item, json["arguments"])
    this.progress(item, true)
    // Without the server's word that it is complete, an empty text may be a cut one: the end of the answer will tell.
    const sure = json["status"] === "completed" || item.received.trim() !== ""
    // It is given out with the answer's end: a handler that has run cannot be taken back, an answer that breaks before can.
    item.whole = sure && !item.cut
  }

  /** Gives the call out if it is whole: it has a name and its arguments are an object. */
  giveCall(item: Item): boolean {
    const params = item.given || item.name === "" ? undefined : parameters(item.received)
    if (params === undefined) return item.given
    this.progress(item, true)
    this.endProgress(item)
    item.given = true
    this.called = true
    const metadata = this.metadata(item.id)
    this.emit({
      type: "tool-call",
      id: item.callId ?? "",
      name: item.name,
      params,
      ...(metadata === undefined ? undefined : { metadata })
    })
    return true
  }

  /** No more of this call will come. */
  endProgress(item: Item): void {
    if (item.shown === undefined || item.given) return
    this.emit({ type: "tool-params-end", id: item.callId ?? "" })
    item.shown = undefined
  }

  private endOther(json: JsonRecord): void {
    const type = text(json["type"]) ?? ""
    const image = type === "image_generation_call" ? text(json["result"]) : undefined
    if (image !== undefined && FileData.isBase64(image)) {
      this.close()
      this.hasContent = true
      this.emit({ type: "file", mediaType: `image/${text(json["output_format"]) ?? "png"}`, data: image })
    }
    if (!returning.test(type) || !isKeepable(json)) return
    this.close()
    this.blocks.push("reasoning", "")
    // All of an item came out of JSON.parse.
    const { model, owner } = this.options
    this.blocks.note({ [owner]: { model, item: json as Schema.JsonObject } })
    this.blocks.close()
  }
}

/** What an event says about a call; what is known already stays. */
export const nameCall = (item: Item, json: JsonRecord): void => {
  item.callId ??= text(json["call_id"])
  if (item.name === "") item.name = text(json["name"])?.trim() ?? ""
}

/** Whole arguments in place of what the deltas brought. */
export const fillArguments = (item: Item, whole: unknown): void => {
  const args = typeof whole === "string" ? whole : record(whole) === undefined ? "" : (stringify(whole) ?? "too deep")
  if (args.length > item.received.length && args.startsWith(item.received)) item.received = args
}

/** An empty text is `{}`. `undefined`: not an object, or not JSON. */
const parameters = (args: string): unknown => {
  if (args.trim() === "") return {}
  try {
    return record(Tool.unsafeSecureJsonParse(args))
  } catch {
    return undefined
  }
}
