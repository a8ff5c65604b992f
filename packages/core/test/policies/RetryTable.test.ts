import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { AttemptTimeout, type Classification, classify, fromStatus, Truncated } from "../../src/model/Classifier.ts"
import { failure, ignored, misconfigured, type Outcome, rateLimited } from "../../src/model/Outcome.ts"
import * as Backoff from "../../src/policies/Backoff.ts"
import * as RetryTable from "../../src/policies/RetryTable.ts"

const classification = (errorType: string, outcome: Outcome, same = true, other = true): Classification => ({
  errorType,
  outcome,
  sameTarget: same,
  otherTarget: other
})
const overloaded = classification("Overloaded", failure("Overloaded"))
const limited = classification("RateLimited", rateLimited(1000))

describe("RetryTable", () => {
  it("leaves everything to classifier and policy when it is empty", () => {
    for (const outcome of [failure("X"), rateLimited(), ignored, misconfigured("X")]) {
      for (const same of [true, false]) {
        for (const other of [true, false]) {
          assert.deepStrictEqual(RetryTable.ruleFor(RetryTable.empty, classification("X", outcome, same, other)), {
            sameTarget: same,
            otherTarget: other,
            backoff: outcome._tag === "RateLimited" ? "throttled" : "transient",
            maxAttempts: undefined
          })
        }
      }
    }
  })

  it("corrects what a row says and nothing else, for that error type only", () => {
    const table = RetryTable.make({ Overloaded: { sameTarget: false, backoff: "throttled" }, Mine: { maxAttempts: 7 } })
    assert.deepStrictEqual(RetryTable.ruleFor(table, overloaded), {
      sameTarget: false,
      otherTarget: true,
      backoff: "throttled",
      maxAttempts: undefined
    })
    assert.strictEqual(RetryTable.ruleFor(table, classification("Mine", ignored)).maxAttempts, 7)
    assert.deepStrictEqual(RetryTable.ruleFor(table, limited), RetryTable.ruleFor(RetryTable.empty, limited))
  })

  it("allows five attempts on rate limits by the rule for them, with its own waits", () => {
    const table = RetryTable.make(RetryTable.rateLimitRule)
    const policy = { transient: Backoff.make(), throttled: Backoff.make({ base: "1 second" }) }
    const rule = RetryTable.ruleFor(table, limited)
    assert.strictEqual(rule.maxAttempts, 5)
    assert.isTrue(rule.sameTarget && rule.otherTarget)
    const waits = [0, 1, 2, 3].map((n) => Backoff.delayMs(RetryTable.backoffFor(rule, policy), n, () => 0))
    assert.deepStrictEqual(waits, [1000, 2000, 4000, 8000])
    assert.strictEqual(RetryTable.backoffFor(RetryTable.ruleFor(table, overloaded), policy), policy.transient)
    assert.strictEqual(RetryTable.backoffFor(RetryTable.ruleFor(RetryTable.empty, limited), policy), policy.throttled)
  })

  it("says what a list of overrides read from the top says", () => {
    const row = fc.record(
      {
        sameTarget: fc.boolean(),
        otherTarget: fc.boolean(),
        backoff: fc.constantFrom("transient" as const, "throttled" as const, { base: 70 }),
        maxAttempts: fc.integer({ min: 1, max: 9 })
      },
      { requiredKeys: [] }
    )
    // Names of what every object inherits are error types like any other.
    const type = fc.constantFrom("RateLimited", "Overloaded", "Mine", "constructor", "toString", "__proto__")
    fc.assert(
      fc.property(
        fc.array(fc.tuple(type, row), { maxLength: 6, size: "max" }),
        type,
        fc.constantFrom<Outcome>(failure("X"), rateLimited(), ignored),
        fc.boolean(),
        fc.boolean(),
        (entries, errorType, outcome, same, other) => {
          const table = RetryTable.make(Object.fromEntries(entries))
          const given = classification(errorType, outcome, same, other)
          const rule = RetryTable.ruleFor(table, given)
          const last = entries.findLast(([name]) => name === errorType)?.[1] ?? {}
          assert.strictEqual(rule.sameTarget, "sameTarget" in last ? last.sameTarget : same)
          assert.strictEqual(rule.otherTarget, "otherTarget" in last ? last.otherTarget : other)
          assert.strictEqual(rule.maxAttempts, last.maxAttempts)
          const byOutcome = outcome === ignored || outcome._tag === "Failure" ? "transient" : "throttled"
          if (typeof last.backoff === "object") assert.deepStrictEqual(rule.backoff, Backoff.make(last.backoff))
          else assert.strictEqual(rule.backoff, last.backoff ?? byOutcome)
        }
      ),
      { numRuns: 1000 }
    )
  })

  describe("its list of error types", () => {
    const listed: ReadonlySet<string> = new Set(RetryTable.errorTypes)

    it("holds every word of the default classifier", () => {
      const reasons = [
        "RateLimitError",
        "QuotaExhaustedError",
        "AuthenticationError",
        "ContentPolicyError",
        "InvalidRequestError",
        "InternalProviderError",
        "NetworkError",
        "InvalidResponseError",
        "InvalidOutputError",
        "StructuredOutputError",
        "UnsupportedSchemaError",
        "UnknownError",
        "ToolNotFoundError"
      ]
      const words = [
        ...reasons.map((_tag) => classify({ _tag: "AiError", reason: { _tag } }).errorType),
        ...(["Attempt", "Headers", "FirstContent", "Idle"] as const).map(
          (clock) => classify(new AttemptTimeout(clock, 1)).errorType
        ),
        classify(new Truncated()).errorType,
        classify("what?").errorType,
        ...Array.from({ length: 500 }, (_, i) => fromStatus(i + 100).errorType)
      ]
      for (const word of words) assert.isTrue(listed.has(word), word)
      // The others come from the error table of @spillway/providers, which hints them.
      const others = RetryTable.errorTypes.filter((type) => !words.includes(type))
      assert.deepStrictEqual(others, ["ModelNotFound", "ContextLength"])
    })

    it("is what an editor offers, and no limit", () => {
      const known: RetryTable.ErrorType = "TimeoutIdle"
      // @ts-expect-error: not a word of the list
      const unknown: RetryTable.ErrorType = "TimeoutIdel"
      assert.notStrictEqual<string>(known, unknown)
      // @ts-expect-error: a row has no such option
      const row: RetryTable.Options = { RateLimited: { attempts: 3 } }
      assert.isDefined(row)
      assert.doesNotThrow(() => RetryTable.make({ Mine: { otherTarget: true } }))
    })
  })

  it("names row, option, range and value of a mistake", () => {
    const message = (options: unknown, expected: string) =>
      assert.throws(() => RetryTable.make(options as RetryTable.Options), expected)
    message({ RateLimited: { maxAttempts: 0 } }, "RetryTable: RateLimited.maxAttempts must be an integer >= 1, got 0")
    message({ Mine: { sameTarget: "yes" } }, 'RetryTable: Mine.sameTarget must be true or false, got "yes"')
    message({ Mine: { otherTarget: 1 } }, "RetryTable: Mine.otherTarget must be true or false, got 1")
    message(
      { Mine: { backoff: "slow" } },
      'RetryTable: Mine.backoff must be "transient", "throttled" or an object, got "slow"'
    )
    message({ Mine: { backoff: { factor: 0 } } }, "RetryTable: Mine.backoff.factor must be a finite number >= 1, got 0")
    message({ Mine: undefined }, "RetryTable: Mine must be an object, got undefined")
    message(null, "RetryTable must be an object, got null")
  })
})
