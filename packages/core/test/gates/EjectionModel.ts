/**
 * Outlier ejection written out over a full log: every outcome is kept and counted again for every question, every return and
 * every sweep is a step of its own, and nothing is skipped however long nobody looked.
 */
import type { Rules } from "../../src/gates/internal/ejectionOptions.ts"
import type { Outcome, Unused } from "../../src/model/Outcome.ts"

interface Stay {
  readonly from: number
  readonly until: number
  end: number | undefined
}

interface Subject {
  readonly log: Array<{ readonly ok: boolean; readonly interval: number }>
  readonly stays: Array<Stay>
  /** Where in the log the present run of failures may begin. */
  runFrom: number
  inARow: number
  age: number
  backSince: number
  jitter: number | undefined
  chance: number | undefined
}

export interface Told {
  readonly _tag: string
  readonly target: string
  readonly until?: number
}

export class EjectionModel {
  readonly rules: Rules
  readonly isUp: (member: number) => boolean
  readonly subjects: Array<Subject>
  told: Array<Told> = []
  intervals = 0
  nextSweep: number | undefined = undefined

  constructor(rules: Rules, size: number, isUp: (member: number) => boolean) {
    this.rules = rules
    this.isUp = isUp
    this.subjects = Array.from({ length: size }, () => ({
      log: [],
      stays: [],
      runFrom: 0,
      inARow: 0,
      age: 0,
      backSince: Number.NEGATIVE_INFINITY,
      jitter: undefined,
      chance: undefined
    }))
  }

  private at(member: number): Subject {
    const subject = this.subjects[member]
    if (subject === undefined) throw new Error(`no member ${member}`)
    return subject
  }

  private stay(member: number): Stay | undefined {
    return this.at(member).stays.find(({ end }) => end === undefined)
  }

  until(member: number, now: number): number | undefined {
    const stay = this.stay(member)
    return stay !== undefined && now < stay.until ? stay.until : undefined
  }

  out(now: number): number {
    return this.subjects.filter((_, member) => this.until(member, now) !== undefined).length
  }

  get cap(): number {
    let cap = 1
    for (let n = 1; n <= this.subjects.length; n++) {
      if (n / this.subjects.length <= this.rules.maxEjectedShare + 1e-12) cap = n
    }
    return cap
  }

  panic(now: number): boolean {
    const left = this.subjects.length - this.out(now)
    return left < this.subjects.length && left / this.subjects.length < this.rules.panicBelow
  }

  refusedUntil(member: number, now: number): number | undefined {
    return this.panic(now) ? undefined : this.until(member, now)
  }

  counts(member: number): { readonly good: number; readonly bad: number; readonly run: number } {
    const { log, runFrom } = this.at(member)
    const recent = log.filter(({ interval }) => interval === this.intervals)
    const good = recent.filter(({ ok }) => ok).length
    const run = log.slice(Math.max(runFrom, log.findLastIndex(({ ok }) => ok) + 1)).length
    return { good, bad: recent.length - good, run }
  }

  private forget(member: number): void {
    const subject = this.at(member)
    subject.log.length = 0
    subject.runFrom = 0
  }

  private leave(member: number, from: number, until: number): void {
    this.forget(member)
    this.at(member).stays.push({ from, until, end: undefined })
    this.at(member).age++
  }

  private back(member: number, when: number): void {
    const stay = this.stay(member)
    if (stay === undefined) return
    stay.end = when
    this.at(member).backSince = when
    this.at(member).age++
    this.told.push({ _tag: "TargetReturned", target: String(member) })
  }

  private judge(member: number, at: number): void {
    const subject = this.at(member)
    const { baseEjection, enforcing, jitter, maxEjection, minAvailable } = this.rules
    if (enforcing < 1 && subject.chance === undefined) return
    subject.runFrom = subject.log.length
    const staying = this.subjects.filter((_, other) => other !== member && this.stay(other) === undefined)
    const working = staying.filter((other) => this.isUp(this.subjects.indexOf(other)))
    const out = this.subjects.length - staying.length - 1
    if (out + 1 > this.cap || working.length < minAvailable) return
    const draw = subject.chance
    subject.chance = undefined
    if (enforcing < 1 && (draw ?? 0) < 1 - enforcing) return
    if (subject.inARow * baseEjection < maxEjection) subject.inARow++
    const length = Math.min(subject.inARow * baseEjection, maxEjection)
    const until = at + length + length * jitter * (subject.jitter ?? 0)
    subject.jitter = undefined
    this.leave(member, at, until)
    this.told.push({ _tag: "TargetEjected", target: String(member), until })
  }

