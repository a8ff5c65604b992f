/**
 * OpenRouter's `reasoning_details`: the upstream's own reasoning blocks (text with a signature, summaries, encrypted data),
 * which have to come back as they were and in their order.
 *
 * A stream brings a block in pieces. Pieces of one kind with one index that follow each other are one block: their text is
 * joined, other fields keep the last value that says something. A signature ends a block.
 * Source: https://openrouter.ai/docs/use-cases/reasoning-tokens
 */
import type * as Schema from "effect/Schema"
import { type JsonRecord, records, text } from "../json.ts"

export interface ReasoningDetails {
  readonly add: (delta: JsonRecord) => void
  /** The blocks since the last call; `undefined` when there are none. */
  readonly take: () => ReadonlyArray<Schema.JsonObject> | undefined
}

/** The field that comes in pieces, by kind. Encrypted data comes whole. */
const joined: Readonly<Record<string, string>> = { "reasoning.text": "text", "reasoning.summary": "summary" }

export const make = (): ReasoningDetails => {
  let blocks: Array<JsonRecord> = []
  return {
    add: (delta) => {
      // Most servers have none: nothing is made for them.
      if (delta["reasoning_details"] === undefined) return
      for (const piece of records(delta["reasoning_details"])) {
        const last = blocks.at(-1)
        const field = joined[String(piece["type"])]
        if (last === undefined || field === undefined || !continues(last, piece)) blocks.push(piece)
        else blocks[blocks.length - 1] = join(last, piece, field)
      }
    },
    take: () => {
      if (blocks.length === 0) return undefined
      const taken = blocks
      blocks = []
      // All of it came out of JSON.parse.
      return taken as ReadonlyArray<Schema.JsonObject>
    }
  }
}

const continues = (last: JsonRecord, piece: JsonRecord): boolean => {
  const differs = (name: string) => {
    const [before, now] = [last[name] ?? undefined, piece[name] ?? undefined]
    return before !== undefined && now !== undefined && before !== now
  }
  return last["type"] === piece["type"] && !differs("index") && !differs("id") && text(last["signature"]) === undefined
}

const join = (last: JsonRecord, piece: JsonRecord, field: string): JsonRecord => {
  const said = Object.entries(piece).filter(([, value]) => value !== null && value !== undefined)
  const whole = `${text(last[field]) ?? ""}${text(piece[field]) ?? ""}`
  return { ...last, ...Object.fromEntries(said), [field]: whole }
}

/** The readable text of a delta's details, for servers that send nothing beside them. */
export const textOf = (delta: JsonRecord): string =>
  delta["reasoning_details"] === undefined
    ? ""
    : records(delta["reasoning_details"])
        .map((piece) => text(piece[joined[String(piece["type"])] ?? ""]) ?? "")
        .join("")
