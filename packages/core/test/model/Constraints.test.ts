import { assert, describe, it } from "@effect/vitest"
import { Constraints, Cost, DecisionTable, RouteRequest, Target } from "@spillway/core"
import * as fc from "fast-check"

const target = (spec: Partial<Target.TargetSpec> = {}): Target.Target => {
  const [made] = Target.resolve("test", [{ id: "a", client: 0, ...spec }], undefined)
  if (made === undefined) throw new Error("no target")
  return made
}

const cost = (input: number, output: number): Cost.Cost => ({
  requests: 1,
  tokens: input + output,
  outputTokens: output
})

const why = (needs: Constraints.Constraints, spec: Partial<Target.TargetSpec>, of: Cost.Cost = cost(0, 0)) =>
  Constraints.violated(needs, target(spec), of)

describe("Constraints.violated", () => {
  it("leaves out a target that lacks a capability, and names which one", () => {
    const needs = { capabilities: ["tools", "vision"] } as const
    assert.strictEqual(why(needs, { capabilities: ["tools"] }), "Capability")
    assert.strictEqual(why(needs, { capabilities: ["vision", "tools", "prefill"] }), undefined)
    assert.strictEqual(Constraints.because(needs, target({ capabilities: ["tools"] }), cost(0, 0)), "lacks vision")
  })

  it("keeps data where it may be: an unknown region is outside", () => {
    assert.strictEqual(why({ regions: ["eu"] }, { region: "us" }), "Region")
    assert.strictEqual(why({ regions: ["eu"] }, {}), "Region")
    assert.strictEqual(why({ regions: ["us", "eu"] }, { region: "eu" }), undefined)
    assert.strictEqual(why({ regions: [] }, { region: "eu" }), "Region")
  })

  it("takes nothing for a promise of zero retention but the promise", () => {
    assert.strictEqual(why({ zeroRetention: true }, {}), "Retention")
    assert.strictEqual(why({ zeroRetention: true }, { zeroRetention: true }), undefined)
    assert.strictEqual(why({ zeroRetention: false }, {}), undefined)
  })

  it("leaves out a window that is known to be too small", () => {
    assert.strictEqual(why({ contextTokens: 101 }, { contextWindow: 100 }), "Context")
    assert.strictEqual(why({ contextTokens: 100 }, { contextWindow: 100 }), undefined)
    assert.strictEqual(why({ contextTokens: 1e9 }, {}), undefined)
  })

  it("pays no more than the dearest rates, and nothing where no price is known", () => {
    const price = { input: 2, output: 8 }
    assert.strictEqual(why({ maxPrice: { output: 7.99 } }, { price }), "Price")
    assert.strictEqual(why({ maxPrice: { input: 2, output: 8 } }, { price }), undefined)
    assert.strictEqual(why({ maxPrice: { input: 2 } }, {}), "Price")
    // 1,000 input tokens at 2 USD and 500 output tokens at 8 USD per million: 0.006 USD.
    assert.strictEqual(why({ maxCostUsd: 0.006 }, { price }, cost(1000, 500)), undefined)
    assert.strictEqual(why({ maxCostUsd: 0.0059 }, { price }, cost(1000, 500)), "Price")
    assert.strictEqual(why({ maxCostUsd: 1 }, {}, cost(1, 1)), "Price")
  })

  it("promises no cost while the length of the answer is open", () => {
    const price = { input: 2, output: 8 }
    const open = Cost.withEstimate(cost(0, 0), undefined, () => 100)
    const capped = Cost.withEstimate(cost(0, 0), 50, () => 100)
    assert.strictEqual(why({ maxCostUsd: 1 }, { price }, cost(0, 0)), "Price")
    assert.strictEqual(why({ maxCostUsd: 1 }, { price }, open), "Price")
    assert.strictEqual(why({ maxCostUsd: 1 }, { price }, capped), undefined)
    assert.include(Constraints.because({ maxCostUsd: 1 }, target({ price }), open) ?? "", "is not known")
    assert.strictEqual(
      Constraints.because({ maxCostUsd: 0.001 }, target({ price }), cost(1000, 500)),
      "about 0.006 USD, at most 0.001"
    )
    assert.strictEqual(
      Constraints.because({ maxCostUsd: 0.0059 }, target({ price }), cost(1000, 500)),
      "about 0.006 USD, at most 0.0059"
    )
  })

  it("goes to the target that holds what the call refers to, and to no other", () => {
    assert.strictEqual(why({ pinnedTo: "b" }, {}), "Pinned")
    assert.strictEqual(why({ pinnedTo: "a" }, {}), undefined)
  })

  it("matches a selector in all of its lists, and refuses what `except` matches whatever `only` says", () => {
    const spec = { provider: "p", model: "m", account: "acc", region: "eu", tags: { team: "x", tier: "gold" } }
    const cases: ReadonlyArray<readonly [Constraints.Selector, boolean]> = [
      [{}, true],
      [{ targets: ["a"] }, true],
      [{ targets: ["b"] }, false],
      [{ providers: ["q", "p"], models: ["m"] }, true],
      [{ providers: ["p"], models: ["n"] }, false],
      [{ accounts: ["acc"], regions: ["eu"] }, true],
      [{ regions: [] }, false],
      [{ tags: { team: "x" } }, true],
      [{ tags: { team: ["y", "x"], tier: "gold" } }, true],
      [{ tags: { team: "x", tier: "silver" } }, false],
      [{ tags: { toString: "x" } }, false]
    ]
    for (const [selector, expected] of cases) {
      assert.strictEqual(Constraints.matches(selector, target(spec)), expected, JSON.stringify(selector))
      assert.strictEqual(why({ only: selector }, spec), expected ? undefined : "NotAllowed")
      assert.strictEqual(why({ except: selector }, spec), expected ? "NotAllowed" : undefined)
      assert.strictEqual(why({ only: {}, except: selector }, spec), expected ? "NotAllowed" : undefined)
    }
    assert.strictEqual(why({ allow: ({ weight }) => weight > 1 }, { weight: 1 }), "NotAllowed")
  })

  it("says for people why, whenever it leaves a target out: any constraints, any target", () => {
    const word = fc.constantFrom("a", "b", "c")
    const words = fc.option(fc.array(word, { maxLength: 2 }), { nil: undefined })
    const selector = fc.record({ targets: words, providers: words, regions: words })
    const rate = fc.option(fc.constantFrom(1, 2, 3), { nil: undefined })
    const needs = fc.record({
      capabilities: fc.option(fc.subarray(["tools", "vision"] as const), { nil: undefined }),
      regions: words,
      zeroRetention: fc.option(fc.boolean(), { nil: undefined }),
      contextTokens: fc.option(fc.constantFrom(0, 10, 20), { nil: undefined }),
      only: fc.option(selector, { nil: undefined }),
      except: fc.option(selector, { nil: undefined }),
      maxPrice: fc.option(fc.record({ input: rate, output: rate }), { nil: undefined }),
      maxCostUsd: fc.option(fc.constantFrom(0.001, 1), { nil: undefined }),
      pinnedTo: fc.option(word, { nil: undefined })
    })
    const specs = fc.record({
      capabilities: fc.subarray(["tools", "vision"] as const),
      provider: word,
      zeroRetention: fc.boolean(),
      ...{
        contextWindow: fc.constantFrom(10, 15),
        region: word,
        price: fc.record({ input: fc.constantFrom(1, 2), output: fc.constantFrom(2, 3) })
      }
    })
    fc.assert(
      fc.property(needs, specs, (needs, spec) => {
        RouteRequest.make({ needs })
        const made = target(spec)
        const violation = Constraints.violated(needs, made, cost(100, 100))
        const because = Constraints.because(needs, made, cost(100, 100))
        assert.strictEqual(because === undefined, violation === undefined)
        if (violation !== undefined) assert.isTrue(Constraints.violations.has(violation))
        // A constraint alone that is violated is violated in company too.
        for (const [name, value] of Object.entries(needs)) {
          if (Constraints.violated({ [name]: value }, made, cost(100, 100)) !== undefined) assert.isDefined(violation)
        }
      }),
      { seed: 5, numRuns: 1000 }
    )
  })
})

