/**
 * What the provider of a streamed attempt has told about its answer before the first content, and how much longer the
 * attempt may take because of it. Telling moves no timer: a clock that comes due asks what was told, so an attempt that is
 * quick pays for its flags only, and no number of keep-alives starts a clock anew.
 */
import type { AttemptTimeout } from "../../model/Classifier.ts"
import type { Millis } from "../../model/Gate.ts"
import type { AttemptSignals } from "../../model/ProviderModel.ts"
import type { Timeouts } from "../../policies/Timeouts.ts"

export class Signals implements AttemptSignals {
  readonly #timeouts: Timeouts
  #awaitsHeaders = false
  #headers = false
  #alive = false

  constructor(timeouts: Timeouts) {
    this.#timeouts = timeouts
  }

  // Values, not methods: a provider may take them apart.
  readonly sent = (): void => {
    this.#awaitsHeaders = !this.#headers
  }

  readonly headers = (): void => {
    this.#headers = true
    this.#awaitsHeaders = false
  }

  readonly alive = (): void => {
    this.headers()
    this.#alive = true
  }

  /** The limit for first content, from the start of the attempt, when `clock` came due at `limit`; `undefined`: it is over. */
  further(clock: AttemptTimeout["clock"], limit: Millis): Millis | undefined {
    if (this.#awaitsHeaders || (clock !== "Headers" && clock !== "FirstContent")) return undefined
    const { firstContentMs, queuedMs } = this.#timeouts
    const further = this.#alive ? queuedMs : firstContentMs
    return further > limit ? further : undefined
  }
}
