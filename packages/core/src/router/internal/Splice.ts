/**
 * The parts of a continuation, joined to an answer that broke: every block has one start and one end, and what is read one
 * after the other is one text.
 */
import type { StreamPart } from "../../model/ProviderModel.ts"
import type { Broken } from "./Transcript.ts"

/** Where the answer broke, and the blocks that have begun and not ended. */
export interface Joint {
  readonly from: Broken
  readonly text: string | undefined
  readonly reasoning: ReadonlyArray<string>
}

/** Rewrites the parts of one continuation. Its blocks have names of their own: those of the first part are taken. */
export class Splice {
  readonly #joint: Joint
  /** Leaves out whitespace that is there already. */
  readonly #seam: (delta: string) => string
  /** By the continuation's ids. */
  readonly #texts = new Map<string, string>()
  /** The block that was open at the break, until it ends. */
  #open: string | undefined
  #joined = false
  #begun = false
  #out: Array<StreamPart> = []

  constructor(joint: Joint, seam: (delta: string) => string) {
    this.#joint = joint
    this.#seam = seam
    this.#open = joint.text
  }

  next(parts: ReadonlyArray<StreamPart>): ReadonlyArray<StreamPart> {
    this.#out = []
    for (const part of parts) {
      if (this.#begun) this.#take(part)
      else this.#begin(part)
    }
    return this.#out
  }

  /** One part says that this is a continuation, whether or not the provider sends metadata. */
  #begin(part: StreamPart): void {
    const { from, reasoning } = this.#joint
    this.#begun = true
    const spillway = { continued: true, from: from.target, parts: from.parts }
    if (part.type === "response-metadata") {
      const own = part.metadata?.["spillway"]
      const known = typeof own === "object" && own !== null ? own : {}
      this.#out.push({ ...part, metadata: { ...part.metadata, spillway: { ...known, ...spillway } } })
    } else this.#out.push({ type: "response-metadata", metadata: { spillway } })
    for (const id of reasoning) this.#out.push({ type: "reasoning-end", id })
    if (part.type !== "response-metadata") this.#take(part)
  }

  #take(part: StreamPart): void {
    switch (part.type) {
      case "text-start": {
        const id = this.#named(part.id)
        if (id === this.#open && !this.#joined) this.#joined = true
        else this.#out.push({ ...part, id })
        return
      }
      case "text-delta": {
        if (!this.#texts.has(part.id)) this.#take({ type: "text-start", id: part.id })
        const delta = this.#seam(part.delta)
        if (delta.length > 0) this.#out.push({ ...part, id: this.#named(part.id), delta })
        return
      }
      case "text-end": {
        const id = this.#texts.get(part.id)
        if (id === undefined) return
        this.#texts.delete(part.id)
        if (id === this.#open) this.#open = undefined
        this.#out.push({ ...part, id })
        return
      }
      case "reasoning-start":
      case "reasoning-delta":
      case "reasoning-end":
        this.#out.push({ ...part, id: this.#fresh(part.id) })
        return
      case "response-metadata":
        this.#out.push(part)
        return
      default:
        this.#endOpen(part.type === "finish")
        this.#out.push(part)
    }
  }

  /** The first block of text goes on with the one that was open. */
  #named(id: string): string {
    const known = this.#texts.get(id)
    if (known !== undefined) return known
    const name = this.#open !== undefined && !this.#joined ? this.#open : this.#fresh(id)
    this.#texts.set(id, name)
    return name
  }

  /** The number of parts before it tells a continuation from those before it, also from those of a router below this one. */
  #fresh(id: string): string {
    return `continued-${this.#joint.from.parts}-${id}`
  }

  /** What is not text comes behind the block, unless the continuation is in the middle of it; the end comes behind all. */
  #endOpen(atEnd: boolean): void {
    if (this.#open === undefined || (this.#joined && !atEnd)) return
    this.#out.push({ type: "text-end", id: this.#open })
    this.#open = undefined
  }
}
