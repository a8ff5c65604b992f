import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import type { Priority } from "../../src/model/Cost.ts"
import type { Millis } from "../../src/model/Gate.ts"
import * as AdmissionQueue from "../../src/state/AdmissionQueue.ts"
import * as Seeded from "../../src/testing/Seeded.ts"

interface Wishes {
  readonly priority?: Priority
  readonly tenant?: string
  readonly deadlineAt?: Millis
  readonly atLeastUntil?: Millis
  readonly atMostUntil?: Millis
  readonly dropped?: (reason: AdmissionQueue.DropReason) => void
}

class Caller extends AdmissionQueue.Waiter {
  readonly name: string
  readonly priority: Priority
  readonly tenant: string | undefined
  readonly deadlineAt: Millis
  override readonly atLeastUntil: Millis
  override readonly atMostUntil: Millis
  readonly told: Array<AdmissionQueue.DropReason> = []
  readonly whenDropped: Wishes["dropped"]
  constructor(name: string, wishes: Wishes = {}) {
    super()
    this.name = name
    this.priority = wishes.priority ?? "P1"
    this.tenant = wishes.tenant
    this.deadlineAt = wishes.deadlineAt ?? Number.POSITIVE_INFINITY
    this.atLeastUntil = wishes.atLeastUntil ?? Number.NEGATIVE_INFINITY
    this.atMostUntil = wishes.atMostUntil ?? Number.POSITIVE_INFINITY
    this.whenDropped = wishes.dropped
  }
  dropped(reason: AdmissionQueue.DropReason): void {
    this.told.push(reason)
    this.whenDropped?.(reason)
  }
}

type Queue = AdmissionQueue.AdmissionQueue<Caller>

/** Patient, unless a test says otherwise: what is tested is mostly the order. */
const make = (options: AdmissionQueue.Options = {}): Queue => AdmissionQueue.make({ maxWait: "Infinity", ...options })

/** Comes and waits; fails the test when it is refused. */
const waits = (queue: Queue, now: Millis, name: string, wishes: Wishes = {}): Caller => {
  const caller = new Caller(name, wishes)
  const refused = queue.offer(caller, now)
  if (refused !== undefined) assert.fail(`${name} was refused: ${refused.reason}`)
  return caller
}

/** Serves the head; its name, or "" when nobody waits. */
const serve = (queue: Queue, now: Millis): string => {
  const head = queue.head(now)
  if (head === undefined) return ""
  if (!queue.take(head, now)) assert.fail(`${head.name} is the head and cannot be taken`)
  return head.name
}

const serveAll = (queue: Queue, now: Millis): string => {
  const names: Array<string> = []
  while (queue.size > 0) names.push(serve(queue, now))
  return names.join(" ")
}

const crowd = (queue: Queue, now: Millis, count: number, wishes: Wishes, name = wishes.tenant ?? "") =>
  Array.from({ length: count }, (_, i) => waits(queue, now, `${name}${i + 1}`, wishes))

