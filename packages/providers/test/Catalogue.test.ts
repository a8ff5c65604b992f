import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { check, costOf } from "@spillway/core/Price"
import { CurrentPricing } from "@spillway/core/Pricing"
import { resolve } from "@spillway/core/Target"
import { Effect } from "effect"
import fc from "fast-check"
import * as Catalogue from "../src/Catalogue.ts"
import { snapshot as shipped } from "../src/internal/catalogue/snapshot.ts"

const snapshot = Catalogue.snapshot()
const million = { inputTokens: 1_000_000, outputTokens: 1_000_000 }

describe("the snapshot", () => {
  it("loses no entry on the way, and every figure is finite and at least 0", () => {
    const { catalogue, skipped } = Catalogue.fromModelsDev(shipped.providers, { asOf: shipped.asOf })
    assert.deepStrictEqual(skipped, [])
    let count = 0
    for (const [provider, models] of catalogue.models) {
      for (const [model, { contextWindow, maxOutputTokens, price }] of models) {
        count++
        assert.isDefined(price, `${provider}/${model}`)
        if (price !== undefined) {
          check(`${provider}/${model}`, price)
          assert.strictEqual(price.asOf, shipped.asOf)
          assert.isAbove(price.output, 0)
          assert.isAtLeast(price.output, price.input)
          assert.isAtMost(price.cacheRead ?? 0, price.input)
        }
        for (const limit of [contextWindow, maxOutputTokens]) {
          if (limit !== undefined) assert.isTrue(Number.isInteger(limit) && limit >= 1000 && limit <= 10_000_000)
        }
      }
    }
    assert.isAtLeast(count, 40)
  })

  it("says where each figure was read, and carries the licence beside it", () => {
    for (const { models } of Object.values(shipped.providers)) {
      for (const [name, { commit }] of Object.entries<{ readonly commit?: string }>(models)) {
        assert.match(commit ?? "", /^[0-9a-f]{8}$/, name)
      }
    }
    assert.match(shipped.asOf, /^\d{4}-\d{2}-\d{2}$/)
    const licence = readFileSync(new URL("../src/internal/catalogue/LICENSE.models.dev.txt", import.meta.url), "utf8")
    assert.include(licence, "MIT License")
    assert.include(licence, "Copyright (c) 2025 spin.dev")
  })

  it("covers the vendors of this package", () =>
    assert.includeMembers(
      [...snapshot.models.keys()],
      ["openai", "azure", "anthropic", "google", "amazon-bedrock", "deepseek", "openrouter", "togetherai"].concat([
        ...["groq", "mistral", "moonshotai", "alibaba", "siliconflow", "volcengine", "xai"]
      ])
    ))

  it("knows DeepSeek's peak, and half of it at any other time", () => {
    const usage = { ...million, cacheReadTokens: 1_000_000 }
    const cost = (model: string, at: number) => costOf(Catalogue.priceOf("deepseek", model), usage, at) ?? Number.NaN
    // A Monday, a Friday and a Saturday.
    const cases = [
      [Date.UTC(2026, 10, 16, 1), 1],
      [Date.UTC(2026, 10, 16, 4), 0.5],
      [Date.UTC(2026, 10, 16, 5, 59, 59, 999), 0.5],
      [Date.UTC(2026, 10, 16, 6), 1],
      [Date.UTC(2026, 10, 20, 9, 59, 59, 999), 1],
      [Date.UTC(2026, 10, 20, 10), 0.5],
      [Date.UTC(2026, 10, 16, 0, 59), 0.5],
      [Date.UTC(2026, 10, 21, 2), 0.5]
    ] as const
    for (const [at, share] of cases) {
      assert.approximately(cost("deepseek-flash", at), 1.206 * share, 1e-9)
      assert.approximately(cost("deepseek-v4-pro", at), 4.004 * share, 1e-9)
    }
  })
})

