import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Exit, Fiber, Queue, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as ResponseCache from "../../src/policies/ResponseCache.ts"
import { cache, countedStream, drain, key, mapStore, upstream } from "./ResponseCacheSupport.ts"

const a = key("a")

/** One part every 100 ms: the first after 100, the last after 100 · n. */
const ticking = (n: number): Stream.Stream<number> =>
  Stream.mapEffect(Stream.range(1, n), (i) => Effect.delay(Effect.succeed(i), 100))

const upTo = (n: number): Array<number> => Array.from({ length: n }, (_, i) => i + 1)
const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

describe("a cached stream", () => {
  it.effect("is stored at its end, and replayed with the same parts", () =>
    Effect.gen(function* () {
      const answers = yield* cache({ ttl: "1 hour" })
      const runs = upstream()
      const sources: Array<string> = []
      const ask = answers.stream(a, countedStream(runs, ticking(5)), {
        onSource: (source, ageMs) => sources.push(`${source} ${ageMs}`)
      })
      const first = yield* fork(Stream.runCollect(ask))
      yield* TestClock.adjust(499)
      assert.strictEqual((yield* answers.snapshot).entries, 0)
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* Fiber.join(first), upTo(5))
      yield* TestClock.adjust(1000)
      for (let i = 0; i < 3; i++) assert.deepStrictEqual(yield* Stream.runCollect(ask), upTo(5))
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(ask, 2)), [1, 2])
      assert.deepStrictEqual(runs, { started: 1, ended: 1, interrupted: 0 })
      assert.deepStrictEqual(sources, ["miss 0", "hit 1000", "hit 1000", "hit 1000", "hit 1000"])
      assert.deepStrictEqual((yield* answers.peekParts<number>(a))?.value, upTo(5))
    })
  )

  it.effect("may be empty", () =>
    Effect.gen(function* () {
      const answers = yield* cache()
      const runs = upstream()
      const ask = answers.stream(a, countedStream(runs, Stream.empty))
      assert.deepStrictEqual(yield* Stream.runCollect(ask), [])
      assert.deepStrictEqual(yield* Stream.runCollect(ask), [])
      assert.strictEqual(runs.started, 1)
    })
  )

  it.effect("is never stored when it fails, dies, is interrupted or is cut", () =>
    Effect.gen(function* () {
      const answers = yield* cache()
      const isEnd = (part: string) => part === "finish"
      const ends: Record<string, Stream.Stream<string, string>> = {
        fails: Stream.concat(Stream.make("text", "finish"), Stream.fail("down")),
        dies: Stream.concat(Stream.make("text", "finish"), Stream.die("bug")),
        "is interrupted": Stream.concat(Stream.make("text", "finish"), Stream.fromEffect(Effect.interrupt)),
        "is cut": Stream.make("text"),
        "never began": Stream.empty
      }
      for (const [end, stream] of Object.entries(ends)) {
        const into: Array<string> = []
        yield* Effect.exit(drain(answers.stream(a, stream, { isEnd }), into))
        assert.deepStrictEqual(into, end === "is cut" ? ["text"] : end === "never began" ? [] : ["text", "finish"])
        assert.strictEqual(yield* answers.peekParts(a), undefined, end)
      }
      yield* Stream.runDrain(answers.stream(a, Stream.make("text", "finish"), { isEnd }))
      assert.deepStrictEqual((yield* answers.peekParts<string>(a))?.value, ["text", "finish"])
    })
  )

  it.effect("is not stored when its only reader leaves in the middle, and its run ends", () =>
    Effect.gen(function* () {
      const answers = yield* cache()
      const runs = upstream()
      const ask = answers.stream(a, countedStream(runs, ticking(5)))
      const reader = yield* fork(Stream.runCollect(Stream.take(ask, 2)))
      yield* TestClock.adjust(200)
      assert.deepStrictEqual(yield* Fiber.join(reader), [1, 2])
      assert.deepStrictEqual(runs, { started: 1, ended: 1, interrupted: 1 })
      assert.strictEqual(yield* answers.peekParts(a), undefined)
      assert.strictEqual((yield* answers.snapshot).inFlight, 0)
    })
  )

  it.effect("is stored when its only reader left after the part that ends it", () =>
    Effect.gen(function* () {
      const answers = yield* cache()
      const runs = upstream()
      const slowToEnd = Stream.concat(Stream.make("text", "finish"), Stream.never)
      const ask = answers.stream(a, countedStream(runs, slowToEnd), { isEnd: (part) => part === "finish" })
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.takeUntil(ask, (part) => part === "finish")), [
        "text",
        "finish"
      ])
      assert.deepStrictEqual(runs, { started: 1, ended: 1, interrupted: 1 })
      assert.deepStrictEqual(yield* Stream.runCollect(ask), ["text", "finish"])
      assert.strictEqual(runs.started, 1)
    })
  )

  it.effect("is not stored when it is not wanted, and never before its end for being wanted", () =>
    Effect.gen(function* () {
      const answers = yield* cache()
      const isComplete = (parts: ReadonlyArray<number>) => !parts.includes(3)
      const ask = (n: number) => answers.stream(a, ticking(n), { isComplete, isEnd: (part) => part === n })
      const early = yield* fork(Stream.runDrain(Stream.take(ask(3), 1)))
      yield* TestClock.adjust(100)
      yield* Fiber.join(early)
      assert.strictEqual(yield* answers.peekParts(a), undefined)
      const unwanted = yield* fork(Stream.runDrain(ask(3)))
      yield* TestClock.adjust(300)
      yield* Fiber.join(unwanted)
      assert.strictEqual(yield* answers.peekParts(a), undefined)
      const wanted = yield* fork(Stream.runDrain(ask(2)))
      yield* TestClock.adjust(200)
      yield* Fiber.join(wanted)
      assert.deepStrictEqual((yield* answers.peekParts<number>(a))?.value, [1, 2])
    })
  )

  it.effect("hands over each part when it comes, and its end when the provider has closed", () =>
    Effect.gen(function* () {
      const answers = yield* cache()
      const closing = yield* Deferred.make<void>()
      const into: Array<number> = []
      const source = Stream.ensuring(ticking(3), Deferred.await(closing))
      const reader = yield* fork(drain(answers.stream(a, source), into))
      for (let i = 1; i <= 3; i++) {
        yield* TestClock.adjust(100)
        assert.deepStrictEqual(into, upTo(i))
      }
      assert.strictEqual(reader.pollUnsafe(), undefined)
      yield* Deferred.succeed(closing, undefined)
      yield* Fiber.join(reader)
      assert.deepStrictEqual((yield* answers.peekParts<number>(a))?.value, upTo(3))
    })
  )
})

