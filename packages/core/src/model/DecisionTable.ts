/**
 * What `explain` answers, for people: a line per target, the pick marked, and why each of the others was left out.
 *
 * ```
 * p2c takes a of tier 0
 *
 *      target  tier  in flight  success  latency  score  left out
 *   >  a       0     3          100 %    820 ms   3.28
 *      b       0     0          41 %     90 ms    12.4   BreakerOpen, back in 12 s
 *      spare   1     0          100 %    -        -      Price: 10 USD per million output tokens, at most 5
 * ```
 */
import type { CandidateView, Decision } from "./Decision.ts"
import type { Millis } from "./Gate.ts"

/** Lines of text, without one at the end. Ids are shown as they are, except for control characters. */
export const format = (decision: Decision): string => {
  const rows = decision.candidates.map((candidate) => rowOf(decision, candidate))
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => (row[column] ?? "").length)))
  const line = (row: ReadonlyArray<string>) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd()
  return [verdictOf(decision), "", line(heads), ...rows.map(line)].join("\n")
}

const heads = [" ", "target", "tier", "in flight", "success", "latency", "score", "left out"]

const verdictOf = ({ pick, strategy, tier }: Decision): string => {
  if (tier === undefined) return `${strategy} takes none: every target is left out`
  return pick === undefined
    ? `${strategy} takes none now: the call waits for tier ${tier}`
    : `${strategy} takes ${printable(pick)} of tier ${tier}`
}

const rowOf = (decision: Decision, candidate: CandidateView): ReadonlyArray<string> => [
  candidate.target === decision.pick ? ">" : " ",
  printable(candidate.target),
  String(candidate.tier),
  String(candidate.inFlight),
  `${Math.round(candidate.successRate * 100)} %`,
  candidate.latencyMs === undefined ? "-" : time(candidate.latencyMs),
  candidate.score === undefined || !Number.isFinite(candidate.score) ? "-" : short(candidate.score),
  leftOut(candidate)
]

const leftOut = ({ because, excluded, retryInMs, score }: CandidateView): string => {
  if (excluded === undefined) return score === Number.POSITIVE_INFINITY ? "by the strategy" : ""
  const why = because === undefined ? excluded : `${excluded}: ${because}`
  return retryInMs === undefined ? printable(why) : `${printable(why)}, back in ${time(retryInMs)}`
}

const time = (ms: Millis): string => {
  if (ms < 1000) return `${Math.round(ms)} ms`
  return ms < 120_000 ? `${short(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`
}

/** Three digits; very large and very small ones with a power of ten. */
const short = (value: number): string => {
  if (!Number.isFinite(value)) return String(value)
  return String(Number(value.toPrecision(3)))
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: a name must not move the cursor of whoever reads the table
const printable = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f]/g, "?")
