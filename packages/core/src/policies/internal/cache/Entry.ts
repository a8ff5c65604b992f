/** What is kept of an answer, and for how long it may be used for what. */
import type { Millis } from "../../../model/Gate.ts"

/** A whole answer is one part; a streamed one has as many as it was sent in. */
export interface Entry {
  readonly parts: ReadonlyArray<unknown>
  /** As weighed when it was stored. */
  readonly weight: number
  /** Answers as it is up to this age. */
  readonly freshMs: Millis
  /** For so long after that it still answers, while somebody fetches a new one. */
  readonly staleMs: Millis
  /** For so long after `freshMs` it stands in for an answer that cannot be had. */
  readonly errorMs: Millis
  /** For so long after `freshMs` it can be had by `peek`. Left out: no longer than for the two above. */
  readonly peekMs?: Millis
  /** How long the answer took, for early refreshes. */
  readonly tookMs: Millis
}

/** An entry, and how old it is. */
export interface Found {
  readonly entry: Entry
  readonly ageMs: Millis
}

/** At this age it is of no use any more. */
export const keepMs = (entry: Entry): Millis =>
  entry.freshMs + Math.max(entry.staleMs, entry.errorMs, entry.peekMs ?? 0)

/** Of no use to anybody. */
export const isOver = ({ ageMs, entry }: Found): boolean => !(ageMs < keepMs(entry))
export const isFresh = ({ ageMs, entry }: Found): boolean => ageMs < entry.freshMs
/** Fresh, or stale but good enough until a new one is there. */
export const isServable = ({ ageMs, entry }: Found): boolean => ageMs < entry.freshMs + entry.staleMs
/** Better than an error. */
export const isLastResort = ({ ageMs, entry }: Found): boolean => ageMs < entry.freshMs + entry.errorMs