describe("readers of one stream", () => {
  it.effect("read it from its first part, whenever they come, and follow it live", () =>
    Effect.gen(function* () {
      const answers = yield* cache()
      const runs = upstream()
      const ask = answers.stream(a, countedStream(runs, ticking(5)))
      const readers: Array<{ readonly into: Array<number>; readonly fiber: Fiber.Fiber<void, unknown> }> = []
      for (let i = 0; i < 5; i++) {
        const into: Array<number> = []
        readers.push({ into, fiber: yield* fork(drain(ask, into)) })
        yield* TestClock.adjust(100)
        for (const reader of readers) assert.deepStrictEqual(reader.into, upTo(i + 1))
      }
      for (const { fiber } of readers) yield* Fiber.join(fiber)
      assert.deepStrictEqual(runs, { started: 1, ended: 1, interrupted: 0 })
      assert.strictEqual((yield* answers.snapshot).coalesced, 4)
    })
  )

  it.effect("go on when the one who began it leaves; the last one takes the run with it", () =>
    Effect.gen(function* () {
      const answers = yield* cache()
      const runs = upstream()
      const ask = answers.stream(a, countedStream(runs, ticking(9)))
      const into: Array<number> = []
      const first = yield* fork(Stream.runDrain(ask))
      yield* TestClock.adjust(200)
      const second = yield* fork(drain(ask, into))
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust(200)
      assert.deepStrictEqual(into, upTo(4))
      assert.strictEqual(runs.ended, 0)
      yield* Fiber.interrupt(second)
      assert.deepStrictEqual(runs, { started: 1, ended: 1, interrupted: 1 })
      const third = yield* fork(Stream.runCollect(ask))
      yield* TestClock.adjust(900)
      assert.deepStrictEqual(yield* Fiber.join(third), upTo(9))
      assert.strictEqual(runs.started, 2)
    })
  )

  it.effect("get what came before a failure, then the failure", () =>
    Effect.gen(function* () {
      const answers = yield* cache()
      const ask = answers.stream(a, Stream.concat(ticking(2), Stream.fail("down")))
      const into: [Array<number>, Array<number>] = [[], []]
      const early = yield* fork(Effect.exit(drain(ask, into[0])))
      yield* TestClock.adjust(150)
      const late = yield* fork(Effect.exit(drain(ask, into[1])))
      yield* TestClock.adjust(50)
      assert.deepStrictEqual(
        [yield* Fiber.join(early), yield* Fiber.join(late)],
        [Exit.fail("down"), Exit.fail("down")]
      )
      assert.deepStrictEqual(into, [upTo(2), upTo(2)])
    })
  )

  it.effect("do not wait for a slow one, who loses nothing", () =>
    Effect.gen(function* () {
      const answers = yield* cache()
      const ask = answers.stream(a, ticking(10))
      const fast: Array<number> = []
      const slow: Array<number> = []
      yield* fork(drain(ask, fast))
      const last = yield* fork(
        Stream.runForEach(ask, (part) =>
          Effect.andThen(
            Effect.sleep(1000),
            Effect.sync(() => slow.push(part))
          )
        )
      )
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(fast, upTo(10))
      assert.isBelow(slow.length, 2)
      yield* TestClock.adjust(10_000)
      yield* Fiber.join(last)
      assert.deepStrictEqual(slow, upTo(10))
    })
  )
})