describe("looking up a model", () => {
  it("takes the exact name, else the one without its date, and guesses no further", () => {
    const input = (provider: string, model: string) => Catalogue.priceOf(provider, model)?.input
    assert.strictEqual(input("openai", "gpt-5"), 1.25)
    assert.strictEqual(input("openai", "gpt-5-2026-01-01"), 1.25)
    assert.strictEqual(input("anthropic", "claude-haiku-4-5-20251001"), 1)
    for (const model of [
      "gpt-5-codex",
      "gpt-5-2026",
      "gpt-51",
      "gpt",
      "",
      "gpt-5-2026-01-01-x",
      "__proto__",
      "constructor"
    ]) {
      assert.isUndefined(Catalogue.facts("openai", model), model)
    }
    assert.isUndefined(Catalogue.facts("mistral", "mistral-large-2411"))
    assert.isUndefined(Catalogue.facts("amazon-bedrock", "eu.anthropic.claude-haiku-4-5-20251001-v1:0"))
    assert.isUndefined(Catalogue.facts("nobody", "gpt-5"))
    const { catalogue } = Catalogue.fromModelsDev({
      a: { models: { "m-2025-01-01": { cost: { input: 1, output: 1 } }, m: { cost: { input: 2, output: 2 } } } }
    })
    assert.strictEqual(Catalogue.priceOf("a", "m-2025-01-01", catalogue)?.input, 1)
    assert.strictEqual(Catalogue.priceOf("a", "m-2025-01-02", catalogue)?.input, 2)
  })

  it("knows providers by the names of telemetry too", () => {
    const named: ReadonlyArray<readonly [string, string]> = [
      ["azure.ai.openai", "gpt-5"],
      ["gcp.gemini", "gemini-2.5-pro"],
      ["aws.bedrock", "anthropic.claude-haiku-4-5-20251001-v1:0"],
      ["x_ai", "grok-4.7"]
    ]
    for (const [provider, model] of named) assert.isDefined(Catalogue.facts(provider, model), provider)
  })

  it("gives window, cap and capabilities", () => {
    const facts = Catalogue.facts("openai", "gpt-5")
    assert.deepStrictEqual([facts?.contextWindow, facts?.maxOutputTokens], [400_000, 128_000])
    assert.deepStrictEqual([...(facts?.capabilities ?? [])].sort(), ["json-schema", "reasoning", "tools", "vision"])
    assert.isUndefined(Catalogue.facts("volcengine", "doubao-seed-2.1-pro")?.capabilities)
  })

  it.effect("prices the targets of a router below its layer, and leaves their own prices alone", () =>
    Effect.gen(function* () {
      const current = Effect.gen(function* () {
        return yield* CurrentPricing
      })
      const { priceOf } = yield* Effect.provide(current, Catalogue.pricing())
      const specs = [
        { id: "listed", client: 0, provider: "openai", model: "gpt-5-mini" },
        { id: "own", client: 0, provider: "openai", model: "gpt-5-mini", price: { input: 9, output: 9 } },
        { id: "unknown", client: 0, provider: "openai", model: "gpt-7" }
      ]
      assert.deepStrictEqual(
        resolve("t", specs, undefined, priceOf).map(({ price }) => price?.input),
        [0.25, 9, undefined]
      )
    })
  )
})

describe("a list in models.dev's shape", () => {
  it("is read with its tiers, however they are written, the highest first", () => {
    const tier = { input: 2, output: 3 }
    const cost = { input: 1, output: 2, cache_read: 0.1, cache_write: 1.5, reasoning: 4 }
    const { catalogue, skipped } = Catalogue.fromModelsDev(
      {
        a: {
          id: "a",
          models: {
            size: {
              cost: {
                ...cost,
                tiers: [
                  { tier: { size: 10 }, ...tier },
                  { tier: { size: 20 }, ...tier }
                ]
              }
            },
            min: { cost: { ...cost, tiers: [{ context: { min: 10 }, ...tier }] } },
            short: { cost: { ...cost, context_over_200k: tier } },
            both: { cost: { ...cost, context_over_200k: tier, tiers: [{ tier: { size: 272_000 }, ...tier }] } },
            free: { cost: { input: 0, output: 0 }, limit: { context: 0, output: 5.5 } },
            facts: { tool_call: { supported: true }, reasoning: false, modalities: { input: ["text", "image"] } }
          }
        }
      },
      { asOf: "2026-11-22" }
    )
    assert.deepStrictEqual(skipped, [])
    const rules = (model: string) => Catalogue.priceOf("a", model, catalogue)?.rules
    assert.deepStrictEqual(rules("size"), [
      { ...tier, inputAbove: 20 },
      { ...tier, inputAbove: 10 }
    ])
    assert.deepStrictEqual(rules("min"), [{ ...tier, inputAbove: 10 }])
    assert.deepStrictEqual(rules("short"), [{ ...tier, inputAbove: 200_000 }])
    assert.deepStrictEqual(rules("both"), [{ ...tier, inputAbove: 272_000 }])
    const { rules: _, ...rates } = Catalogue.priceOf("a", "size", catalogue) ?? { rules: [] }
    assert.deepStrictEqual(rates, {
      ...{ input: 1, output: 2, cacheRead: 0.1, cacheWrite: 1.5, reasoning: 4, asOf: "2026-11-22" }
    })
    const free = Catalogue.facts("a", "free", catalogue)
    assert.deepStrictEqual([free?.price?.input, free?.contextWindow, free?.maxOutputTokens], [0, undefined, 5])
    const { capabilities, price } = Catalogue.facts("a", "facts", catalogue) ?? {}
    assert.deepStrictEqual([price, [...(capabilities ?? [])]], [undefined, ["tools", "vision"]])
  })

  it("loses an odd entry and no other, and says which", () => {
    const good = { cost: { input: 1, output: 1 } }
    const odd = {
      negative: { cost: { input: -1, output: 1 } },
      text: { cost: { input: "1", output: 1 } },
      half: { cost: { input: 1 } },
      nothing: null,
      list: [],
      cost: { cost: 5 },
      tier: { cost: { input: 1, output: 1, tiers: [{ input: 2 }] } },
      hours: { cost: { input: 1, output: 1, windows: [{ input: 2, hours: [{ from: 5, to: 4 }] }] } }
    }
    const { catalogue, skipped } = Catalogue.fromModelsDev({
      a: { models: { ...odd, good } },
      b: 5,
      c: { models: { good } }
    })
    assert.deepStrictEqual([...(catalogue.models.get("a")?.keys() ?? [])], ["good"])
    assert.strictEqual(Catalogue.priceOf("c", "good", catalogue)?.input, 1)
    assert.deepStrictEqual(skipped, [
      ...Object.keys(odd).map((name) => `a/${name}: not a model with finite prices >= 0`),
      "b: has no models"
    ])
  })
})

