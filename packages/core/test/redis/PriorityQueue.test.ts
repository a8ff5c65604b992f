import { assert, layer } from "@effect/vitest"
import * as IoRedis from "@spillway/core/redis/IoRedis"
import type { QueueEvent } from "@spillway/core/redis/Job"
import * as PriorityQueue from "@spillway/core/redis/PriorityQueue"
import { Deferred, Effect, Exit, Fiber, Layer, Scheduler, Schema } from "effect"
import * as Server from "./RedisServer.ts"

const Body = Schema.Struct({ n: Schema.Int })
type Body = typeof Body.Type
const patient = { timeout: "10 seconds" } as const
const body = { n: 1 }

let names = 0
/** A queue of its own for each test. */
const fresh = (options: Partial<PriorityQueue.Options<Body>> = {}) =>
  Effect.gen(function* () {
    const events: Array<QueueEvent> = []
    const onEvent = (event: QueueEvent) => void events.push(event)
    const queue = yield* PriorityQueue.make({ name: `q${names++}`, schema: Body, ...patient, onEvent, ...options })
    return Object.assign(queue, { events })
  })

const only = <A>(items: ReadonlyArray<A>): A => {
  assert.lengthOf(items, 1)
  return items[0] as A
}

const tags = (queue: { readonly events: ReadonlyArray<QueueEvent> }) => queue.events.map((event) => event._tag)

const Redis = Layer.unwrap(
  Server.RedisServer.useSync(({ url }) => IoRedis.layer({ url, commandTimeout: "10 seconds" }))
)

