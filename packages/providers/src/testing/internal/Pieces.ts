/**
 * The content of a stream in the order in which it is sent, before a dialect writes it.
 *
 * Every dialect gets the same pieces, so that "after three events" means the same in each: an opening without content, a
 * piece per chunk of tokens, one for the head of a tool call. What a dialect frames its content with (starts, stops,
 * signatures) goes into the piece next to it; a dialect that cannot split a tool call sends nothing until its last piece.
 */
import type { Completion } from "./Completion.ts"

export interface ContentPiece {
  readonly _tag: "Reasoning" | "Text"
  /** Place of the block in the answer, from 0. */
  readonly block: number
  readonly text: string
  /** These take time. */
  readonly tokens: number
  /** The first, the last piece of its block. */
  readonly first: boolean
  readonly last: boolean
}

export interface CallPiece {
  readonly _tag: "Call" | "Arguments"
  readonly block: number
  /** Which of the tool calls, from 0. */
  readonly call: number
  /** `""` for the head of a call. */
  readonly text: string
  readonly tokens: number
  readonly last: boolean
}

export type Piece = ContentPiece | CallPiece

export const piecesOf = (completion: Completion, chunkTokens: number): ReadonlyArray<Piece> => {
  const pieces: Array<Piece> = []
  let block = 0
  for (const _tag of ["Reasoning", "Text"] as const) {
    const chunks = inChunks(_tag === "Text" ? completion.content : completion.reasoning, chunkTokens)
    if (chunks.length === 0) continue
    chunks.forEach((chunk, i) => {
      pieces.push({ _tag, block, ...chunk, first: i === 0, last: i === chunks.length - 1 })
    })
    block++
  }
  completion.toolCalls.forEach(({ arguments: tokens }, call) => {
    const chunks = inChunks(tokens, chunkTokens)
    pieces.push({ _tag: "Call", block, call, text: "", tokens: 1, last: chunks.length === 0 })
    chunks.forEach((chunk, i) => {
      pieces.push({ _tag: "Arguments", block, call, ...chunk, last: i === chunks.length - 1 })
    })
    block++
  })
  return pieces
}

const inChunks = (tokens: ReadonlyArray<string>, chunkTokens: number) => {
  const chunks: Array<{ readonly text: string; readonly tokens: number }> = []
  for (let from = 0; from < tokens.length; from += chunkTokens) {
    const part = tokens.slice(from, from + chunkTokens)
    chunks.push({ text: part.join(""), tokens: part.length })
  }
  return chunks
}
