import { assert, describe, it } from "@effect/vitest"
import { Classifier } from "@spillway/core"
import { Duration } from "effect"
import { AiError } from "effect/ai"

const aiError = (reason: AiError.AiErrorReason) => AiError.make({ module: "Test", method: "call", reason })

/** errorType, what the target's gates learn, same target again, another target. */
const row = (error: unknown) => {
  const { errorType, otherTarget, outcome, sameTarget } = Classifier.classify(error)
  return [errorType, outcome._tag, sameTarget, otherTarget]
}

describe("Classifier.classify", () => {
  it("has three separate answers for each reason of AiError", () => {
    const description = "d"
    assert.deepStrictEqual(
      [
        new AiError.RateLimitError({}),
        new AiError.QuotaExhaustedError({}),
        new AiError.AuthenticationError({ kind: "InvalidKey" }),
        new AiError.ContentPolicyError({ description }),
        new AiError.InvalidRequestError({ description }),
        new AiError.InternalProviderError({ description }),
        new AiError.NetworkError({ reason: "TransportError", method: "POST", url: "u" }),
        new AiError.InvalidResponseError({ description }),
        new AiError.InvalidOutputError({ description }),
        new AiError.UnknownError({}),
        new AiError.ToolNotFoundError({ toolName: "t", availableTools: [] })
      ].map((reason) => row(aiError(reason))),
      [
        ["RateLimited", "RateLimited", true, true],
        ["QuotaExhausted", "Misconfigured", false, true],
        ["Auth", "Misconfigured", false, true],
        ["ContentFilter", "Ignored", false, false],
        ["InvalidRequest", "Ignored", false, false],
        ["Overloaded", "Failure", true, true],
        ["Network", "Failure", true, true],
        ["Protocol", "Failure", false, true],
        ["InvalidOutput", "Ignored", true, true],
        ["_OTHER", "Failure", false, true],
        ["InvalidRequest", "Ignored", false, false]
      ]
    )
  })

  it("takes the delay from the reason, and a dialect's hint before it", () => {
    const plain = aiError(new AiError.RateLimitError({ retryAfter: Duration.seconds(2) }))
    assert.deepStrictEqual(Classifier.classify(plain).outcome, { _tag: "RateLimited", retryAfter: 2000 })
    const hinted = aiError(
      new AiError.InternalProviderError({
        description: "d",
        metadata: { spillway: { errorType: "Busy", health: "throttle", retryAfter: 750, sameTarget: false } }
      })
    )
    assert.deepStrictEqual(row(hinted), ["Busy", "RateLimited", false, true])
    assert.deepStrictEqual(Classifier.classify(hinted).outcome, { _tag: "RateLimited", retryAfter: 750 })
  })

  it("does not ask a target again that was silent, and blames it", () => {
    for (const clock of ["Attempt", "Headers", "FirstContent", "Idle"] as const) {
      assert.deepStrictEqual(row(new Classifier.AttemptTimeout(clock, 10)), [`Timeout${clock}`, "Failure", false, true])
    }
    assert.deepStrictEqual(row(new Classifier.Truncated()), ["Truncated", "Failure", true, true])
  })

  it("goes by the HTTP status of an SDK's error, with its Retry-After", () => {
    const error = (status: number, headers?: unknown) => Object.assign(new Error("sdk"), { status, headers })
    assert.deepStrictEqual(
      [400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 503, 529].map((status) => row(error(status)).slice(1)),
      [
        ["Ignored", false, false],
        ["Misconfigured", false, true],
        ["Misconfigured", false, true],
        ["Misconfigured", false, true],
        ["Ignored", false, false],
        ["Failure", true, true],
        ["Ignored", false, false],
        ["Ignored", false, false],
        ["RateLimited", true, true],
        ["Failure", true, true],
        ["Failure", true, true],
        ["Failure", true, true]
      ]
    )
    const delays = [
      error(429, { "retry-after": "1.5" }),
      error(429, new Headers({ "retry-after": "3", "retry-after-ms": "250" })),
      error(429, { "retry-after": "soon" }),
      error(429, null)
    ].map((e) => {
      const { outcome } = Classifier.classify(e)
      return outcome._tag === "RateLimited" ? outcome.retryAfter : "?"
    })
    assert.deepStrictEqual(delays, [1500, 250, undefined, undefined])
    assert.deepStrictEqual(row({ statusCode: 503 }), ["Overloaded", "Failure", true, true])
  })

  it("blames the target for what it does not know, and tries elsewhere only", () => {
    for (const error of [new Error("?"), "text", undefined, null, { status: "500" }, { status: 42 }]) {
      assert.deepStrictEqual(row(error), ["_OTHER", "Failure", false, true])
    }
  })
})
