import { assert, describe, it } from "@effect/vitest"
import { InvalidOption } from "@spillway/core/InvalidOption"
import { ConfigProvider, Effect, Layer, Redacted } from "effect"
import { EmbeddingModel, LanguageModel } from "effect/ai"
import { FetchHttpClient } from "effect/http"
import * as CallSettings from "../src/CallSettings.ts"
import * as Providers from "../src/index.ts"
import * as Undici from "../src/node/Undici.ts"
import * as FakeProvider from "../src/testing/FakeProvider.ts"

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
      'layerConfig: apiKey must be a Config, such as Config.Redacted("OPENAI_API_KEY"), got a plain string (hidden)'
    )
    const vectors = refused(() => Providers.VLlm.layerEmbeddingConfig({ ...base, apiKey: "very-secret" as never }))
    assert.include(vectors, "got a plain string (hidden)")
    refused(() => Providers.OpenAi.layerConfig(undefined as never))
    assert.strictEqual(
      refused(model("OpenAi", { ...base, apiKey: "sk-very-secret-key" })),
      "OpenAi: apiKey must be a Redacted string, such as Redacted.make(key), got a plain string (hidden)"
    )
    const azure = { model: "m", resource: "r", apiKey: "sk-very-secret-key", token: Effect.succeed(apiKey) }
    assert.match(refused(model("AzureOpenAi", azure)), /and not both, got a plain string \(hidden\)$/)
    assert.match(refused(model("AzureOpenAi", { ...azure, apiKey })), /and not both, got a key \(hidden\)$/)
    assert.match(
      refused(model("AzureOpenAi", { model: "m", resource: "r", token: "sk-very-secret-key" })),
      /^AzureOpenAi: token must be an Effect .*got a plain string \(hidden\)$/
    )
  })

  it.effect("may leave out the key of a server that needs none, and give a key itself", () =>
    Effect.gen(function* () {
      const keyless = Providers.Ollama.layerConfig({ model: "m" })
      const keyed = Providers.OpenAi.layerConfig(base)
      const token = Providers.AzureOpenAi.layerConfig({ model: "m", resource: "r", token: Effect.succeed(apiKey) })
      for (const layer of [keyless, keyed, token]) {
        const built = layer.pipe(
          Layer.provide(FetchHttpClient.layer),
          Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({})))
        )
        assert.isDefined(yield* Effect.provide(LanguageModel.LanguageModel, built))
      }
      const vectors = Providers.SgLang.layerEmbeddingConfig({ model: "m" }).pipe(
        Layer.provide([FetchHttpClient.layer, ConfigProvider.layer(ConfigProvider.fromUnknown({}))])
      )
      assert.isDefined(yield* Effect.provide(EmbeddingModel.EmbeddingModel, vectors))
    })
  )

  it.effect("name the variable of a key that is needed and not there", () =>
    Effect.gen(function* () {
      for (const [layer, variable] of [
        [Providers.Groq.layerConfig({ model: "m" }), "GROQ_API_KEY"],
        [Providers.AzureOpenAi.layerConfig({ model: "m", resource: "r" }), "AZURE_OPENAI_API_KEY"]
      ] as const) {
        const built = layer.pipe(
          Layer.provide([FetchHttpClient.layer, ConfigProvider.layer(ConfigProvider.fromUnknown({}))])
        )
        const error = yield* Effect.flip(Effect.provide(LanguageModel.LanguageModel, built))
        assert.include(String(error), variable)
      }
    })
  )

  // What each module's own options take, one wrong value each, and how the message begins.
  const own: ReadonlyArray<readonly [keyof typeof modules, object, string]> = [
    ["OpenAi", { reasoning: "yes" }, 'OpenAi: reasoning must be true or false, got "yes"'],
    ["OpenAi", { serviceTier: "fastest" }, 'OpenAi: serviceTier must be one of "auto", "default"'],
    ["OpenAi", { promptCacheKey: "k".repeat(65) }, "OpenAi: promptCacheKey must be 1 to 64 characters"],
    ["OpenAi", { organization: "" }, "OpenAi: organization must be a non-empty string"],
    ["OpenAi", { parallelToolCalls: 0 }, "OpenAi: parallelToolCalls must be"],
    ["OpenAi", { store: null }, "OpenAi: store must be"],
    ["AzureOpenAi", { reasoning: 1 }, "AzureOpenAi: reasoning must be"],
    ["AzureOpenAi", { resource: 5 }, "AzureOpenAi: resource must be"],
    ["DashScope", { region: "moon" }, 'DashScope: region must be one of "china", "international"'],
    ["DashScope", { enableSearch: "yes" }, "DashScope: enableSearch must be"],
    ["DashScope", { thinkingBudget: 0 }, "DashScope: thinkingBudget must be an integer >= 1, got 0"],
    ["DeepSeek", { beta: "yes" }, 'DeepSeek: beta must be true or false, got "yes"'],
    ["DeepSeek", { thinking: "on" }, "DeepSeek: thinking must be"],
    ["Groq", { serviceTier: "free" }, 'Groq: serviceTier must be one of "on_demand"'],
    ["LlamaCpp", { cachePrompt: "no" }, "LlamaCpp: cachePrompt must be"],
    ["LlamaCpp", { chatTemplateKwargs: "x" }, "LlamaCpp: chatTemplateKwargs must be an object"],
    ["Mistral", { promptMode: "think" }, 'Mistral: promptMode must be one of "reasoning"'],
    ["Mistral", { safePrompt: 1 }, "Mistral: safePrompt must be"],
    ["Moonshot", { thinking: true, keepThinking: "some" }, 'Moonshot: keepThinking must be one of "all"'],
    ["OpenRouter", { routing: { order: "azure" } }, "OpenRouter: routing.order must be a list of non-empty strings"],
    ["OpenRouter", { routing: { sort: "speed" } }, 'OpenRouter: routing.sort must be one of "price"'],
    ["OpenRouter", { routing: { allow_fallbacks: false } }, "OpenRouter: routing must be made of order, only"],
    ["OpenRouter", { routing: { maxPrice: { prompt: -1 } } }, "OpenRouter: routing.maxPrice.prompt must be"],
    ["OpenRouter", { fallbackModels: "m2" }, "OpenRouter: fallbackModels must be"],
    ["OpenRouter", { app: { title: "t" } }, "OpenRouter: app must be made of url, name"],
    ["SgLang", { repetitionPenalty: 2.5 }, "SgLang: repetitionPenalty must be a number > 0 and <= 2, got 2.5"],
    ["SgLang", { separateReasoning: "x" }, "SgLang: separateReasoning must be"],
    ["SiliconFlow", { minP: 2 }, "SiliconFlow: minP must be a share in [0, 1], got 2"],
    ["SiliconFlow", { site: "org" }, "SiliconFlow: site must be"],
    ["Together", { repetitionPenalty: 0 }, "Together: repetitionPenalty must be a finite number > 0, got 0"],
    ["VLlm", { minP: "x" }, 'VLlm: minP must be a share in [0, 1], got "x"'],
    ["VLlm", { priority: 1.5 }, "VLlm: priority must be an integer, got 1.5"],
    ["VolcengineArk", { serviceTier: "flex" }, "VolcengineArk: serviceTier must be"],
    ["XAi", { conversationId: "" }, "XAi: conversationId must be a non-empty string"]
  ]
  it("of one vendor are held to their shape and range", () => {
    for (const [name, options, words] of own) assert.include(refused(model(name, { ...base, ...options })), words)
  })

  it("hold a profile to its words", () => {
    for (const [profile, words] of [
      [{ outputCap: "foo" }, 'profile.outputCap must be one of "max_tokens", "max_completion_tokens", got "foo"'],
      [{ prefill: true }, "profile.prefill must be"],
      [{ reasoningIn: "text" }, 'profile.reasoningIn must be one of "drop", "details"'],
      [{ reasoningIn: { field: "thoughts", always: true } }, "profile.reasoningIn.field must be"],
      [{ reasoningIn: { always: true } }, "profile.reasoningIn.field must be given"],
      [{ refuses: ["top_p"] }, "profile.refuses must be a list of temperature, topP"],
      [{ effortWords: { low: 1 } }, "profile.effortWords.low must be a string"],
      [{ effortBudgets: { low: "x" } }, "profile.effortBudgets.low must be an integer"],
      [{ capabilities: "tools" }, "profile.capabilities must be a list of tools"],
      [{ probe: "models" }, "profile.probe must be"],
      [{ auth: "x key" }, "profile.auth must be"],
      [{ streamOnly: 1 }, "profile.streamOnly must be"],
      [{ extraBody: "{}" }, "profile.extraBody must be an object"],
      [[], "profile must be an object"]
    ] as const) {
      assert.include(refused(model("OpenAiCompatible", { ...base, profile })), words)
    }
    // What a vendor's module has is taken, and what is undefined was left out.
    for (const vendor of Object.values(modules)) {
      if ("profile" in vendor) modules.OpenAiCompatible.model({ ...base, profile: vendor.profile })
    }
    const half = { capabilities: undefined, owner: undefined } as object
    const { capabilities } = modules.OpenAiCompatible.model({ ...base, profile: half })
    assert.deepStrictEqual([...capabilities], ["tools", "json-schema", "streaming"])
  })
})

