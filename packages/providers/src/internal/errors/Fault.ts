/**
 * What went wrong, as data: the codec and the error table speak in faults, `ProviderError` turns one into an `AiError`.
 */
import type { Hints } from "@spillway/core/Classifier"
import { type ErrorWords, noWords } from "./ErrorBody.ts"

export type Reason =
  | "RateLimit"
  | "QuotaExhausted"
  | "Authentication"
  | "ContentPolicy"
  | "InvalidRequest"
  | "InternalProvider"
  | "InvalidResponse"
  | "InvalidOutput"
  | "Unknown"

/** One row's answer: the reason, and the four things a router wants to know. */
export interface Verdict {
  readonly reason: Reason
  readonly errorType: string
  readonly sameTarget: boolean
  readonly otherTarget: boolean
  readonly health: NonNullable<Hints["health"]>
  /** Our own words for people. */
  readonly description: string
  /** May the vendor's message be shown beside ours? Only where it talks about limits and load, not about the request. */
  readonly quotable?: boolean
  readonly kind?: "InvalidKey" | "ExpiredKey" | "MissingKey" | "InsufficientPermissions"
  readonly parameter?: string
  readonly constraint?: string
  /** The request needs more than the whole limit: waiting does not help. */
  readonly neverFits?: boolean
}

export interface Fault {
  readonly verdict: Verdict
  readonly words: ErrorWords
  /** As it came with the answer, or as derived from the words of an error inside a 200. */
  readonly status: number | undefined
  /** Milliseconds. */
  readonly retryAfter: number | undefined
}

export const fault = (verdict: Verdict): Fault => ({
  verdict,
  words: noWords,
  status: undefined,
  retryAfter: undefined
})

const protocol = (description: string, sameTarget = false): Verdict => ({
  reason: "InvalidResponse",
  errorType: "Protocol",
  sameTarget,
  otherTarget: true,
  health: "fault",
  description
})

/** The bytes ended before the answer did. */
export const truncated: Fault = fault({
  reason: "InternalProvider",
  errorType: "Truncated",
  sameTarget: true,
  otherTarget: true,
  health: "fault",
  description: "The connection ended before the answer was complete"
})

export const empty: Fault = fault({ ...truncated.verdict, description: "The answer had no body" })

export const undecodable = (what: string): Fault => fault(protocol(what))

/** The model's own mistake: another try may do better, and the target is not to blame. */
export const invalidOutput = (description: string): Fault =>
  fault({
    reason: "InvalidOutput",
    errorType: "InvalidOutput",
    sameTarget: true,
    otherTarget: true,
    health: "none",
    description
  })

/** The server gave up in the middle and said so by a finish word. */
export const gaveUp = (word: string): Fault =>
  fault({
    reason: "InternalProvider",
    errorType: "Overloaded",
    // Out of resources here means out of resources here: only another target helps soon.
    sameTarget: word !== "insufficient_system_resource",
    otherTarget: true,
    health: "fault",
    description: `The server gave up (finish_reason ${word})`
  })

/** What we were asked cannot be said in this dialect, or not on this target. Nothing was sent. */
export const unsupported = (parameter: string, description: string, otherTarget: boolean): Fault =>
  fault({
    reason: "InvalidRequest",
    errorType: "InvalidRequest",
    sameTarget: false,
    otherTarget,
    health: "none",
    parameter,
    description
  })
