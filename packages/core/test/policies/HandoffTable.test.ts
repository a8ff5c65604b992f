import { assert, describe, it } from "@effect/vitest"
import { Cause } from "effect"
import fc from "fast-check"
import * as Durations from "../../src/policies/internal/handoff/Durations.ts"
import * as TaskTable from "../../src/policies/internal/handoff/TaskTable.ts"

const succeeded = (value: unknown): TaskTable.Ending => ({ _tag: "Succeeded", value })
const failed: TaskTable.Ending = { _tag: "Failed", cause: Cause.fail("no") }
const cancelled: TaskTable.Ending = { _tag: "Cancelled" }

/** Everything that ever happened, in a list; what is true now is computed from all of it, every time. */
class Model {
  readonly options: TaskTable.Options
  readonly log: Array<{
    readonly id: string
    readonly work: number
    end: { readonly at: number; readonly ending: TaskTable.Ending; evicted: boolean } | undefined
    released: boolean
  }> = []
  /** Places in `log`, in the order of their ends. */
  readonly ends: Array<number> = []
  latest = Number.NEGATIVE_INFINITY

  constructor(options: TaskTable.Options) {
    this.options = options
  }

  see(now: number) {
    this.latest = Math.max(this.latest, now)
  }
  /** Ended tasks that are still kept, oldest end first. */
  kept() {
    return this.ends.flatMap((place) => {
      const task = this.log[place]
      const end = task?.end
      return task === undefined || end === undefined || end.evicted || this.latest - end.at >= this.options.ttl
        ? []
        : [{ ...task, end }]
    })
  }
  slots() {
    return this.log.filter((task) => !task.released)
  }
  accept(id: string, work: number) {
    if (this.slots().length >= this.options.maxRunning) return false
    if (this.slots().some((task) => task.id === id) || this.kept().some((task) => task.id === id)) return false
    this.log.push({ id, work, end: undefined, released: false })
    return true
  }
  settle(id: string, ending: TaskTable.Ending, now: number) {
    this.see(now)
    const place = this.log.findIndex((task) => task.id === id && task.end === undefined)
    const task = this.log[place]
    if (task === undefined) return undefined
    task.end = { at: this.latest, ending, evicted: false }
    this.ends.push(place)
    const kept = this.kept()
    const oldest = kept[0]
    if (kept.length > this.options.maxResults && oldest !== undefined) oldest.end.evicted = true
    return { ending, endedAt: this.latest }
  }
  release(id: string) {
    for (const task of this.log) if (task.id === id && task.end !== undefined) task.released = true
  }
  get(id: string, now: number) {
    this.see(now)
    const running = this.log.find((task) => task.id === id && task.end === undefined)
    if (running !== undefined) return { running: running.work }
    const ended = this.kept().find((task) => task.id === id)
    return ended === undefined ? undefined : { ending: ended.end.ending, endedAt: ended.end.at }
  }
  counts(now: number): TaskTable.Counts {
    this.see(now)
    const kept = this.kept()
    const ofKind = (tag: TaskTable.Ending["_tag"]) => kept.filter(({ end }) => end.ending._tag === tag).length
    return {
      running: this.log.filter((task) => task.end === undefined).length,
      stopping: this.slots().filter((task) => task.end !== undefined).length,
      succeeded: ofKind("Succeeded"),
      failed: ofKind("Failed"),
      cancelled: ofKind("Cancelled"),
      evicted: this.log.filter((task) => task.end?.evicted === true).length
    }
  }
}

const brief = (task: TaskTable.RunningTask<number> | TaskTable.EndedTask | undefined) =>
  task === undefined
    ? undefined
    : task._tag === "Running"
      ? { running: task.work }
      : { ending: task.ending, endedAt: task.endedAt }

