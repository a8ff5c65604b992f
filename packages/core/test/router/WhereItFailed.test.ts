/** An error says where it happened: at which target, and with which of the system's codes. */
import { assert, describe, it } from "@effect/vitest"
import { createRouter, InvalidOption, RoutedModel, RouteError, type Strategy } from "@spillway/core"
import { Cause, Duration, Effect, Exit, Layer } from "effect"
import { AiError, LanguageModel } from "effect/ai"
import { inOrder, invalidRequest, services, wrongKey } from "./fixture.ts"
import { failed, model, setup, spillwayOf } from "./support/Models.ts"

const error = (reason: AiError.AiErrorReason) => AiError.make({ module: "Vendor", method: "call", reason })
const refused = (description?: string) =>
  error(
    new AiError.NetworkError({
      reason: "TransportError",
      method: "POST",
      url: "http://localhost",
      ...(description === undefined ? {} : { description })
    })
  )

describe("an error of a provider", () => {
  for (const way of ["generate", "stream"] as const) {
    it.effect(`names the target that it comes from (${way})`, () =>
      Effect.gen(function* () {
        const pool = yield* setup([
          { id: "a", fails: () => wrongKey },
          { id: "b", fails: () => invalidRequest }
        ])
        const { error } = yield* failed(pool[way]())
        assert.strictEqual(error.reason._tag, "InvalidRequestError")
        assert.strictEqual(error.message, invalidRequest.message)
        assert.deepStrictEqual(spillwayOf(error), { target: "b" })
        // What was thrown may be thrown again by another target.
        assert.deepStrictEqual(spillwayOf(invalidRequest), {})
      })
    )
  }

  it.effect("names it also where several were asked, with all that was tried", () =>
    Effect.gen(function* () {
      const { generate } = yield* setup([
        { id: "a", fails: () => wrongKey },
        { id: "b", fails: () => wrongKey }
      ])
      const { error } = yield* failed(generate())
      assert.strictEqual(error.reason._tag, "AuthenticationError")
      assert.deepStrictEqual(spillwayOf(error), {
        target: "b",
        reason: "AttemptsExhausted",
        attempts: [
          { target: "a", errorType: "Auth", ms: 0 },
          { target: "b", errorType: "Auth", ms: 0 }
        ]
      })
    })
  )

  it.effect("keeps everything else that it says", () =>
    Effect.gen(function* () {
      const http = { response: { status: 402, headers: { "x-request-id": "r" } }, body: "empty" }
      const metadata = { vendor: { request: "r" }, spillway: { errorType: "QuotaExhausted", otherTarget: false } }
      const reasons = [
        new AiError.QuotaExhaustedError({ http, metadata }),
        new AiError.AuthenticationError({ kind: "ExpiredKey", description: "old", http, metadata }),
        new AiError.InvalidRequestError({ parameter: "n", constraint: "is 1", description: "no", http, metadata }),
        new AiError.ContentPolicyError({ description: "no", http, metadata }),
        new AiError.UnsupportedSchemaError({ description: "no", metadata }),
        new AiError.RateLimitError({
          retryAfter: Duration.seconds(1),
          http,
          metadata: { ...metadata, spillway: { sameTarget: false, otherTarget: false } }
        })
      ]
      for (const reason of reasons) {
        const made = error(reason)
        const { generate } = yield* setup([{ id: "a", fails: () => made }])
        const { error: left } = yield* failed(generate())
        const { cause: _c, stack: _s, ...before } = { ...reason, metadata: undefined } as Record<string, unknown>
        const { cause: _d, stack: _t, ...after } = { ...left.reason, metadata: undefined } as Record<string, unknown>
        assert.deepStrictEqual(after, before)
        assert.strictEqual(left.reason.constructor, reason.constructor)
        assert.strictEqual(left.message, made.message)
        assert.strictEqual(left.stack, made.stack)
        assert.deepStrictEqual(spillwayOf(left), { ...(reason.metadata["spillway"] as object), target: "a" })
        assert.deepStrictEqual("metadata" in left.reason && left.reason.metadata["vendor"], metadata.vendor)
      }
    })
  )

  it.effect("stays as it is where it has no metadata", () =>
    Effect.gen(function* () {
      const once = error(
        new AiError.NetworkError({ reason: "EncodeError", method: "POST", url: "http://localhost", description: "x" })
      )
      const { generate } = yield* setup([{ id: "a", fails: () => once }])
      const { error: left } = yield* failed(generate())
      assert.strictEqual(left, once)
    })
  )
})