describe("Constraints.check", () => {
  it("refuses what is misspelt or of the wrong kind, by its path", () => {
    const message = (needs: unknown): string => {
      try {
        RouteRequest.make({ needs: needs as Constraints.Constraints })
        return "taken"
      } catch (error) {
        return (error as Error).message
      }
    }
    const at = "RouteRequest: needs"
    const cases: ReadonlyArray<readonly [unknown, string]> = [
      [null, `${at} must be an object, got null`],
      [{ regions: "eu" }, `${at}.regions must be a list, got "eu"`],
      [{ zeroRetention: "yes" }, `${at}.zeroRetention must be true or false, got "yes"`],
      [{ only: [] }, `${at}.only must be an object, got a list of 0`],
      [{ only: { targets: "a" } }, `${at}.only.targets must be a list, got "a"`],
      [{ maxPrice: { input: 0 } }, `${at}.maxPrice.input must be a finite number > 0, got 0`],
      [{ maxPrice: { ouput: 1 } }, `${at}.maxPrice must be made of input, output, got "ouput"`],
      [{ maxCostUsd: -1 }, `${at}.maxCostUsd must be a finite number > 0, got -1`],
      [{ pinnedTo: 3 }, `${at}.pinnedTo must be a target id, got 3`],
      [{ allow: true }, `${at}.allow must be a function of a target, got true`]
    ]
    for (const [needs, expected] of cases) assert.strictEqual(message(needs), expected)
    assert.include(message({ region: ["eu"] }), `got "region"`)
    assert.include(message({ except: { tag: {} } }), `got "tag"`)
  })
})

