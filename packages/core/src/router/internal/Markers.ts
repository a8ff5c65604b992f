/** The parts that say what happened to the stream of a routed model: both are metadata, which every consumer may ignore. */
import type { StreamPart } from "../../model/ProviderModel.ts"
import type { Broken } from "./Transcript.ts"

/** The part after which a consumer forgets what it has: the answer begins anew. */
export const isRestart = (part: { readonly type: string; readonly metadata?: unknown }): boolean =>
  says(part, "restarted")

/** The part after which another target goes on with the answer: nothing is to be forgotten. */
export const isContinuation = (part: { readonly type: string; readonly metadata?: unknown }): boolean =>
  says(part, "continued")

const says = (part: { readonly type: string; readonly metadata?: unknown }, word: "restarted" | "continued"): boolean =>
  part.type === "response-metadata" &&
  (part.metadata as { readonly spillway?: { readonly [word: string]: unknown } } | undefined)?.spillway?.[word] === true

export const restarted = (broken: Broken): StreamPart => ({
  type: "response-metadata",
  metadata: { spillway: { restarted: true, from: broken.target, parts: broken.parts } }
})