describe("the attempts of an error", () => {
  it.effect("say the code of each failure that never reached a server", () =>
    Effect.gen(function* () {
      const { generate } = yield* setup([
        { id: "a", fails: () => refused("ECONNREFUSED") },
        { id: "b", fails: () => refused("getaddrinfo ENOTFOUND secret.example") },
        { id: "c", fails: () => refused() }
      ])
      const { error } = yield* failed(generate())
      assert.include(error.message, "a Network (ECONNREFUSED) after 0 ms, b Network after 0 ms, c Network after 0 ms")
      assert.notInclude(error.message, "secret")
      assert.deepStrictEqual(spillwayOf(error)["attempts"], [
        { target: "a", errorType: "Network", code: "ECONNREFUSED", ms: 0 },
        { target: "b", errorType: "Network", ms: 0 },
        { target: "c", errorType: "Network", ms: 0 }
      ])
    })
  )

  it("find it in the error of any SDK, and in its causes, and take nothing else for one", async () => {
    const cyclic = new Error("x")
    cyclic.cause = cyclic
    const codes = [
      [Object.assign(new Error("x"), { code: "ENOTFOUND" }), "ENOTFOUND"],
      [
        new TypeError("fetch failed", { cause: Object.assign(new Error("x"), { code: "UND_ERR_SOCKET" }) }),
        "UND_ERR_SOCKET"
      ],
      [Object.assign(new Error("x"), { code: "invalid_api_key" }), undefined],
      [Object.assign(new Error("x"), { code: 20 }), undefined],
      [Object.assign(new Error("x"), { code: "A SECRET" }), undefined],
      [Object.assign(new Error("x"), { description: "ECONNRESET" }), undefined],
      [cyclic, undefined],
      ["ECONNRESET", undefined],
      [null, undefined]
    ] as const
    for (const [thrown, code] of codes) {
      const { close, route } = createRouter({
        targets: [{ id: "a", client: 1 }],
        strategy: inOrder as Strategy.Strategy,
        classify: () => ({
          errorType: "Network",
          outcome: { _tag: "Failure", kind: "Network", afterFirstContent: false, retryAfter: undefined },
          sameTarget: false,
          otherTarget: true
        })
      })
      const left = await route(() => Promise.reject(thrown)).catch((error: unknown) => error)
      assert.isTrue(RouteError.isRouteError(left))
      if (RouteError.isRouteError(left)) assert.strictEqual(left.attempts[0]?.code, code)
      await close()
    }
  })
})

describe("a client that is no model", () => {
  const good = model({ id: "a" })
  // What JavaScript lets pass.
  const wrong = (client: unknown) => client as typeof good
  const clients = [undefined, null, "gpt", Effect.succeed(good), Layer.empty, { generateText: good.generate }]

  it.effect("is found when the layer is built", () =>
    Effect.gen(function* () {
      for (const client of clients) {
        const layer = RoutedModel.layer({
          targets: [
            { id: "a", client: good },
            { id: "b", client: wrong(client) }
          ]
        })
        const exit = yield* Effect.exit(Layer.build(Layer.provide(layer, services())))
        const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.isTrue(defect instanceof InvalidOption.InvalidOption)
        assert.match(String(defect), /targets\[1\]\.client must be a model, such as OpenAi\.model/)
      }
    })
  )

  it("is found by the first call over a router of createRouter", async () => {
    const router = createRouter({ targets: [{ id: "b", client: wrong({}) }], strategy: inOrder as Strategy.Strategy })
    const exit = await Effect.runPromiseExit(
      LanguageModel.generateText({ prompt: "hi" }).pipe(
        Effect.provideService(LanguageModel.LanguageModel, router.languageModel())
      )
    )
    const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    assert.match(String(defect), /client of target "b" must be a model/)
    await router.close()
  })
})
