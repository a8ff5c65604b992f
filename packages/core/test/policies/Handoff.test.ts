import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Context, Deferred, Effect, Exit, Fiber, Layer, Schema, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { InvalidOption } from "../../src/model/InvalidOption.ts"
import * as Handoff from "../../src/policies/Handoff.ts"
import * as ManualClock from "../router/support/ManualClock.ts"

/** Starts `effect` now and gives its fiber. */
const begin = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** Runs `effect` while `ms` of virtual time pass, and waits for its end. */
const during = <A, E, R>(effect: Effect.Effect<A, E, R>, ms: number) =>
  Effect.gen(function* () {
    const fiber = yield* begin(effect)
    yield* TestClock.adjust(ms)
    return yield* Fiber.join(fiber)
  })

/** The id of the task that `work` becomes; 600 ms pass. */
const handedOff = <A, E, R>(
  handoff: Handoff.Handoff["Service"],
  work: Effect.Effect<A, E, R>,
  options?: Handoff.RunOptions
) =>
  Effect.gen(function* () {
    const handed = yield* during(handoff.run(work, options), 600)
    if (handed._tag !== "Accepted") assert.fail(`was answered: ${handed.value}`)
    return handed.taskId
  })

/** Work that is told when to end, and how it was treated. */
const controlled = Effect.gen(function* () {
  const answer = yield* Deferred.make<string, string>()
  const seen = { started: 0, interrupted: 0, ended: 0 }
  const work = Effect.suspend(() => {
    seen.started++
    return Deferred.await(answer)
  }).pipe(
    Effect.onExit((exit) =>
      Effect.sync(() => {
        seen.ended++
        if (Exit.hasInterrupts(exit)) seen.interrupted++
      })
    )
  )
  return { work, seen, succeed: (value: string) => Deferred.succeed(answer, value), fail: Deferred.fail(answer, "no") }
})