describe("a list in LiteLLM's shape", () => {
  const fields = { litellm_provider: "acme", mode: "chat", input_cost_per_token: 1.1e-6, output_cost_per_token: 4.4e-6 }

  it("is read in USD per million tokens, models that answer in text only", () => {
    const { catalogue, skipped } = Catalogue.fromLiteLlm({
      sample_spec: { input_cost_per_token: 0, mode: "one of: chat" },
      "acme/one": {
        ...fields,
        cache_read_input_token_cost: 2.75e-7,
        cache_creation_input_token_cost: 3e-6,
        output_cost_per_reasoning_token: 5e-6,
        input_cost_per_token_above_200k_tokens: 2.2e-6,
        output_cost_per_token_above_200k_tokens: 8.8e-6,
        input_cost_per_token_above_128k_tokens: 2e-6,
        max_input_tokens: 200_000,
        max_output_tokens: 100_000,
        supports_function_calling: true,
        supports_assistant_prefill: true,
        supports_vision: false
      },
      "two/three": fields,
      unpriced: { litellm_provider: "acme", mode: "chat" },
      painter: { litellm_provider: "acme", mode: "image_generation", output_cost_per_image: 0.1 }
    })
    assert.deepStrictEqual(skipped, [])
    assert.deepStrictEqual([...(catalogue.models.get("acme")?.keys() ?? [])], ["one", "two/three", "unpriced"])
    const { capabilities, ...facts } = Catalogue.facts("acme", "one", catalogue) ?? {}
    assert.deepStrictEqual(facts, {
      price: {
        ...{ input: 1.1, output: 4.4, cacheRead: 0.275, cacheWrite: 3, reasoning: 5 },
        rules: [
          { input: 2.2, output: 8.8, inputAbove: 200_000 },
          { input: 2, inputAbove: 128_000 }
        ]
      },
      contextWindow: 200_000,
      maxOutputTokens: 100_000
    })
    assert.deepStrictEqual([...(capabilities ?? [])], ["tools", "prefill"])
    assert.isUndefined(Catalogue.priceOf("acme", "unpriced", catalogue))
  })

  it("loses an odd entry and no other, and says which", () => {
    const { catalogue, skipped } = Catalogue.fromLiteLlm({
      good: fields,
      nobody: { ...fields, litellm_provider: undefined },
      negative: { ...fields, output_cost_per_token: -1 },
      tier: { ...fields, input_cost_per_token_above_200k_tokens: "dear" },
      number: 5
    })
    assert.deepStrictEqual([...(catalogue.models.get("acme")?.keys() ?? [])], ["good"])
    assert.deepStrictEqual(
      skipped.map((line) => line.split(":")[0]),
      ["nobody", "negative", "tier", "number"]
    )
  })
})

describe("a list that is none", () => {
  it("is an empty catalogue, whatever it is", () => {
    fc.assert(
      fc.property(fc.anything({ maxDepth: 4 }), (json) => {
        for (const decode of [Catalogue.fromModelsDev, Catalogue.fromLiteLlm]) {
          for (const models of decode(json).catalogue.models.values()) {
            for (const { price } of models.values()) if (price !== undefined) check("any", price)
          }
        }
      }),
      { numRuns: 200 }
    )
    assert.strictEqual(Catalogue.fromModelsDev(null).skipped.length, 1)
    assert.strictEqual(Catalogue.fromLiteLlm("[]").skipped.length, 1)
  })
})