describe("options of other things", () => {
  const embedding = {
    ...{ AzureOpenAi: Providers.AzureOpenAi, DashScope: Providers.DashScope, LlamaCpp: Providers.LlamaCpp },
    ...{ Mistral: Providers.Mistral, Ollama: Providers.Ollama, OpenAi: Providers.OpenAi, SgLang: Providers.SgLang },
    ...{ OpenAiCompatible: Providers.OpenAiCompatible, SiliconFlow: Providers.SiliconFlow },
    ...{ Together: Providers.Together, VLlm: Providers.VLlm }
  }

  for (const [name, { embeddingModel }] of Object.entries(embedding)) {
    it(`embeddings of ${name} refuse what nobody reads`, () => {
      assert.match(
        refused(() => embeddingModel({ ...base, baseURL: "http://elsewhere" } as never)),
        /got "baseURL"/
      )
      refused(() => embeddingModel(undefined as never))
      refused(() => embeddingModel("sk-very-secret-key" as never))
    })
  }

  it("embeddings are held to their shapes", () => {
    for (const [make, words] of [
      [
        () => Providers.OpenAi.embeddingModel({ ...base, dimensions: 1.5 }),
        "OpenAi: dimensions must be an integer >= 1"
      ],
      [() => Providers.Together.embeddingModel({ ...base, dimensions: 5 } as never), 'got "dimensions"'],
      [() => Providers.LlamaCpp.embeddingModel({ ...base, dimensions: 5 } as never), 'got "dimensions"'],
      [
        () => Providers.OpenAiCompatible.embeddingModel({ ...base, encoding: "hex" as never }),
        "OpenAiCompatible: encoding"
      ],
      [() => Providers.OpenAiCompatible.embeddingModel({ ...base, maxTexts: 0 }), "OpenAiCompatible: maxTexts must be"],
      [
        () => Providers.GeminiEmbeddings.model({ ...base, taskType: "QUERY" as never }),
        "GeminiEmbeddings: taskType must"
      ],
      [() => Providers.GeminiEmbeddings.model({ ...base, dimension: 5 } as never), 'got "dimension"']
    ] as const) {
      assert.include(refused(make), words)
    }
  })

  it("a pool of sockets, a catalogue and a fake provider refuse names nobody reads", async () => {
    assert.include(
      refused(() => Undici.agent({ connection: 5 } as never)),
      'got "connection"'
    )
    assert.include(
      refused(() => Undici.layer({ conns: 5 } as never)),
      'got "conns"'
    )
    assert.include(
      refused(() => Providers.Catalogue.pricing({ foo: 1 } as never)),
      'got "foo"'
    )
    assert.include(
      refused(() => Providers.Catalogue.pricing({ models: {} } as never)),
      "Catalogue: catalogue.models"
    )
    assert.include(
      refused(() => Providers.Catalogue.fromLiteLlm({}, { asof: "x" } as never)),
      'got "asof"'
    )
    for (const options of [{ models: {}, seeds: 1 }, {}, { models: {}, apiKey }]) {
      const error: unknown = await FakeProvider.start(options as never).catch((cause: unknown) => cause)
      assert.instanceOf(error, InvalidOption)
    }
  })
})
