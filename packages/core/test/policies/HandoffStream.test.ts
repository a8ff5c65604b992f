import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { InvalidOption } from "../../src/model/InvalidOption.ts"
import * as Handoff from "../../src/policies/Handoff.ts"

/** A part is its text; what begins with "#" only announces the answer. A number waits so many milliseconds. */
type Step = string | number | Effect.Effect<never, string>
const isContent = (part: string) => !part.startsWith("#")

/** A source and how often it was opened and closed. */
const source = (steps: ReadonlyArray<Step>) => {
  const seen = { opened: 0, closed: 0, parts: 0 }
  const stream = Stream.unwrap(
    Effect.as(
      Effect.acquireRelease(
        Effect.sync(() => {
          seen.opened++
        }),
        () =>
          Effect.sync(() => {
            seen.closed++
          })
      ),
      Stream.fromIterable(steps).pipe(
        Stream.rechunk(1),
        Stream.mapEffect((step) =>
          typeof step === "string"
            ? Effect.sync(() => {
                seen.parts++
                return [step]
              })
            : typeof step === "number"
              ? Effect.as(Effect.sleep(step), [])
              : step
        ),
        Stream.flattenIterable
      )
    )
  )
  return { stream, seen }
}

const begin = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const during = <A, E, R>(effect: Effect.Effect<A, E, R>, ms: number) =>
  Effect.gen(function* () {
    const fiber = yield* begin(effect)
    yield* TestClock.adjust(ms)
    return yield* Fiber.join(fiber)
  })

/** Hands a stream in and reads what is started to its end. */
const answered = <E, R>(
  handoff: Handoff.Handoff["Service"],
  stream: Stream.Stream<string, E, R>,
  options: Handoff.StreamOptions<string> = { isContent }
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const handed = yield* handoff.stream(stream, options)
      return handed._tag === "Started" ? yield* Stream.runCollect(handed.stream) : handed
    })
  )

const accepted = <E, R>(handoff: Handoff.Handoff["Service"], stream: Stream.Stream<string, E, R>) =>
  Effect.gen(function* () {
    const answer = yield* during(answered(handoff, stream), 600)
    if (!("taskId" in answer)) assert.fail(`was answered: ${answer}`)
    return answer.taskId
  })

