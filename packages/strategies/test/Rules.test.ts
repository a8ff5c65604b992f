import { assert, describe, it } from "@effect/vitest"
import { RouteRequest, type Strategy } from "@spillway/core"
import { CandidateFixture, Seeded } from "@spillway/core/testing"
import { Failover, Rules } from "@spillway/strategies"
import { Effect } from "effect"

const cheap = CandidateFixture.candidate("cheap", { target: { account: "batch" } })
const fast = CandidateFixture.candidate("fast", { target: { tags: { class: "gold" } } })
const spare = CandidateFixture.candidate("spare")
const all = [cheap, fast, spare]

const rules = Rules.make(
  [
    { when: { tags: { job: ["nightly", "import"] } }, only: { accounts: ["batch"] } },
    { when: { tenants: ["acme"], priorities: ["P0", "P1"] }, only: { tags: { class: "gold" } } },
    { when: { matches: ({ cost }) => cost.tokens > 1000 }, only: { targets: ["spare"] }, use: Failover.make() }
  ],
  Failover.make()
)
const picker = Effect.runSync(Effect.scoped(rules.make(all)))
const pick = (options: RouteRequest.Options, eligible: Strategy.Eligible = () => true) =>
  picker.pick(RouteRequest.make(options), eligible, 0, Seeded.rng(1))?.target.id

describe("Rules", () => {
  it("prefers what the first matching rule says: tags, tenant and priority, or a function", () => {
    assert.strictEqual(pick({ tags: { job: "import" } }), "cheap")
    assert.strictEqual(pick({ tenant: "acme" }), "fast")
    assert.strictEqual(pick({ tenant: "acme", priority: "P3" }), "cheap")
    assert.strictEqual(pick({ estimatedTokens: { input: 2000, output: 0 } }), "spare")
    assert.strictEqual(pick({ tags: { job: "nightly" }, tenant: "acme" }), "cheap")
    assert.strictEqual(pick({}), "cheap")
  })

  it("goes on with the rules behind, and at last with anybody, when the preferred ones may not be picked", () => {
    const without =
      (...ids: ReadonlyArray<string>): Strategy.Eligible =>
      ({ target }) =>
        !ids.includes(target.id)
    assert.strictEqual(pick({ tags: { job: "import" }, tenant: "acme" }, without("cheap")), "fast")
    assert.strictEqual(pick({ tenant: "acme" }, without("fast")), "cheap")
    assert.isUndefined(pick({}, () => false))
  })

  it("scores by the rule that decides: what it does not prefer is infinitely far", () => {
    const score = (one: (typeof all)[number], options: RouteRequest.Options) =>
      picker.score?.(one, RouteRequest.make(options), 0)
    assert.strictEqual(score(spare, { tenant: "acme" }), Number.POSITIVE_INFINITY)
    assert.isBelow(score(fast, { tenant: "acme" }) ?? Number.NaN, Number.POSITIVE_INFINITY)
  })

  it("names the targets of its rules, and refuses a rule that says nothing or is misspelt", () => {
    assert.deepStrictEqual(rules.targets, ["spare"])
    const bad = (rule: unknown) => () => Rules.make([rule as Rules.Rule])
    assert.throws(bad({ when: {} }), /Rules\[0\] must be given only, use, or both/)
    assert.throws(bad({ only: {} }), /Rules\[0\]\.when must be an object, got undefined/)
    assert.throws(bad({ when: { tag: {} }, only: {} }), /Rules\[0\]\.when must be made of .*got "tag"/)
    assert.throws(bad({ when: { tags: "job" }, only: {} }), /Rules\[0\]\.when\.tags must be an object, got "job"/)
    assert.throws(bad({ when: { tags: { job: 5 } }, only: {} }), /tags\.job must be a value or a list of values, got 5/)
    assert.throws(bad({ when: { matches: "x" }, only: {} }), /matches must be a function of a request, got "x"/)
    assert.throws(bad({ when: { priorities: ["P9"] }, only: {} }), /made of "P0" to "P3", got "P9"/)
  })
})