describe("AdmissionQueue", () => {
  describe("order", () => {
    const mixed = (queue: Queue) => {
      waits(queue, 0, "d1", { priority: "P3" })
      waits(queue, 1, "b1", { priority: "P1" })
      waits(queue, 2, "a1", { priority: "P0" })
      waits(queue, 3, "b2", { priority: "P1" })
      waits(queue, 4, "c1", { priority: "P2" })
      waits(queue, 5, "a2", { priority: "P0" })
    }

    it("strict: the more urgent class first, first come, first served inside", () => {
      const queue = make({ order: AdmissionQueue.strict })
      mixed(queue)
      assert.strictEqual(serveAll(queue, 1e9), "a1 a2 b1 b2 c1 d1")
    })

    it("by default the same for callers who came at about the same time", () => {
      const queue = make()
      mixed(queue)
      assert.strictEqual(serveAll(queue, 6), "a1 a2 b1 b2 c1 d1")
      assert.strictEqual(queue.snapshot(6).order, "deadline")
    })

    // By hand, slack 0, 5, 30 and 120 s: due at 120 are a, b, d; at 121 A, B, C. On a tie the more urgent class.
    it("deadline: whoever is due first, where due is the slack of the class after arrival", () => {
      const queue = make({ order: AdmissionQueue.deadline() })
      const at = (seconds: number, name: string, priority: Priority) => waits(queue, seconds * 1000, name, { priority })
      at(0, "d", "P3")
      at(91, "C", "P2")
      at(115, "b", "P1")
      at(116, "B", "P1")
      at(120, "a", "P0")
      at(121, "A", "P0")
      assert.strictEqual(serveAll(queue, 121_000), "a b d A B C")
    })

    // R. and A. Arpaci-Dusseau, "Operating Systems: Three Easy Pieces", figure 9.3: A B C C C A C C.
    it("weighted: the printed trace of stride scheduling", () => {
      const queue = make({ order: AdmissionQueue.weighted({ P0: 100, P1: 50, P2: 250 }), fairness: false })
      for (const [name, priority] of [
        ["A", "P0"],
        ["B", "P1"],
        ["C", "P2"]
      ] as const)
        crowd(queue, 0, 9, { priority }, name)
      const trace = Array.from({ length: 8 }, () => serve(queue, 1).slice(0, 1))
      assert.strictEqual(trace.join(" "), "A B C C C A C C")
    })

    it("weighted: of 1500 services the classes get 800, 400, 200 and 100, and an idle class leaves its share to the others", () => {
      const queue = make({ order: AdmissionQueue.weighted(), maxQueued: 10_000 })
      for (const priority of ["P0", "P1", "P2", "P3"] as const) crowd(queue, 0, 2000, { priority }, priority)
      const served: Record<string, number> = {}
      for (let i = 0; i < 1500; i++) {
        const name = serve(queue, 1).slice(0, 2)
        served[name] = (served[name] ?? 0) + 1
      }
      assert.deepStrictEqual(served, { P0: 800, P1: 400, P2: 200, P3: 100 })
      while (queue.sizeOf("P0") > 0) serve(queue, 1)
      assert.strictEqual(
        Array.from({ length: 7 }, () => serve(queue, 1).slice(0, 2))
          .sort()
          .join(" "),
        "P1 P1 P1 P1 P2 P2 P3"
      )
    })

    /**
     * One permit, calls of one second, and two P0 a second for an hour: an overload of two. When is the P3 served that came
     * first of all, and how many P0 were served before it?
     */
    const overloaded = (order: AdmissionQueue.Order) => {
      const queue = make({ order, maxQueued: 10_000 })
      waits(queue, 0, "P3", { priority: "P3" })
      for (let second = 0; second < 3600; second++) {
        crowd(queue, second * 1000, 2, { priority: "P0" }, "P0")
        if (serve(queue, second * 1000) === "P3") return second
      }
      return undefined
    }

    it("strict starves a P3 under an hour of too many P0; deadline and weighted do not", () => {
      assert.isUndefined(overloaded(AdmissionQueue.strict))
      // The P0 that came until second 120 go first (the tie included): 242 of them, one each second.
      assert.strictEqual(overloaded(AdmissionQueue.deadline()), 242)
      // 8 of 9 turns are P0's: both start level, and the P0 of the first second wins the tie.
      assert.strictEqual(overloaded(AdmissionQueue.weighted()), 1)
    })

    it("deadline: nobody waits behind more than those who came within the difference in slack, whatever comes", () => {
      const arrival = fc.record({ wait: fc.nat(3000), priority: fc.constantFrom("P0", "P1", "P2", "P3") })
      const slack = { P0: 0, P1: 5000, P2: 30_000, P3: 120_000 }
      fc.assert(
        fc.property(fc.array(arrival, { maxLength: 120, size: "max" }), (arrivals) => {
          const queue = make()
          const came: Array<Caller> = []
          let now = 0
          for (const { priority, wait } of arrivals) {
            now += wait
            came.push(waits(queue, now, "", { priority }))
            if (came.length % 3 !== 0) continue
            const head = queue.head(now)
            if (head === undefined) continue
            queue.take(head, now)
            came.splice(came.indexOf(head), 1)
            const due = (caller: Caller) => caller.enqueuedAt + slack[caller.priority]
            const sooner = came.find((other) => due(other) < due(head))
            if (sooner !== undefined) assert.fail(`due at ${due(head)} was served before ${due(sooner)}`)
          }
        }),
        { numRuns: 1000 }
      )
    })

    it("takes an order of one's own", () => {
      const lowestFirst: AdmissionQueue.Order = { name: "upside down", make: () => ({ score: (level) => -level }) }
      const queue = make({ order: lowestFirst })
      mixed(queue)
      assert.strictEqual(serveAll(queue, 6), "d1 c1 b1 b2 a1 a2")
    })
  })

  describe("fairness", () => {
    it("delays one caller of a tenant by one turn, not by the thousand of another", () => {
      const queue = make({ maxQueued: 2000 })
      crowd(queue, 0, 1000, { tenant: "a" })
      waits(queue, 1, "b1", { tenant: "b" })
      assert.deepStrictEqual([serve(queue, 2), serve(queue, 2), serve(queue, 2)], ["a1", "b1", "a2"])
    })

    it("first come, first served when it is switched off", () => {
      const queue = make({ fairness: false })
      crowd(queue, 0, 3, { tenant: "a" })
      waits(queue, 1, "b1", { tenant: "b" })
      assert.strictEqual(serveAll(queue, 2), "a1 a2 a3 b1")
    })

    it("gives a tenant as many turns in a round as its weight", () => {
      const queue = make({ fairness: { weights: { gold: 3 } } })
      crowd(queue, 0, 4, { tenant: "a" })
      crowd(queue, 0, 7, { tenant: "gold" }, "g")
      crowd(queue, 0, 3, { tenant: "b" })
      assert.strictEqual(serveAll(queue, 1), "a1 g1 g2 g3 b1 a2 g4 g5 g6 b2 a3 g7 b3 a4")
    })

    it("counts callers without a tenant as one", () => {
      const queue = make()
      crowd(queue, 0, 3, {}, "-")
      crowd(queue, 0, 2, { tenant: "a" })
      assert.strictEqual(serveAll(queue, 1), "-1 a1 -2 a2 -3")
    })

    it("lifts a class by its oldest caller, and lets the tenants of the class settle whose turn that is", () => {
      const queue = make()
      crowd(queue, 0, 2, { tenant: "a", priority: "P3" })
      waits(queue, 119_999, "b1", { tenant: "b", priority: "P3" })
      crowd(queue, 120_001, 2, { tenant: "c", priority: "P0" })
      assert.strictEqual(serveAll(queue, 120_002), "a1 b1 a2 c1 c2")
    })

    it("costs a tenant no turn when its caller leaves or is dropped", () => {
      const queue = make()
      const [first] = crowd(queue, 0, 3, { tenant: "a" })
      crowd(queue, 0, 2, { tenant: "b" })
      if (first !== undefined) queue.leave(first, 1)
      assert.strictEqual(serveAll(queue, 1), "a2 b1 a3 b2")
    })

    it("gives every other tenant at most its turns between two services of one that always waits, whoever comes and goes", () => {
      const weights = { b: 2, c: 3 }
      const command = fc.record({
        do: fc.constantFrom("offer", "offer", "serve", "serve", "leave"),
        tenant: fc.constantFrom("a", "b", "c", "d"),
        which: fc.nat(20)
      })
      fc.assert(
        fc.property(fc.array(command, { maxLength: 150, size: "max" }), (commands) => {
          const queue = make({ fairness: { weights }, order: AdmissionQueue.strict })
          // "x" waits all the time.
          crowd(queue, 0, 200, { tenant: "x" })
          const others: Array<Caller> = []
          let since = new Map<string, number>()
          for (const { do: action, tenant, which } of commands) {
            const leaver = others[which]
            if (action === "offer") others.push(waits(queue, 1, tenant, { tenant }))
            else if (action === "leave" && leaver !== undefined) queue.leave(leaver, 1)
            else if (action === "serve") {
              const name = serve(queue, 1)
              if (name.startsWith("x")) since = new Map()
              else {
                const count = (since.get(name) ?? 0) + 1
                since.set(name, count)
                if (count > (name === "b" ? 2 : name === "c" ? 3 : 1)) assert.fail(`${count} times ${name}`)
              }
            }
          }
        }),
        { numRuns: 1000 }
      )
    })

    it("remembers no tenant that has nobody waiting", () => {
      const queue = make({ maxQueued: 100 })
      for (let i = 0; i < 10_000; i++) {
        const caller = waits(queue, i, "", { tenant: `tenant ${i}`, priority: i % 2 === 0 ? "P1" : "P3" })
        if (i % 100 === 0) assert.isAtMost(queue.snapshot(i).flows, 100)
        if (i % 3 === 0) queue.leave(caller, i)
        if (queue.size > 90) serve(queue, i)
      }
      serveAll(queue, 20_000)
      assert.strictEqual(queue.snapshot(20_000).flows, 0)
    })
  })

  describe("bounds", () => {
    it("refuses when it is full, and frees the place of one who leaves at once", () => {
      const queue = make({ maxQueued: 2 })
      const [first] = crowd(queue, 0, 2, {})
      const refused = queue.offer(new Caller("late"), 1)
      assert.deepStrictEqual(refused, { _tag: "LocalReject", reason: "QueueFull", retryAt: undefined })
      assert.strictEqual(queue.offer(new Caller("later"), 1), refused, "made once")
      if (first !== undefined) assert.isTrue(queue.leave(first, 2))
      waits(queue, 2, "in time")
      assert.strictEqual(queue.size, 2)
      assert.strictEqual(queue.snapshot(2).refused.QueueFull, 2)
    })

    it("lets nobody wait when it may hold nobody", () => {
      const queue = make({ maxQueued: 0 })
      assert.strictEqual(queue.offer(new Caller("", { priority: "P0" }), 0)?.reason, "QueueFull")
      assert.isUndefined(queue.head(0))
    })

    it("evicts the youngest of the least urgent class for somebody more urgent, and nobody for the others", () => {
      const queue = make({ maxQueued: 4 })
      const [b1] = crowd(queue, 0, 1, { priority: "P1" }, "b")
      const [d1, d2] = crowd(queue, 1, 2, { priority: "P3" }, "d")
      const [c1] = crowd(queue, 2, 1, { priority: "P2" }, "c")
      assert.strictEqual(queue.offer(new Caller("d3", { priority: "P3" }), 3)?.reason, "QueueFull")
      waits(queue, 4, "c2", { priority: "P2" })
      assert.deepStrictEqual(d2?.told, ["Evicted"])
      waits(queue, 5, "a1", { priority: "P0" })
      assert.deepStrictEqual(d1?.told, ["Evicted"])
      assert.strictEqual(queue.offer(new Caller("c3", { priority: "P2" }), 6)?.reason, "QueueFull")
      waits(queue, 7, "b2", { priority: "P1" })
      assert.strictEqual(serveAll(queue, 8), "a1 b1 b2 c1")
      assert.deepStrictEqual([...(b1?.told ?? []), ...(c1?.told ?? [])], [])
      assert.strictEqual(queue.snapshot(8).dropped.Evicted, 3)
    })

    it("takes a place from the tenant that has most, so that a flood does not keep the others out", () => {
      const queue = make({ maxQueued: 1000 })
      const flood = crowd(queue, 0, 1000, { tenant: "a" })
      const single = waits(queue, 1, "c1", { tenant: "c" })
      let let_in = 0
      for (let i = 0; i < 1000; i++) if (queue.offer(new Caller("", { tenant: "b" }), 2) === undefined) let_in++
      // "a" gave one place to "c", and to "b" until each had as many; the youngest went.
      assert.strictEqual(let_in, 499)
      assert.strictEqual(flood.filter(({ told }) => told.length > 0).length, 500)
      assert.deepStrictEqual(flood[499]?.told, [])
      assert.deepStrictEqual(flood[500]?.told, ["Evicted"])
      assert.deepStrictEqual(single.told, [])
      assert.strictEqual(queue.offer(new Caller("", { tenant: "a" }), 3)?.reason, "QueueFull")
    })

    it("divides the places by weight, and nobody is thrown out and in again", () => {
      const queue = make({ maxQueued: 90, fairness: { weights: { gold: 2 } } })
      crowd(queue, 0, 90, { tenant: "a" })
      const depth = () => queue.snapshot(1).dropped.Evicted
      for (let i = 0; i < 200; i++) queue.offer(new Caller("", { tenant: "gold" }), 1)
      assert.strictEqual(depth(), 60)
      for (let i = 0; i < 200; i++) {
        queue.offer(new Caller("", { tenant: "a" }), 2)
        queue.offer(new Caller("", { tenant: "gold" }), 2)
      }
      assert.strictEqual(depth(), 60)
    })

    it("first come, first kept inside a class without fairness", () => {
      const queue = make({ maxQueued: 3, fairness: false })
      crowd(queue, 0, 3, { tenant: "a" })
      assert.strictEqual(queue.offer(new Caller("b1", { tenant: "b" }), 1)?.reason, "QueueFull")
    })
  })

  describe("time", () => {
    it("lets a caller wait a quarter of the time it has, at most a second", () => {
      const queue = AdmissionQueue.make<Caller>()
      assert.strictEqual(waits(queue, 1000, "", { deadlineAt: 3000 }).giveUpAt, 1500)
      assert.strictEqual(waits(queue, 1000, "", { deadlineAt: 301_000 }).giveUpAt, 2000)
      assert.strictEqual(waits(queue, 1000, "").giveUpAt, 2000)
    })

    it("counts all waits of a call against its longest wait", () => {
      const queue = AdmissionQueue.make<Caller>()
      const caller = waits(queue, 0, "")
      queue.leave(caller, 600)
      assert.strictEqual(caller.waitedMs, 600)
      assert.isUndefined(queue.offer(caller, 5000))
      assert.strictEqual(caller.giveUpAt, 5400)
      queue.expire(5399)
      assert.deepStrictEqual(caller.told, [])
      queue.expire(5400)
      assert.deepStrictEqual(caller.told, ["QueueTimeout"])
      assert.strictEqual(queue.offer(caller, 6000)?.reason, "QueueTimeout")
    })

    it("asks for the longest wait of each class once, and bounds it by the deadline only", () => {
      let asked = 0
      const queue = AdmissionQueue.make<Caller>({
        maxWait: (priority) => {
          asked++
          return priority === "P3" ? "10 minutes" : 200
        }
      })
      assert.strictEqual(waits(queue, 0, "", { priority: "P0" }).giveUpAt, 200)
      assert.strictEqual(waits(queue, 0, "", { priority: "P3" }).giveUpAt, 600_000)
      assert.strictEqual(waits(queue, 0, "", { priority: "P3", deadlineAt: 60_000 }).giveUpAt, 60_000)
      assert.strictEqual(asked, 4)
    })

    it("waits longer for a target that opens at a known time, and shorter where there is something better to do", () => {
      const queue = AdmissionQueue.make<Caller>()
      assert.strictEqual(waits(queue, 0, "", { atLeastUntil: 7000 }).giveUpAt, 7000)
      assert.strictEqual(waits(queue, 0, "", { atLeastUntil: 300 }).giveUpAt, 1000)
      assert.strictEqual(waits(queue, 0, "", { atMostUntil: 300 }).giveUpAt, 300)
      assert.strictEqual(waits(queue, 0, "", { atLeastUntil: 7000, atMostUntil: 5000 }).giveUpAt, 5000)
      assert.strictEqual(waits(queue, 0, "", { atLeastUntil: 7000, deadlineAt: 4000 }).giveUpAt, 4000)
    })

    it("drops each at its own time, not before, and says which bound it was", () => {
      const queue = AdmissionQueue.make<Caller>({ maxWait: 500 })
      const timely = waits(queue, 0, "", { deadlineAt: 400 })
      const patient = waits(queue, 0, "")
      const late = waits(queue, 100, "", { priority: "P0" })
      assert.strictEqual(queue.nextExpiry(), 400)
      queue.expire(399.9)
      assert.strictEqual(queue.size, 3)
      queue.expire(400)
      assert.deepStrictEqual([timely.told, patient.told], [["DeadlineExceeded"], []])
      assert.strictEqual(queue.nextExpiry(), 500)
      queue.expire(10_000)
      assert.deepStrictEqual([patient.told, late.told], [["QueueTimeout"], ["QueueTimeout"]])
      assert.isUndefined(queue.nextExpiry())
    })

    it("never shows somebody whose time is up, even when nobody called expire", () => {
      const queue = AdmissionQueue.make<Caller>({ maxQueued: 1, maxWait: 500 })
      const first = waits(queue, 0, "first")
      assert.isUndefined(queue.head(500))
      assert.deepStrictEqual(first.told, ["QueueTimeout"])
      const second = waits(queue, 500, "second")
      waits(queue, 1000, "third")
      assert.deepStrictEqual(second.told, ["QueueTimeout"], "it does not make the queue full")
    })

    it("refuses whose time is up already", () => {
      const queue = AdmissionQueue.make<Caller>()
      assert.strictEqual(queue.offer(new Caller("", { deadlineAt: 100 }), 100)?.reason, "DeadlineExceeded")
      assert.strictEqual(queue.offer(new Caller("", { atMostUntil: 100 }), 100)?.reason, "QueueTimeout")
      assert.deepStrictEqual(queue.snapshot(100).refused, { QueueFull: 0, QueueTimeout: 1, DeadlineExceeded: 1 })
    })

    it("stays calm when the clock steps back", () => {
      const queue = AdmissionQueue.make<Caller>({ maxWait: 500 })
      const first = waits(queue, 1000, "first")
      const second = waits(queue, 200, "second")
      assert.strictEqual(second.giveUpAt, 1500)
      assert.strictEqual(queue.head(0), first)
      queue.leave(first, 0)
      assert.strictEqual(first.waitedMs, 0)
      queue.expire(1499)
      assert.strictEqual(queue.size, 1)
    })
  })

  describe("looking past the head", () => {
    it("finds the first that fits, in the order of service, and leaves the turns of those it passed", () => {
      const queue = make()
      crowd(queue, 0, 3, { tenant: "a" })
      crowd(queue, 0, 2, { tenant: "b" })
      const seen: Array<string> = []
      const found = queue.find(1, ({ name }) => seen.push(name) === 3)
      assert.deepStrictEqual(seen, ["a1", "b1", "a2"])
      assert.strictEqual(found?.name, "a2")
      if (found !== undefined) queue.take(found, 1)
      // "a" has had a turn, out of order: "b" is next.
      assert.strictEqual(serveAll(queue, 1), "b1 a1 b2 a3")
    })

    it("looks in the order in which they are then served, however many rounds that takes", () => {
      const caller = fc.record({
        wait: fc.nat(20_000),
        priority: fc.constantFrom("P0", "P1", "P2"),
        tenant: fc.constantFrom("a", "b", "gold", "gold")
      })
      const orders = fc.constantFrom(AdmissionQueue.strict, AdmissionQueue.deadline(), AdmissionQueue.weighted())
      fc.assert(
        fc.property(orders, fc.nat(10), fc.array(caller, { maxLength: 60, size: "max" }), (order, served, callers) => {
          const queue = make({ order, fairness: { weights: { gold: 3 } } })
          let now = 0
          for (const [i, { priority, tenant, wait }] of callers.entries()) {
            now += wait
            waits(queue, now, `${i}`, { priority, tenant })
          }
          // Somewhere in the middle of a turn.
          for (let i = 0; i < served; i++) serve(queue, now)
          const seen: Array<string> = []
          queue.find(now, ({ name }) => seen.push(name) < 0, 1000)
          assert.strictEqual(seen.join(" "), serveAll(queue, now))
        }),
        { numRuns: 1000 }
      )
    })

    it("looks at no more than it may", () => {
      const queue = make()
      crowd(queue, 0, 100, {})
      let looked = 0
      const never = () => ++looked < 0
      assert.isUndefined(queue.find(1, never))
      assert.strictEqual(looked, 16)
      assert.isUndefined(queue.find(1, never, 3))
      assert.strictEqual(looked, 19)
      assert.isUndefined(queue.find(1, never, 1000))
      assert.strictEqual(looked, 119, "and at nobody twice")
    })
  })

  describe("codel", () => {
    const codel = { target: 100, interval: 1000 }

    /** Ten come a second; from 300 ms on, five are served a second. */
    const standing = (queue: Queue, until: Millis, priority: Priority = "P1") => {
      const came: Array<Caller> = []
      for (let now = 0; now <= until; now += 100) {
        came.push(waits(queue, now, `${now}`, { priority }))
        if (now > 200 && now % 200 === 100) serve(queue, now)
        queue.expire(now)
      }
      return came
    }

    it("turns nobody away by default, however long the queue stands", () => {
      const queue = make()
      const came = standing(queue, 60_000)
      assert.isTrue(came.every(({ told }) => told.length === 0))
      assert.isFalse(queue.snapshot(60_000).overloaded.P1)
    })

    it("drops whoever has waited twice the target once the queue has stood for an interval, and stops when it moves", () => {
      const queue = make({ codel })
      const came = standing(queue, 900)
      assert.isTrue(
        came.every(({ told }) => told.length === 0),
        "it may be a burst"
      )
      assert.strictEqual(queue.nextExpiry(), 1000)
      queue.expire(1000)
      assert.isTrue(queue.snapshot(1000).overloaded.P1)
      // Served were those of 0 to 300. Of the others, that of 900 has not waited for twice the target.
      const gone = came.filter(({ told }) => told.length > 0).map(({ name }) => name)
      assert.strictEqual(gone.join(" "), "400 500 600 700 800")
      assert.strictEqual(queue.nextExpiry(), 1100)
      queue.expire(1100)
      assert.strictEqual(queue.size, 0)
      assert.strictEqual(queue.snapshot(1100).dropped.Overloaded, 6)
      // The queue was empty: whoever comes now is no part of it.
      const fresh = waits(queue, 1150, "fresh")
      queue.expire(1500)
      assert.deepStrictEqual(fresh.told, [])
    })

    it("leaves P0 alone, and judges each class by its own delay", () => {
      const queue = make({ codel, order: AdmissionQueue.strict })
      const urgent = crowd(queue, 0, 3, { priority: "P0" })
      const lesser = crowd(queue, 0, 3, { priority: "P2" })
      const fresh = waits(queue, 950, "", { priority: "P1" })
      queue.head(1000)
      assert.deepStrictEqual(queue.snapshot(1000).overloaded, { P0: false, P1: false, P2: true, P3: false })
      queue.expire(1000)
      assert.isTrue(lesser.every(({ told }) => told[0] === "Overloaded"))
      assert.isTrue([fresh, ...urgent].every(({ told }) => told.length === 0))
      const strict = make({ codel: { ...codel, exempt: [] } })
      const [first] = crowd(strict, 0, 1, { priority: "P0" })
      strict.expire(1000)
      assert.deepStrictEqual(first?.told, ["Overloaded"])
    })

    it("takes no waiting for a known time for overload", () => {
      const queue = make({ codel })
      const patient = waits(queue, 0, "", { atLeastUntil: 5000 })
      const behind = waits(queue, 10, "")
      for (let now = 1000; now <= 5000; now += 1000) queue.expire(now)
      assert.isFalse(queue.snapshot(5000).overloaded.P1)
      queue.expire(6000)
      assert.deepStrictEqual([patient.told, behind.told], [["Overloaded"], ["Overloaded"]])
    })

    it("never turns somebody away for whom a permit is free: as many are served with it as without", () => {
      // Served first, then expired, as the router does. Nobody else limits the wait, so every permit should be used.
      const busy = (options: AdmissionQueue.Options) => {
        const queue = make({ ...options, maxQueued: 10_000 })
        const next = Seeded.rng(7)
        let served = 0
        let waited = 0
        let permits = 4
        const ends: Array<Millis> = []
        for (let now = 0; now < 120_000; now += 10) {
          permits += ends.filter((end) => end === now).length
          // Offered: 1.5 times what four permits can do, in calls of one second.
          if (next() < 0.06) waits(queue, now, "")
          for (let head = queue.head(now); permits > 0 && head !== undefined; head = queue.head(now)) {
            queue.take(head, now)
            waited += now - head.enqueuedAt
            permits--
            served++
            ends.push(now + 1000)
          }
          if (permits > 0 && queue.size > 0) assert.fail(`a permit lies idle at ${now}`)
          queue.expire(now)
        }
        return { served, waited: waited / served }
      }
      const [without, fifo, lifo] = [{}, { codel }, { codel: { ...codel, newestFirst: true } }].map(busy)
      assert.isAtLeast(without?.served ?? 0, 470) // 480 is all that four permits can do
      assert.isAtLeast(fifo?.served ?? 0, (without?.served ?? 0) * 0.93)
      assert.isAtLeast(lifo?.served ?? 0, (without?.served ?? 0) * 0.93)
      // What it is for: without, those who are served have waited for many seconds.
      assert.isAbove(without?.waited ?? 0, 10_000)
      assert.isBelow(fifo?.waited ?? 0, 500)
      assert.isBelow(lifo?.waited ?? 0, fifo?.waited ?? 0)
    })

    it("serves the newest first while overloaded, where that is wanted", () => {
      const queue = make({ codel: { target: 100, interval: 1000, newestFirst: true } })
      crowd(queue, 0, 3, { tenant: "a" })
      crowd(queue, 950, 2, { tenant: "b" })
      assert.strictEqual(queue.head(999)?.name, "a1")
      assert.strictEqual(queue.head(1000)?.name, "a3")
      assert.strictEqual(serveAll(queue, 1000), "a3 b2 a2 b1 a1")
    })
  })

  describe("callers", () => {
    it("may use the queue when they are told that they are dropped", () => {
      const queue = AdmissionQueue.make<Caller>({ maxQueued: 2, maxWait: 500 })
      const again = waits(queue, 0, "", {
        dropped: () => {
          assert.isUndefined(queue.offer(new Caller("substitute"), 500))
          assert.strictEqual(queue.offer(again, 500)?.reason, "QueueTimeout")
        }
      })
      waits(queue, 100, "other")
      queue.expire(500)
      assert.strictEqual(serveAll(queue, 550), "other substitute")
    })

    it("may go from one queue to another", () => {
      const [queue, other] = [make(), make()]
      const caller = waits(queue, 0, "caller")
      assert.strictEqual(queue.head(1), caller)
      queue.leave(caller, 1)
      other.offer(caller, 2)
      assert.strictEqual(other.head(3), caller)
    })

    it("wait in one place at a time, and only who waits here is taken or leaves", () => {
      const [queue, other] = [make(), make()]
      const caller = waits(queue, 0, "")
      waits(other, 0, "")
      assert.throws(() => queue.offer(caller, 1), "one place at a time")
      assert.throws(() => other.offer(caller, 1), "one place at a time")
      assert.isFalse(other.take(caller, 1))
      assert.isFalse(other.leave(caller, 1))
      assert.isTrue(queue.take(caller, 1))
      assert.isFalse(queue.take(caller, 1))
      assert.isFalse(queue.leave(caller, 1))
      assert.deepStrictEqual([queue.size, other.size], [0, 1])
    })
  })

  it("tells people what waits, how long, and what became of the others", () => {
    const queue = make({ maxQueued: 3, maxWait: 1000 })
    waits(queue, 0, "", { priority: "P1", tenant: "a" })
    waits(queue, 100, "", { priority: "P1", tenant: "b" })
    waits(queue, 200, "", { priority: "P3", tenant: "a" })
    waits(queue, 300, "", { priority: "P0" })
    serve(queue, 400)
    assert.deepStrictEqual(queue.snapshot(500), {
      size: 2,
      maxQueued: 3,
      order: "deadline",
      depth: { P0: 0, P1: 2, P2: 0, P3: 0 },
      oldestMs: { P0: undefined, P1: 500, P2: undefined, P3: undefined },
      flows: 2,
      overloaded: { P0: false, P1: false, P2: false, P3: false },
      queued: 4,
      served: 1,
      left: 0,
      refused: { QueueFull: 0, QueueTimeout: 0, DeadlineExceeded: 0 },
      dropped: { QueueTimeout: 0, DeadlineExceeded: 0, Evicted: 1, Overloaded: 0 }
    })
  })

  it("touches callers O(log n) times each, however many wait", () => {
    /** How often the queue reads or writes a caller, from coming to going, while `n` wait: in the mean. */
    const touches = (n: number) => {
      let touched = 0
      const handler: ProxyHandler<Caller> = {
        get: (caller, key) => {
          touched++
          return Reflect.get(caller, key)
        },
        set: (caller, key, value) => {
          touched++
          return Reflect.set(caller, key, value)
        }
      }
      const queue = make({ maxQueued: n })
      const next = Seeded.rng(n)
      const priorities = ["P0", "P1", "P2", "P3"] as const
      const callers = Array.from(
        { length: n },
        (_, i) =>
          new Proxy(
            new Caller("", {
              priority: priorities[Seeded.int(next, 4)] ?? "P1",
              tenant: `${Seeded.int(next, 50)}`,
              deadlineAt: n + 1 + next() * 1e9 + i
            }),
            handler
          )
      )
      for (const [i, caller] of callers.entries()) assert.isUndefined(queue.offer(caller, i))
      for (const caller of Seeded.shuffle(next, callers.slice(0, n / 4))) queue.leave(caller, n)
      for (let i = 0; i < n / 4; i++) {
        const head = queue.head(n)
        if (head !== undefined) queue.take(head, n)
      }
      queue.expire(2e9)
      assert.strictEqual(queue.size, 0)
      return touched / n
    }
    const [few, many] = [touches(500), touches(16_000)]
    // Nine doublings against fourteen; a part is constant.
    assert.isAtMost(many / few, 1.5)
  })

  it("names option, range and value of a mistake", () => {
    const wrong = (options: AdmissionQueue.Options) => () => AdmissionQueue.make(options)
    assert.throws(wrong({ maxQueued: -1 }), "AdmissionQueue: maxQueued must be an integer >= 0, got -1")
    assert.throws(wrong({ maxWait: 0 }), "AdmissionQueue: maxWait must be a duration > 0")
    assert.throws(wrong({ maxWait: () => -1 }), "AdmissionQueue: maxWait must be a duration > 0")
    assert.throws(
      wrong({ fairness: { weights: { gold: 1.5 } } }),
      "AdmissionQueue: fairness.weights.gold must be an integer >= 1, got 1.5"
    )
    assert.throws(wrong({ codel: { target: 0 } }), "AdmissionQueue: codel.target must be a duration > 0")
    assert.throws(
      wrong({ codel: { target: "1 second", interval: "1 second" } }),
      `AdmissionQueue: codel.interval must be a duration > codel.target (1000 ms), got "1 second"`
    )
    assert.throws(
      () => AdmissionQueue.weighted({ P3: 0 }),
      "AdmissionQueue: weighted.P3 must be a finite number > 0, got 0"
    )
    assert.throws(
      () => AdmissionQueue.deadline({ slack: { P1: -5 } }),
      "AdmissionQueue: deadline.slack.P1 must be a duration >= 0"
    )
  })
})
