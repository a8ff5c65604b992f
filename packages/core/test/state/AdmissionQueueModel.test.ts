/**
 * The queue against its rules written out: one list of all who wait, sorted and filtered anew for every question, whole
 * intervals of delays kept, and turns told by when a tenant last came to the end of the ring.
 */
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import type { Priority } from "../../src/model/Cost.ts"
import * as AdmissionQueue from "../../src/state/AdmissionQueue.ts"

const priorities = ["P0", "P1", "P2", "P3"] as const
const levels = [0, 1, 2, 3] as const

interface Wishes {
  readonly priority: Priority
  readonly tenant: string | undefined
  readonly deadlineAt: number
  readonly atLeastUntil: number
  readonly atMostUntil: number
}

class Caller extends AdmissionQueue.Waiter {
  readonly id: number
  readonly priority: Priority
  readonly tenant: string | undefined
  readonly deadlineAt: number
  override readonly atLeastUntil: number
  override readonly atMostUntil: number
  readonly told: Array<string>
  constructor(id: number, wishes: Wishes, told: Array<string>) {
    super()
    this.id = id
    this.priority = wishes.priority
    this.tenant = wishes.tenant
    this.deadlineAt = wishes.deadlineAt
    this.atLeastUntil = wishes.atLeastUntil
    this.atMostUntil = wishes.atMostUntil
    this.told = told
  }
  dropped(reason: AdmissionQueue.DropReason): void {
    this.told.push(`${this.id} ${reason}`)
  }
}

interface Rules {
  readonly order: "strict" | "weighted" | "deadline"
  readonly fair: boolean
  readonly maxQueued: number
  /** `undefined`: a quarter of the time left, at most 1000. */
  readonly maxWait: number | undefined
  readonly codel: "off" | "on" | "newest first"
}

const slacks = [0, 60, 150, 400] as const
/** Powers of two: thirds would round. */
const shares = [8, 1, 4, 2] as const
const turnsOf = new Map<string | undefined, number>([
  ["big", 3],
  ["huge", 5]
])
const target = 20
const interval = 100

const optionsOf = (rules: Rules): AdmissionQueue.Options => ({
  maxQueued: rules.maxQueued,
  ...(rules.maxWait === undefined ? {} : { maxWait: rules.maxWait }),
  order: {
    strict: AdmissionQueue.strict,
    weighted: AdmissionQueue.weighted({ P0: shares[0], P1: shares[1], P2: shares[2], P3: shares[3] }),
    deadline: AdmissionQueue.deadline({ slack: { P0: slacks[0], P1: slacks[1], P2: slacks[2], P3: slacks[3] } })
  }[rules.order],
  fairness: rules.fair ? { weights: { big: 3, huge: 5 } } : false,
  codel:
    rules.codel === "off" ? false : { target, interval, exempt: ["P0"], newestFirst: rules.codel === "newest first" }
})

interface Entry {
  readonly id: number
  readonly level: number
  readonly tenant: string | undefined
  readonly at: number
  readonly giveUpAt: number
  readonly deadlineAt: number
  readonly queuesSince: number
}

class Model {
  readonly rules: Rules
  /** In the order of arrival. */
  waiting: Array<Entry> = []
  now = Number.NEGATIVE_INFINITY
  told: Array<string> = []
  waitedMs = new Map<number, number>()
  /** By class and tenant: when it came to the end of the ring, and how many it has served since. */
  turns = new Map<string, { readonly since: number; readonly used: number }>()
  events = 0
  /** In eighths of a service of weight 1. */
  pass = [0, 0, 0, 0]
  virtualTime = 0
  intervals: Array<{ begins: number; delays: Array<number>; overloaded: boolean } | undefined> = []

  constructor(rules: Rules) {
    this.rules = rules
  }

  copy(): Model {
    const intervals = this.intervals.map((one) => (one === undefined ? undefined : { ...one, delays: [...one.delays] }))
    return Object.assign(new Model(this.rules), this, {
      waiting: [...this.waiting],
      told: [],
      waitedMs: new Map(this.waitedMs),
      turns: new Map(this.turns),
      pass: [...this.pass],
      intervals
    })
  }

  of(level: number): ReadonlyArray<Entry> {
    return this.waiting.filter((entry) => entry.level === level)
  }
  flowOf(entry: { readonly level: number; readonly tenant: string | undefined }): string {
    return `${entry.level}/${entry.tenant}`
  }
  weight(tenant: string | undefined): number {
    return turnsOf.get(tenant) ?? 1
  }
  age(level: number): number {
    const oldest = this.of(level)[0]
    return oldest === undefined ? 0 : Math.max(0, this.now - oldest.queuesSince)
  }

