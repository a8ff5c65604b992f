/**
 * A stream of a model of the AI SDK as parts: the state of one answer, without Effect, clock or socket.
 *
 * An `error` part fails the stream, and so does an end without `finish`. Blocks always end, for `effect/ai` forgets reasoning
 * that does not. Pings and raw chunks are nothing.
 */
import type { StreamPart } from "@spillway/core/ProviderModel"
import { type Fault, truncated } from "../errors/Fault.ts"
import { type JsonRecord, record, records, text } from "../json.ts"
import * as Finish from "./Finish.ts"
import * as FromAnswer from "./FromAnswer.ts"
import * as FromPart from "./FromPart.ts"
import * as Json from "./Json.ts"

export type Broken =
  | { readonly kind: "fault"; readonly fault: Fault }
  | { readonly kind: "error"; readonly error: unknown }

export class FromStream {
  /** Set once; nothing is given out after it. */
  broken: Broken | undefined = undefined
  /** Part of the answer has been given out. */
  hasContent = false
  /** The finish part has been given out, or `broken` is set. */
  ended = false

  private readonly options: FromAnswer.Options
  private readonly blocks = new Map<string, "text" | "reasoning">()
  private readonly inputs = new Set<string>()
  private warnings: ReadonlyArray<JsonRecord> = []
  private introduced = false
  /** A call whose text could not be read: the finish says whether that is a mistake or a cut. */
  private unread: Fault | undefined = undefined
  private readonly bare: Array<JsonRecord> = []

  constructor(options: FromAnswer.Options) {
    this.options = options
  }

  /** The parts that follow from `part`. */
  feed(part: unknown): Array<StreamPart> {
    const found = record(part)
    if (found === undefined || this.ended) return []
    const parts = this.read(found)
    if (this.introduced || parts.length === 0) return parts
    this.introduced = true
    // A router writes beside it who answered.
    return parts[0]?.type === "response-metadata" ? parts : [{ type: "response-metadata" }, ...parts]
  }

  /** No further part will come: whole only if the finish has been seen. */
  end(): void {
    if (!this.ended) this.fail({ kind: "fault", fault: truncated })
  }

  private read(part: JsonRecord): Array<StreamPart> {
    switch (part["type"]) {
      case "stream-start":
        this.warnings = records(part["warnings"])
        return []
      case "text-start":
      case "reasoning-start":
        return this.open(part, part["type"] === "text-start" ? "text" : "reasoning")
      case "text-delta":
      case "reasoning-delta":
        return this.delta(part, part["type"] === "text-delta" ? "text" : "reasoning")
      case "text-end":
      case "reasoning-end":
        return this.close(
          text(part["id"]) ?? "",
          this.metadataOf(part, part["type"] === "text-end" ? "text" : "reasoning")
        )
      case "tool-input-start":
      case "tool-input-delta":
      case "tool-input-end":
        return this.input(part, part["type"])
      case "response-metadata":
        return [FromPart.responseMetadata(part)]
      case "finish":
        return this.finish(part)
      case "error":
        this.fail({ kind: "error", error: part["error"] })
        return []
      default:
        return this.alone(part)
    }
  }

  private open(part: JsonRecord, kind: "text" | "reasoning"): Array<StreamPart> {
    const id = text(part["id"]) ?? kind
    if (this.blocks.has(id)) return []
    this.blocks.set(id, kind)
    const metadata = Json.metadata(part["providerMetadata"])
    if (kind === "text") return [{ type: "text-start", id, ...metadata }]
    return [{ type: "reasoning-start", id, ...FromAnswer.marked(metadata, this.options) }]
  }

  private delta(part: JsonRecord, kind: "text" | "reasoning"): Array<StreamPart> {
    const id = text(part["id"]) ?? kind
    const { delta } = part as { readonly delta?: unknown }
    if (typeof delta !== "string") return []
    const started = this.blocks.has(id) ? [] : this.open({ id }, kind)
    if (delta !== "") this.hasContent = true
    const given = { id, delta, ...this.metadataOf(part, kind) }
    return [...started, kind === "text" ? { type: "text-delta", ...given } : { type: "reasoning-delta", ...given }]
  }

  /** Readers may keep the last metadata of a block only: the mark stands in all of them. */
  private metadataOf(part: JsonRecord, kind: "text" | "reasoning") {
    const metadata = Json.metadata(part["providerMetadata"])
    return metadata === undefined || kind === "text" ? metadata : FromAnswer.marked(metadata, this.options)
  }

  private close(id: string, metadata: ReturnType<typeof Json.metadata>): Array<StreamPart> {
    const kind = this.blocks.get(id)
    if (kind === undefined) return []
    this.blocks.delete(id)
    return [{ type: kind === "text" ? "text-end" : "reasoning-end", id, ...metadata }]
  }

  private input(part: JsonRecord, type: "tool-input-start" | "tool-input-delta" | "tool-input-end"): Array<StreamPart> {
    const id = text(part["id"])
    const metadata = Json.metadata(part["providerMetadata"])
    if (id === undefined) return []
    if (type === "tool-input-start") {
      const name = text(part["toolName"])
      if (name === undefined || this.inputs.has(id)) return []
      this.inputs.add(id)
      this.hasContent = true
      const own = part["providerExecuted"] === true ? { providerExecuted: true } : undefined
      return [{ type: "tool-params-start", id, name, ...own, ...metadata }]
    }
    if (!this.inputs.has(id)) return []
    if (type === "tool-input-end") return this.closeInput(id)
    const delta = text(part["delta"])
    return delta === undefined ? [] : [{ type: "tool-params-delta", id, delta, ...metadata }]
  }

  private closeInput(id: string): Array<StreamPart> {
    return this.inputs.delete(id) ? [{ type: "tool-params-end", id }] : []
  }

  private alone(part: JsonRecord): Array<StreamPart> {
    if (FromPart.isBare(part)) {
      this.bare.push(part)
      return []
    }
    const given = FromPart.from(part)
    if (given === undefined) return []
    if ("verdict" in given) {
      this.unread ??= given
      return []
    }
    this.hasContent = true
    return given.type === "tool-call" ? [...this.closeInput(given.id), given] : [given]
  }

  private finish(part: JsonRecord): Array<StreamPart> {
    const reason = Finish.reasonOf(part["finishReason"])
    // What stays without arguments is no JSON, and read as such.
    const input = FromPart.isWhole(reason) ? "{}" : "-"
    const closed = [
      ...this.bare.splice(0).flatMap((call) => this.alone({ ...call, input })),
      ...[...this.blocks.keys()].flatMap((id) => this.close(id, undefined)),
      ...[...this.inputs].flatMap((id) => this.closeInput(id))
    ]
    const cut = reason === "length" || reason === "content-filter"
    if (reason === "interrupted") this.fail({ kind: "fault", fault: truncated })
    else if (this.unread !== undefined && !cut) this.fail({ kind: "fault", fault: this.unread })
    if (this.ended || reason === "interrupted") return closed
    this.ended = true
    return [
      ...closed,
      {
        type: "finish",
        reason,
        usage: Finish.usageOf(part["usage"]),
        metadata: FromAnswer.metadataOf({ ...part, warnings: this.warnings }, this.options)
      }
    ]
  }

  private fail(broken: Broken): void {
    this.broken = broken
    this.ended = true
  }
}
