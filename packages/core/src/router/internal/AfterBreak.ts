/**
 * What a stream does about a break behind its commit point, when its policy is to begin anew or to go on: keeps what a
 * continuation needs, tells the call what attempts from now on may go on from, and what the consumer is shown first.
 */
import type { Broken, Continue, Restart, Transcript } from "../BreakPolicy.ts"
import type { Attempt } from "./Attempt.ts"
import type { Call } from "./Call.ts"

export class AfterBreak<A> {
  readonly #policy: Restart<A> | Continue<A>
  /** Of the answer that is being handed over; `undefined` where nobody is going to ask for it. */
  #transcript: Transcript<A> | undefined
  #marker: A | undefined = undefined
  #parts = 0

  constructor(policy: Restart<A> | Continue<A>) {
    this.#policy = policy
    this.#transcript = policy._tag === "Continue" ? policy.transcript() : undefined
  }

  /** Parts of the answer were handed over. */
  gave(parts: ReadonlyArray<A>): void {
    if (this.#transcript === undefined) return
    for (const part of parts) this.#transcript.add(part)
  }

  /** Nothing of the answer can be taken back: it is neither begun anew nor gone on with. */
  settles(): void {
    this.#transcript = undefined
  }

  /** Attempts of the call from now on stand in for what broke. Throws what the application's functions throw. */
  broke<Id extends string, C>(call: Call<Id, C>, broken: Broken): void {
    this.#marker = this.#policy.marker(broken)
    this.#parts = broken.parts
    call.broken = true
    if (call.refusedResume === 1) this.#transcript = undefined
    call.resume = this.#transcript?.resume(broken)
  }

  /** `attempt` answers from here on: how much of its answer there is already, and what is shown before the rest of it. */
  follow<Id extends string, C>(attempt: Attempt<Id, C>): { readonly parts: number; readonly marker: A | undefined } {
    if (attempt.resume !== undefined) return { parts: this.#parts, marker: undefined }
    if (this.#policy._tag === "Continue") this.#transcript = this.#policy.transcript()
    return { parts: 0, marker: this.#marker }
  }
}