  tick(now: number): void {
    this.now = Math.max(this.now, now)
    for (const level of levels) {
      const judged = this.intervals[level]
      if (judged === undefined || this.now < judged.begins + interval) continue
      const delays = judged.delays.length === 0 ? [this.age(level)] : judged.delays
      this.intervals[level] = { begins: this.now, delays: [], overloaded: Math.min(...delays) > target }
    }
  }
  /** Everybody whose time is up goes. */
  look(now: number): void {
    this.tick(now)
    const due = this.waiting.filter(({ giveUpAt }) => giveUpAt <= this.now)
    due.sort((a, b) => a.giveUpAt - b.giveUpAt || this.waiting.indexOf(a) - this.waiting.indexOf(b))
    for (const entry of due) {
      this.told.push(`${entry.id} ${entry.deadlineAt === entry.giveUpAt ? "DeadlineExceeded" : "QueueTimeout"}`)
      this.remove(entry)
    }
  }
  remove(entry: Entry): void {
    this.waiting = this.waiting.filter((other) => other !== entry)
    this.waitedMs.set(entry.id, (this.waitedMs.get(entry.id) ?? 0) + this.now - entry.at)
    if (!this.waiting.some((other) => this.flowOf(other) === this.flowOf(entry))) this.turns.delete(this.flowOf(entry))
    if (this.of(entry.level).length === 0) this.intervals[entry.level] = undefined
    if (this.waiting.length === 0) {
      this.pass = [0, 0, 0, 0]
      this.virtualTime = 0
    }
  }

  offer(id: number, wishes: Wishes, now: number): string | undefined {
    this.look(now)
    const { maxQueued, maxWait } = this.rules
    const waited = this.waitedMs.get(id) ?? 0
    if (wishes.deadlineAt <= this.now) return "DeadlineExceeded"
    const mayWait =
      maxWait === undefined ? Math.min(1000 - waited, (wishes.deadlineAt - this.now) / 4) : maxWait - waited
    const giveUpAt = Math.min(Math.max(this.now + mayWait, wishes.atLeastUntil), wishes.atMostUntil, wishes.deadlineAt)
    if (giveUpAt <= this.now) return "QueueTimeout"
    const level = priorities.indexOf(wishes.priority)
    const tenant = this.rules.fair ? wishes.tenant : undefined
    let evicted: Entry | undefined
    if (this.waiting.length >= maxQueued) {
      evicted = this.evictable(level, tenant)
      if (evicted === undefined) return "QueueFull"
      this.remove(evicted)
      this.told.push(`${evicted.id} Evicted`)
    }
    if (this.of(level).length === 0) {
      this.pass[level] = Math.max(this.pass[level] ?? 0, this.virtualTime)
      if (level > 0 && this.rules.codel !== "off") {
        this.intervals[level] = { begins: this.now, delays: [], overloaded: false }
      }
    }
    const entry: Entry = {
      id,
      level,
      tenant,
      at: this.now,
      giveUpAt,
      deadlineAt: wishes.deadlineAt,
      queuesSince: Math.max(this.now, wishes.atLeastUntil)
    }
    this.waiting.push(entry)
    if (!this.turns.has(this.flowOf(entry))) this.turns.set(this.flowOf(entry), { since: this.events++, used: 0 })
    return undefined
  }
  evictable(level: number, tenant: string | undefined): Entry | undefined {
    const worst = Math.max(...this.waiting.map((entry) => entry.level))
    if (worst < level) return undefined
    const inWorst = this.of(worst)
    const count = (of: string | undefined) => inWorst.filter((entry) => entry.tenant === of).length
    const load = (of: string | undefined) => count(of) / this.weight(of)
    const heaviest = Math.max(...inWorst.map((entry) => load(entry.tenant)))
    const victim = inWorst.filter((entry) => load(entry.tenant) === heaviest).at(-1)
    if (worst > level) return victim
    return this.rules.fair && (count(tenant) + 1) / this.weight(tenant) < heaviest ? victim : undefined
  }

