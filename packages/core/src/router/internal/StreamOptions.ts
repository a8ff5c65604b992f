/** What a routed stream needs to know about its parts: where it commits, where it ends, what nothing takes back. */
import type { BreakPolicy } from "../BreakPolicy.ts"

export interface StreamOptions<A> {
  /** Is this part content? The first one that is commits the stream to its target. Default: every part is. */
  readonly isContent?: (part: A) => boolean
  /** Is this the terminal part? When given, a stream that ends without one was cut, and that is a failure. */
  readonly isEnd?: (part: A) => boolean
  /**
   * A part that no restart can take back once it was handed over, such as a tool call: from then on a break fails. Default:
   * none is.
   */
  readonly isIrrevocable?: (part: A) => boolean
  /** Default `BreakPolicy.fail`. */
  readonly onBreak?: BreakPolicy<A>
}
