/**
 * The breaker's rules written out over full histories: slow, without a ring, a window or a fence other than a list of ages.
 * Each rule of the trip policy keeps the log of everything it ever counted.
 */
import * as Trip from "../../src/gates/Trip.ts"
import type { GateEvent, Measured } from "../../src/model/Gate.ts"
import type { Failure, Outcome, Slow, Success, Unused } from "../../src/model/Outcome.ts"

export type Rule =
  | { readonly is: "inARow"; readonly n: number }
  | { readonly is: "failed"; readonly rate: number; readonly minCalls: number; readonly among: Among }
  | {
      readonly is: "slow"
      readonly rate: number
      readonly minCalls: number
      readonly among: Among
      readonly firstContent: number | undefined
      readonly perToken: number | undefined
    }

type Among = { readonly last: number } | { readonly window: number; readonly buckets: number }

/** The same as a policy of the library. */
export const policyOf = (rules: ReadonlyArray<Rule>): Trip.Trip => {
  const policies = rules.map((rule) => {
    if (rule.is === "inARow") return Trip.consecutive(rule.n)
    const { among, minCalls, rate } = rule
    if (rule.is === "failed") {
      return "last" in among
        ? Trip.countWindow({ size: among.last, failureRate: rate, minCalls: Math.min(minCalls, among.last) })
        : Trip.timeWindow({ ...among, failureRate: rate, minCalls })
    }
    const limits = {
      ...(rule.firstContent === undefined ? {} : { firstContent: rule.firstContent }),
      ...(rule.perToken === undefined ? {} : { perOutputToken: rule.perToken })
    }
    return "last" in among
      ? Trip.slowCalls({ ...limits, size: among.last, slowRate: rate, minCalls: Math.min(minCalls, among.last) })
      : Trip.slowCalls({ ...limits, ...among, slowRate: rate, minCalls })
  })
  const [only] = policies
  return only !== undefined && policies.length === 1 ? only : Trip.or(...policies)
}

/** One rule and everything it counted. */
export class Log {
  readonly rule: Rule
  entries: Array<{ readonly at: number; readonly bad: boolean }> = []

  constructor(rule: Rule) {
    this.rule = rule
  }

  /** `undefined`: nothing to count. */
  judge(outcome: Success | Slow | Failure, measured: Measured | undefined): boolean | undefined {
    const { rule } = this
    if (rule.is !== "slow") return outcome._tag === "Failure"
    if (outcome._tag === "Slow") return true
    if (outcome._tag === "Failure") return undefined
    const findings: Array<boolean> = []
    if (rule.firstContent === undefined && rule.perToken === undefined) findings.push(false)
    if (rule.firstContent !== undefined && measured?.firstContentMs !== undefined) {
      findings.push(measured.firstContentMs > rule.firstContent)
    }
    if (rule.perToken !== undefined && measured?.outputTokens !== undefined && measured.outputTokens > 0) {
      const writing = measured.firstContentMs === undefined ? measured.ms : measured.ms - measured.firstContentMs
      findings.push(writing > rule.perToken * measured.outputTokens)
    }
    return findings.length === 0 ? undefined : findings.includes(true)
  }

  note(outcome: Success | Slow | Failure, measured: Measured | undefined, at: number): void {
    const bad = this.judge(outcome, measured)
    if (bad !== undefined) this.entries.push({ at, bad })
  }

  counts(now: number): { readonly good: number; readonly bad: number } {
    const { rule } = this
    let live = this.entries
    if (rule.is === "inARow") live = live.slice(live.findLastIndex(({ bad }) => !bad) + 1)
    else if ("last" in rule.among) live = live.slice(-rule.among.last)
    else {
      const { buckets, window } = rule.among
      const width = window / buckets
      live = live.filter(({ at }) => now - Math.floor(at / width) * width < window)
    }
    const bad = live.filter((entry) => entry.bad).length
    return { good: live.length - bad, bad }
  }

  trips(now: number): boolean {
    const { bad, good } = this.counts(now)
    const { rule } = this
    if (rule.is === "inARow") return bad >= rule.n
    const least = "last" in rule.among ? Math.min(rule.minCalls, rule.among.last) : rule.minCalls
    return bad > 0 && bad + good >= least && bad / (bad + good) >= rule.rate
  }

  /** Only the counts survive: as new, the bad ones evenly among the good ones. */
  restart(now: number, later: number): void {
    const { bad, good } = this.counts(now)
    this.entries = []
    for (let n = 0, due = 0; n < bad + good; n++) {
      due += bad
      const is = due >= bad + good
      if (is) due -= bad + good
      this.entries.push({ at: later, bad: is })
    }
  }
}