describe("Handoff of streams", () => {
  describe("hands off a stream whose first content takes longer than 500 ms", () => {
    for (const step of [10, 100, 5000]) {
      for (const chained of [false, true]) {
        it.effect(`${chained ? "after several timers" : "after one timer"}, by ${step} ms at a time`, () =>
          Effect.gen(function* () {
            const handoff = yield* Handoff.make()
            const seen: Array<unknown> = []
            const opened: Array<number> = []
            for (const ms of [100, 499, 500, 501, 3000]) {
              const waits = chained ? ["#1", ms * 0.4, "#2", ms * 0.6] : ["#1", "#2", ms]
              const given = source([...waits, "a", 1000, "b"])
              const fiber = yield* begin(answered(handoff, given.stream))
              for (let t = 0; t < 5000; t += step) yield* TestClock.adjust(step)
              const answer = yield* Fiber.join(fiber)
              if ("taskId" in answer) {
                const end = yield* handoff.await(answer.taskId)
                seen.push(end._tag === "Succeeded" && { kept: end.value, elapsed: end.elapsedMs })
              } else seen.push(answer)
              opened.push(given.seen.opened, given.seen.closed)
            }
            const parts = ["#1", "#2", "a", "b"]
            assert.deepStrictEqual(seen, [
              parts,
              parts,
              parts,
              { kept: parts, elapsed: 1501 },
              { kept: parts, elapsed: 4000 }
            ])
            assert.deepStrictEqual(opened, Array(10).fill(1))
          })
        )
      }
    }
  })

  it.effect("never converts a stream that has begun, however long it takes", () =>
    Effect.gen(function* () {
      const handoff = yield* Handoff.make({ asyncMax: "1 second" })
      const given = source([400, "a", 10_000, "b", 10_000, "c"])
      assert.deepStrictEqual(yield* during(answered(handoff, given.stream), 20_400), ["a", "b", "c"])
      assert.deepStrictEqual(given.seen, { opened: 1, closed: 1, parts: 3 })
    })
  )

  it.effect("hands over parts as they come", () =>
    Effect.gen(function* () {
      const handoff = yield* Handoff.make()
      const read: Array<string> = []
      const reader = Effect.scoped(
        Effect.flatMap(handoff.stream(source(["#1", "a", 50, "b", 50, "c"]).stream, { isContent }), (handed) =>
          handed._tag === "Started"
            ? Stream.runForEach(handed.stream, (part) => Effect.sync(() => read.push(part)))
            : Effect.void
        )
      )
      const fiber = yield* begin(reader)
      assert.deepStrictEqual(read, ["#1", "a"])
      yield* TestClock.adjust(50)
      assert.deepStrictEqual(read, ["#1", "a", "b"])
      yield* TestClock.adjust(50)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(read, ["#1", "a", "b", "c"])
    })
  )

  it.effect("answers a stream that ends without content, and an empty one", () =>
    Effect.gen(function* () {
      const handoff = yield* Handoff.make()
      for (const steps of [["#1", 400, "#2"], [400], []]) {
        const given = source(steps)
        const parts = yield* during(answered(handoff, given.stream), 500)
        assert.deepStrictEqual(
          parts,
          steps.filter((step) => typeof step === "string")
        )
        assert.strictEqual(given.seen.closed, 1)
      }
    })
  )

  it.effect("fails as the stream does, before and after the first content, and closes it", () =>
    Effect.gen(function* () {
      const handoff = yield* Handoff.make()
      const early = source(["#1", 100, Effect.fail("early")])
      assert.strictEqual(yield* during(Effect.flip(answered(handoff, early.stream)), 200), "early")
      const late = source(["a", 100, Effect.fail("late")])
      assert.strictEqual(yield* during(Effect.flip(answered(handoff, late.stream)), 200), "late")
      const defect = yield* during(Effect.exit(answered(handoff, Stream.die("bug"))), 200)
      assert.deepStrictEqual(defect, Exit.die("bug"))
      const broken = yield* Effect.exit(
        answered(handoff, source(["a"]).stream, {
          isContent: () => {
            throw new Error("not content")
          }
        })
      )
      assert.isTrue(Exit.isFailure(broken) && String(Cause.squash(broken.cause)).includes("not content"))
      assert.deepStrictEqual([early.seen.closed, late.seen.closed], [1, 1])
      assert.strictEqual((yield* handoff.snapshot).waiting, 0)
    })
  )

  it.effect("counts every part as content unless told otherwise", () =>
    Effect.gen(function* () {
      const handoff = yield* Handoff.make()
      const handed = yield* handoff.stream(source(["#1", 1000, "a"]).stream)
      assert.strictEqual(handed._tag, "Started")
    })
  )

  it.effect("does not wait for a stream that is known to take longer", () =>
    Effect.gen(function* () {
      const handoff = yield* Handoff.make()
      const handed = yield* handoff.stream(source([100, "a"]).stream, { expected: "1 second" })
      assert.strictEqual(handed._tag, "Accepted")
      const atOnce = yield* handoff.stream(source(["a"]).stream, { expected: "1 second" })
      assert.strictEqual(atOnce._tag, "Started")
    })
  )

  describe("an accepted stream", () => {
    it.effect("fails as a task when it breaks", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make()
        const given = source([1000, "a", Effect.fail("broken")])
        const taskId = yield* accepted(handoff, given.stream)
        yield* TestClock.adjust("1 second")
        const end = yield* handoff.await(taskId)
        assert.strictEqual(end._tag === "Failed" && end.error, "broken")
        assert.strictEqual(given.seen.closed, 1)
      })
    )

    it.effect("keeps no more than it may", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make()
        for (const [options, parts] of [
          [{ maxSize: 3 }, 4],
          [{ maxSize: 8, sizeOf: (part: string) => part.length }, 3],
          [{ maxSize: 8, sizeOf: () => Number.NaN }, 1]
        ] as const) {
          const given = source([1000, ...Array.from({ length: 10 }, () => "abc")])
          const answer = yield* during(answered(handoff, given.stream, options), 2000)
          if (!("taskId" in answer)) assert.fail("was answered")
          const end = yield* handoff.await(answer.taskId)
          assert.deepStrictEqual(
            end._tag === "Failed" && end.error,
            new Handoff.ResultTooLarge({ maxSize: options.maxSize })
          )
          assert.deepStrictEqual(given.seen, { opened: 1, closed: 1, parts })
        }
        // As much as it may is not too much.
        const given = source([1000, "a", "b", "c"])
        const answer = yield* during(answered(handoff, given.stream, { maxSize: 3 }), 2000)
        if (!("taskId" in answer)) assert.fail("was answered")
        assert.strictEqual((yield* handoff.await(answer.taskId))._tag, "Succeeded")
      })
    )

    it.effect("is closed by cancel, by asyncMax and by the end of the service", () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const handoff = yield* Scope.provide(Handoff.make({ asyncMax: "10 seconds" }), scope)
        const [first, second, third] = [source([1000, "a", 99_000]), source([60_000, "a"]), source([60_000, "a"])]
        const cancelled = yield* accepted(handoff, first.stream)
        const timedOut = yield* accepted(handoff, second.stream)
        assert.isTrue(yield* handoff.cancel(cancelled))
        yield* TestClock.adjust("10 seconds")
        const closed = yield* accepted(handoff, third.stream)
        yield* Scope.close(scope, Exit.void)
        const ends = yield* Effect.forEach([cancelled, timedOut, closed], handoff.await)
        assert.deepStrictEqual(
          ends.map((end) => end._tag),
          ["Cancelled", "Failed", "Cancelled"]
        )
        assert.deepStrictEqual(
          [first, second, third].map(({ seen }) => seen.closed),
          [1, 1, 1]
        )
      })
    )

    it.effect("outlives its caller's scope, and leaves nothing in it", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make()
        const scope = yield* Scope.make()
        const given = source([1000, "a", 1000, "b"])
        const handed = yield* during(Scope.provide(handoff.stream(given.stream), scope), 600)
        if (handed._tag !== "Accepted") assert.fail("was answered")
        assert.strictEqual(finalizers(scope), 0)
        yield* Scope.close(scope, Exit.void)
        yield* TestClock.adjust("2 seconds")
        const end = yield* handoff.await(handed.taskId)
        assert.deepStrictEqual(end._tag === "Succeeded" && end.value, ["a", "b"])
      })
    )
  })

  describe("when as many tasks run as may", () => {
    it.effect("keeps the caller waiting for the first content", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make({ maxAsync: 1 })
        yield* accepted(handoff, source([99_000, "a"]).stream)
        assert.deepStrictEqual(yield* during(answered(handoff, source(["#1", 5000, "a", 10, "b"]).stream), 6000), [
          "#1",
          "a",
          "b"
        ])
        // What it holds back meanwhile is bounded: beyond that the stream begins without content.
        const announcing = source(["#1", 600, "#2", "#3", 5000, "a"])
        const read = yield* during(answered(handoff, announcing.stream, { isContent, maxSize: 2 }), 6000)
        assert.deepStrictEqual(read, ["#1", "#2", "#3", "a"])
      })
    )

    it.effect("or refuses and closes the stream, if it is told to", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make({ maxAsync: 1, onFull: "reject" })
        yield* accepted(handoff, source([99_000, "a"]).stream)
        const given = source(["#1", 5000, "a"])
        const refused = yield* during(Effect.flip(answered(handoff, given.stream)), 600)
        assert.deepStrictEqual(refused, new Handoff.HandoffFull({ maxAsync: 1 }))
        assert.strictEqual(given.seen.closed, 1)
      })
    )
  })

  describe("who leaves closes the stream:", () => {
    it.effect("a caller interrupted before the first content", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make()
        const scope = yield* Scope.make()
        const given = source(["#1", 1000, "a"])
        const fiber = yield* begin(Scope.provide(handoff.stream(given.stream, { isContent }), scope))
        yield* TestClock.adjust(400)
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(given.seen, { opened: 1, closed: 1, parts: 1 })
        assert.deepStrictEqual([(yield* handoff.snapshot).waiting, finalizers(scope)], [0, 0])
      })
    )

    it.effect("a caller that never reads what has begun", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make()
        const given = source(["a", 1000, "b"])
        const tag = yield* Effect.scoped(Effect.map(handoff.stream(given.stream), (handed) => handed._tag))
        assert.deepStrictEqual([tag, given.seen.closed], ["Started", 1])
      })
    )

    it.effect("a reader that has enough", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make()
        const scope = yield* Scope.make()
        const given = source(["a", "b", 1000, "c"])
        const handed = yield* Scope.provide(handoff.stream(given.stream), scope)
        if (handed._tag !== "Started") assert.fail("was handed off")
        assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(handed.stream, 2)), ["a", "b"])
        // At once, although the caller's scope is open.
        assert.deepStrictEqual([given.seen.closed, finalizers(scope)], [1, 0])
      })
    )

    it.effect("a reader that is interrupted", () =>
      Effect.gen(function* () {
        const handoff = yield* Handoff.make()
        const given = source(["a", 1000, "b"])
        const reader = yield* begin(answered(handoff, given.stream))
        yield* TestClock.adjust(900)
        yield* Fiber.interrupt(reader)
        assert.deepStrictEqual(given.seen, { opened: 1, closed: 1, parts: 1 })
      })
    )
  })

  it.effect("reads a started stream once", () =>
    Effect.gen(function* () {
      const handoff = yield* Handoff.make()
      const handed = yield* handoff.stream(Stream.make("a"))
      if (handed._tag !== "Started") assert.fail("was handed off")
      assert.deepStrictEqual(yield* Stream.runCollect(handed.stream), ["a"])
      const again = yield* Effect.exit(Stream.runCollect(handed.stream))
      assert.isTrue(Exit.isFailure(again) && Cause.hasDies(again.cause))
    })
  )

  it.effect("reads on with the caller's services, and whatever the source keeps running", () =>
    Effect.gen(function* () {
      class Name extends Context.Service<Name, string>()("test/Name") {}
      const handoff = yield* Handoff.make()
      const named = (steps: ReadonlyArray<Step>) =>
        Stream.mapEffect(source(steps).stream, (part) => Name.useSync((name) => `${part} ${name}`))
      const merged = Stream.merge(
        Stream.buffer(named(["a", 700, "b"]), { capacity: 1 }),
        source([100, "x", 700, "y"]).stream
      )
      for (const [stream, expected] of [
        [named(["a", 700, "b"]), ["a you", "b you"]],
        [merged, ["a you", "x", "b you", "y"]]
      ] as const) {
        const handed = yield* Effect.provideService(handoff.stream(stream), Name, "you")
        if (handed._tag !== "Started") assert.fail("was handed off")
        const read = yield* during(Effect.provideService(Stream.runCollect(handed.stream), Name, "him"), 2000)
        assert.deepStrictEqual(read, [...expected])
      }
    })
  )

  it.effect("leaves a stream that has begun to its reader when the service ends", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const handoff = yield* Scope.provide(Handoff.make(), scope)
      const reader = yield* begin(answered(handoff, source(["a", 1000, "b"]).stream))
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(yield* Fiber.join(reader), ["a", "b"])
    })
  )

  it.effect("opens nothing when the service or the caller's scope is closed", () =>
    Effect.gen(function* () {
      const given = source(["a"])
      const over = yield* Effect.scoped(Handoff.make())
      assert.isTrue(Exit.hasInterrupts(yield* Effect.exit(answered(over, given.stream))))
      const scope = yield* Scope.make()
      yield* Scope.close(scope, Exit.void)
      const handoff = yield* Handoff.make()
      const exit = yield* Effect.exit(Scope.provide(handoff.stream(given.stream), scope))
      assert.isTrue(Exit.hasInterrupts(exit))
      assert.strictEqual(given.seen.opened, 0)
    })
  )

  it.effect("names option, range and value of a mistake", () =>
    Effect.gen(function* () {
      const handoff = yield* Handoff.make()
      const exit = yield* Effect.exit(handoff.stream(Stream.make("a"), { maxSize: 0 }))
      const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.isTrue(error instanceof InvalidOption)
      assert.strictEqual(String(error), "InvalidOption: Handoff.stream: maxSize must be an integer >= 1, got 0")
    })
  )
})

/** What a scope still has to close. */
const finalizers = (scope: Scope.Scope): number => {
  const { state } = scope
  if (state._tag !== "Open") return 0
  return state.finalizers?.size ?? (state.finalizer === undefined ? 0 : 1)
}
