import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { normalize } from "../src/internal/chat/Usage.ts"
import { chunk, decode, finishOf, stream } from "./support/Fixtures.ts"

const input = (usage: Record<string, unknown>) => normalize(usage, "detect").inputTokens
const output = (usage: Record<string, unknown>, where: "inside" | "outside" | "detect" = "detect") =>
  normalize(usage, where).outputTokens

describe("Usage", () => {
  it("reads cached tokens from each of their places", () => {
    for (const cached of [
      { prompt_tokens_details: { cached_tokens: 4 } },
      { prompt_cache_hit_tokens: 4, prompt_cache_miss_tokens: 6 },
      { cached_tokens: 4 },
      { num_cached_tokens: 4 }
    ]) {
      assert.deepStrictEqual(input({ prompt_tokens: 10, ...cached }), {
        total: 10,
        uncached: 6,
        cacheRead: 4,
        cacheWrite: undefined
      })
    }
  })

  it("reads cache writes of OpenAI and DashScope as part of the prompt", () => {
    for (const name of ["cache_write_tokens", "cache_creation_input_tokens"]) {
      assert.deepStrictEqual(input({ prompt_tokens: 10, prompt_tokens_details: { cached_tokens: 3, [name]: 2 } }), {
        total: 10,
        uncached: 5,
        cacheRead: 3,
        cacheWrite: 2
      })
    }
  })

  it("adds DeepSeek's hits and misses when the sum is missing", () => {
    assert.strictEqual(input({ prompt_cache_hit_tokens: 4, prompt_cache_miss_tokens: 6 }).total, 10)
  })

  it("finds reasoning outside of the completion by the total, as xAI reports it", () => {
    const usage = {
      prompt_tokens: 10,
      completion_tokens: 5,
      total_tokens: 22,
      completion_tokens_details: { reasoning_tokens: 7 }
    }
    assert.deepStrictEqual(output(usage), { total: 12, text: 5, reasoning: 7 })
    assert.deepStrictEqual(output(usage, "inside"), { total: 5, text: 0, reasoning: 7 })
    assert.deepStrictEqual(output({ ...usage, total_tokens: 15, completion_tokens: 5 }, "outside").total, 12)
  })

  it("never goes below 0 when more is cached than was sent", () => {
    assert.strictEqual(input({ prompt_tokens: 3, prompt_tokens_details: { cached_tokens: 9 } }).uncached, 0)
  })

  it("says undefined, not 0, for what is missing, and for what is no count", () => {
    for (const usage of [undefined, {}, { prompt_tokens: null, completion_tokens: "5" }, { prompt_tokens: -1 }]) {
      const { inputTokens, outputTokens } = normalize(usage, "detect")
      assert.isUndefined(inputTokens.total)
      assert.isUndefined(inputTokens.uncached)
      assert.isUndefined(outputTokens.total)
      assert.isUndefined(outputTokens.text)
    }
  })

  it("gives whole numbers >= 0, whatever the wire says", () => {
    const count = fc.option(fc.oneof(fc.double(), fc.integer(), fc.nat()), { nil: undefined })
    const shape = fc.record({
      prompt_tokens: count,
      completion_tokens: count,
      total_tokens: count,
      prompt_cache_hit_tokens: count,
      prompt_tokens_details: fc.record({ cached_tokens: count, cache_write_tokens: count }),
      completion_tokens_details: fc.record({ reasoning_tokens: count })
    })
    fc.assert(
      fc.property(shape, (usage) => {
        const { inputTokens, outputTokens } = normalize(usage, "detect")
        for (const value of [...Object.values(inputTokens), ...Object.values(outputTokens)]) {
          if (value !== undefined) assert.isTrue(Number.isInteger(value) && value >= 0, String(value))
        }
      })
    )
  })

  it("is read from every place in a stream, the last one wins", () => {
    const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
    const streams = [
      stream(chunk({ content: "x" }, "stop", { usage })),
      stream(chunk({ content: "x" }, "stop"), { choices: [], usage }),
      stream(chunk({ content: "x" }, "stop", { x_groq: { usage } })),
      stream({ choices: [{ index: 0, delta: { content: "x" }, finish_reason: "stop", usage }] }),
      stream(
        chunk({ content: "x" }, null, { usage: { prompt_tokens: 10, completion_tokens: 1 } }),
        chunk({}, "stop", { usage })
      )
    ]
    for (const text of streams) {
      const { inputTokens, outputTokens } = finishOf(decode([text]).parts).usage
      assert.deepStrictEqual([inputTokens.total, outputTokens.total], [10, 5])
    }
  })

  it("keeps cost, tier and the upstream provider in the metadata of the finish part", () => {
    const { parts } = decode([
      stream(chunk({ content: "x" }, "stop", { provider: "Acme", service_tier: "flex" }), {
        choices: [],
        usage: { prompt_tokens: 1, completion_tokens: 1, cost: 0.002 }
      })
    ])
    assert.deepStrictEqual(finishOf(parts).metadata, {
      test: { finishReason: "stop", upstreamProvider: "Acme", serviceTier: "flex", cost: 0.002 }
    })
  })
})
