/** Runs any dialect's decoder over bytes, as sockets would. */
import type { StreamPart } from "@spillway/core/ProviderModel"
import type { AnswerDecoder } from "../../src/internal/engine/Dialect.ts"
import type { Fault } from "../../src/internal/errors/Fault.ts"

export interface Decoded {
  readonly parts: ReadonlyArray<StreamPart>
  readonly fault: Fault | undefined
}

export type MakeDecoder = () => AnswerDecoder

/** Feeds pieces one by one; `broken`: the connection ends instead of the body. */
export const decodeWith = (make: MakeDecoder, pieces: ReadonlyArray<Uint8Array | string>, broken = false): Decoded => {
  const machine = make()
  const encoder = new TextEncoder()
  const parts: Array<StreamPart> = []
  for (const piece of pieces) {
    if (machine.ended()) break
    parts.push(...machine.feed(typeof piece === "string" ? encoder.encode(piece) : piece))
  }
  if (!machine.ended()) parts.push(...machine.end(broken))
  return { parts, fault: machine.fault() }
}

/** Ids for what comes without one, the same in every run. */
export const counter = () => {
  let made = 0
  return (prefix: string) => `${prefix}_made_${made++}`
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

/** The one finish part, which has to be the last. */
export const finishOf = (parts: ReadonlyArray<StreamPart>) => {
  const finishes = parts.filter((part) => part.type === "finish")
  if (finishes.length !== 1) throw new Error(`${finishes.length} finish parts`)
  const last = parts.at(-1)
  if (last?.type !== "finish") throw new Error(`ends with ${last?.type}`)
  return last
}
