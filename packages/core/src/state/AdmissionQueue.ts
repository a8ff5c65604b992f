/**
 * The callers that wait for a target: who may wait, for how long, who is next and who has to go. A plain data structure:
 * it wakes nobody and asks no target. Every step is O(log n) in those who wait, a search O(1) for each it looks at.
 *
 * **Order**, from the outside in: a class by `order`; inside the class one tenant after the other (`fairness`); inside a
 * tenant first come, first served. A class is as urgent as its oldest waiter, and when its turn comes its tenants settle
 * among themselves whose it is: so ageing lifts a class, not one tenant's backlog, and a tenant with a thousand waiters
 * delays another's single one by one turn.
 *
 * **Bounds.** A caller waits at most `maxWait` in all, and never past its deadline. When `maxQueued` wait, a newcomer takes
 * the place of the youngest of the least urgent class, if its own class is more urgent; inside one class it takes a place
 * from the tenant that has the most, if that leaves the newcomer's tenant with fewer. Else it is refused.
 *
 * **Use.** Whenever a permit may have come free: `find` a waiter that fits, admit it, `take` it, until none is found; then
 * `expire`, and look again at `nextExpiry`. A newcomer that finds the queue empty, or nobody ahead that fits what is free,
 * need not wait. In this order CoDel never turns somebody away for whom a permit is free.
 *
 * Not a rate limit, and not durable: `redis/PriorityQueue` is the queue of many processes, with the same `deadline` order.
 * Source: classes, flows and late binding of the target: llm-d's flow control; earliest deadline first: Liu and Layland,
 * JACM 20(1), 1973. The other parts name theirs.
 */
import * as Duration from "effect/Duration"
import type { Priority } from "../model/Cost.ts"
import type { LocalReject, Millis } from "../model/Gate.ts"
import { InvalidOption, integer, onlyKeys, positive } from "../model/InvalidOption.ts"
import { positiveMillis } from "../model/RouteRequest.ts"
import { byClass, byDueTime, byShare, type ClassOrder } from "./internal/admission/ClassOrder.ts"
import { Codel } from "./internal/admission/Codel.ts"
import type { DropReason, Waiter } from "./internal/admission/Waiter.ts"
import { WaitingClass } from "./internal/admission/WaitingClass.ts"
import { WaitingRoom } from "./internal/admission/WaitingRoom.ts"

export type { ClassOrder, Level } from "./internal/admission/ClassOrder.ts"
export { type DropReason, Waiter } from "./internal/admission/Waiter.ts"

export interface Options {
  /**
   * Callers that wait at once. Integer >= 0 (0: nobody waits), default 1000: what a thousand calls per second bring during
   * the default `maxWait`. `maxWait` is the bound that should bite; this one keeps memory and a flood in hand.
   */
  readonly maxQueued?: number
  /**
   * How long a call may wait, all its waits together; never past its deadline. > 0, by class if it is a function (asked
   * once). Default 1 second, and each wait at most a quarter of the time that is left for the call.
   */
  readonly maxWait?: Duration.Input | ((priority: Priority) => Duration.Input)
  /**
   * Which class is next: `deadline()`, `strict` or `weighted()`. Default `deadline()`: no class starves. While nobody waits
   * for longer than the differences in slack, as with the default `maxWait`, that is the order of `strict`; it shows when
   * batch calls may wait for minutes.
   */
  readonly order?: Order
  /**
   * Tenants of a class take turns. `weights`: turns in a round by tenant, integers >= 1, 1 for those not named. `false`:
   * first come, first served across tenants. Default turns of 1.
   */
  readonly fairness?: { readonly weights?: Readonly<Record<string, number>> } | false
  /**
   * Turns callers away early when a queue stands. Default `false`: a call takes seconds, so a queue that stands for one only
   * says that the targets are busy, and `maxWait` bounds the wait already. Of use where `maxWait` is long.
   */
  readonly codel?: CodelOptions | false
}

