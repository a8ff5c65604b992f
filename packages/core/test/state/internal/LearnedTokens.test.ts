import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { because, withEstimate } from "../../../src/model/Cost.ts"
import { LearnedTokens } from "../../../src/state/internal/LearnedTokens.ts"
import * as Seeded from "../../../src/testing/Seeded.ts"

const target = { provider: "openai", model: "gpt" }
const base = { requests: 1, tokens: 0, priority: "P2", reason: "primary" } as const

describe("what a target's answers teach about token counts", () => {
  it("starts with the ratio of the tokenizer's family", () => {
    assert.strictEqual(new LearnedTokens(target).ratio, 1)
    assert.strictEqual(new LearnedTokens({ provider: "anthropic", model: "x" }).ratio, 1.25)
    assert.strictEqual(new LearnedTokens({ provider: "aws.bedrock", model: "eu.anthropic.Claude-x" }).ratio, 1.25)
  })

  it("comes to the real ratio, and follows it when it changes", () => {
    const learned = new LearnedTokens(target)
    for (let i = 0; i < 60; i++) learned.observe(1000, i % 2 === 0 ? 1250 : 1350, 10)
    assert.approximately(learned.ratio, 1.3, 0.02)
    for (let i = 0; i < 60; i++) learned.observe(1000, 800, 10)
    assert.approximately(learned.ratio, 0.8, 0.01)
  })

  it("believes no ratio outside [0.5, 2], and nothing that is no count", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.double({ min: -10, max: 1e6 }), fc.double({ min: -10, max: 1e6 })), { maxLength: 50 }),
        (samples) => {
          const learned = new LearnedTokens(target)
          for (const [estimated, real] of samples) learned.observe(estimated, real, real)
          assert.isTrue(learned.ratio >= 0.5 && learned.ratio <= 2)
          assert.isTrue(Number.isFinite(learned.output) && learned.output >= 1)
        }
      ),
      { numRuns: 200 }
    )
    const learned = new LearnedTokens(target)
    for (let i = 0; i < 100; i++) learned.observe(10, 1e9, undefined)
    assert.approximately(learned.ratio, 2, 0.001)
    for (let i = 0; i < 100; i++) learned.observe(1e9, 10, undefined)
    assert.approximately(learned.ratio, 0.5, 0.001)
    learned.observe(0, 10, 0)
    learned.observe(undefined, undefined, undefined)
    assert.strictEqual(learned.output, 512)
  })

  it("comes to the length that nine of ten answers do not exceed", () => {
    const learned = new LearnedTokens(target)
    const rng = Seeded.rng(7)
    let sum = 0
    for (let i = 0; i < 3000; i++) {
      learned.observe(1, 1, 1 + Math.floor(rng() * 1000))
      if (i >= 1000) sum += learned.output
    }
    // Uniform in 1 .. 1000: 900 is the quantile. The estimate moves around it by a tenth per sample.
    assert.isTrue(sum / 2000 > 750 && sum / 2000 < 1050, String(sum / 2000))
  })

  it("takes no answer for an answer's length but complete ones, and reserves no more than the cap", () => {
    const learned = new LearnedTokens(target)
    assert.deepStrictEqual(
      [learned.outputFor(undefined), learned.outputFor(100), learned.outputFor(9000)],
      [512, 100, 512]
    )
    learned.observe(10, 10, 40)
    assert.deepStrictEqual([learned.outputFor(undefined), learned.outputFor(9000), learned.outputFor(7)], [40, 40, 7])
  })

  it("makes the cost of an attempt without counting before somebody asks, and counts once", () => {
    const learned = new LearnedTokens({ provider: "anthropic", model: "x" })
    let counts = 0
    const cost = withEstimate(base, 300, () => {
      counts++
      return 1000
    })
    const first = learned.costFor(cost)
    assert.strictEqual(learned.costFor(cost), first)
    assert.strictEqual(learned.costFor(first), first)
    const further = because(cost, "failover")
    const again = learned.costFor(further)
    assert.deepStrictEqual([counts, cost.estimate?.counted()], [0, undefined])
    assert.deepStrictEqual(
      [first.tokens, first.outputTokens, first.priority, first.reason],
      [1550, 300, "P2", "primary"]
    )
    assert.strictEqual({ ...first, reason: "retry" as const }.tokens, 1550)
    assert.deepStrictEqual([again.tokens, again.priority, again.reason], [1550, "P2", "failover"])
    assert.deepStrictEqual([cost.tokens, further.tokens], [1300, 1300])
    assert.deepStrictEqual([counts, cost.estimate?.counted()], [1, 1000])
    learned.observe(1000, 1000, undefined)
    assert.strictEqual(learned.costFor(cost).tokens, 1125 + 300)
  })

  it("leaves numbers alone that the caller named", () => {
    const cost = { requests: 1, tokens: 10 }
    assert.strictEqual(new LearnedTokens(target).costFor(cost), cost)
  })
})