  scores(): ReadonlyArray<number> {
    return levels.map((level) => {
      const oldest = this.of(level)[0]
      if (oldest === undefined) return Number.POSITIVE_INFINITY
      if (this.rules.order === "strict") return level
      return this.rules.order === "deadline" ? oldest.at + slacks[level] : (this.pass[level] ?? 0)
    })
  }
  head(): Entry | undefined {
    if (this.waiting.length === 0) return undefined
    const scores = this.scores()
    const inClass = this.of(scores.indexOf(Math.min(...scores)))
    const since = (entry: Entry) => this.turns.get(this.flowOf(entry))?.since ?? Number.NaN
    const first = Math.min(...inClass.map(since))
    const inFlow = inClass.filter((entry) => since(entry) === first)
    const level = inFlow[0]?.level ?? 0
    return this.rules.codel === "newest first" && this.intervals[level]?.overloaded === true ? inFlow.at(-1) : inFlow[0]
  }
  take(entry: Entry): void {
    this.virtualTime = Math.min(...this.scores())
    this.pass[entry.level] = (this.pass[entry.level] ?? 0) + 8 / (shares[entry.level] ?? 1)
    this.intervals[entry.level]?.delays.push(this.age(entry.level))
    const flow = this.flowOf(entry)
    const { since, used } = this.turns.get(flow) ?? { since: 0, used: 0 }
    const over = used + 1 >= this.weight(entry.tenant)
    this.turns.set(flow, over ? { since: this.events++, used: 0 } : { since, used: used + 1 })
    this.remove(entry)
  }
  /** The order of service, if nothing else happened. */
  upcoming(limit: number): ReadonlyArray<number> {
    const copy = this.copy()
    const ids: Array<number> = []
    for (let head = copy.head(); head !== undefined && ids.length < limit; head = copy.head()) {
      ids.push(head.id)
      const overloaded = copy.intervals.map((one) => one?.overloaded)
      copy.take(head)
      copy.intervals.forEach((one, level) => {
        if (one !== undefined) one.overloaded = overloaded[level] === true
      })
    }
    return ids
  }
  expire(now: number): void {
    this.look(now)
    for (const level of [3, 2, 1]) {
      // Those behind somebody who still waits for a known time are covered.
      for (let oldest = this.of(level)[0]; oldest !== undefined; oldest = this.of(level)[0]) {
        if (this.intervals[level]?.overloaded !== true || oldest.queuesSince + 2 * target > this.now) break
        this.told.push(`${oldest.id} Overloaded`)
        this.remove(oldest)
      }
    }
  }
  nextExpiry(): number | undefined {
    const times = this.waiting.map(({ giveUpAt }) => giveUpAt)
    for (const level of levels) {
      const judged = this.intervals[level]
      const oldest = this.of(level)[0]
      if (judged === undefined || oldest === undefined) continue
      times.push(judged.begins + interval)
      if (judged.overloaded) times.push(oldest.queuesSince + 2 * target)
    }
    const first = Math.min(...times)
    return first === Number.POSITIVE_INFINITY ? undefined : first
  }
}

const never = Number.POSITIVE_INFINITY
const command = fc.record({
  do: fc.constantFrom(
    "offer",
    "offer",
    "offer",
    "offer",
    "offer",
    "again",
    "serve",
    "serve",
    "find",
    "leave",
    "scan",
    "expire"
  ),
  wait: fc.oneof(
    { weight: 6, arbitrary: fc.nat(8) },
    { weight: 2, arbitrary: fc.nat(60) },
    { weight: 1, arbitrary: fc.constant(-30) }
  ),
  priority: fc.constantFrom(...priorities),
  tenant: fc.constantFrom(undefined, "a", "b", "big", "huge", "big", "__proto__"),
  deadline: fc.oneof(
    { weight: 3, arbitrary: fc.constant(never) },
    { weight: 1, arbitrary: fc.integer({ min: -5, max: 600 }) }
  ),
  atLeast: fc.oneof({ weight: 4, arbitrary: fc.constant(-never) }, { weight: 1, arbitrary: fc.nat(300) }),
  atMost: fc.oneof(
    { weight: 4, arbitrary: fc.constant(never) },
    { weight: 1, arbitrary: fc.integer({ min: -5, max: 200 }) }
  ),
  which: fc.nat(12)
})