layer(Redis.pipe(Layer.provideMerge(Server.layer)), { excludeTestServices: true })("PriorityQueue", (it) => {
  const serverMillis = Server.RedisServer.use(({ raw }) =>
    Effect.map(
      Effect.promise(() => raw.time()),
      ([seconds, micros]) => Number(seconds) * 1000 + Number(micros) / 1000
    )
  )
  const keyOf = (queue: { readonly name: string }, kind: string) => `{pq:${queue.name}}:${kind}`

  it.effect("claims the most urgent class first, and in order of arrival within a class", () =>
    Effect.gen(function* () {
      const queue = yield* fresh()
      // Ids in an order that is not that of the alphabet: equal scores would come out as 10, 2, 9.
      const order = [9, 2, 10, 1]
      for (const n of order) {
        for (const priority of ["P3", "P1", "P0", "P2"] as const) {
          assert.deepStrictEqual(yield* queue.enqueue(`${priority}-${n}`, { n }, priority), {
            _tag: "Enqueued",
            evicted: undefined
          })
        }
      }
      assert.deepStrictEqual((yield* queue.stats).depth, { P0: 4, P1: 4, P2: 4, P3: 4 })
      const jobs = yield* queue.claim(16)
      const expected = ["P0", "P1", "P2", "P3"].flatMap((priority) => order.map((n) => `${priority}-${n}`))
      assert.deepStrictEqual(
        jobs.map((job) => job.id),
        expected
      )
      assert.deepStrictEqual(only(jobs.slice(4, 5)).body, { n: 9 })
      assert.strictEqual(only(jobs.slice(4, 5)).priority, "P1")
      assert.isTrue(jobs.every((job) => job.attempt === 1 && job.remainingMs === undefined && job.waitedMs >= 0))
      assert.deepStrictEqual(yield* queue.claim(1), [])
    })
  )

  it.effect("keeps the order of arrival for a thousand jobs of one millisecond", () =>
    Effect.gen(function* () {
      const queue = yield* fresh()
      const ids = Array.from({ length: 3000 }, (_, i) => `${(i * 7919) % 3000}`)
      yield* Effect.forEach(ids, (id) => queue.enqueue(id, body, "P2"), { concurrency: 100, discard: true })
      const jobs = yield* queue.claim(3000)
      assert.deepStrictEqual(
        jobs.map((job) => job.id),
        ids
      )
    })
  )

  it.effect("a job that has waited longer than its slack goes before a more urgent newcomer", () =>
    Effect.gen(function* () {
      const queue = yield* fresh({ slack: { P0: 0, P1: 40, P2: 80, P3: 120 } })
      yield* queue.enqueue("old P3", body, "P3")
      yield* queue.enqueue("young P0", body, "P0")
      const mark = yield* serverMillis
      yield* Server.until(serverMillis, (now) => now - mark > 150)
      yield* queue.enqueue("late P0", body, "P0")
      const jobs = yield* queue.claim(3)
      assert.deepStrictEqual(
        jobs.map((job) => job.id),
        ["young P0", "old P3", "late P0"]
      )
      assert.isTrue((jobs[1]?.waitedMs ?? 0) >= 150)
    })
  )

  it.effect("strict: a lower class waits for as long as a higher one has anything", () =>
    Effect.gen(function* () {
      const queue = yield* fresh({ strict: true })
      for (const id of ["d1", "d2"]) yield* queue.enqueue(id, body, "P3")
      for (const id of ["a1", "a2"]) yield* queue.enqueue(id, body, "P0")
      assert.deepStrictEqual(
        (yield* queue.claim(4)).map((job) => job.id),
        ["a1", "a2", "d1", "d2"]
      )
    })
  )

  it.effect("refuses an id that waits, runs or is dead, and takes it again when it is done", () =>
    Effect.gen(function* () {
      const queue = yield* fresh({ maxAttempts: 1 })
      const again = queue.enqueue("x", { n: 2 }, "P0")
      yield* queue.enqueue("x", { n: 1 }, "P3")
      assert.deepStrictEqual(yield* again, { _tag: "Duplicate" })
      const first = only(yield* queue.claim(1))
      assert.deepStrictEqual([first.priority, first.body.n], ["P3", 1])
      assert.deepStrictEqual(yield* again, { _tag: "Duplicate" })
      assert.isTrue(yield* queue.nack("x", first.token))
      assert.deepStrictEqual(tags(queue), ["Died"])
      assert.deepStrictEqual(yield* again, { _tag: "Duplicate" })
      assert.isTrue(yield* queue.revive("x"))
      const second = only(yield* queue.claim(1))
      assert.strictEqual(second.attempt, 1)
      assert.isTrue(yield* queue.ack("x", second.token))
      assert.strictEqual((yield* again)._tag, "Enqueued")
    })
  )

  it.effect("full: a more urgent newcomer evicts the least urgent job, any other is refused", () =>
    Effect.gen(function* () {
      const queue = yield* fresh({ max: 3 })
      yield* queue.enqueue("p2", body, "P2")
      yield* queue.enqueue("p3", body, "P3")
      yield* queue.enqueue("p1", body, "P1")
      assert.deepStrictEqual(yield* queue.enqueue("late p3", body, "P3"), { _tag: "Full" })
      assert.deepStrictEqual(yield* queue.enqueue("p0", body, "P0"), { _tag: "Enqueued", evicted: "p3" })
      assert.deepStrictEqual(yield* queue.enqueue("late p1", body, "P1"), { _tag: "Enqueued", evicted: "p2" })
      assert.deepStrictEqual(queue.events, [
        { _tag: "Shed", id: "p3" },
        { _tag: "Shed", id: "p2" }
      ])
      const stats = yield* queue.stats
      assert.deepStrictEqual(stats.depth, { P0: 1, P1: 2, P2: 0, P3: 0 })
      assert.deepStrictEqual([stats.enqueued, stats.shed, stats.refused, stats.ready], [5, 2, 1, 3])
      // The one that was evicted has left no trace.
      yield* queue.claim(3)
      assert.strictEqual((yield* queue.enqueue("p3", body, "P3"))._tag, "Enqueued")
    })
  )

  it.effect("drops a job whose deadline has passed when it is claimed, and tells", () =>
    Effect.gen(function* () {
      const queue = yield* fresh()
      yield* queue.enqueue("soon", body, "P0", { deadline: 1 })
      yield* queue.enqueue("later", body, "P1", { deadline: "1 minute" })
      const mark = yield* serverMillis
      yield* Server.until(serverMillis, (now) => now - mark > 3)
      const job = only(yield* queue.claim(5))
      assert.strictEqual(job.id, "later")
      assert.isTrue(job.remainingMs !== undefined && job.remainingMs > 50_000 && job.remainingMs <= 60_000)
      assert.deepStrictEqual(queue.events, [{ _tag: "Expired", id: "soon" }])
      const stats = yield* queue.stats
      assert.deepStrictEqual([stats.expired, stats.ready, stats.leased], [1, 0, 1])
      assert.strictEqual((yield* queue.enqueue("soon", body, "P0"))._tag, "Enqueued")
    })
  )

  it.effect("an expired lease goes to another owner, and the old one is fenced", () =>
    Effect.gen(function* () {
      const queue = yield* fresh()
      yield* queue.enqueue("x", body, "P1")
      const old = only(yield* queue.claim(1, 5))
      const current = only(yield* Server.until(queue.claim(1), (jobs) => jobs.length === 1))
      assert.deepStrictEqual([old.attempt, current.attempt, current.id], [1, 2, "x"])
      assert.notStrictEqual(old.token, current.token)
      assert.isFalse(yield* queue.ack("x", old.token))
      assert.isFalse(yield* queue.nack("x", old.token))
      assert.isFalse(yield* queue.release("x", old.token))
      assert.isFalse(yield* queue.extend("x", old.token))
      assert.isFalse(yield* queue.ack("nobody", old.token))
      assert.isTrue(yield* queue.ack("x", current.token))
      assert.isFalse(yield* queue.ack("x", current.token))
      const stats = yield* queue.stats
      assert.deepStrictEqual([stats.acked, stats.stale, stats.redelivered, stats.reclaimed], [1, 6, 1, 1])
      assert.strictEqual(tags(queue).filter((tag) => tag === "StaleLease").length, 6)
      assert.strictEqual(tags(queue).filter((tag) => tag === "Acked").length, 1)
    })
  )

  it.effect("an expired lease is fenced before anybody else has claimed the job", () =>
    Effect.gen(function* () {
      const queue = yield* fresh()
      yield* queue.enqueue("x", body, "P1")
      const old = only(yield* queue.claim(1, 1))
      const mark = yield* serverMillis
      yield* Server.until(serverMillis, (now) => now - mark > 3)
      yield* queue.enqueue("urgent", body, "P0")
      // Reclaims x, hands out the other one.
      assert.strictEqual(only(yield* queue.claim(1)).id, "urgent")
      assert.isFalse(yield* queue.ack("x", old.token))
      assert.strictEqual(only(yield* queue.claim(1)).id, "x")
    })
  )

  it.effect("extend keeps a job from the others", () =>
    Effect.gen(function* () {
      const queue = yield* fresh()
      yield* queue.enqueue("x", body, "P1")
      const job = only(yield* queue.claim(1, 50))
      assert.isTrue(yield* queue.extend("x", job.token, "1 minute"))
      const mark = yield* serverMillis
      yield* Server.until(
        Effect.tap(queue.claim(1), (jobs) => Effect.sync(() => assert.lengthOf(jobs, 0))).pipe(
          Effect.andThen(serverMillis)
        ),
        (now) => now - mark > 150
      )
      assert.isTrue(yield* queue.ack("x", job.token))
    })
  )

  it.effect("nack with a delay holds a job back, then gives it its old place", () =>
    Effect.gen(function* () {
      const queue = yield* fresh()
      yield* queue.enqueue("first", body, "P1")
      yield* queue.enqueue("second", body, "P1")
      const job = only(yield* queue.claim(1))
      assert.isTrue(yield* queue.nack("first", job.token, 100))
      const stats = yield* queue.stats
      assert.deepStrictEqual([stats.delayed, stats.ready, stats.leased, stats.depth.P1], [1, 1, 0, 2])
      const second = only(yield* queue.claim(2))
      assert.strictEqual(second.id, "second")
      yield* queue.release("second", second.token)
      yield* Server.until(
        queue.stats,
        // `claim` makes it ready; the age of the oldest says when it will.
        ({ oldestMs }) => (oldestMs ?? 0) > 130
      )
      const both = yield* queue.claim(2)
      assert.deepStrictEqual(
        both.map((each) => [each.id, each.attempt]),
        [
          ["first", 2],
          ["second", 1]
        ]
      )
    })
  )

  it.effect("dies after its last attempt, by nack or by lost leases; revive and discard", () =>
    Effect.gen(function* () {
      const queue = yield* fresh({ maxAttempts: 2 })
      yield* queue.enqueue("n", { n: 7 }, "P0")
      for (let i = 0; i < 2; i++) yield* queue.nack("n", only(yield* queue.claim(1)).token)
      yield* queue.enqueue("l", { n: 8 }, "P3")
      only(yield* queue.claim(1, 1))
      only(yield* Server.until(queue.claim(1, 1), (jobs) => jobs.length === 1))
      yield* Server.until(Effect.andThen(queue.claim(1), queue.stats), (stats) => stats.dead === 2)
      const letters = yield* queue.deadLetters()
      assert.deepStrictEqual(
        letters.map(({ deadForMs: _, ...letter }) => letter).sort((a, b) => (a.id < b.id ? -1 : 1)),
        [
          { id: "l", rawBody: `{"n":8}`, priority: "P3", attempts: 2 },
          { id: "n", rawBody: `{"n":7}`, priority: "P0", attempts: 2 }
        ]
      )
      assert.lengthOf(yield* queue.deadLetters(1), 1)
      assert.isTrue(yield* queue.discard("l"))
      assert.isFalse(yield* queue.discard("l"))
      assert.isFalse(yield* queue.revive("l"))
      assert.isTrue(yield* queue.revive("n"))
      assert.strictEqual(only(yield* queue.claim(1)).attempt, 1)
      assert.strictEqual((yield* queue.stats).dead, 0)
      assert.deepStrictEqual(tags(queue), ["Died", "Died"])
    })
  )

  it.effect("keeps only the latest dead letters", () =>
    Effect.gen(function* () {
      const queue = yield* fresh({ maxAttempts: 1, keepDead: 3 })
      for (let i = 0; i < 5; i++) {
        yield* queue.enqueue(`${i}`, body, "P0")
        yield* queue.nack(`${i}`, only(yield* queue.claim(1)).token)
      }
      assert.lengthOf(yield* queue.deadLetters(), 3)
      const server = yield* Server.RedisServer
      assert.strictEqual(yield* Effect.promise(() => server.raw.hlen(keyOf(queue, "job"))), 3)
    })
  )

  it.effect("a body that does not decode dies at once and does not stop the others", () =>
    Effect.gen(function* () {
      const writer = yield* PriorityQueue.make({ name: `q${names}`, schema: Schema.String, ...patient })
      const queue = yield* fresh()
      yield* writer.enqueue("bad", "not a number", "P0")
      yield* queue.enqueue("good", body, "P1")
      assert.strictEqual(only(yield* queue.claim(2)).id, "good")
      assert.deepStrictEqual(queue.events, [{ _tag: "Died", id: "bad", reason: "InvalidBody" }])
      assert.strictEqual(only(yield* queue.deadLetters()).rawBody, `"not a number"`)
      assert.lengthOf(yield* queue.claim(2), 0)
    })
  )

  it.effect("a body that does not encode is refused without being shown", () =>
    Effect.gen(function* () {
      const queue = yield* fresh()
      const error = yield* Effect.flip(queue.enqueue("x", { n: 0.123456 }, "P0"))
      assert.strictEqual(error.reason._tag, "InvalidBody")
      assert.notInclude(JSON.stringify(error) + String(error), "0.123456")
    })
  )

  it.effect("stats: depth, age and counters; every key expires", () =>
    Effect.gen(function* () {
      const queue = yield* fresh()
      assert.isUndefined((yield* queue.stats).oldestMs)
      yield* queue.enqueue("a", body, "P0")
      yield* queue.enqueue("b", body, "P3")
      yield* queue.enqueue("c", body, "P3")
      yield* queue.claim(1)
      const stats = yield* queue.stats
      assert.deepStrictEqual(stats.depth, { P0: 0, P1: 0, P2: 0, P3: 2 })
      assert.deepStrictEqual([stats.ready, stats.leased, stats.enqueued, stats.acked], [2, 1, 3, 0])
      assert.isTrue(stats.oldestMs !== undefined && stats.oldestMs >= 0 && stats.oldestMs < 10_000)
      const server = yield* Server.RedisServer
      const keys = yield* Effect.promise(() => server.raw.keys(`{pq:${queue.name}}*`))
      assert.isAtLeast(keys.length, 7)
      for (const key of keys) assert.isAbove(yield* Effect.promise(() => server.raw.pttl(key)), 0, key)
    })
  )

  for (const [what, options, message] of [
    ["an empty name", { name: "" }, "PriorityQueue: name must be a non-empty string without braces"],
    ["a name with braces", { name: "{q}" }, "PriorityQueue: name must be a non-empty string without braces"],
    ["a bound of 0", { max: 0 }, "PriorityQueue: max must be an integer >= 1, got 0"],
    ["no attempt", { maxAttempts: 0 }, "PriorityQueue: maxAttempts must be an integer >= 1, got 0"],
    ["an infinite slack", { slack: { P2: "Infinity" } }, "PriorityQueue: slack.P2 must be an integer >= 1"]
  ] as const) {
    it.effect(`refuses ${what}`, () =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(fresh(options as Partial<PriorityQueue.Options<Body>>))
        assert.isTrue(Exit.hasDies(exit))
        assert.include(String(exit), message)
      })
    )
  }

  it.effect("work runs no more jobs at once than it may, claims no more, and acks them", () =>
    Effect.gen(function* () {
      const queue = yield* fresh()
      yield* Effect.forEach(
        Array.from({ length: 40 }, (_, n) => n),
        (n) => queue.enqueue(`${n}`, { n }, "P1")
      )
      let running = 0
      let most = 0
      let leased = 0
      const seen: Array<number> = []
      const worker = yield* Effect.forkChild(
        queue.work({ concurrency: 4 }, (job) =>
          Effect.gen(function* () {
            most = Math.max(most, ++running)
            leased = Math.max(leased, (yield* queue.stats).leased)
            seen.push(job.body.n)
            running--
          })
        )
      )
      yield* Server.until(queue.stats, (stats) => stats.acked === 40)
      yield* Fiber.interrupt(worker)
      assert.strictEqual(most, 4)
      assert.isAtMost(leased, 4)
      assert.deepStrictEqual(
        seen.sort((a, b) => a - b),
        Array.from({ length: 40 }, (_, n) => n)
      )
    })
  )

  it.effect("an idle worker is woken by a new job, long before it would ask by itself", () =>
    Effect.gen(function* () {
      const queue = yield* fresh()
      const done = yield* Deferred.make<number>()
      const worker = yield* Effect.forkChild(
        queue.work({ poll: "1 second" }, (job) => Deferred.succeed(done, job.waitedMs))
      )
      const server = yield* Server.RedisServer
      const channel = `{pq:${queue.name}}:wake`
      yield* Server.until(
        Effect.promise(() => server.raw.pubsub("NUMSUB", channel)),
        (reply) => Number((reply as ReadonlyArray<unknown>)[1]) === 1
      )
      // It has asked once and found nothing when it has claimed.
      const claims = Effect.promise(() => server.raw.hget(`{pq:${queue.name}}:stat`, "claims"))
      yield* Server.until(claims, (n) => n !== null)
      yield* queue.enqueue("x", body, "P0")
      assert.isBelow(yield* Deferred.await(done), 800)
      yield* Fiber.interrupt(worker)
    })
  )

  it.effect("heartbeats keep a job that takes many leases", () =>
    Effect.gen(function* () {
      const queue = yield* fresh()
      yield* queue.enqueue("long", body, "P0")
      let runs = 0
      const release = yield* Deferred.make<void>()
      const handler = Effect.suspend(() => {
        runs++
        return Deferred.await(release)
      })
      const options = { lease: 700, poll: 50 }
      const one = yield* Effect.forkChild(queue.work(options, () => handler))
      yield* Server.until(queue.stats, (stats) => stats.leased === 1)
      const two = yield* Effect.forkChild(queue.work(options, () => handler))
      const started = performance.now()
      const stats = yield* Server.until(queue.stats, () => performance.now() - started > 2200)
      assert.deepStrictEqual([runs, stats.leased, stats.redelivered, stats.reclaimed], [1, 1, 0, 0])
      yield* Deferred.succeed(release, undefined)
      yield* Server.until(queue.stats, ({ acked }) => acked === 1)
      yield* Fiber.interruptAll([one, two])
    })
  )

  it.effect("a handler that lost its lease is interrupted and settles nothing", () =>
    Effect.gen(function* () {
      const queue = yield* fresh()
      yield* queue.enqueue("x", body, "P0")
      const interrupted = yield* Deferred.make<void>()
      const worker = yield* Effect.forkChild(
        queue.work({ lease: 300 }, () =>
          Effect.never.pipe(Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined)))
        )
      )
      yield* Server.until(queue.stats, (stats) => stats.leased === 1)
      // Its lease is made to have run out, as if the process had slept; somebody else takes the job.
      const server = yield* Server.RedisServer
      yield* Effect.promise(() => server.raw.zadd(keyOf(queue, "lease"), 1, "x"))
      const thief = only(yield* queue.claim(1))
      yield* Deferred.await(interrupted)
      assert.isTrue(yield* queue.ack("x", thief.token))
      yield* Fiber.interrupt(worker)
      assert.deepStrictEqual(tags(queue), ["StaleLease", "Acked"])
    })
  )

  it.effect("a failing handler is tried again after its delay, then dies; a defect counts as a failure", () =>
    Effect.gen(function* () {
      const queue = yield* fresh({ maxAttempts: 3 })
      yield* queue.enqueue("x", body, "P0")
      const attempts: Array<number> = []
      const worker = yield* Effect.forkChild(
        queue.work({ poll: 20, retryDelay: (attempt) => attempt * 10 }, (job) => {
          attempts.push(job.attempt)
          return job.attempt === 2 ? Effect.die("broken") : Effect.fail("no")
        })
      )
      yield* Server.until(queue.stats, (stats) => stats.dead === 1)
      yield* Fiber.interrupt(worker)
      assert.deepStrictEqual(attempts, [1, 2, 3])
      assert.deepStrictEqual(tags(queue), ["Failed", "Failed", "Failed", "Died"])
    })
  )

  it.effect("an interrupted worker interrupts its handlers and releases their jobs, and no attempt is counted", () =>
    Effect.gen(function* () {
      const queue = yield* fresh()
      for (const id of ["a", "b", "c"]) yield* queue.enqueue(id, body, "P0")
      let cleaned = 0
      const worker = yield* Effect.forkChild(
        queue.work({ concurrency: 2 }, () =>
          Effect.never.pipe(
            Effect.onInterrupt(() =>
              Effect.sync(() => {
                cleaned++
              })
            )
          )
        )
      )
      yield* Server.until(queue.stats, (stats) => stats.leased === 2)
      yield* Fiber.interrupt(worker)
      assert.strictEqual(cleaned, 2)
      const stats = yield* queue.stats
      assert.deepStrictEqual([stats.leased, stats.ready, stats.redelivered, stats.reclaimed], [0, 3, 0, 0])
      assert.deepStrictEqual(tags(queue), ["Released", "Released"])
      assert.deepStrictEqual(
        (yield* queue.claim(3)).map((job) => [job.id, job.attempt]),
        [
          ["a", 1],
          ["b", 1],
          ["c", 1]
        ]
      )
    })
  )

  it.effect("a worker interrupted at any moment leaves no job behind", () =>
    Effect.gen(function* () {
      const queue = yield* fresh({ maxAttempts: 1000 })
      for (let n = 0; n < 4; n++) yield* queue.enqueue(`${n}`, { n }, "P0")
      let began = 0
      for (const operations of [3, 5, 8, 64]) {
        for (let spins = 0; spins < 12; spins++) {
          const worker = yield* queue
            .work({ concurrency: 3 }, () =>
              Effect.andThen(
                Effect.sync(() => began++),
                Effect.never
              )
            )
            .pipe(Effect.provideService(Scheduler.MaxOpsBeforeYield, operations), Effect.forkChild)
          // A third of them as soon as something is claimed, the others before.
          if (spins >= 8) yield* Server.until(queue.stats, (stats) => stats.leased > 0)
          for (let i = 0; i < spins * 4; i++) yield* Effect.yieldNow
          yield* Fiber.interrupt(worker)
          const stats = yield* queue.stats
          assert.deepStrictEqual([stats.leased, stats.ready], [0, 4], `${operations} operations, ${spins} spins`)
        }
      }
      assert.isAbove(began, 10)
      assert.deepStrictEqual((yield* queue.stats).reclaimed, 0)
    })
  )

  it.effect("a handler that interrupts itself has failed: its attempts are counted", () =>
    Effect.gen(function* () {
      const queue = yield* fresh({ maxAttempts: 2 })
      yield* queue.enqueue("x", body, "P0")
      const worker = yield* Effect.forkChild(queue.work({ poll: 20, retryDelay: () => 1 }, () => Effect.interrupt))
      yield* Server.until(queue.stats, (stats) => stats.dead === 1)
      yield* Fiber.interrupt(worker)
    })
  )

  it.effect("a listener that throws changes nothing", () =>
    Effect.gen(function* () {
      const queue = yield* fresh({
        onEvent: () => {
          throw new Error("listener")
        }
      })
      yield* queue.enqueue("x", body, "P0")
      assert.isTrue(yield* queue.ack("x", only(yield* queue.claim(1)).token))
    })
  )

  it.effect("a worker outlives the server and goes on when it is back", () =>
    Effect.gen(function* () {
      const server = yield* Server.make()
      yield* Effect.gen(function* () {
        const queue = yield* fresh({ timeout: 200 })
        const worker = yield* Effect.forkChild(queue.work({ poll: 50 }, () => Effect.void))
        yield* queue.enqueue("before", body, "P0")
        yield* Server.until(queue.stats, (stats) => stats.acked === 1)
        yield* server.kill
        const started = performance.now()
        const error = yield* Effect.flip(queue.enqueue("meanwhile", body, "P0"))
        assert.isBelow(performance.now() - started, 1000)
        assert.strictEqual(error.reason._tag, "QueueUnavailable")
        yield* server.start
        yield* Server.until(Effect.result(queue.enqueue("after", body, "P0")), (result) => result._tag === "Success")
        yield* Server.until(queue.stats, (stats) => stats.acked === 1)
        yield* Fiber.interrupt(worker)
      }).pipe(Effect.provide(IoRedis.layer({ url: server.url })))
    }).pipe(Effect.scoped)
  )

  for (const [what, options, message] of [
    ["no concurrency", { concurrency: 0 }, "work: concurrency must be an integer >= 1, got 0"],
    [
      "a heartbeat slower than a third of the lease",
      { lease: 300, heartbeat: 101 },
      "heartbeat must be at most a third"
    ],
    ["a poll slower than a second", { poll: "2 seconds" }, "poll must be at most 1 second"]
  ] as const) {
    it.effect(`work refuses ${what}`, () =>
      Effect.gen(function* () {
        const queue = yield* fresh()
        const exit = yield* Effect.exit(queue.work(options, () => Effect.void))
        assert.include(String(exit), message)
      })
    )
  }
})
