/**
 * The books of a `MultiLimit`: what is reserved and what was consumed, against all of its limits at once. See there for what
 * it decides; here is one attempt's way through it.
 */
import type { Cost } from "../../model/Cost.ts"
import {
  type GateEvent,
  type GateSnapshot,
  type LocalReject,
  type Measured,
  type Millis,
  noEvents,
  type RejectReason
} from "../../model/Gate.ts"
import type { Outcome, Unused } from "../../model/Outcome.ts"
import type { Price } from "../../model/Price.ts"
import { type Counted, fill, inputConsumed, nano, outputConsumed, outputOf, resources } from "./consumption.ts"
import { Line, reasons, type Spec } from "./line.ts"
import { type Meter, numberFrom } from "./meter.ts"
import { answeredAt, Report } from "./reports.ts"
import { type Access, accessOf, capacityFor, type Reserve } from "./reserve.ts"

export interface Limits {
  readonly specs: ReadonlyArray<Spec>
  /** `Infinity` when attempts in flight are not limited. */
  readonly maxInFlight: number
  readonly inFlightReserve: Required<Reserve>
  /** Of limits that say nothing themselves. */
  readonly reserve: Required<Reserve>
  /** Reports count also where nothing is limited. */
  readonly learn: boolean
  /** Of attempts that name no tokens. */
  readonly defaultTokens: { readonly input: number; readonly output: number } | undefined
}

/** What is limited. `tokens`: input and output together. */
export type Resource = Counted | "inFlight"

export interface Permit {
  /** Reserved. */
  readonly requests: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly price: Price | undefined
  /** `"Reserve"` when normal traffic would have been refused. */
  readonly note: string | undefined
  /** Of admission. */
  readonly order: number
  /** Where each meter counted it. */
  readonly marks: ReadonlyArray<number>
  readonly epoch: number
  settled: boolean
}

/** A "no" that names what is missing. */
export interface Refusal extends LocalReject {
  readonly resource: Resource
}

/** A lower limit that a provider reported is forgotten after so long without another word of it. */
const believed: Millis = 600_000

export class Ledger {
  readonly #lines: ReadonlyArray<Line>
  /** Those that follow a lower limit which a provider reports. */
  readonly #perMinute: ReadonlyArray<Line>
  readonly #meters: ReadonlyArray<{ readonly index: number; readonly meter: Meter }>
  readonly #reports: ReadonlyArray<Report>
  readonly #limits: Limits

  /** Of the attempt in hand, per resource: what it needs or has reserved, and what it consumed. */
  readonly #asked = new Float64Array(resources.length)
  readonly #consumed = new Float64Array(resources.length)
  /** Per resource, since the start: what was consumed, and what is reserved now. */
  readonly #spent = new Float64Array(resources.length)
  #inFlight = 0
  #order = 0
  #epoch = 0
  #lastSeen = Number.NEGATIVE_INFINITY
  #refusal: Refusal = { _tag: "LocalReject", reason: "BulkheadFull", retryAt: undefined, resource: "inFlight" }