const obeys = (order: Rules["order"], fair: boolean) =>
  fc.assert(
    fc.property(
      fc.record({
        order: fc.constant(order),
        fair: fc.constant(fair),
        maxQueued: fc.constantFrom(0, 3, 3, 6, 6, 100, 100),
        maxWait: fc.constantFrom(undefined, 90, 400, never),
        codel: fc.constantFrom("off", "on", "on", "newest first", "newest first")
      }),
      fc.array(command, { maxLength: 45, size: "max" }),
      (rules, commands) => {
        const told: Array<string> = []
        const queue = AdmissionQueue.make<Caller>(optionsOf(rules))
        const model = new Model(rules)
        const callers: Array<Caller> = []
        let clock = 0
        for (const command of commands) {
          clock += command.wait
          const now = clock
          const idle = callers.filter(({ id }) => !model.waiting.some((entry) => entry.id === id))
          if (command.do === "offer" || command.do === "again") {
            const old = command.do === "again" ? idle[command.which] : undefined
            const caller =
              old ??
              new Caller(
                callers.length,
                {
                  priority: command.priority,
                  tenant: command.tenant,
                  deadlineAt: now + command.deadline,
                  atLeastUntil: now + command.atLeast,
                  atMostUntil: now + command.atMost
                },
                told
              )
            if (old === undefined) callers.push(caller)
            assert.strictEqual(queue.offer(caller, now)?.reason, model.offer(caller.id, caller, now))
          } else if (command.do === "serve") {
            model.look(now)
            const wanted = model.head()
            const head = queue.head(now)
            assert.strictEqual(head?.id, wanted?.id)
            if (head !== undefined) assert.isTrue(queue.take(head, now))
            if (wanted !== undefined) model.take(wanted)
          } else if (command.do === "find") {
            model.look(now)
            const fits = (id: number) => id % 3 === command.which % 3
            const wanted = model.upcoming(4).find(fits)
            const found = queue.find(now, ({ id }) => fits(id), 4)
            assert.strictEqual(found?.id, wanted)
            if (found !== undefined) queue.take(found, now)
            const entry = model.waiting.find(({ id }) => id === wanted)
            if (entry !== undefined) model.take(entry)
          } else if (command.do === "leave") {
            const caller = callers[command.which]
            if (caller === undefined) continue
            const entry = model.waiting.find(({ id }) => id === caller.id)
            assert.strictEqual(queue.leave(caller, now), entry !== undefined)
            if (entry === undefined) continue
            model.tick(now)
            model.remove(entry)
          } else if (command.do === "scan") {
            model.look(now)
            const seen: Array<number> = []
            queue.find(now, ({ id }) => seen.push(id) < 0, 8)
            assert.deepStrictEqual(seen, model.upcoming(8))
          } else {
            model.expire(now)
            queue.expire(now)
          }
          if (told.length !== model.told.length) break
          if (queue.size !== model.waiting.length) assert.fail(`${queue.size} wait, not ${model.waiting.length}`)
          const next = model.nextExpiry()
          if (queue.nextExpiry() !== next) assert.fail(`looks again at ${queue.nextExpiry()}, not ${next}`)
        }
        assert.deepStrictEqual(told, model.told)
        const snapshot = queue.snapshot(clock)
        assert.deepStrictEqual(
          Object.values(snapshot.depth),
          levels.map((level) => model.of(level).length)
        )
        assert.deepStrictEqual(
          Object.values(snapshot.oldestMs),
          levels.map(
            (level) =>
              model
                .of(level)
                .slice(0, 1)
                .map(({ at }) => Math.max(model.now, clock) - at)[0]
          )
        )
        assert.deepStrictEqual(
          Object.values(snapshot.overloaded),
          levels.map((level) => model.intervals[level]?.overloaded === true)
        )
        assert.strictEqual(snapshot.flows, model.turns.size)
        for (const { id, waitedMs } of callers) assert.strictEqual(waitedMs, model.waitedMs.get(id) ?? 0)
        const dropped = Object.values(snapshot.dropped).reduce((sum, n) => sum + n, 0)
        assert.strictEqual(snapshot.queued, snapshot.served + snapshot.left + dropped + snapshot.size)
        assert.strictEqual(dropped, told.length)
        for (const caller of callers) queue.leave(caller, clock)
        const { flows, size } = queue.snapshot(clock)
        assert.deepStrictEqual({ flows, size }, { flows: 0, size: 0 })
      }
    ),
    { numRuns: 1000 }
  )

describe("AdmissionQueue against its rules written out", () => {
  for (const order of ["strict", "weighted", "deadline"] as const) {
    for (const fair of [true, false]) {
      it(`does what they say in the order ${order}, ${fair ? "tenants by turns" : "first come, first served"}`, () =>
        obeys(order, fair))
    }
  }
})
