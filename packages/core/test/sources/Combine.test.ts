import { assert, describe, it } from "@effect/vitest"
import { Effect, Queue, Stream } from "effect"
import * as TargetSource from "../../src/model/TargetSource.ts"
import * as Combine from "../../src/sources/Combine.ts"
import { follow, idsOf, messageOf, setOf } from "./support.ts"

/** A source that a test speaks for. */
const spoken = (name: string) =>
  Effect.gen(function* () {
    const queue = yield* Queue.unbounded<TargetSource.TargetUpdate<string>>()
    return {
      source: TargetSource.fromUpdates(name, Stream.fromQueue(queue)),
      says: (ids: ReadonlyArray<string>, tiers?: ReadonlyArray<ReadonlyArray<string>>) =>
        Queue.offer(
          queue,
          TargetSource.targets({ targets: ids.map((id) => ({ id, client: `${name} ${id}` })), tiers })
        ),
      fails: (message: string) => Queue.offer(queue, TargetSource.problem(message))
    }
  })

const two = (options: Combine.MergeOptions = {}) =>
  Effect.gen(function* () {
    const file = yield* spoken("file")
    const consul = yield* spoken("Consul")
    const merged = Combine.merge([file.source, consul.source], options)
    return { file, consul, merged, ...(yield* follow(merged)) }
  })

describe("merged sources", () => {
  it.effect("have the targets of all, in one set", () =>
    Effect.gen(function* () {
      const { consul, file, merged, next, rest } = yield* two()
      assert.strictEqual(merged.name, "file + Consul")
      yield* consul.says(["c1", "c2"])
      assert.deepStrictEqual(yield* rest, [])
      yield* file.says(["f1"])
      assert.deepStrictEqual(idsOf(yield* next), ["f1", "c1", "c2"])
      yield* consul.says(["c2"])
      assert.deepStrictEqual(idsOf(yield* next), ["f1", "c2"])
    })
  )

  it.effect("have their tiers side by side, or one after the other", () =>
    Effect.gen(function* () {
      for (const [tiers, expected] of [
        ["together", [["a", "c", "d"], ["b"]]],
        ["after", [["a"], ["b"], ["c", "d"]]]
      ] as const) {
        const { consul, file, next } = yield* two({ tiers })
        yield* file.says(["a", "b"], [["a"], ["b"]])
        yield* consul.says(["c", "d"])
        assert.deepStrictEqual<unknown>(setOf(yield* next).tiers, expected)
      }
    })
  )

  it.effect("go on without one that has problems, and pass them on after the first set", () =>
    Effect.gen(function* () {
      const { consul, file, next, rest } = yield* two()
      yield* consul.fails("Consul is away")
      yield* file.says(["f1"])
      assert.deepStrictEqual(idsOf(yield* next), ["f1"])
      assert.strictEqual(messageOf(yield* next), "Consul is away")
      yield* consul.says(["c1"])
      assert.deepStrictEqual(idsOf(yield* next), ["f1", "c1"])
      yield* consul.fails("Consul is away again")
      assert.strictEqual(messageOf(yield* next), "Consul is away again")
      yield* file.says(["f2"])
      assert.deepStrictEqual(idsOf(yield* next), ["f2", "c1"])
      assert.deepStrictEqual(yield* rest, [])
    })
  )

  it.effect("are a problem when none of them has targets", () =>
    Effect.gen(function* () {
      const { consul, file, next, rest } = yield* two()
      yield* consul.fails("one")
      assert.deepStrictEqual(yield* rest, [])
      yield* file.fails("two")
      assert.strictEqual(messageOf(yield* next), "one")
      assert.strictEqual(messageOf(yield* next), "two")
      yield* file.says(["f1"])
      assert.deepStrictEqual(idsOf(yield* next), ["f1"])
    })
  )

  it.effect("are a problem when two targets have one id, until one has gone", () =>
    Effect.gen(function* () {
      const { consul, file, next } = yield* two()
      yield* file.says(["a", "b"])
      yield* consul.says(["b"])
      assert.strictEqual(messageOf(yield* next), `file and Consul both have a target "b"`)
      yield* file.says(["a"])
      assert.deepStrictEqual(idsOf(yield* next), ["a", "b"])
    })
  )

  it.effect("do not wait for one that has ended", () =>
    Effect.gen(function* () {
      const ended = TargetSource.fromUpdates<string>("ended", Stream.empty)
      const { next } = yield* follow(Combine.merge([TargetSource.make({ targets: [{ id: "a", client: "" }] }), ended]))
      assert.deepStrictEqual(idsOf(yield* next), ["a"])
    })
  )

  it.effect("may have one that is empty", () =>
    Effect.gen(function* () {
      const { consul, file, next } = yield* two({ tiers: "after" })
      yield* file.says([])
      yield* consul.says(["c"])
      assert.deepStrictEqual(setOf(yield* next).tiers, [["c"]])
      yield* consul.says([])
      assert.deepStrictEqual(yield* next, TargetSource.targets({ targets: [] }))
    })
  )

  it("have names that differ, and there is one at least", () => {
    const one = TargetSource.make({ targets: [] }, "same")
    assert.throws(() => Combine.merge([]), /sources must be a list of at least one source/)
    assert.throws(() => Combine.merge([one, one]), /sources\[1\]\.name must be unique, got "same"/)
    assert.throws(() => Combine.merge([one], { tiers: "before" as never }), /tiers must be "together" or "after"/)
  })
})

describe("a mapped source", () => {
  it.effect("has other targets, the same problems, and those of the function", () =>
    Effect.gen(function* () {
      const file = yield* spoken("file")
      const mapped = Combine.map(file.source, ({ targets }) => {
        if (targets.length > 1) throw new Error("too many")
        return { targets: targets.map((target) => ({ ...target, weight: 2 })) }
      })
      const { next } = yield* follow(mapped)
      yield* file.says(["a"])
      assert.deepStrictEqual(setOf(yield* next).targets, [{ id: "a", client: "file a", weight: 2 }])
      yield* file.fails("away")
      assert.strictEqual(messageOf(yield* next), "away")
      yield* file.says(["a", "b"])
      assert.strictEqual(messageOf(yield* next), "file: map: too many")
    })
  )
})