  constructor(limits: Limits) {
    const { learn, reserve, specs } = limits
    const configured = specs.map((spec) => new Line(spec))
    // GCRA has no window that could be made smaller: a lower limit that is reported gets a log beside it, open until then.
    const beside = specs
      .filter(({ algorithm, per }) => algorithm === "gcra" && per === 60_000)
      .map(
        (spec) => new Line({ ...spec, label: `${spec.label}.seen`, algorithm: "log", limit: Number.POSITIVE_INFINITY })
      )
    this.#limits = limits
    this.#lines = [...configured, ...beside]
    this.#perMinute = this.#lines.filter(({ algorithm, per }) => algorithm !== "gcra" && per === 60_000)
    this.#meters = this.#lines.flatMap(({ index, meters }) => meters.map((meter) => ({ index, meter })))
    // Money is in no header.
    this.#reports = (["requests", "tokens", "inputTokens", "outputTokens"] as const).flatMap((resource) => {
      const line = configured.find((one) => one.resource === resource)
      return line === undefined && !learn ? [] : [new Report(resource, line?.reserve ?? reserve)]
    })
  }

  verdict(now: Millis, cost: Cost, price: Price | undefined): Refusal | undefined {
    const at = this.#see(now)
    this.#estimate(cost, price)
    return this.#verdict(at, accessOf(cost))
  }

  admit(now: Millis, cost: Cost, price: Price | undefined): Permit | Refusal {
    const at = this.#see(now)
    this.#estimate(cost, price)
    const access = accessOf(cost)
    const refused = this.#verdict(at, access)
    if (refused !== undefined) return refused
    const note = access > 0 && this.#verdict(at, 0) !== undefined ? "Reserve" : undefined
    const asked = this.#asked
    const marks = new Array<number>(this.#meters.length)
    let next = 0
    for (const { index, meter } of this.#meters) marks[next++] = meter.add(at, asked[index] ?? 0)
    const order = ++this.#order
    this.#inFlight++
    for (let i = 0; i < resources.length; i++) {
      this.#spent[i] = (this.#spent[i] ?? 0) + (asked[i] ?? 0)
    }
    for (const report of this.#reports) report.charge(order, asked[report.index] ?? 0)
    return {
      requests: asked[0] ?? 0,
      inputTokens: asked[2] ?? 0,
      outputTokens: asked[3] ?? 0,
      price,
      note,
      order,
      marks,
      epoch: this.#epoch,
      settled: false
    }
  }

  settle(permit: Permit, outcome: Outcome | Unused, now: Millis, measured?: Measured): ReadonlyArray<GateEvent> {
    if (permit.settled) return noEvents
    permit.settled = true
    this.#inFlight--
    const at = this.#see(now)
    if (permit.epoch !== this.#epoch) return noEvents
    this.#fillConsumed(permit, outcome, measured)
    let next = 0
    for (const { index, meter } of this.#meters) {
      const more = (this.#consumed[index] ?? 0) - (this.#asked[index] ?? 0)
      const mark = permit.marks[next++] ?? 0
      if (more > 0) meter.add(at, more)
      else if (more < 0) meter.takeBack(mark, -more, at)
    }
    for (let i = 0; i < resources.length; i++) {
      this.#spent[i] = (this.#spent[i] ?? 0) + (this.#consumed[i] ?? 0) - (this.#asked[i] ?? 0)
    }
    for (const report of this.#reports) {
      report.charge(permit.order, (this.#consumed[report.index] ?? 0) - (this.#asked[report.index] ?? 0))
    }
    if (outcome._tag !== "Unused" && measured?.limits !== undefined) this.#learn(permit, measured, at)
    return noEvents
  }

  /** The least share left of all that is limited, in [0, 1]; `undefined` when nothing is. */
  headroom(now: Millis): number | undefined {
    const at = this.#see(now)
    const { maxInFlight } = this.#limits
    let least = maxInFlight === Number.POSITIVE_INFINITY ? undefined : Math.max(0, 1 - this.#inFlight / maxInFlight)
    for (const counted of [this.#lines, this.#reports]) {
      for (const one of counted) {
        const left = one.share(at)
        if (left !== undefined && (least === undefined || left < least)) least = left
      }
    }
    return least
  }

  snapshot(now: Millis): GateSnapshot {
    const at = this.#see(now)
    fill(this.#asked, 1, 0, 0, undefined)
    const fields: Record<string, string | number> = { inFlight: this.#inFlight }
    for (const line of this.#lines) line.save(at, fields)
    for (const report of this.#reports) report.save(at, fields)
    resources.forEach((resource, i) => {
      fields[`spent.${resource}`] = (this.#spent[i] ?? 0) / (resource === "usd" ? nano : 1)
    })
    return { state: this.#verdict(at, 0)?.reason ?? "free", ...fields }
  }

  restore(saved: GateSnapshot, now: Millis): void {
    const read = (key: string) => saved[key]
    this.#epoch++ // permits from before stand in other meters
    for (const line of this.#lines) line.load(read, now)
    for (const report of this.#reports) report.load(read, now, this.#order)
    resources.forEach((resource, i) => {
      this.#spent[i] = Math.round(numberFrom(read, `spent.${resource}`) * (resource === "usd" ? nano : 1))
    })
    this.#lastSeen = now
  }

  forgetReports(): void {
    for (const report of this.#reports) report.forget()
    for (const line of this.#lines) line.forget()
  }

  reset(): void {
    this.#epoch++
    this.#spent.fill(0)
    this.forgetReports()
    for (const line of this.#lines) line.clear()
  }

  #see(now: Millis): Millis {
    if (now > this.#lastSeen) this.#lastSeen = now
    return this.#lastSeen
  }

  #estimate(cost: Cost, price: Price | undefined): void {
    const usual = cost.tokens > 0 ? undefined : this.#limits.defaultTokens
    const output = usual?.output ?? outputOf(cost)
    fill(this.#asked, cost.requests, usual?.input ?? cost.tokens - output, output, price)
  }

  #fillConsumed(permit: Permit, outcome: Outcome | Unused, measured: Measured | undefined): void {
    const { inputTokens, outputTokens, price, requests } = permit
    fill(this.#asked, requests, inputTokens, outputTokens, price)
    if (outcome._tag === "Unused") {
      this.#consumed.fill(0)
      return
    }
    const input = inputConsumed(inputTokens, outcome, measured)
    fill(this.#consumed, requests, input, outputConsumed(outputTokens, outcome, measured), price)
  }

  /** On what is `asked`. */
  #verdict(at: Millis, access: Access): Refusal | undefined {
    const asked = this.#asked
    let longest: Line | Report | undefined
    let free = at
    for (const line of this.#lines) {
      const opens = line.freeAt(at, asked[line.index] ?? 0, access)
      if (opens === undefined) return this.#refuse("NeverFits", line.resource)
      if (opens <= free) continue
      free = opens
      longest = line
    }
    for (const report of this.#reports) {
      const opens = report.freeAt(at, asked[report.index] ?? 0, access)
      if (opens <= free) continue
      free = opens
      longest = report
    }
    if (longest !== undefined) {
      const { index, resource } = longest
      const withReserve = access < 2 ? longest.freeAt(at, asked[index] ?? 0, 2) : undefined
      const reason = withReserve !== undefined && withReserve <= at ? "Reserved" : reasons[resource]
      return this.#refuse(reason, resource, free === Number.POSITIVE_INFINITY ? undefined : free)
    }
    const { inFlightReserve, maxInFlight } = this.#limits
    if (this.#inFlight < capacityFor(access, maxInFlight, inFlightReserve)) return undefined
    return this.#refuse(this.#inFlight < maxInFlight ? "Reserved" : "BulkheadFull", "inFlight")
  }

  /** The same object while the answer is the same: rejections are common. */
  #refuse(reason: RejectReason, resource: Resource, retryAt?: Millis): Refusal {
    const last = this.#refusal
    if (last.reason === reason && last.resource === resource && last.retryAt === retryAt) return last
    this.#refusal = { _tag: "LocalReject", reason, retryAt, resource }
    return this.#refusal
  }

  #learn(permit: Permit, measured: Measured, at: Millis): void {
    for (const heard of measured.limits ?? []) {
      const report = this.#reports.find(({ resource }) => resource === heard.resource)
      if (report === undefined) continue
      const limit = report.hear(heard, permit.order, this.#order, answeredAt(measured, at))
      if (limit === undefined) continue
      for (const line of this.#perMinute) if (line.index === report.index) line.lower(limit, at + believed)
    }
  }
}