describe("stale streams", () => {
  it.effect("are given at once while one new one is read in the background", () =>
    Effect.gen(function* () {
      const answers = yield* cache({ ttl: 1000, staleFor: 1000 })
      const runs = upstream()
      const sources: Array<string> = []
      const ask = (stream: Stream.Stream<string>) =>
        Stream.runCollect(
          answers.stream(a, countedStream(runs, stream), { onSource: (source) => sources.push(source) })
        )
      yield* ask(Stream.make("old"))
      yield* TestClock.adjust(1500)
      const fresh = Stream.fromEffect(Effect.delay(Effect.succeed("new"), 200))
      assert.deepStrictEqual(yield* ask(fresh), ["old"])
      assert.deepStrictEqual(yield* ask(fresh), ["old"])
      yield* TestClock.adjust(200)
      assert.deepStrictEqual(yield* ask(fresh), ["new"])
      assert.deepStrictEqual(runs, { started: 2, ended: 2, interrupted: 0 })
      assert.deepStrictEqual(sources, ["miss", "stale", "stale", "hit"])
    })
  )

  it.effect("stand in for one that fails before its first part, and for no later failure", () =>
    Effect.gen(function* () {
      const answers = yield* cache({ ttl: 1000, staleIfError: 5000 })
      yield* Stream.runDrain(answers.stream(a, Stream.make("o", "l", "d")))
      yield* TestClock.adjust(1000)
      const sources: Array<string> = []
      const ask = (stream: Stream.Stream<string, string>) =>
        Effect.exit(
          Stream.runCollect(
            answers.stream(a, stream, {
              onSource: (source, ageMs) => sources.push(`${source} ${ageMs}`),
              staleOn: (error) => error === "down"
            })
          )
        )
      assert.deepStrictEqual(yield* ask(Stream.fail("down")), Exit.succeed(["o", "l", "d"]))
      assert.deepStrictEqual(yield* ask(Stream.fail("your fault")), Exit.fail("your fault"))
      assert.deepStrictEqual(yield* ask(Stream.concat(Stream.make("n"), Stream.fail("down"))), Exit.fail("down"))
      assert.deepStrictEqual(sources, ["stale 1000", "miss 0", "miss 0"])
    })
  )

  it.effect("are empty when the old answer was", () =>
    Effect.gen(function* () {
      const answers = yield* cache({ ttl: 1000, staleIfError: 5000 })
      yield* Stream.runDrain(answers.stream(a, Stream.empty))
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(yield* Stream.runCollect(answers.stream(a, Stream.fail("down"))), [])
    })
  )

  it.effect("come from the store behind the memory as well", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const shared = mapStore(() => clock.currentTimeMillisUnsafe())
      const windows = { ttl: 1000, staleFor: 1000, staleIfError: 9000 }
      yield* Stream.runDrain((yield* cache(windows, shared.store)).stream(a, Stream.make(1, 2)))
      const sources: Array<string> = []
      const options = { onSource: (source: string) => sources.push(source) }
      for (const [at, source] of [
        [500, Stream.die("asked")],
        [1500, Stream.never],
        [2500, Stream.fail("down")]
      ] as const) {
        yield* TestClock.adjust(at - clock.currentTimeMillisUnsafe())
        const answers = yield* cache(windows, shared.store)
        assert.deepStrictEqual(yield* Stream.runCollect(answers.stream(a, source, options)), [1, 2])
      }
      assert.deepStrictEqual(sources, ["hit", "stale", "stale"])
    })
  )
})