describe("DecisionTable.format", () => {
  const view = {
    tier: 0,
    inFlight: 3,
    successRate: 1,
    latencyMs: 820,
    excluded: undefined,
    because: undefined,
    retryInMs: undefined,
    score: 3.28
  }

  it("marks the pick and says of every other target why it was left out and when it is back", () => {
    const text = DecisionTable.format({
      strategy: "p2c",
      tier: 0,
      pick: "a",
      candidates: [
        { ...view, target: "a" },
        { ...view, target: "b", inFlight: 0, successRate: 0.41, excluded: "BreakerOpen", retryInMs: 12_000 },
        { ...view, target: "spare", tier: 1, excluded: "Price", because: "its price is not known", score: undefined }
      ]
    })
    assert.deepStrictEqual(text.split("\n"), [
      "p2c takes a of tier 0",
      "",
      "   target  tier  in flight  success  latency  score  left out",
      ">  a       0     3          100 %    820 ms   3.28",
      "   b       0     0          41 %     820 ms   3.28   BreakerOpen, back in 12 s",
      "   spare   1     3          100 %    820 ms   -      Price: its price is not known"
    ])
  })

  it("says when the call waits, and when nobody could ever take it", () => {
    const candidates = [{ ...view, target: "a", excluded: "BulkheadFull" }]
    assert.include(DecisionTable.format({ strategy: "s", tier: 0, pick: undefined, candidates }), "waits for tier 0")
    assert.include(DecisionTable.format({ strategy: "s", tier: undefined, pick: undefined, candidates }), "takes none")
  })

  it("lets no name move the cursor", () => {
    const candidates = [{ ...view, target: "a\u001b[2J\nb" }]
    const text = DecisionTable.format({ strategy: "s", tier: 0, pick: "a\u001b[2J\nb", candidates })
    assert.notInclude(text, "\u001b")
    assert.lengthOf(text.split("\n"), 4)
  })
})
