/** A routed model says how its prompt begins, when a strategy asks and not before. */
import { assert, describe, it } from "@effect/vitest"
import { PromptPrefix, type ProviderModel, RoutedModel, type RouteRequest, Router, Strategy } from "@spillway/core"
import { Effect, Schema } from "effect"
import { Prompt, Tool } from "effect/ai"
import * as PromptTexts from "../../src/router/internal/PromptTexts.ts"
import { services } from "./fixture.ts"

const parts: ReadonlyArray<ProviderModel.Part> = [
  { type: "text", text: "answer" },
  {
    type: "finish",
    reason: "stop",
    usage: {
      inputTokens: { uncached: 1, total: 1, cacheRead: undefined, cacheWrite: undefined },
      outputTokens: { total: 1, text: 1, reasoning: undefined }
    }
  } as ProviderModel.Part
]
const client: ProviderModel.ProviderModel = {
  provider: "test",
  model: "test",
  capabilities: new Set(),
  generate: () => Effect.succeed([...parts]),
  stream: () => {
    throw new Error("not asked for")
  }
}

const call = (prompt: Prompt.RawInput) =>
  ({
    prompt: Prompt.make(prompt),
    tools: [],
    responseFormat: { type: "text" },
    toolChoice: "auto"
  }) as unknown as ProviderModel.ModelOptions

/** What the strategy of a router sees of a call. */
const seen = (options: ProviderModel.ModelOptions, request: RouteRequest.Options = {}) =>
  Effect.gen(function* () {
    const requests: Array<RouteRequest.RouteRequest> = []
    const watching: Strategy.Strategy = {
      name: "watching",
      make: (candidates) =>
        Effect.succeed({
          pick: (request, eligible) => {
            requests.push(request)
            return candidates.find(eligible)
          }
        })
    }
    const router = yield* Router.make({ targets: [{ id: "a", client }] }).pipe(
      Effect.provideService(Strategy.CurrentStrategy, watching),
      Effect.provide(services())
    )
    yield* RoutedModel.provider(router)
      .generate(options)
      .pipe(Effect.provideService(RoutedModel.CurrentRequest, request))
    return requests[0]?.promptPrefix
  })

const chat = (...turns: ReadonlyArray<string>): Prompt.RawInput => [
  { role: "system", content: "You are helpful. ".repeat(40) },
  ...turns.map((content) => ({ role: "user" as const, content }))
]

describe("the beginning of a routed model's prompt", () => {
  it.effect("is shared by calls of one conversation, whether or not they say their tokens", () =>
    Effect.gen(function* () {
      const first = yield* seen(call(chat("hello")))
      const second = yield* seen(call(chat("hello", "and again ".repeat(60))), {
        estimatedTokens: { input: 1, output: 1 }
      })
      const [a, b] = [first?.blocks() ?? [], second?.blocks() ?? []]
      assert.lengthOf(a, 2)
      assert.isAbove(b.length, 3)
      assert.deepStrictEqual(b.slice(0, 2), a)
    })
  )

  it.effect("is the application's own where it gives one", () =>
    Effect.gen(function* () {
      const promptPrefix = PromptPrefix.of(["its own"])
      assert.strictEqual(yield* seen(call(chat("hello")), { promptPrefix }), promptPrefix)
    })
  )

  it.effect("is not read before a strategy asks", () =>
    Effect.gen(function* () {
      let read = 0
      const options = call(chat("hello"))
      const watched = new Proxy(options.prompt.content, {
        get: (content, key, self) => {
          if (key === Symbol.iterator) read++
          return Reflect.get(content, key, self)
        }
      })
      const prefix = yield* seen(
        { ...options, prompt: { ...options.prompt, content: watched } as Prompt.Prompt },
        {
          estimatedTokens: { input: 1, output: 1 }
        }
      )
      const before = read
      prefix?.blocks()
      assert.strictEqual(read, before + 1)
    })
  )
})

describe("the texts of a call", () => {
  it("begin with its tools, and tell calls apart by every kind of part", () => {
    const tool = Tool.make("Weather", { description: "of a city", parameters: Schema.Struct({ city: Schema.String }) })
    const texts = (content: ReadonlyArray<object>) => {
      const prompt = {
        content: [
          { role: "system", content: "s" },
          { role: "user", content }
        ]
      }
      return [...PromptTexts.of({ prompt, tools: [tool] } as unknown as ProviderModel.ModelOptions)]
    }
    assert.deepStrictEqual(texts([{ type: "text", text: "t" }]), ["Weather\nof a city", "system", "s", "user", "t"])
    const circular: Record<string, unknown> = {}
    circular["self"] = circular
    const kinds = [
      { type: "text", text: "x" },
      { type: "file", mediaType: "image/png", data: new Uint8Array([1, 2]) },
      { type: "file", mediaType: "image/png", data: new Uint8Array([1, 3]) },
      { type: "file", mediaType: "image/png", data: new URL("https://a.example/x.png") },
      { type: "file", mediaType: "image/png", data: "aGk=" },
      { type: "tool-call", name: "Weather", params: { city: "Bonn" } },
      { type: "tool-result", name: "Weather", result: 7 },
      { type: "tool-result", name: "Weather", result: circular }
    ]
    assert.strictEqual(new Set(kinds.map((part) => texts([part]).at(-1))).size, kinds.length)
  })
})