describe("an answer that outgrows maxEntryWeight", () => {
  const heavy = { weigh: () => 1, maxEntryWeight: 4, maxStall: 1000 }

  it.effect("goes on for its readers, takes no new ones and is not stored", () =>
    Effect.gen(function* () {
      const answers = yield* cache(heavy)
      const runs = upstream()
      const ask = answers.stream(a, countedStream(runs, ticking(6)))
      const first = yield* fork(Stream.runCollect(ask))
      yield* TestClock.adjust(400)
      const joined = yield* fork(Stream.runCollect(ask))
      assert.strictEqual(runs.started, 1)
      yield* TestClock.adjust(100)
      const refused = yield* fork(Stream.runCollect(ask))
      assert.strictEqual(runs.started, 2)
      yield* TestClock.adjust(600)
      assert.deepStrictEqual(
        [yield* Fiber.join(first), yield* Fiber.join(joined), yield* Fiber.join(refused)],
        [upTo(6), upTo(6), upTo(6)]
      )
      const { entries, tooHeavy } = yield* answers.snapshot
      assert.deepStrictEqual([entries, tooHeavy], [0, 2])
    })
  )

  it.effect("is stored when it just fits", () =>
    Effect.gen(function* () {
      const answers = yield* cache(heavy)
      for (const n of [4, 5]) yield* Stream.runDrain(answers.stream(key(`${n}`), Stream.fromArray(upTo(n))))
      yield* answers.get(key("4"), Effect.succeed(1), { weigh: () => 4 })
      yield* answers.get(key("5"), Effect.succeed(1), { weigh: () => 5 })
      const found = [
        yield* answers.peekParts(key("4")),
        yield* answers.peekParts(key("5")),
        yield* answers.peek(key("4")),
        yield* answers.peek(key("5"))
      ]
      assert.deepStrictEqual(
        found.map((kept) => kept !== undefined),
        [true, false, true, false]
      )
      assert.strictEqual((yield* answers.snapshot).weight, 8)
    })
  )

  it.effect("is too heavy when nobody can say what it weighs, and still arrives", () =>
    Effect.gen(function* () {
      const weights: ReadonlyArray<() => number> = [
        () => Number.NaN,
        () => -1,
        () => Number.POSITIVE_INFINITY,
        () => {
          throw new Error("bug")
        }
      ]
      for (const weigh of weights) {
        const answers = yield* cache({ ...heavy, weigh })
        assert.deepStrictEqual(yield* Stream.runCollect(answers.stream(a, Stream.fromArray(upTo(9)))), upTo(9))
        assert.strictEqual((yield* answers.get(a, Effect.succeed(1))).value, 1)
        assert.strictEqual((yield* answers.snapshot).entries, 0)
      }
    })
  )

  /** Hands out parts as they are asked for, beginning after a millisecond, and counts. */
  const onDemand = (n: number) => {
    const pulled = { parts: 0 }
    const stream = Stream.mapEffect(Stream.rechunk(Stream.range(1, n), 1), (i) =>
      Effect.sync(() => {
        pulled.parts = i
        return i
      })
    )
    return { pulled, stream: Stream.unwrap(Effect.as(Effect.sleep(1), stream)) }
  }

  it.effect("is read no further ahead of a reader who is alone, for as long as it takes", () =>
    Effect.gen(function* () {
      const answers = yield* cache(heavy)
      const { pulled, stream } = onDemand(100)
      const read: Array<number> = []
      const reader = yield* fork(
        Stream.runForEach(answers.stream(a, stream), (part) =>
          Effect.andThen(
            Effect.sleep("10 minutes"),
            Effect.sync(() => read.push(part))
          )
        )
      )
      yield* TestClock.adjust(1)
      for (let i = 0; i < 100; i++) {
        yield* TestClock.adjust("10 minutes")
        // The one it works on, up to 4 unread, one that made it too much, and one in the making.
        assert.isAtMost(pulled.parts - read.length, 7)
      }
      yield* Fiber.join(reader)
      assert.deepStrictEqual(read, upTo(100))
    })
  )

  it.effect("waits for a slow reader so long, then cuts it off and goes on for the others", () =>
    Effect.gen(function* () {
      const answers = yield* cache(heavy)
      const { pulled, stream } = onDemand(100)
      const ask = answers.stream(a, stream)
      const gate = yield* Queue.unbounded<void>()
      const slow: Array<number> = []
      const fast: Array<number> = []
      const laggard = yield* fork(
        Effect.exit(
          Stream.runForEach(ask, (part) =>
            Effect.andThen(
              Effect.sync(() => slow.push(part)),
              Queue.take(gate)
            )
          )
        )
      )
      const other = yield* fork(drain(ask, fast))
      yield* TestClock.adjust(1)
      const stalledAt = fast.length
      assert.isAtMost(pulled.parts, 7)
      yield* TestClock.adjust(999)
      assert.strictEqual(fast.length, stalledAt)
      yield* TestClock.adjust(1)
      yield* Fiber.join(other)
      assert.deepStrictEqual(fast, upTo(100))
      yield* Queue.offerAll(gate, [undefined, undefined, undefined])
      const exit = yield* Fiber.join(laggard)
      const error = Exit.isFailure(exit) ? exit.cause.reasons.map((reason) => "error" in reason && reason.error)[0] : 0
      assert.instanceOf(error, ResponseCache.FollowerLagged)
      assert.isAbove(error.behind, error.limit)
      // What it had was right: the answer's beginning, without a gap.
      assert.deepStrictEqual(slow, upTo(slow.length))
    })
  )

  it.effect("waits no longer when the slow reader leaves", () =>
    Effect.gen(function* () {
      const answers = yield* cache({ ...heavy, maxStall: "1 hour" })
      const ask = answers.stream(a, onDemand(100).stream)
      const fast: Array<number> = []
      const slow = yield* fork(Stream.runForEach(ask, () => Effect.never))
      const other = yield* fork(drain(ask, fast))
      yield* TestClock.adjust(1)
      assert.isBelow(fast.length, 10)
      yield* Fiber.interrupt(slow)
      yield* Fiber.join(other)
      assert.deepStrictEqual(fast, upTo(100))
    })
  )
})

