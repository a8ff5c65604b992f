import { assert, describe, it } from "@effect/vitest"
import { InvalidOption } from "@spillway/core/InvalidOption"
import { ConfigProvider, Effect, Layer, Redacted } from "effect"
import { LanguageModel } from "effect/ai"
import { FetchHttpClient } from "effect/http"
import * as CallSettings from "../src/CallSettings.ts"
import * as Providers from "../src/index.ts"

const apiKey = Redacted.make("sk-very-secret-key")
const base = { model: "m", apiKey, baseUrl: "http://127.0.0.1:1/v1" }

const modules = {
  ...{ AzureOpenAi: Providers.AzureOpenAi, DashScope: Providers.DashScope, DeepSeek: Providers.DeepSeek },
  ...{ Groq: Providers.Groq, LlamaCpp: Providers.LlamaCpp, Mistral: Providers.Mistral, Moonshot: Providers.Moonshot },
  ...{ Ollama: Providers.Ollama, OpenAi: Providers.OpenAi, OpenAiCompatible: Providers.OpenAiCompatible },
  ...{ OpenRouter: Providers.OpenRouter, SgLang: Providers.SgLang, SiliconFlow: Providers.SiliconFlow },
  ...{ Together: Providers.Together, VLlm: Providers.VLlm, VolcengineArk: Providers.VolcengineArk, XAi: Providers.XAi },
  ...{ Anthropic: Providers.Anthropic, Gemini: Providers.Gemini, OpenAiResponses: Providers.OpenAiResponses }
}

const refused = (make: () => unknown): string => {
  try {
    make()
  } catch (error) {
    assert.instanceOf(error, InvalidOption)
    assert.notInclude(String(error), "very-secret")
    return (error as InvalidOption).message
  }
  return assert.fail("was taken")
}

/** As plain JavaScript writes them. */
const model = (name: keyof typeof modules, options: object) => () => modules[name].model(options as never)

describe("options of a model", () => {
  for (const name of Object.keys(modules) as Array<keyof typeof modules>) {
    it(`of ${name} are refused when nobody reads them, or they are no settings or capabilities`, () => {
      assert.match(refused(model(name, { ...base, baseURL: "http://elsewhere" })), /got "baseURL"/)
      for (const settings of [
        { temperature: "hot" },
        { temperature: Number.NaN },
        { maxTokens: 1.5 },
        { maxTokens: -5 },
        { reasoningEffort: "huge" },
        { stop: "END" },
        { max_tokens: 1 }
      ]) {
        assert.include(refused(model(name, { ...base, settings })), name)
      }
      assert.include(refused(model(name, { ...base, capabilities: "tools" })), `${name}: capabilities`)
      refused(() => modules[name].model(undefined as never))
      refused(() => modules[name].model("sk-very-secret-key" as never))
      assert.include(refused(model(name, { ...base, headers: "x-a: very-secret" })), `${name}: headers`)
    })
  }

  it("of a call are checked where they are said", () => {
    assert.strictEqual(
      refused(() => CallSettings.with({ topP: 7 })),
      "CallSettings.topP must be a number in [0, 1], got 7"
    )
    assert.include(
      refused(() => CallSettings.with({ max_tokens: 3 } as never)),
      `got "max_tokens"`
    )
  })

  it("never show a key that stands where a Config should", () => {
    const message = refused(() => Providers.OpenAi.layerConfig({ ...base, apiKey: "sk-very-secret-key" as never }))
    assert.strictEqual(
      message,
      'layerConfig: apiKey must be a Config, such as Config.Redacted("OPENAI_API_KEY"), got something else, hidden'
    )
  })

  it.effect("may leave out the key of a server that needs none, and give a key itself", () =>
    Effect.gen(function* () {
      const keyless = Providers.Ollama.layerConfig({ model: "m" })
      const keyed = Providers.OpenAi.layerConfig(base)
      for (const layer of [keyless, keyed]) {
        const built = layer.pipe(
          Layer.provide(FetchHttpClient.layer),
          Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({})))
        )
        assert.isDefined(yield* Effect.provide(LanguageModel.LanguageModel, built))
      }
    })
  )
})
