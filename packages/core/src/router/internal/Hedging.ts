/**
 * A second copy of a call that takes unusually long, to another target, before its first content: whoever succeeds first
 * answers, the other one is interrupted and stands in the record with what it cost.
 *
 * It needs the retry budget's consent and its own; a call that must not be sent twice never gets one.
 */
import type { Millis } from "../../model/Gate.ts"
import type { Hedge } from "../../policies/Hedge.ts"
import { Deadline } from "../../state/internal/Deadlines.ts"
import type { Tail } from "../../state/internal/TargetState.ts"
import type { Attempt } from "./Attempt.ts"
import type { Call } from "./Call.ts"
import type { Run } from "./Run.ts"

type Launch = <Id extends string, C, A, E>(run: Run<Id, C, A, E>, attempt: Attempt<Id, C>, now: Millis) => void

class Timer extends Deadline {
  readonly #fire: () => void
  constructor(fire: () => void) {
    super()
    this.#fire = fire
  }
  expired(): void {
    this.#fire()
  }
}

/** Says under which name the attempt's time is known, before it begins. Streams are compared with streams. */
export const name = <Id extends string, C>(attempt: Attempt<Id, C>, streamed: boolean): void => {
  const { tails } = attempt.state
  attempt.tail = streamed ? tails.stream : tails.whole
}

/** The percentile moves slowly: it is not asked for at each call. */
const delayOf = (tail: Tail, hedging: Hedge, now: Millis): Millis | undefined => {
  if (now >= tail.askAgainAt) {
    tail.delayMs = hedging.delayMs(tail.key, now)
    tail.askAgainAt = now + refresh
  }
  return tail.delayMs
}

/** Milliseconds. */
const refresh = 100

/** Looks again when the attempt has taken longer than most; nothing when hedging is off or too little is known. */
export const arm = <Id extends string, C, A, E>(
  run: Run<Id, C, A, E>,
  attempt: Attempt<Id, C>,
  now: Millis,
  launch: Launch
): void => {
  const { call, perform } = run
  const { hedging } = call.core
  if (hedging === undefined || attempt.tail === undefined) return
  if (!call.request.idempotent || perform.committed !== undefined) return
  if (attempt.reason === "hedge" || attempt.firstContentAt !== undefined) return
  const delay = delayOf(attempt.tail, hedging, now)
  if (delay === undefined || now + delay >= call.deadlineAt) return
  const timer = new Timer(() => fire(run, attempt, launch))
  call.stopHedge()
  call.hedgeTimer = timer
  call.core.deadlines.set(timer, delay, now)
}

/** A strategy that throws here costs the call its second copy and nothing else: the first one is under way. */
const beginQuietly = <Id extends string, C>(call: Call<Id, C>, now: Millis): Attempt<Id, C> | undefined => {
  try {
    return call.begin(now, true)
  } catch {
    return undefined
  }
}

const fire = <Id extends string, C, A, E>(run: Run<Id, C, A, E>, attempt: Attempt<Id, C>, launch: Launch): void => {
  const { call } = run
  const { core } = call
  call.hedgeTimer = undefined
  if (call.ended || call.cancelled || call.deadlineHit || call.decided !== undefined) return
  if (call.running !== attempt || call.rival !== undefined || attempt.firstContentAt !== undefined) return
  if (call.attempts >= core.retry.maxAttempts) return
  const now = core.now()
  // Late, or at the expense of somebody who has nothing yet.
  if (now >= call.deadlineAt || core.admission.size > 0) return
  if (!core.retry.budget.hasBalance(now) || core.hedging?.hasBalance(now) !== true) return
  // Elsewhere, or it is no help.
  call.tried = [...(call.tried ?? []), attempt.state]
  const second = beginQuietly(call, now)
  if (second === undefined) return
  core.retry.budget.tryWithdraw(now)
  core.hedging.tryWithdraw(now)
  launch(run, second, now)
}