describe("Handoff", () => {
  describe("hands off what takes longer than 500 ms, and runs it once", () => {
    const ways: Record<string, (ms: number) => ReadonlyArray<number>> = {
      "one sleep": (ms) => [ms],
      // The second timer is set after that of the limit, and goes off after it where both are due at once.
      "two sleeps": (ms) => [ms * 0.6, ms * 0.4],
      "ten sleeps": (ms) => Array.from({ length: 10 }, () => ms / 10)
    }
    for (const [way, steps] of Object.entries(ways)) {
      for (const step of [10, 100, 5000]) {
        it.effect(`${way}, while time goes by ${step} ms at a time`, () =>
          Effect.gen(function* () {
            const handoff = yield* Handoff.make()
            const seen: Array<unknown> = []
            let runs = 0
            for (const ms of [100, 499, 500, 501, 3000]) {
              const start = yield* Clock.currentTimeMillis
              const work = Effect.andThen(
                Effect.sync(() => runs++),
                Effect.forEach(steps(ms), (step) => Effect.sleep(step))
              )
              const fiber = yield* begin(handoff.run(Effect.as(work, ms)))
              for (let t = 0; t < 5000; t += step) yield* TestClock.adjust(step)
              const handed = yield* Fiber.join(fiber)
              const end = handed._tag === "Done" ? handed : yield* handoff.await(handed.taskId)
              seen.push([handed._tag, "value" in end && end.value])
              if (end._tag === "Succeeded") assert.deepStrictEqual([end.startedAt, end.elapsedMs], [start, ms])
            }
            assert.deepStrictEqual(seen, [
              ["Done", 100],
              ["Done", 499],
              ["Done", 500],
              ["Accepted", 501],
              ["Accepted", 3000]
            ])
            assert.strictEqual(runs, 5)
          })
        )
      }
    }
  })

  it.effect("lets completion win that comes in the turn of the limit", () =>
    Effect.gen(function* () {
      // Unlike virtual time, this clock does not wait for fibers to come to rest between two timers.
      const time = ManualClock.make()
      const handoff = yield* Effect.provideService(Handoff.make(), Clock.Clock, time)
      for (const [work, expected] of [
        [Effect.sleep(500), "Done"],
        [Effect.andThen(Effect.sleep(500), Effect.yieldNow), "Done"],
        [Effect.andThen(Effect.sleep(200), Effect.sleep(300)), "Done"],
        [Effect.sleep(501), "Accepted"]
      ] as const) {
        const fiber = yield* begin(Effect.provideService(handoff.run(work), Clock.Clock, time))
        for (let t = 0; t < 500; t += 100) time.advance(100)
        assert.strictEqual((yield* Fiber.join(fiber))._tag, expected)
        time.advance(1000)
      }
    })
  )

  it.effect("answers at the limit, not later", () =>
    Effect.gen(function* () {
      const handoff = yield* Handoff.make()
      let answeredAt = -1
      const fiber = yield* begin(
        Effect.tap(handoff.run(Effect.sleep("1 minute")), () =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            answeredAt = now
          })
        )
      )
      yield* TestClock.adjust(499)
      assert.deepStrictEqual([answeredAt, (yield* handoff.snapshot).waiting], [-1, 1])
      yield* TestClock.adjust(1)
      yield* Fiber.join(fiber)
      assert.strictEqual(answeredAt, 500)
    })
  )

  it.effect("waits for as long as the call says instead, and for ever if it says so", () =>
    Effect.gen(function* () {
      const handoff = yield* Handoff.make()
      const run = (after: Handoff.RunOptions["after"]) =>
        during(handoff.run(Effect.as(Effect.sleep(1000), "ok"), { after }), 2000)
      assert.strictEqual((yield* run("999 millis"))._tag, "Accepted")
      assert.strictEqual((yield* run("1 second"))._tag, "Done")
      assert.strictEqual((yield* run("Infinity"))._tag, "Done")
    })
  )

  it.effect("does not wait for what is known to take longer, but answers what ends at once", () =>
    Effect.gen(function* () {
      const handoff = yield* Handoff.make()
      const handed = yield* handoff.run(Effect.sleep("1 second"), { expected: 501 })
      assert.strictEqual(handed._tag, "Accepted")
      const atOnce = yield* handoff.run(Effect.succeed("cached"), { expected: "1 minute" })
      assert.deepStrictEqual(atOnce, { _tag: "Done", value: "cached" })
      assert.strictEqual((yield* during(handoff.run(Effect.sleep(400), { expected: 500 }), 400))._tag, "Done")
    })
  )

  it.effect("fails as the work does, with errors and with defects", () =>
    Effect.gen(function* () {
      const handoff = yield* Handoff.make()
      const failure = handoff.run(Effect.andThen(Effect.sleep(100), Effect.fail("no")))
      assert.strictEqual(yield* during(Effect.flip(failure), 100), "no")
      const defect = yield* during(Effect.exit(handoff.run(Effect.andThen(Effect.sleep(100), Effect.die("bug")))), 100)
      assert.deepStrictEqual(defect, Exit.die("bug"))
      const interrupted = yield* Effect.exit(handoff.run(Effect.interrupt))
      assert.isTrue(Exit.hasInterrupts(interrupted))
      assert.deepStrictEqual(yield* handoff.snapshot, {
        waiting: 0,
        running: 0,
        stopping: 0,
        succeeded: 0,
        failed: 0,
        cancelled: 0,
        evicted: 0
      })
    })
  )

  it.effect("runs the work with the caller's services, also after the hand-off", () =>
    Effect.gen(function* () {
      class Name extends Context.Service<Name, string>()("test/Name") {}
      const handoff = yield* Handoff.make()
      const work = Effect.andThen(
        Effect.sleep("1 second"),
        Name.useSync((name) => `hello ${name}`)
      )
      const taskId = yield* handedOff(handoff, Effect.provideService(work, Name, "you"))
      const later = yield* Effect.provideService(handedOff(handoff, work), Name, "him")
      yield* TestClock.adjust("1 second")
      const values = yield* Effect.forEach([taskId, later], handoff.await)
      assert.deepStrictEqual(
        values.map((end) => end._tag === "Succeeded" && end.value),
        ["hello you", "hello him"]
      )
    })
  )

  describe("the status of a task", () => {
    it.effect("says how it stands, and reading changes nothing", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make()
        yield* TestClock.adjust(7000)
        const { succeed, work } = yield* controlled
        const taskId = yield* handedOff(handoff, work)
        const running = { _tag: "Running", taskId, startedAt: 7000, elapsedMs: 600, etaMs: undefined }
        for (let i = 0; i < 3; i++) assert.deepStrictEqual(yield* handoff.poll(taskId), running as Handoff.TaskStatus)
        yield* TestClock.adjust(1400)
        yield* succeed("answer")
        const facts = { taskId, startedAt: 7000, elapsedMs: 2000, expiresInMs: 3_600_000 }
        const succeeded = { _tag: "Succeeded", ...facts, value: "answer" }
        for (let i = 0; i < 3; i++) {
          assert.deepStrictEqual(yield* handoff.poll(taskId), succeeded as Handoff.TaskStatus)
          assert.deepStrictEqual(yield* handoff.await(taskId), succeeded as Handoff.EndedStatus)
        }
        yield* TestClock.adjust(1000)
        const later = yield* handoff.poll(taskId)
        assert.deepStrictEqual(later, { ...succeeded, expiresInMs: 3_599_000 } as Handoff.TaskStatus)
      })
    )

    it.effect("holds the error of work that failed", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make()
        const { fail, work } = yield* controlled
        const taskId = yield* handedOff(handoff, work)
        const defective = yield* handedOff(handoff, Effect.andThen(Effect.sleep(900), Effect.die("bug")))
        yield* fail
        yield* TestClock.adjust("1 second")
        const failed = yield* handoff.poll(taskId)
        assert.deepStrictEqual(failed._tag === "Failed" && [failed.error, failed.cause], ["no", Cause.fail("no")])
        const died = yield* handoff.poll(defective)
        assert.deepStrictEqual(died._tag === "Failed" && [died.error, died.cause], ["bug", Cause.die("bug")])
      })
    )

    it.effect("is told to everybody who waits for the end, at once", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make()
        const { succeed, work } = yield* controlled
        const taskId = yield* handedOff(handoff, work)
        const impatient = yield* begin(handoff.await(taskId))
        const waiting = yield* begin(Effect.all([handoff.await(taskId), handoff.await(taskId)], { concurrency: 2 }))
        yield* Fiber.interrupt(impatient)
        yield* succeed("answer")
        const ends = yield* Fiber.join(waiting)
        assert.deepStrictEqual(
          ends.map((end) => end._tag === "Succeeded" && end.value),
          ["answer", "answer"]
        )
      })
    )

    it.effect("is kept for the time to live", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make({ ttl: "10 seconds" })
        const { succeed, work } = yield* controlled
        const taskId = yield* handedOff(handoff, work)
        yield* TestClock.adjust("1 minute")
        // Running tasks do not expire.
        assert.strictEqual((yield* handoff.poll(taskId))._tag, "Running")
        yield* succeed("answer")
        yield* TestClock.adjust(9999)
        assert.strictEqual((yield* handoff.poll(taskId))._tag, "Succeeded")
        yield* TestClock.adjust(1)
        for (const ask of [handoff.poll(taskId), handoff.await(taskId), handoff.cancel(taskId)]) {
          assert.strictEqual((yield* Effect.flip<unknown, Handoff.TaskNotFound, never>(ask))._tag, "TaskNotFound")
        }
        assert.strictEqual((yield* handoff.snapshot).succeeded, 0)
      })
    )

    it.effect("leaves early when there are too many, the oldest first, and never while the task runs", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make({ maxResults: 2 })
        const tasks = yield* Effect.forEach([0, 1, 2, 3], () => controlled)
        const ids = yield* Effect.forEach(tasks, ({ work }) => handedOff(handoff, work))
        for (const n of [3, 1, 2]) yield* tasks[n]?.succeed("answer") ?? Effect.void
        const tags = yield* Effect.forEach(ids, (id) =>
          Effect.match(handoff.poll(id), { onFailure: (error) => error._tag, onSuccess: (status) => status._tag })
        )
        assert.deepStrictEqual(tags, ["Running", "Succeeded", "Succeeded", "TaskNotFound"])
        const { evicted, running, succeeded } = yield* handoff.snapshot
        assert.deepStrictEqual([running, succeeded, evicted], [1, 2, 1])
      })
    )

    it.effect("is nobody's whose id was never given out", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make()
        for (const id of ["", "nobody", "__proto__"]) {
          assert.strictEqual((yield* Effect.flip(handoff.poll(id)))._tag, "TaskNotFound")
          assert.strictEqual((yield* Effect.flip(handoff.cancel(id)))._tag, "TaskNotFound")
        }
      })
    )
  })

  describe("a caller that is interrupted", () => {
    it.effect("takes the work with it before the hand-off, and waits for its finalizers", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make()
        let closed = false
        const work = Effect.onInterrupt(Effect.never, () =>
          Effect.andThen(
            Effect.sleep(200),
            Effect.sync(() => {
              closed = true
            })
          )
        )
        const fiber = yield* begin(handoff.run(work))
        yield* TestClock.adjust(450)
        const interruption = yield* begin(Fiber.interrupt(fiber))
        // The limit passes while the work is closing: it is nobody's task.
        yield* TestClock.adjust(199)
        assert.deepStrictEqual([closed, fiber.pollUnsafe()], [false, undefined])
        yield* TestClock.adjust(1)
        yield* Fiber.join(interruption)
        assert.isTrue(closed)
        assert.deepStrictEqual(yield* handoff.snapshot, {
          waiting: 0,
          running: 0,
          stopping: 0,
          succeeded: 0,
          failed: 0,
          cancelled: 0,
          evicted: 0
        })
      })
    )

    it.effect("leaves the work alone after the hand-off", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make()
        const { seen, succeed, work } = yield* controlled
        const ids: Array<string> = []
        const caller = yield* begin(
          Effect.andThen(
            Effect.tap(handoff.run(work), (handed) =>
              Effect.sync(() => {
                if (handed._tag === "Accepted") ids.push(handed.taskId)
              })
            ),
            Effect.never
          )
        )
        yield* TestClock.adjust(600)
        yield* Fiber.interrupt(caller)
        assert.deepStrictEqual(seen, { started: 1, interrupted: 0, ended: 0 })
        yield* succeed("answer")
        const end = yield* handoff.await(ids[0] ?? "none")
        assert.deepStrictEqual([end._tag, seen.started], ["Succeeded", 1])
      })
    )
  })

  describe("cancel", () => {
    it.effect("ends the task, interrupts the work and waits for its finalizers", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make()
        let closed = false
        const work = Effect.onInterrupt(Effect.never, () =>
          Effect.andThen(
            Effect.sleep(200),
            Effect.sync(() => {
              closed = true
            })
          )
        )
        const taskId = yield* handedOff(handoff, work)
        const waiter = yield* begin(handoff.await(taskId))
        const cancelling = yield* begin(handoff.cancel(taskId))
        // It is over for everybody, while the work is still on its way out and keeps its slot.
        assert.strictEqual((yield* Fiber.join(waiter))._tag, "Cancelled")
        assert.strictEqual((yield* handoff.poll(taskId))._tag, "Cancelled")
        const { cancelled, running, stopping } = yield* handoff.snapshot
        assert.deepStrictEqual([running, stopping, cancelled, closed], [0, 1, 1, false])
        yield* TestClock.adjust(200)
        assert.isTrue(yield* Fiber.join(cancelling))
        assert.deepStrictEqual([(yield* handoff.snapshot).stopping, closed], [0, true])
        assert.isFalse(yield* handoff.cancel(taskId))
      })
    )

    it.effect("wins once against others of its kind, and loses against completion", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make()
        const first = yield* handedOff(handoff, Effect.never)
        const all = yield* Effect.all([handoff.cancel(first), handoff.cancel(first), handoff.cancel(first)], {
          concurrency: 3
        })
        assert.deepStrictEqual(all, [true, false, false])
        const { succeed, work } = yield* controlled
        const second = yield* handedOff(handoff, work)
        yield* succeed("answer")
        assert.isFalse(yield* handoff.cancel(second))
        assert.strictEqual((yield* handoff.poll(second))._tag, "Succeeded")
      })
    )

    it.effect("stays the end, whatever the work does on its way out", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make()
        const works = [
          Effect.uninterruptible(Effect.as(Effect.sleep(1000), "late")),
          Effect.onInterrupt(Effect.never, () => Effect.die("while closing"))
        ]
        for (const work of works) {
          const taskId = yield* handedOff(handoff, work)
          assert.isTrue(yield* during(handoff.cancel(taskId), 1000))
          assert.strictEqual((yield* handoff.poll(taskId))._tag, "Cancelled")
        }
        const { cancelled, failed, stopping, succeeded } = yield* handoff.snapshot
        assert.deepStrictEqual([cancelled, succeeded, failed, stopping], [2, 0, 0, 0])
      })
    )

    it.effect("may come from the work itself, and work that interrupts itself is cancelled too", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make({ newTaskId: () => "mine" })
        const taskId = yield* handedOff(handoff, Effect.andThen(Effect.sleep(1000), handoff.cancel("mine")))
        yield* TestClock.adjust(1000)
        assert.strictEqual((yield* handoff.await(taskId))._tag, "Cancelled")
        const other = yield* Handoff.make()
        const quitter = yield* handedOff(other, Effect.andThen(Effect.sleep(1000), Effect.interrupt))
        yield* TestClock.adjust(1000)
        assert.strictEqual((yield* other.await(quitter))._tag, "Cancelled")
      })
    )
  })

  describe("asyncMax", () => {
    it.effect("bounds a task, from the beginning of its work", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make()
        const { seen, work } = yield* controlled
        const taskId = yield* handedOff(handoff, work)
        yield* TestClock.adjust(599_399)
        assert.strictEqual((yield* handoff.poll(taskId))._tag, "Running")
        yield* TestClock.adjust(1)
        const end = yield* handoff.await(taskId)
        if (end._tag !== "Failed") assert.fail(end._tag)
        assert.deepStrictEqual(end.error, new Handoff.TaskTimedOut({ asyncMaxMs: 600_000 }))
        assert.strictEqual(end.elapsedMs, 600_000)
        assert.deepStrictEqual(seen, { started: 1, interrupted: 1, ended: 1 })
        assert.isFalse(yield* handoff.cancel(taskId))
      })
    )

    it.effect("holds to the millisecond for calls that waited for different times", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make({ asyncMax: "10 seconds" })
        const patient = yield* begin(handoff.run(Effect.never, { after: "9 seconds" }))
        yield* TestClock.adjust(1000)
        const hasty = yield* begin(handoff.run(Effect.never, { after: "1 second" }))
        yield* TestClock.adjust(20_000)
        const ends = yield* Effect.forEach([patient, hasty], (fiber) =>
          Effect.flatMap(Fiber.join(fiber), (handed) =>
            handed._tag === "Accepted" ? handoff.await(handed.taskId) : Effect.die("was answered")
          )
        )
        assert.deepStrictEqual(
          ends.map((end) => [end._tag, end.startedAt, end.elapsedMs]),
          [
            ["Failed", 0, 10_000],
            ["Failed", 1000, 10_000]
          ]
        )
      })
    )

    it.effect("does not bound a call that is waited for, nor a task without it", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make({ asyncMax: "1 second" })
        const waited = handoff.run(Effect.as(Effect.sleep("1 hour"), "ok"), { after: "Infinity" })
        assert.strictEqual((yield* during(waited, 3_600_000))._tag, "Done")
        const unbounded = yield* Handoff.make({ asyncMax: "Infinity" })
        const taskId = yield* handedOff(unbounded, Effect.sleep("1 day"))
        yield* TestClock.adjust("1 day")
        assert.strictEqual((yield* unbounded.poll(taskId))._tag, "Succeeded")
      })
    )
  })

  describe("when as many tasks run as may", () => {
    it.effect("keeps the caller waiting for its answer", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make({ maxAsync: 2 })
        const first = yield* handedOff(handoff, Effect.never)
        yield* handedOff(handoff, Effect.never)
        const { seen, succeed, work } = yield* controlled
        const third = yield* begin(handoff.run(work))
        yield* TestClock.adjust("1 minute")
        assert.isUndefined(third.pollUnsafe())
        // A free slot is for the next one who reaches the limit; who waits, waits.
        yield* handoff.cancel(first)
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual([third.pollUnsafe(), (yield* handoff.snapshot).waiting], [undefined, 1])
        yield* succeed("answer")
        assert.deepStrictEqual(yield* Fiber.join(third), { _tag: "Done", value: "answer" })
        assert.strictEqual(seen.started, 1)
        yield* handedOff(handoff, Effect.never)
      })
    )

    it.effect("takes the work along when a caller that waits is interrupted", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make({ maxAsync: 1 })
        yield* handedOff(handoff, Effect.never)
        const { seen, work } = yield* controlled
        const second = yield* begin(handoff.run(work))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.interrupt(second)
        assert.deepStrictEqual(seen, { started: 1, interrupted: 1, ended: 1 })
      })
    )

    it.effect("or refuses and interrupts the work, if it is told to", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make({ maxAsync: 1, onFull: "reject" })
        yield* handedOff(handoff, Effect.never)
        const { seen, work } = yield* controlled
        const refused = yield* during(Effect.flip(handoff.run(work)), 600)
        assert.deepStrictEqual(refused, new Handoff.HandoffFull({ maxAsync: 1 }))
        assert.deepStrictEqual(seen, { started: 1, interrupted: 1, ended: 1 })
        // What is short is answered all the same.
        assert.strictEqual((yield* during(handoff.run(Effect.sleep(500)), 500))._tag, "Done")
      })
    )

    it.effect("waits for refused work, whatever it does on its way out", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make({ maxAsync: 1, onFull: "reject" })
        yield* handedOff(handoff, Effect.never)
        let ended = false
        const stubborn = Effect.onInterrupt(Effect.never, () =>
          Effect.andThen(
            Effect.sleep(300),
            Effect.suspend(() => {
              ended = true
              return Effect.die("while closing")
            })
          )
        )
        const fiber = yield* begin(Effect.flip(handoff.run(stubborn)))
        yield* TestClock.adjust(799)
        assert.deepStrictEqual([fiber.pollUnsafe(), ended], [undefined, false])
        yield* TestClock.adjust(1)
        assert.deepStrictEqual([(yield* Fiber.join(fiber))._tag, ended], ["HandoffFull", true])
        assert.strictEqual((yield* handoff.snapshot).waiting, 0)
      })
    )

    it.effect("counts cancelled tasks until their work has ended", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make({ maxAsync: 1, onFull: "reject" })
        const stubborn = Effect.onInterrupt(Effect.never, () => Effect.sleep("10 seconds"))
        const taskId = yield* handedOff(handoff, stubborn)
        const cancelling = yield* begin(handoff.cancel(taskId))
        yield* during(Effect.flip(handoff.run(Effect.never)), 600)
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(cancelling)
        yield* handedOff(handoff, Effect.never)
      })
    )
  })

  describe("the end of the service", () => {
    it.effect("interrupts tasks and waited-for work, and waits for their finalizers", () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const handoff = yield* Scope.provide(Handoff.make(), scope)
        let closed = 0
        const work = Effect.onInterrupt(Effect.never, () =>
          Effect.andThen(
            Effect.sleep(700),
            Effect.sync(() => closed++)
          )
        )
        const taskId = yield* handedOff(handoff, work)
        const caller = yield* begin(handoff.run(work))
        const waiter = yield* begin(handoff.await(taskId))
        const closing = yield* begin(Scope.close(scope, Exit.void))
        yield* TestClock.adjust(699)
        // The caller's limit has passed by now: nobody is promised a task that is being interrupted.
        assert.deepStrictEqual([closed, closing.pollUnsafe(), caller.pollUnsafe()], [0, undefined, undefined])
        yield* TestClock.adjust(1)
        yield* Fiber.join(closing)
        assert.strictEqual(closed, 2)
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(caller)))
        assert.strictEqual((yield* Fiber.join(waiter))._tag, "Cancelled")
        assert.strictEqual((yield* handoff.poll(taskId))._tag, "Cancelled")
      })
    )

    it.effect("lets nothing begin any more", () =>
      Effect.gen(function* () {
        const handoff = yield* Effect.scoped(Handoff.make())
        let runs = 0
        const exit = yield* Effect.exit(handoff.run(Effect.sync(() => runs++)))
        assert.deepStrictEqual([Exit.hasInterrupts(exit), runs], [true, 0])
      })
    )

    it.effect("may be brought about by work of its own", () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const handoff = yield* Scope.provide(Handoff.make(), scope)
        const exit = yield* Effect.exit(handoff.run(Effect.andThen(Effect.yieldNow, Scope.close(scope, Exit.void))))
        assert.isTrue(Exit.hasInterrupts(exit) || Exit.isSuccess(exit))
      })
    )
  })

  it.effect("says how long a task will probably take, by the tasks before it", () =>
    Effect.gen(function* () {
      const handoff = yield* Handoff.make()
      const etas: Array<number | undefined> = []
      for (const ms of [1000, 3000, 5000]) {
        const handed = yield* during(handoff.run(Effect.sleep(ms)), 10_000)
        if (handed._tag === "Accepted") etas.push(handed.etaMs)
      }
      // What fails or is cancelled says nothing about how long an answer takes.
      yield* handoff.cancel(yield* handedOff(handoff, Effect.never))
      yield* during(handoff.run(Effect.andThen(Effect.sleep(501), Effect.fail("no"))), 10_000)
      const fiber = yield* begin(handoff.run(Effect.sleep("1 minute")))
      yield* TestClock.adjust(500)
      const handed = yield* Fiber.join(fiber)
      if (handed._tag !== "Accepted") assert.fail("was answered")
      etas.push(handed.etaMs)
      assert.deepStrictEqual(etas, [undefined, 500, 1500, 2500])
      yield* TestClock.adjust(2500)
      const status = yield* handoff.poll(handed.taskId)
      assert.strictEqual(status._tag === "Running" && status.etaMs, 2000)
    })
  )

  describe("task ids", () => {
    it.effect("are random UUIDs", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make()
        const ids = new Set<string>()
        for (let i = 0; i < 50; i++) {
          const handed = yield* handoff.run(Effect.never, { expected: "1 hour" })
          if (handed._tag === "Accepted") ids.add(handed.taskId)
        }
        assert.strictEqual(ids.size, 50)
        const isUuid = Schema.is(Schema.String.check(Schema.isUUID(4)))
        for (const id of ids) assert.isTrue(isUuid(id), id)
      })
    )

    it.effect("are a defect when they repeat or cannot be made, and the work is interrupted", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make({ newTaskId: () => "same" })
        assert.strictEqual(yield* handedOff(handoff, Effect.never), "same")
        const { seen, work } = yield* controlled
        const repeated = yield* during(Effect.exit(handoff.run(work)), 600)
        assert.isTrue(Exit.isFailure(repeated) && Cause.squash(repeated.cause) instanceof InvalidOption)
        assert.deepStrictEqual(seen, { started: 1, interrupted: 1, ended: 1 })
        const broken = yield* Handoff.make({
          newTaskId: () => {
            throw new Error("no entropy")
          }
        })
        const exit = yield* during(Effect.exit(broken.run(Effect.never)), 600)
        assert.isTrue(Exit.isFailure(exit) && String(Cause.squash(exit.cause)).includes("no entropy"))
        assert.strictEqual((yield* broken.snapshot).waiting, 0)
      })
    )

    it("stand in no error", () => {
      for (const error of [new Handoff.TaskNotFound({}), new Handoff.TaskTimedOut({ asyncMaxMs: 1 })]) {
        assert.notInclude(Object.keys(error), "taskId")
      }
    })
  })

  it.effect("leaves no timer behind", () =>
    Effect.gen(function* () {
      const manual = ManualClock.make()
      let asleep = 0
      const time: Clock.Clock = {
        ...manual,
        sleep: (duration) =>
          Effect.acquireUseRelease(
            Effect.sync(() => asleep++),
            () => manual.sleep(duration),
            () => Effect.sync(() => asleep--)
          )
      }
      const handoff = yield* Effect.provideService(Handoff.make({ after: "5 seconds" }), Clock.Clock, time)
      const calls: Record<string, Effect.Effect<unknown, unknown, Scope.Scope>> = {
        answered: handoff.run(Effect.yieldNow),
        failed: handoff.run(Effect.andThen(Effect.yieldNow, Effect.fail("no"))),
        interrupted: Effect.flatMap(begin(handoff.run(Effect.never)), Fiber.interrupt),
        started: handoff.stream(Stream.concat(Stream.fromEffect(Effect.as(Effect.yieldNow, 1)), Stream.never)),
        succeeded: Effect.flatMap(
          handoff.run(Effect.andThen(Effect.yieldNow, Effect.succeed(1)), { expected: "1 hour" }),
          (handed) => (handed._tag === "Accepted" ? handoff.await(handed.taskId) : Effect.die("was answered"))
        ),
        cancelled: Effect.flatMap(handoff.run(Effect.never, { expected: "1 hour" }), (handed) =>
          handed._tag === "Accepted" ? handoff.cancel(handed.taskId) : Effect.die("was answered")
        )
      }
      for (const [name, call] of Object.entries(calls)) {
        yield* Effect.exit(call)
        // The timer that calls of one limit share goes when it has had nothing to do for a while.
        for (let t = 0; t < 1000; t += 50) {
          manual.advance(50)
          yield* Effect.yieldNow
        }
        assert.strictEqual(asleep, 0, name)
      }
    })
  )

  it.effect("names option, range and value of a mistake", () =>
    Effect.gen(function* () {
      const mistakes: ReadonlyArray<readonly [Handoff.Options, string]> = [
        [{ after: 0 }, "Handoff: after must be a duration > 0"],
        [{ after: "10 minutes" }, `Handoff: after must be a duration shorter than asyncMax (600000 ms), or "Infinity"`],
        [{ asyncMax: -1 }, "Handoff: asyncMax must be a duration > 0"],
        [{ maxAsync: 0 }, "Handoff: maxAsync must be an integer >= 1, got 0"],
        [{ maxResults: 1.5 }, "Handoff: maxResults must be an integer >= 1, got 1.5"],
        [{ ttl: 0 }, "Handoff: ttl must be a duration > 0"],
        [{ onFull: "drop" as "wait" }, `Handoff: onFull must be "wait" or "reject", got "drop"`]
      ]
      for (const [options, message] of mistakes) {
        const exit = yield* Effect.exit(Effect.scoped(Handoff.make(options)))
        const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.isTrue(error instanceof InvalidOption && error.message.startsWith(message), String(error))
      }
      const handoff = yield* Handoff.make({ after: "Infinity" })
      for (const [options, message] of [
        [{ after: -1 }, "Handoff.run: after must be a duration > 0"],
        [{ after: "1 hour" }, "Handoff.run: after must be a duration shorter than asyncMax (600000 ms)"],
        [{ expected: -1 }, "Handoff.run: expected must be a duration >= 0, got -1"]
      ] as const) {
        let runs = 0
        const exit = yield* Effect.exit(
          handoff.run(
            Effect.sync(() => runs++),
            options
          )
        )
        const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.isTrue(error instanceof InvalidOption && error.message.startsWith(message), String(error))
        assert.strictEqual(runs, 0)
      }
    })
  )

  it.effect("is a service with a layer", () =>
    Handoff.Handoff.use((handoff) => handoff.run(Effect.succeed(1))).pipe(
      Effect.map((handed) => assert.deepStrictEqual(handed, { _tag: "Done", value: 1 })),
      Effect.provide(Layer.fresh(Handoff.layer({ maxAsync: 5 })))
    )
  )
})
