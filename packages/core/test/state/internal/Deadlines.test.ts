import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import fc from "fast-check"
import { Deadline, make } from "../../../src/state/internal/Deadlines.ts"

class Probe extends Deadline {
  readonly fired: Array<number> = []
  readonly #now: () => number
  constructor(now: () => number) {
    super()
    this.#now = now
  }
  expired(): void {
    this.fired.push(this.#now())
  }
}

const fresh = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  return { now, deadlines: make(clock, now) }
})

describe("Deadlines", () => {
  it.effect("expire at their time, each once", () =>
    Effect.gen(function* () {
      const { deadlines, now } = yield* fresh
      const short = new Probe(now)
      const long = new Probe(now)
      const start = now()
      deadlines.set(long, 5000, start)
      deadlines.set(short, 10, start)
      yield* TestClock.adjust("9 millis")
      assert.deepStrictEqual(short.fired, [])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(short.fired, [start + 10])
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual([short.fired, long.fired], [[start + 10], [start + 5000]])
      assert.strictEqual(deadlines.size(), 0)
    })
  )

  it.effect("never expire once cleared, and may be set again", () =>
    Effect.gen(function* () {
      const { deadlines, now } = yield* fresh
      const probe = new Probe(now)
      deadlines.set(probe, 100, now())
      deadlines.clear(probe)
      deadlines.clear(probe)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(probe.fired, [])
      const again = now()
      deadlines.set(probe, 100, again)
      deadlines.set(probe, Number.POSITIVE_INFINITY, again)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(probe.fired, [])
      assert.strictEqual(deadlines.size(), 0)
    })
  )

  it.effect("fire exactly what a list without tricks would fire, whatever is set and cleared when", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.array(
            fc.record({
              probe: fc.nat(7),
              action: fc.constantFrom("set", "set", "clear"),
              ms: fc.constantFrom(1, 7, 50, 250, 251, 3000),
              wait: fc.nat(400)
            }),
            { maxLength: 60, size: "max" }
          ),
          (script) =>
            Effect.runPromise(
              Effect.gen(function* () {
                const { deadlines, now } = yield* fresh
                const probes = Array.from({ length: 8 }, () => new Probe(now))
                const due = new Map<number, number>()
                const expected = probes.map((): Array<number> => [])
                const settle = (until: number) => {
                  for (const [i, at] of due) {
                    if (at > until) continue
                    expected[i]?.push(at)
                    due.delete(i)
                  }
                }
                for (const { action, ms, probe, wait } of script) {
                  const target = probes[probe]
                  if (target === undefined) continue
                  if (action === "clear") {
                    deadlines.clear(target)
                    due.delete(probe)
                  } else {
                    deadlines.set(target, ms, now())
                    due.set(probe, now() + ms)
                  }
                  yield* TestClock.adjust(wait)
                  settle(now())
                }
                yield* TestClock.adjust("1 minute")
                settle(Number.POSITIVE_INFINITY)
                assert.deepStrictEqual(
                  probes.map((probe) => probe.fired),
                  expected
                )
                assert.strictEqual(deadlines.size(), 0)
              }).pipe(Effect.scoped, Effect.provide(TestClock.layer()))
            )
        ),
        { numRuns: 1000 }
      )
    )
  )
})
