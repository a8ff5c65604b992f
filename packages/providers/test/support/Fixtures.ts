/** Recorded-style replies of the chat dialect, and what tests build from them. */
import { readFileSync } from "node:fs"
import { ChatStream } from "../../src/internal/chat/ChatStream.ts"
import * as EventDecoder from "../../src/internal/engine/EventDecoder.ts"
import { counter, type Decoded, decodeWith } from "./Decoding.ts"

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

export const decoder = () =>
  EventDecoder.make(new ChatStream({ provider: "test", model: "m", reasoningTokens: "detect", makeId: counter() }))

/** Feeds pieces one by one, as sockets would. */
export const decode = (pieces: ReadonlyArray<Uint8Array | string>, broken = false): Decoded =>
  decodeWith(decoder, pieces, broken)

export { finishOf, joined, textOf } from "./Decoding.ts"