  private sweep(at: number): void {
    const { failurePercentage, interval, successRate } = this.rules
    const rates = this.subjects
      .map((_, member) => ({ member, ...this.counts(member) }))
      .filter(({ member }) => this.stay(member) === undefined)
      .map((row) => ({ ...row, all: row.good + row.bad, rate: row.good / (row.good + row.bad) }))
    const bad = new Set<number>()
    if (successRate !== undefined) {
      const rows = rates.filter(({ all }) => all >= successRate.minRequests)
      if (rows.length >= successRate.minHosts) {
        const mean = rows.map(({ rate }) => rate).reduce((a, b) => a + b, 0) / rows.length
        const stdev = Math.sqrt(rows.map(({ rate }) => (rate - mean) ** 2).reduce((a, b) => a + b, 0) / rows.length)
        for (const row of rows) if (mean - row.rate > successRate.stdevFactor * stdev + 1e-9) bad.add(row.member)
      }
    }
    if (failurePercentage !== undefined) {
      const rows = rates.filter(({ all }) => all >= failurePercentage.minRequests)
      if (rows.length >= failurePercentage.minHosts) {
        for (const row of rows) {
          if (row.bad > 0 && row.bad / row.all >= failurePercentage.threshold) bad.add(row.member)
        }
      }
    }
    const worstFirst = rates.filter(({ member }) => bad.has(member)).sort((a, b) => a.rate - b.rate || order(bad, a, b))
    for (const { member } of worstFirst) this.judge(member, at)
    for (const { member } of rates) {
      const subject = this.at(member)
      if (bad.has(member) || this.stay(member) !== undefined || at - subject.backSince < interval) continue
      subject.inARow = Math.max(0, subject.inARow - 1)
    }
    this.intervals++
    this.nextSweep = at + interval
  }

  private advance(now: number): void {
    for (;;) {
      const sweep = this.nextSweep ?? Number.POSITIVE_INFINITY
      let first: number | undefined
      let due = Number.POSITIVE_INFINITY
      this.subjects.forEach((_, member) => {
        const until = this.stay(member)?.until ?? Number.POSITIVE_INFINITY
        if (until < due) [first, due] = [member, until]
      })
      if (first !== undefined && due <= now && due <= sweep) this.back(first, due)
      else if (sweep <= now) this.sweep(sweep)
      else return
    }
  }

  /** The age of the permit, or until when it is refused. */
  admit(
    member: number,
    now: number,
    draw: () => number
  ): { readonly refusedUntil: number } | { readonly age: number; readonly panic: boolean } {
    this.nextSweep ??= now + this.rules.interval
    const out = this.until(member, now) !== undefined
    const refusedUntil = this.refusedUntil(member, now)
    this.advance(now)
    if (refusedUntil !== undefined) return { refusedUntil }
    const subject = this.at(member)
    if (this.rules.jitter > 0) subject.jitter ??= draw()
    if (this.rules.enforcing < 1) subject.chance ??= draw()
    return { age: subject.age, panic: out }
  }

  settle(member: number, age: number, outcome: Outcome | Unused, now: number): ReadonlyArray<Told> {
    this.advance(now)
    const subject = this.at(member)
    const ok = outcome._tag === "Success" || outcome._tag === "Slow"
    if ((ok || outcome._tag === "Failure") && subject.age === age && this.stay(member) === undefined) {
      subject.log.push({ ok, interval: this.intervals })
      if (!ok && this.counts(member).run >= this.rules.consecutive) this.judge(member, now)
    }
    const told = this.told
    this.told = []
    return told
  }

  clear(member: number, now: number): void {
    this.advance(now)
    this.back(member, now)
    this.forget(member)
    this.at(member).inARow = 0
  }
}

/** The order in which the rules found them: by success rate before by share, and by number. */
const order = (bad: ReadonlySet<number>, a: { readonly member: number }, b: { readonly member: number }): number => {
  const found = [...bad]
  return found.indexOf(a.member) - found.indexOf(b.member)
}
