/**
 * What a provider last said is left of one resource: until its reset no more than that is let in. A report can only lower:
 * it stands beside the limits of our own, and both must agree.
 *
 * The report of an attempt admitted later is the newer one, whichever arrives first: an older one changes nothing. Its reset
 * counts from the head of the answer, which for a stream is long ago when it is settled. Attempts under way at that moment
 * change nothing about it: nobody knows which of them the provider had counted.
 * Source: the epoch fence of effect's `RateLimiter.adaptiveFeedback`.
 */
import type { Measured, Millis, ReportedLimit } from "../../model/Gate.ts"
import { resources } from "./consumption.ts"
import { numberFrom, type Read } from "./meter.ts"
import { type Access, capacityFor, type Reserve } from "./reserve.ts"

/** Without a word about its reset a report holds for a minute, the period headers speak of. */
const withoutReset: Millis = 60_000
/** The longest a report is believed without a newer one. */
const longest: Millis = 86_400_000

export class Report {
  readonly resource: ReportedLimit["resource"]
  /** Of `resource` in `resources`. */
  readonly index: number
  readonly #reserve: Required<Reserve>
  /** Of the attempt whose `remaining` is in force. */
  #order = -1
  /** Of the attempt whose `limit` is in force. */
  #limitOrder = -1
  /** Of the last attempt admitted before the report came: those after it use up what it left. */
  #before = -1
  #left = 0
  #until: Millis = Number.NEGATIVE_INFINITY
  /** The provider's own limit, where it said. */
  #limit: number | undefined = undefined

  constructor(resource: ReportedLimit["resource"], reserve: Required<Reserve>) {
    this.resource = resource
    this.index = resources.indexOf(resource)
    this.#reserve = reserve
  }

  /** Not after `now` when `quantity` fits. One whose need is not known needs something. */
  freeAt(now: Millis, quantity: number, access: Access): Millis {
    if (now >= this.#until) return now
    const kept = this.#limit === undefined ? 0 : this.#limit - capacityFor(access, this.#limit, this.#reserve)
    return Math.max(1, quantity) <= this.#left - kept ? now : this.#until
  }

  /** An attempt was admitted, or consumed more (less: negative) than it had reserved. */
  charge(order: number, quantity: number): void {
    if (order > this.#before) this.#left -= quantity
  }

  /**
   * `order` is that of the attempt that brought it, `last` of the latest one admitted. Answers with the provider's own limit
   * when that is news.
   */
  hear(report: ReportedLimit, order: number, last: number, answeredAt: Millis): number | undefined {
    const left = sane(report.remaining)
    const limit = sane(report.limit)
    if (left !== undefined && order > this.#order) {
      this.#order = order
      this.#before = last
      this.#left = left
      this.#until = answeredAt + Math.min(sane(report.resetMs) ?? withoutReset, longest)
      this.#limit = limit
    }
    if (limit === undefined || limit < 1 || order <= this.#limitOrder) return undefined
    this.#limitOrder = order
    return limit
  }

  /** Share of the provider's own limit that it said is left, in [0, 1]; `undefined` when nothing is in force. */
  share(now: Millis): number | undefined {
    if (now >= this.#until || this.#limit === undefined || this.#limit <= 0) return undefined
    return Math.min(1, Math.max(0, this.#left / this.#limit))
  }

  forget(): void {
    this.#until = Number.NEGATIVE_INFINITY
  }

  save(now: Millis, into: Record<string, string | number>): void {
    if (now >= this.#until) return
    into[`reported.${this.resource}.left`] = Math.max(0, this.#left)
    into[`reported.${this.resource}.forMs`] = this.#until - now
    if (this.#limit !== undefined) into[`reported.${this.resource}.limit`] = this.#limit
  }

  /** `last` is the order of the latest attempt admitted. */
  load(read: Read, now: Millis, last: number): void {
    const forMs = numberFrom(read, `reported.${this.resource}.forMs`)
    const limit = numberFrom(read, `reported.${this.resource}.limit`)
    this.#order = last
    this.#limitOrder = last
    this.#before = last
    this.#left = numberFrom(read, `reported.${this.resource}.left`)
    this.#until = forMs > 0 ? now + forMs : Number.NEGATIVE_INFINITY
    this.#limit = limit > 0 ? limit : undefined
  }
}

/** When the head of the answer came, as far as anybody measured that. */
export const answeredAt = ({ firstContentMs, ms }: Measured, now: Millis): Millis =>
  firstContentMs !== undefined && firstContentMs < ms ? now - (ms - firstContentMs) : now

/** A number of a header that can be one: finite, >= 0. */
const sane = (value: number | undefined): number | undefined =>
  value !== undefined && value >= 0 && Number.isFinite(value) ? value : undefined
