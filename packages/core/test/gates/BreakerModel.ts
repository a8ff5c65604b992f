/** The breaker's rules written out over full histories: slow, without a ring, without fences other than a list of ages. */
import type { GateEvent } from "../../src/model/Gate.ts"
import type { Outcome, Unused } from "../../src/model/Outcome.ts"

export interface Rules {
  readonly failureRate: number
  readonly window: number
  readonly buckets: number
  readonly minCalls: number
  readonly openFor: number
  readonly maxOpenFor: number
  readonly maxHint: number
  readonly probes: number
  readonly successesToClose: number
  readonly probeLease: number
}

type Phase =
  | { readonly is: "closed"; readonly since: number; readonly log: Array<{ at: number; failed: boolean }> }
  | { readonly is: "open"; readonly since: number; until: number }
  | { readonly is: "half-open"; readonly running: Map<number, number>; good: number }

export type Answer = { readonly permit: number } | { readonly refused: string; readonly until: number | undefined }

export class BreakerModel {
  readonly rules: Rules
  phase: Phase = { is: "closed", since: 0, log: [] }
  /** A permit is of the age it was given in; the phases are numbered. */
  age = 0
  ageOf = new Map<number, number>()
  consecutive = 0
  lastOpen = 0
  hint = Number.NEGATIVE_INFINITY
  jitter: number | undefined = undefined
  told: Array<GateEvent> = []
  permits = 0

  constructor(rules: Rules) {
    this.rules = rules
  }

  /** Enough of a copy to look ahead with: for `admit`, not for `settle`. */
  copy(): BreakerModel {
    const phase: Phase =
      this.phase.is === "half-open" ? { ...this.phase, running: new Map(this.phase.running) } : { ...this.phase }
    return Object.assign(new BreakerModel(this.rules), this, { phase, ageOf: new Map(), told: [] })
  }

  /** The phase as of `now`; the model itself stays as it is. */
  look(now: number): { readonly state: string; readonly good: number; readonly bad: number } {
    const copy = this.copy()
    copy.catchUp(now)
    return { state: copy.phase.is, ...copy.counts(now) }
  }

  /** A new process takes up a snapshot: no permits, nothing left to tell, outcomes as if they were new. */
  restart(now: number): void {
    this.catchUp(now)
    const { bad, good } = this.counts(now)
    if (this.phase.is === "closed") {
      const log = Array.from({ length: bad + good }, (_, i) => ({ at: now, failed: i < bad }))
      this.phase = { is: "closed", since: this.phase.since, log }
    }
    if (this.phase.is === "half-open") this.phase.running.clear()
    this.ageOf.clear()
    this.told = []
    this.jitter = undefined
  }

  counts(now: number): { readonly good: number; readonly bad: number } {
    const width = this.rules.window / this.rules.buckets
    const log = this.phase.is === "closed" ? this.phase.log : []
    const live = log.filter(({ at }) => now - Math.floor(at / width) * width < this.rules.window)
    const bad = live.filter(({ failed }) => failed).length
    return { good: live.length - bad, bad }
  }

  private change(phase: Phase, event: GateEvent) {
    this.phase = phase
    this.age++
    this.told.push(event)
  }

  private open(at: number) {
    if (this.phase.is === "closed" && at - this.phase.since >= this.lastOpen) this.consecutive = 0
    let own = this.rules.openFor
    for (let n = 0; n < this.consecutive; n++) own = Math.min(own * 2, this.rules.maxOpenFor)
    this.consecutive++
    const until = Math.max(at + own * (this.jitter ?? Number.NaN), this.hint)
    this.jitter = undefined
    this.lastOpen = until - at
    this.change({ is: "open", since: at, until }, { _tag: "BreakerOpened", gate: "breaker", until })
  }

  private catchUp(now: number) {
    if (this.phase.is !== "half-open" || this.phase.running.size === 0) return
    const lease = Math.min(...this.phase.running.values())
    if (lease <= now) this.open(lease)
  }

  admit(now: number, draw: () => number): Answer {
    this.catchUp(now)
    if (this.phase.is === "open") {
      if (now < this.phase.until) return { refused: "BreakerOpen", until: this.phase.until }
      this.change({ is: "half-open", running: new Map(), good: 0 }, { _tag: "BreakerHalfOpened", gate: "breaker" })
    }
    this.jitter ??= 0.9 + 0.2 * draw()
    if (this.phase.is === "half-open") {
      if (this.phase.running.size >= this.rules.probes) return { refused: "BreakerProbing", until: undefined }
      this.phase.running.set(this.permits, now + this.rules.probeLease)
    }
    this.ageOf.set(this.permits, this.age)
    return { permit: this.permits++ }
  }

  /** What must be told; whoever settles twice hears nothing and changes nothing. */
  settle(permit: number, outcome: Outcome | Unused, now: number): ReadonlyArray<GateEvent> {
    const age = this.ageOf.get(permit)
    if (age === undefined) return []
    this.ageOf.delete(permit)
    this.catchUp(now)
    const good = outcome._tag === "Success" || outcome._tag === "Slow"
    const bad = outcome._tag === "Failure"
    const hint =
      bad && outcome.retryAfter !== undefined ? now + Math.min(outcome.retryAfter, this.rules.maxHint) : undefined
    if (age !== this.age) {
      if (good || bad) {
        const longer = this.phase.is === "open" && hint !== undefined && hint > this.phase.until
        if (this.phase.is === "open" && longer) {
          this.phase.until = hint
          this.lastOpen = hint - this.phase.since
        }
        this.told.push({ _tag: "StaleOutcome", gate: "breaker", ...(longer ? { until: hint } : {}) })
      }
    } else {
      if (hint !== undefined) this.hint = Math.max(this.hint, hint)
      if (this.phase.is === "half-open") {
        this.phase.running.delete(permit)
        if (bad) this.open(now)
        else if (good) {
          this.phase.good++
          if (this.phase.good >= this.rules.successesToClose) {
            this.change({ is: "closed", since: now, log: [] }, { _tag: "BreakerClosed", gate: "breaker" })
          }
        }
      } else if (this.phase.is === "closed" && (good || bad)) {
        this.phase.log.push({ at: now, failed: bad })
        const seen = this.counts(now)
        const all = seen.good + seen.bad
        if (all >= this.rules.minCalls && seen.bad > 0 && seen.bad / all >= this.rules.failureRate) this.open(now)
      }
    }
    const told = this.told
    this.told = []
    return told
  }
}