/**
 * A class is overloaded when during an `interval` somebody always waited, and whenever one was served the oldest had waited
 * longer than `target`. Whoever waits for a known time (`atLeastUntil`) counts from then, and covers those behind.
 */
export interface CodelOptions {
  /** > 0, default 100 ms. In an overloaded class whoever has waited twice as long is dropped. */
  readonly target?: Duration.Input
  /** Longer than `target`, default 1 second. */
  readonly interval?: Duration.Input
  /**
   * Classes that are left alone. Default P0. Each class is judged by its own delay, and the less urgent ones wait longer: so
   * they are the first to be overloaded, and nobody urgent is dropped for them.
   */
  readonly exempt?: ReadonlyArray<Priority>
  /** Serve the newest first inside a tenant while its class is overloaded: they have the most time left. Default false. */
  readonly newestFirst?: boolean
}

/** Which class is served next. `make` is called once per queue. */
export interface Order {
  readonly name: string
  readonly make: () => ClassOrder
}

export interface AdmissionQueue<W extends Waiter> {
  readonly size: number
  sizeOf(priority: Priority): number
  /** Lets the waiter in (`undefined`) or says why not: `QueueFull`, `QueueTimeout` or `DeadlineExceeded`. May drop another one. */
  offer(waiter: W, now: Millis): LocalReject | undefined
  /** The one to serve next; it stays. */
  head(now: Millis): W | undefined
  /**
   * The first one that `fits`, in the order in which they would be served; it stays. Looks at no more than `limit` (default
   * 16), so that a scan is bounded however many wait for what is not free. `fits` must not use the queue.
   */
  find(now: Millis, fits: (waiter: W) => boolean, limit?: number): W | undefined
  /** It is being served: uses up a turn of its tenant and its class. False: it was not waiting here. */
  take(waiter: W, now: Millis): boolean
  /** It went by itself: frees its place at once and costs nobody a turn. False: it was not waiting here. */
  leave(waiter: W, now: Millis): boolean
  /**
   * Drops whose time is up, and whom CoDel turns away. The former go by themselves in `offer`, `head` and `find` too; CoDel
   * waits for this call, which should come when nobody who waits can be served.
   */
  expire(now: Millis): void
  /** When `expire` may have something to do; `undefined` while nobody's time is bounded. */
  nextExpiry(): Millis | undefined
  snapshot(now: Millis): Snapshot
}

/** For people and metrics. Counters are since the queue was made: `queued = served + left + dropped + size`. */
export interface Snapshot {
  readonly size: number
  readonly maxQueued: number
  readonly order: string
  readonly depth: Readonly<Record<Priority, number>>
  /** Milliseconds the oldest of the class has waited; `undefined` when nobody does. */
  readonly oldestMs: Readonly<Record<Priority, Millis | undefined>>
  /** Pairs of class and tenant with somebody waiting. */
  readonly flows: number
  /** By CoDel's last judgement; always false without it. */
  readonly overloaded: Readonly<Record<Priority, boolean>>
  readonly queued: number
  readonly served: number
  readonly left: number
  readonly refused: Readonly<Record<"QueueFull" | "QueueTimeout" | "DeadlineExceeded", number>>
  readonly dropped: Readonly<Record<DropReason, number>>
}

const optionKeys: ReadonlySet<string> = new Set(["maxQueued", "maxWait", "order", "fairness", "codel"])

