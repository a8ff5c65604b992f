/** Recorded-style replies, and what tests build from them. */
import { readFileSync } from "node:fs"
import type { StreamPart } from "@spillway/core/ProviderModel"
import * as AnswerDecoder from "../../src/internal/chat/AnswerDecoder.ts"
import type { Fault } from "../../src/internal/errors/Fault.ts"

export const bytes = (name: string): Uint8Array => readFileSync(new URL(`../fixtures/${name}`, import.meta.url))

export const text = (name: string): string => new TextDecoder().decode(bytes(name))

/** A chunk of the chat dialect as an SSE event. */
export const event = (value: unknown): string =>
  `data: ${typeof value === "string" ? value : JSON.stringify(value)}\n\n`

export const chunk = (delta: object, finish: string | null = null, more: object = {}) => ({
  id: "c1",
  object: "chat.completion.chunk",
  created: 1_763_800_000,
  model: "m-1",
  choices: [{ index: 0, delta, finish_reason: finish }],
  ...more
})

export const stream = (...chunks: ReadonlyArray<unknown>): string => chunks.map(event).join("")

export interface Decoded {
  readonly parts: ReadonlyArray<StreamPart>
  readonly fault: Fault | undefined
}

export const decoder = () => {
  let made = 0
  return AnswerDecoder.make({
    provider: "test",
    model: "m",
    reasoningTokens: "detect",
    makeId: () => `made_${made++}`
  })
}

/** Feeds pieces one by one, as sockets would. */
export const decode = (pieces: ReadonlyArray<Uint8Array | string>, broken = false): Decoded => {
  const machine = decoder()
  const encoder = new TextEncoder()
  const parts: Array<StreamPart> = []
  for (const piece of pieces) {
    if (machine.ended()) break
    parts.push(...machine.feed(typeof piece === "string" ? encoder.encode(piece) : piece))
  }
  if (!machine.ended()) parts.push(...machine.end(broken))
  return { parts, fault: machine.fault() }
}

/** Deltas of one block joined, so that only the network's chunking is forgotten. */
export const joined = (parts: ReadonlyArray<StreamPart>): ReadonlyArray<unknown> => {
  const result: Array<Record<string, unknown>> = []
  for (const part of parts) {
    const last = result.at(-1)
    if ("delta" in part && last !== undefined && last["type"] === part.type && last["id"] === part.id) {
      last["delta"] = `${String(last["delta"])}${part.delta}`
    } else result.push({ ...part })
  }
  return result
}

export const textOf = (parts: ReadonlyArray<StreamPart>): string =>
  parts.map((part) => (part.type === "text-delta" ? part.delta : "")).join("")

export const finishOf = (parts: ReadonlyArray<StreamPart>) => {
  const finishes = parts.filter((part) => part.type === "finish")
  if (finishes.length !== 1) throw new Error(`${finishes.length} finish parts`)
  const last = parts.at(-1)
  if (last?.type !== "finish") throw new Error(`ends with ${last?.type}`)
  return last
}