/** What a snapshot shows of the logs; of two rules that count the same, the second has a 2. */
export const numbersOf = (logs: ReadonlyArray<Log>, now: number): Record<string, number> => {
  const numbers: Record<string, number> = {}
  const many = { inARow: 0, failed: 0, slow: 0 }
  for (const log of logs) {
    const { bad, good } = log.counts(now)
    const nth = ++many[log.rule.is]
    const suffix = nth === 1 ? "" : String(nth)
    if (log.rule.is === "inARow") numbers[`failuresInARow${suffix}`] = bad
    else {
      numbers[`${log.rule.is === "failed" ? "successes" : "fastAnswers"}${suffix}`] = good
      numbers[`${log.rule.is === "failed" ? "failures" : "slowAnswers"}${suffix}`] = bad
    }
  }
  return numbers
}

export interface Rules {
  readonly trip: ReadonlyArray<Rule>
  readonly openFor: number
  readonly maxOpenFor: number
  readonly maxHint: number
  readonly probes: number
  readonly successesToClose: number
  readonly probeLease: number
  readonly rampFor: number
  readonly aggression: number
}

type Phase =
  | { readonly is: "closed"; readonly since: number; readonly ramp: boolean }
  | { readonly is: "open"; readonly since: number; readonly by: string; until: number }
  | { readonly is: "half-open"; readonly by: string; readonly running: Map<number, number>; good: number }
  | { readonly is: "isolated" }

export type Answer =
  | { readonly permit: number; readonly note: string | undefined }
  | { readonly refused: string; readonly until: number | undefined }