/** Throws `InvalidOption`. */
export const make = <W extends Waiter = Waiter>(options: Options = {}): AdmissionQueue<W> => {
  onlyKeys("AdmissionQueue", options, optionKeys)
  const where = "AdmissionQueue"
  const { codel = false, fairness = {}, maxWait, order = deadline() } = options
  if (typeof order?.make !== "function") {
    throw new InvalidOption(`${where}: order`, "strict, weighted() or deadline() of this module", order)
  }
  const weightOf = fairness === false ? () => 1 : weightsOf(fairness.weights ?? {})
  const codelOf = codel === false ? () => undefined : codelsOf(codel)
  const newestFirst = codel !== false && codel.newestFirst === true
  const classOf = (priority: Priority) => new WaitingClass<W>({ weightOf, codel: codelOf(priority), newestFirst })
  const longest = (priority: Priority): Millis =>
    positiveMillis(`${where}: maxWait`, (typeof maxWait === "function" ? maxWait(priority) : maxWait) ?? "1 second")
  const longestMs = { P0: longest("P0"), P1: longest("P1"), P2: longest("P2"), P3: longest("P3") }
  return new WaitingRoom<W>({
    maxQueued: integer(`${where}: maxQueued`, options.maxQueued ?? 1000, 0),
    orderName: order.name,
    order: order.make(),
    fair: fairness !== false,
    classes: [classOf("P0"), classOf("P1"), classOf("P2"), classOf("P3")],
    mayWait: (waiter, now) => {
      const unused = longestMs[waiter.priority] - waiter.waitedMs
      return maxWait === undefined ? Math.min(unused, (waiter.deadlineAt - now) / 4) : unused
    }
  })
}

const weightsOf = (named: Readonly<Record<string, number>>): ((tenant: string | undefined) => number) => {
  const weights = new Map<string | undefined, number>()
  for (const [tenant, weight] of Object.entries(named)) {
    weights.set(tenant, integer(`AdmissionQueue: fairness.weights.${tenant}`, weight))
  }
  return (tenant) => weights.get(tenant) ?? 1
}

const codelsOf = (options: CodelOptions): ((priority: Priority) => Codel | undefined) => {
  const target = positiveMillis("AdmissionQueue: codel.target", options.target ?? "100 millis")
  const interval = positiveMillis("AdmissionQueue: codel.interval", options.interval ?? "1 second")
  if (interval <= target) {
    throw new InvalidOption(
      "AdmissionQueue: codel.interval",
      `a duration > codel.target (${target} ms)`,
      options.interval
    )
  }
  const exempt = new Set(options.exempt ?? ["P0"])
  return (priority) => (exempt.has(priority) ? undefined : new Codel(target, interval))
}

/** A lower class waits for as long as a higher one has anybody. It can starve, up to its `maxWait`. */
export const strict: Order = { name: "strict", make: byClass }

/** Shares of service between the classes that have anybody waiting. Finite, > 0, default 8, 4, 2, 1. */
export const weighted = (weights: Partial<Record<Priority, number>> = {}): Order => {
  const weight = (priority: Priority, otherwise: number) =>
    positive(`AdmissionQueue: weighted.${priority}`, weights[priority] ?? otherwise)
  const perLevel = [weight("P0", 8), weight("P1", 4), weight("P2", 2), weight("P3", 1)] as const
  return { name: "weighted", make: () => byShare(perLevel) }
}

/**
 * A caller is due `slack` of its class after it came, and the class with the earliest due time is next: urgent classes
 * overtake, but not somebody who has waited that much longer. >= 0, default 0, 5, 30, 120 seconds.
 */
export const deadline = (options: { readonly slack?: Partial<Record<Priority, Duration.Input>> } = {}): Order => {
  const slack = (priority: Priority, otherwise: number) =>
    slackMillis(`AdmissionQueue: deadline.slack.${priority}`, options.slack?.[priority] ?? otherwise)
  const perLevel = [slack("P0", 0), slack("P1", 5000), slack("P2", 30_000), slack("P3", 120_000)] as const
  return { name: "deadline", make: () => byDueTime(perLevel) }
}

const slackMillis = (option: string, input: Duration.Input): Millis => {
  const duration = Duration.fromInput(input)
  const millis = duration._tag === "Some" ? Duration.toMillis(duration.value) : Number.NaN
  if (millis >= 0) return millis
  throw new InvalidOption(option, `a duration >= 0, such as "30 seconds" or 1500 (milliseconds)`, input)
}