describe("the table of tasks", () => {
  it("does what a list of everything that ever happened says", () => {
    const id = fc.nat(5).map((n) => `task ${n}`)
    const command = fc.record({
      do: fc.constantFrom("accept", "accept", "settle", "settle", "release", "release", "get", "counts"),
      id,
      ending: fc.oneof(fc.nat(9).map(succeeded), fc.constantFrom(failed, cancelled)),
      wait: fc.oneof({ weight: 9, arbitrary: fc.nat(8) }, { weight: 1, arbitrary: fc.integer({ min: -40, max: 80 }) })
    })
    const options = fc.record({
      maxRunning: fc.integer({ min: 1, max: 6 }),
      ttl: fc.constantFrom(20, 100, 400),
      maxResults: fc.integer({ min: 1, max: 4 })
    })
    let evictions = 0
    let expiries = 0
    fc.assert(
      fc.property(options, fc.array(command, { maxLength: 120, size: "max" }), (options, commands) => {
        const table = TaskTable.make<number>(options)
        const model = new Model(options)
        let now = 0
        commands.forEach((command, n) => {
          now += command.wait
          switch (command.do) {
            case "accept":
              assert.strictEqual(table.accept(command.id, n, now, 0), model.accept(command.id, n))
              break
            case "settle": {
              const ended = table.settle(command.id, command.ending, now)
              assert.deepStrictEqual(brief(ended), model.settle(command.id, command.ending, now))
              break
            }
            case "release":
              table.release(command.id)
              model.release(command.id)
              break
            case "get":
              assert.deepStrictEqual(brief(table.get(command.id, now)), model.get(command.id, now))
              break
            case "counts":
              assert.deepStrictEqual(table.counts(now), model.counts(now))
          }
          assert.strictEqual(table.isFull(), model.slots().length >= options.maxRunning)
        })
        const counts = table.counts(now)
        assert.deepStrictEqual(counts, model.counts(now))
        assert.isAtMost(counts.succeeded + counts.failed + counts.cancelled, options.maxResults)
        assert.isAtMost(counts.running + counts.stopping, options.maxRunning)
        evictions += counts.evicted
        expiries += model.ends.length - model.kept().length - counts.evicted
      }),
      { numRuns: 1000 }
    )
    // The sequences reach what they are meant to test.
    assert.isAbove(evictions, 500)
    assert.isAbove(expiries, 500)
  })

  it("lets the first of two ends win", () => {
    for (const [first, second] of [
      [cancelled, succeeded(1)],
      [succeeded(1), cancelled],
      [failed, cancelled]
    ] as const) {
      const table = TaskTable.make<string>({ maxRunning: 1, ttl: 10, maxResults: 1 })
      assert.isTrue(table.accept("a", "work", 0, 0))
      assert.strictEqual(table.settle("a", first, 5)?.ending, first)
      assert.isUndefined(table.settle("a", second, 6))
      const task = table.get("a", 7)
      assert.strictEqual(task?._tag === "Ended" && task.ending, first)
    }
  })

  it("keeps an end for the time to live, counted from the end, and not a moment longer", () => {
    const table = TaskTable.make<string>({ maxRunning: 1, ttl: 100, maxResults: 9 })
    table.accept("a", "work", 0, 0)
    table.settle("a", succeeded(1), 50)
    assert.strictEqual(table.get("a", 149.999)?._tag, "Ended")
    assert.isUndefined(table.get("a", 150))
    // A clock that steps back brings nothing back.
    assert.isUndefined(table.get("a", 60))
  })

  it("keeps the slot of an ended task until its work has ended", () => {
    const table = TaskTable.make<string>({ maxRunning: 1, ttl: 100, maxResults: 9 })
    table.accept("a", "work", 0, 0)
    table.release("a")
    assert.isTrue(table.isFull())
    table.settle("a", cancelled, 1)
    assert.isFalse(table.accept("b", "work", 1, 0))
    table.release("a")
    assert.isTrue(table.accept("b", "work", 1, 0))
  })
})

describe("the estimate of what is left", () => {
  it("is the median of the tasks that ran longer, less what has passed", () => {
    const durations = Durations.make()
    assert.isUndefined(durations.remaining(0))
    for (const ms of [9000, 600, 1000, 2000]) durations.observe(ms)
    assert.strictEqual(durations.remaining(500), 1500 - 500)
    assert.strictEqual(durations.remaining(600), 2000 - 600)
    assert.strictEqual(durations.remaining(1000), 5500 - 1000)
    assert.strictEqual(durations.remaining(2000), 9000 - 2000)
    assert.isUndefined(durations.remaining(9000))
  })

  it("remembers the last 64 tasks", () => {
    const durations = Durations.make()
    for (let i = 0; i < 64; i++) durations.observe(1000)
    assert.strictEqual(durations.remaining(0), 1000)
    for (let i = 0; i < 33; i++) durations.observe(3000)
    assert.strictEqual(durations.remaining(0), 3000)
    for (let i = 0; i < 64; i++) durations.observe(5000)
    assert.strictEqual(durations.remaining(4000), 1000)
    assert.isUndefined(durations.remaining(5000))
  })
})