export class BreakerModel {
  readonly rules: Rules
  readonly names: ReadonlyArray<string>
  logs: ReadonlyArray<Log>
  phase: Phase = { is: "closed", since: Number.NEGATIVE_INFINITY, ramp: false }
  lastSeen = Number.NEGATIVE_INFINITY
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
    this.logs = rules.trip.map((rule) => new Log(rule))
    this.names = rules.trip.map((rule) => policyOf([rule]).name)
  }

  /** Enough of a copy to look ahead with: for `admit`, not for `settle`. */
  copy(): BreakerModel {
    const phase: Phase =
      this.phase.is === "half-open" ? { ...this.phase, running: new Map(this.phase.running) } : { ...this.phase }
    const copy: BreakerModel = Object.create(BreakerModel.prototype)
    return Object.assign(copy, this, { phase, ageOf: new Map(), told: [] })
  }

  see(now: number): number {
    this.lastSeen = Math.max(this.lastSeen, now)
    return this.lastSeen
  }

  /** What a snapshot shows, beside the words of the policy. But for the time, the model stays as it is. */
  look(time: number): Record<string, number | string> {
    const now = this.see(time)
    const copy = this.copy()
    copy.catchUp(now)
    const { phase } = copy
    const forgetIn = phase.is === "closed" ? Math.max(0, phase.since + copy.lastOpen - now) : 0
    return {
      ...numbersOf(copy.logs, now),
      state: phase.is,
      ...(phase.is === "open" || phase.is === "half-open" ? { openedBy: phase.by } : {}),
      opens: phase.is === "closed" && forgetIn === 0 ? 0 : copy.consecutive,
      openMs: copy.lastOpen,
      retryInMs: phase.is === "open" ? Math.max(0, phase.until - now) : 0,
      forgetInMs: forgetIn,
      hintInMs: Math.max(0, copy.hint - now),
      rampLeftMs: phase.is === "closed" && phase.ramp ? Math.max(0, phase.since + this.rules.rampFor - now) : 0,
      probeSuccesses: phase.is === "half-open" ? phase.good : 0
    }
  }

  /** A new process with another clock takes up a snapshot: no permits, nothing left to tell. */
  restart(time: number, later: number): void {
    const now = this.see(time)
    this.catchUp(now)
    const shift = later - now
    const { phase } = this
    if (phase.is === "closed") this.phase = { ...phase, since: phase.since + shift }
    if (phase.is === "open") this.phase = { ...phase, since: phase.since + shift, until: phase.until + shift }
    if (phase.is === "half-open") phase.running.clear()
    this.hint += shift
    for (const log of this.logs) log.restart(now, later)
    this.ageOf.clear()
    this.told = []
    this.jitter = undefined
    this.lastSeen = later
  }

  clear(time: number): void {
    const now = this.see(time)
    this.catchUp(now)
    if (this.phase.is === "closed") this.phase = { ...this.phase, ramp: false }
    else this.change({ is: "closed", since: now, ramp: false }, { _tag: "BreakerClosed", gate: "breaker" })
    for (const log of this.logs) log.entries = []
    this.consecutive = 0
    this.hint = Number.NEGATIVE_INFINITY
  }

  isolate(time: number): void {
    this.catchUp(this.see(time))
    if (this.phase.is === "isolated") return
    this.consecutive = 0
    this.hint = Number.NEGATIVE_INFINITY
    this.change({ is: "isolated" }, { _tag: "BreakerIsolated", gate: "breaker" })
  }

  private change(phase: Phase, event: GateEvent) {
    this.phase = phase
    this.age++
    this.tell(event)
  }

  private tell(event: GateEvent) {
    this.told = [...this.told, event].slice(-32)
  }

  private open(at: number, by: string) {
    if (this.phase.is === "closed" && at - this.phase.since >= this.lastOpen) this.consecutive = 0
    let own = this.rules.openFor
    for (let n = 0; n < this.consecutive; n++) own = Math.min(own * 2, this.rules.maxOpenFor)
    this.consecutive++
    const until = Math.max(at + own * (this.jitter ?? Number.NaN), this.hint)
    this.jitter = undefined
    this.lastOpen = until - at
    this.change({ is: "open", since: at, until, by }, { _tag: "BreakerOpened", gate: "breaker", until })
  }

  catchUp(now: number) {
    if (this.phase.is !== "half-open" || this.phase.running.size === 0) return
    const lease = Math.min(...this.phase.running.values())
    if (lease <= now) this.open(lease, "a probe that never ended")
  }

  admit(time: number, draw: () => number): Answer {
    const now = this.see(time)
    this.catchUp(now)
    if (this.phase.is === "isolated") return { refused: "Isolated", until: Number.POSITIVE_INFINITY }
    if (this.phase.is === "open") {
      if (now < this.phase.until) return { refused: "BreakerOpen", until: this.phase.until }
      const { by } = this.phase
      this.change({ is: "half-open", running: new Map(), good: 0, by }, { _tag: "BreakerHalfOpened", gate: "breaker" })
    }
    this.jitter ??= 0.9 + 0.2 * draw()
    let note: string | undefined
    if (this.phase.is === "half-open") {
      if (this.phase.running.size >= this.rules.probes) return { refused: "BreakerProbing", until: undefined }
      this.phase.running.set(this.permits, now + this.rules.probeLease)
      note = "Probe"
    } else if (this.phase.is === "closed" && this.phase.ramp && now - this.phase.since < this.rules.rampFor) {
      const seconds = Math.max(1, (now - this.phase.since) / 1000)
      const share = Math.max(0.1, (seconds / (this.rules.rampFor / 1000)) ** (1 / this.rules.aggression))
      if (draw() >= share) return { refused: "Ramping", until: undefined }
      note = "Ramp"
    }
    this.ageOf.set(this.permits, this.age)
    return { permit: this.permits++, note }
  }

  /** Was the permit given in another phase than this one? */
  isLate(permit: number): boolean {
    return this.ageOf.get(permit) !== this.age
  }

  /** What must be told; whoever settles twice hears nothing and changes nothing. */
  settle(permit: number, outcome: Outcome | Unused, time: number, measured?: Measured): ReadonlyArray<GateEvent> {
    const age = this.ageOf.get(permit)
    if (age === undefined) return []
    this.ageOf.delete(permit)
    const now = this.see(time)
    this.catchUp(now)
    if (this.phase.is === "half-open") this.phase.running.delete(permit)
    if (outcome._tag === "Success" || outcome._tag === "Slow" || outcome._tag === "Failure") {
      if (age === this.age) this.learn(outcome, now, measured)
      else this.late(outcome, now)
    }
    return this.flush()
  }

  /** The end of an attempt that the model knows nothing of. */
  passBy(time: number): ReadonlyArray<GateEvent> {
    this.catchUp(this.see(time))
    return this.flush()
  }

  private hintOf(outcome: Success | Slow | Failure, now: number): number {
    if (outcome._tag !== "Failure" || !(Number(outcome.retryAfter) > 0)) return Number.NEGATIVE_INFINITY
    return now + Math.min(Number(outcome.retryAfter), this.rules.maxHint)
  }

  private learn(outcome: Success | Slow | Failure, now: number, measured: Measured | undefined) {
    this.hint = Math.max(this.hint, this.hintOf(outcome, now))
    if (this.phase.is === "half-open") {
      const against = this.logs.some((log) => log.judge(outcome, measured) === true)
      if (outcome._tag === "Failure" || against) return this.open(now, "a failed probe")
      this.phase.good++
      if (this.phase.good < this.rules.successesToClose) return
      for (const log of this.logs) log.entries = []
      this.change({ is: "closed", since: now, ramp: true }, { _tag: "BreakerClosed", gate: "breaker" })
      return
    }
    for (const log of this.logs) log.note(outcome, measured, now)
    const first = this.logs.findIndex((log) => log.trips(now))
    if (first >= 0) this.open(now, this.names[first] ?? "")
  }

  private late(outcome: Success | Slow | Failure, now: number) {
    const hint = this.hintOf(outcome, now)
    const { phase } = this
    if (phase.is !== "open" || hint <= phase.until) return this.tell({ _tag: "StaleOutcome", gate: "breaker" })
    phase.until = hint
    this.lastOpen = hint - phase.since
    this.tell({ _tag: "StaleOutcome", gate: "breaker", until: hint })
  }

  private flush(): ReadonlyArray<GateEvent> {
    const { told } = this
    this.told = []
    return told
  }
}
