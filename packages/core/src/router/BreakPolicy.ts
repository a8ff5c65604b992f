/**
 * What happens when a stream breaks after its first content was handed over, the commit point. Before it every failure
 * moves to another target unseen.
 *
 * - `fail`: the stream fails with `StreamBroken`; the caller has what it has. The default.
 * - `restart`: `marker` makes one part that says "forget what you have", then the whole answer follows from another target.
 * - `continue`: the next attempt is asked to go on where the text stopped (a prefill), where its target can; else a restart.
 * - `buffered`: nothing is handed over before the answer is complete, so every break is repaired unseen. For consumers
 *   that only want the final text; the whole answer is held in memory.
 */
import { integer } from "../model/InvalidOption.ts"
import { type Broken, TextTranscript, type Transcript } from "./internal/Transcript.ts"

export type { Broken, Resumption, Transcript } from "./internal/Transcript.ts"

export type BreakPolicy<A> = Fail | Restart<A> | Buffered | Continue<A>

export interface Fail {
  readonly _tag: "Fail"
}

export interface Restart<A> {
  readonly _tag: "Restart"
  readonly marker: (broken: Broken) => A
}

export interface Buffered {
  readonly _tag: "Buffered"
}

export interface Continue<A> {
  readonly _tag: "Continue"
  /** Made at every break, shown where the answer begins anew. */
  readonly marker: (broken: Broken) => A
  /** Made when a stream begins, and again whenever its answer begins anew. */
  readonly transcript: () => Transcript<A>
}

export const fail: BreakPolicy<never> = { _tag: "Fail" }
export const buffered: BreakPolicy<never> = { _tag: "Buffered" }
export const restart = <A>(marker: (broken: Broken) => A): BreakPolicy<A> => ({ _tag: "Restart", marker })

export interface ContinueOptions<A> {
  /** As for `restart`. Made at every break, shown where the answer begins anew. */
  readonly marker: (broken: Broken) => A
  /**
   * What a part adds to the text that is shown; `""` when it adds nothing. `undefined`: an answer with this part in it
   * cannot be continued, only begun anew.
   */
  readonly text: (part: A) => string | undefined
  /** A longer text is not kept, and begun anew when it breaks. Characters, integer >= 1, default `maxCharacters`. */
  readonly maxCharacters?: number
}

/**
 * An attempt whose `attempt.resume` is set has to go on from there: `attempt.resume.prefill` as the last message of its
 * request, `attempt.resume.seam()` over the text it gives. An attempt on a target without the capability `prefill`, and
 * every attempt after a prefill was refused, has none: it gives the whole answer, and `marker` is shown before it.
 */
const makeContinue = <A>(options: ContinueOptions<A>): BreakPolicy<A> => {
  const { marker, text } = options
  const limit = integer("BreakPolicy: maxCharacters", options.maxCharacters ?? maxCharacters)
  return { _tag: "Continue", marker, transcript: () => new TextTranscript(text, limit) }
}

export { makeContinue as continue }

/**
 * About 25,000 tokens, more than almost any streamed answer has, and 200 kB at most for each stream that is open: a
 * thousand of them cost no more than 200 MB.
 */
export const maxCharacters = 100_000
