import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { resolve } from "../../src/model/Target.ts"
import * as Pricing from "../../src/policies/Pricing.ts"

const list: Pricing.PriceList = { openai: { "gpt-5": { input: 1.25, output: 10 } } }
const specs = [
  { id: "own", client: 0, provider: "openai", model: "gpt-5", price: { input: 1, output: 1 } },
  { id: "listed", client: 0, provider: "openai", model: "gpt-5" },
  { id: "other", client: 0, provider: "openai", model: "gpt-5-pro" },
  { id: "constructor", client: 0, provider: "constructor", model: "name" }
]
const prices = (pricing: Pricing.Pricing) => resolve("t", specs, undefined, pricing.priceOf).map(({ price }) => price)

describe("Pricing", () => {
  it("is asked for targets that name no price, and knows exactly what is in its list", () => {
    assert.deepStrictEqual(prices(Pricing.make(list)), [
      { input: 1, output: 1 },
      { input: 1.25, output: 10 },
      undefined,
      undefined
    ])
    assert.deepStrictEqual(prices(Pricing.none), [{ input: 1, output: 1 }, undefined, undefined, undefined])
  })

  it.effect("knows nothing by default, and is swapped by a layer", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Pricing.CurrentPricing, Pricing.none)
      const current = Effect.gen(function* () {
        return yield* Pricing.CurrentPricing
      })
      const given = yield* Effect.provide(current, Pricing.layer(list))
      assert.deepStrictEqual(prices(given)[1], { input: 1.25, output: 10 })
    })
  )

  it("does not take a price that is none", () => {
    assert.throws(
      () => Pricing.make({ a: { b: { input: -1, output: 1 } } }),
      "Pricing: a.b.input must be a finite number"
    )
  })

  it("gives a limit of money the price it needs", () => {
    const limited = [{ id: "a", client: 0, provider: "openai", model: "gpt-5", limits: { usdPerDay: 1 } }]
    assert.deepStrictEqual(resolve("t", limited, undefined, Pricing.make(list).priceOf)[0]?.price?.output, 10)
    assert.throws(() => resolve("t", limited, undefined), "t: targets[0].price must be given where limits.usdPerDay is")
  })
})
