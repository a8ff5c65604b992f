import { assert, describe, it } from "@effect/vitest"
import { createRouter } from "@spillway/core"
import { InvalidOption } from "@spillway/core/InvalidOption"
import * as RouteRequest from "@spillway/core/RouteRequest"
import { CandidateFixture, Seeded } from "@spillway/core/testing"
import * as Failover from "../src/Failover.ts"
import { pickerOf } from "./support/pickerOf.ts"

const candidates = [
  CandidateFixture.candidate("a", { weight: 1 }),
  CandidateFixture.candidate("b", { weight: 5 }),
  CandidateFixture.candidate("c", { weight: 1 }),
  CandidateFixture.candidate("d", { weight: 5 })
]

/** Who is picked while ever more of those picked before are out. */
const sequence = (options?: Failover.Options<string>) => {
  const picker = pickerOf(Failover.make(options), candidates)
  const out = new Set<unknown>()
  const ids: Array<string | undefined> = []
  for (let n = 0; n <= candidates.length; n++) {
    const picked = picker.pick(RouteRequest.unspecified, (candidate) => !out.has(candidate), 0, Seeded.rng(1))
    ids.push(picked?.target.id)
    out.add(picked)
  }
  return ids.join(" ").trim()
}

describe("Failover", () => {
  it("takes the first of the list that may be picked", () => {
    assert.strictEqual(sequence(), "a b c d")
    assert.strictEqual(sequence({ order: "list" }), "a b c d")
  })

  it("takes them in the order of their ids, the others behind; ids of another set are passed over", () => {
    assert.strictEqual(sequence({ order: ["d", "a"] }), "d a b c")
    assert.strictEqual(sequence({ order: ["elsewhere", "c"] }), "c a b d")
  })

  it("takes the heaviest first, equals as in the list", () => {
    assert.strictEqual(sequence({ order: "weight" }), "b d a c")
  })

  it("returns to the first as soon as that may be picked", () => {
    const picker = pickerOf(Failover.make(), candidates)
    const pick = (first: boolean) =>
      picker.pick(RouteRequest.unspecified, (candidate) => first || candidate !== candidates[0], 0, Seeded.rng(1))
        ?.target.id
    assert.deepStrictEqual([pick(true), pick(false), pick(false), pick(true)], ["a", "b", "b", "a"])
  })

  it("names its targets, so that a router without one of them is not made", () => {
    assert.deepStrictEqual(Failover.make({ order: ["b", "a"] }).targets, ["b", "a"])
    assert.isUndefined(Failover.make().targets)
    assert.throws(() =>
      createRouter({
        targets: [{ id: "a", client: 1 }],
        // @ts-expect-error: there is no target "b"
        strategy: Failover.make({ order: ["b"] })
      })
    )
  })

  it("spills over where a gate closes the first: two in flight, and the third goes on", async () => {
    const router = createRouter({
      targets: [
        { id: "own", client: 1, limits: { maxInFlight: 2 } },
        { id: "vendor", client: 2 }
      ],
      strategy: Failover.make({ order: ["own", "vendor"] })
    })
    const served: Array<string> = []
    let release = () => {}
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const calls = [1, 2, 3].map(() =>
      router.route(async ({ target }) => {
        served.push(target.id)
        if (served.length === 3) release()
        await gate
      })
    )
    await Promise.all(calls)
    assert.deepStrictEqual(served, ["own", "own", "vendor"])
    await router.close()
  })

  it("scores by place, and refuses an order that is none", () => {
    const picker = pickerOf(Failover.make({ order: ["c"] }), candidates)
    const scores = candidates.map((candidate) => picker.score?.(candidate, RouteRequest.unspecified, 0))
    assert.deepStrictEqual(scores, [1, 2, 0, 3])
    assert.throws(
      () => Failover.make({ order: ["a", "a"] }),
      InvalidOption,
      /Failover: order\[1\] must be .*once, got "a"/
    )
    assert.throws(() => Failover.make({ order: [] }), InvalidOption, /at least one/)
    assert.throws(() => Failover.make({ order: "first" as never }), InvalidOption, /Failover: order/)
    assert.throws(() => Failover.make({ prefer: "a" } as never), InvalidOption, /prefer/)
  })
})