describe("a stream and its cache", () => {
  it.effect("end together; streams after that pass", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const answers = yield* Scope.provide(cache(), scope)
      const runs = upstream()
      const reader = yield* fork(Stream.runDrain(answers.stream(a, countedStream(runs, Stream.never))))
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(reader)))
      assert.deepStrictEqual(runs, { started: 1, ended: 1, interrupted: 1 })
      assert.deepStrictEqual(yield* Stream.runCollect(answers.stream(a, Stream.make(1))), [1])
    })
  )

  it.effect("part when it is invalidated: its readers get the rest, nothing is stored", () =>
    Effect.gen(function* () {
      const answers = yield* cache()
      const runs = upstream()
      const ask = answers.stream(a, countedStream(runs, ticking(3)))
      const before = yield* fork(Stream.runCollect(ask))
      yield* TestClock.adjust(150)
      yield* answers.invalidate(a)
      const after = yield* fork(Stream.runCollect(ask))
      yield* TestClock.adjust(150)
      assert.deepStrictEqual(yield* Fiber.join(before), upTo(3))
      assert.strictEqual(yield* answers.peekParts(a), undefined)
      yield* TestClock.adjust(150)
      assert.deepStrictEqual(yield* Fiber.join(after), upTo(3))
      assert.strictEqual(runs.started, 2)
      assert.isDefined(yield* answers.peekParts(a))
    })
  )
})
