/** What is in a call says what it needs: images are for targets that see, tools for those that use them. */
import { assert, describe, it } from "@effect/vitest"
import { RoutedModel, type RouteRequest } from "@spillway/core"
import { Effect, Schema } from "effect"
import { LanguageModel, type Prompt, Tool, Toolkit } from "effect/ai"
import { failed, type Spec, setup, spillwayOf } from "./support/Models.ts"

const asks = (...files: ReadonlyArray<string>): Prompt.RawInput => [
  { role: "system", content: "look" },
  {
    role: "user",
    content: [
      { type: "text", text: "what is this?" },
      ...files.map((mediaType) => ({ type: "file", mediaType, data: new Uint8Array([1]) }) as const)
    ]
  }
]
const image = asks("image/png")

const Kit = Toolkit.make(
  Tool.make("Weather", { parameters: Schema.Struct({ city: Schema.String }), success: Schema.Number })
)
const handlers = Kit.toLayer({ Weather: () => Effect.succeed(1) })

describe("an image in the prompt", () => {
  const blindFirst: ReadonlyArray<Spec> = [
    { id: "blind", claims: ["tools"] },
    { id: "seeing", claims: ["tools", "vision"] }
  ]

  for (const way of ["generate", "stream"] as const) {
    it.effect(`goes to a target that sees (${way})`, () =>
      Effect.gen(function* () {
        const { [way]: ask } = yield* setup(blindFirst)
        const asked = [ask(), ask(image), ask(asks("application/pdf")), ask(asks("text/csv", "IMAGE/JPEG"))]
        assert.deepStrictEqual(yield* Effect.all(asked), ["blind", "seeing", "blind", "seeing"])
      })
    )
  }

  it.effect("goes to anybody where nobody says that it sees, or all do", () =>
    Effect.gen(function* () {
      for (const claims of [[], ["vision"]] as const) {
        const { generate } = yield* setup([
          { id: "a", claims },
          { id: "b", claims }
        ])
        assert.strictEqual(yield* generate(image), "a")
      }
    })
  )

  it.effect("is added to what the application says it needs, and takes nothing from it", () =>
    Effect.gen(function* () {
      const { generate } = yield* setup([...blindFirst, { id: "all", claims: ["vision", "reasoning"] }])
      const ask = (prompt: Prompt.RawInput, request: RouteRequest.Options) =>
        generate(prompt).pipe(Effect.provideService(RoutedModel.CurrentRequest, request))
      assert.strictEqual(yield* ask(image, { needs: { capabilities: ["reasoning"] } }), "all")
      assert.strictEqual(yield* ask(image, { needs: { capabilities: ["vision"] } }), "seeing")
      assert.strictEqual(yield* ask(image, { needs: { allow: ({ id }) => id !== "seeing" } }), "all")
      const { error } = yield* failed(ask(image, { needs: { allow: ({ id }) => id === "blind" } }))
      assert.strictEqual(error.reason._tag, "InvalidRequestError")
      assert.deepStrictEqual(spillwayOf(error)["exclusions"], [
        { target: "blind", reason: "Capability" },
        { target: "seeing", reason: "NotAllowed" },
        { target: "all", reason: "NotAllowed" }
      ])
    })
  )
})

describe("tools of a call", () => {
  const pool: ReadonlyArray<Spec> = [{ id: "plain" }, { id: "handy", claims: ["tools"] }]
  const ask = (options: { readonly toolChoice?: "none" } = {}) =>
    Effect.map(LanguageModel.generateText({ prompt: "hi", toolkit: Kit, ...options }), ({ text }) => text).pipe(
      Effect.provide(handlers)
    )

  it.effect("go to a target that has them, unless they may not be used", () =>
    Effect.gen(function* () {
      const { context } = yield* setup(pool)
      assert.strictEqual(yield* Effect.provide(ask(), context), "handy")
      assert.strictEqual(yield* Effect.provide(ask({ toolChoice: "none" }), context), "plain")
    })
  )

  it.effect("go to anybody where nobody says that it has them", () =>
    Effect.gen(function* () {
      const { context } = yield* setup([{ id: "a" }, { id: "b", claims: ["vision"] }])
      assert.strictEqual(yield* Effect.provide(ask(), context), "a")
    })
  )
})
