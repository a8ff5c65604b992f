import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Gates, Target } from "@spillway/core"
import { InvalidOption } from "@spillway/core/InvalidOption"
import type { ProviderModel } from "@spillway/core/ProviderModel"
import { Config, ConfigProvider, Effect, Layer, Redacted } from "effect"
import { LanguageModel, Prompt } from "effect/ai"
import { FetchHttpClient, type HttpClient } from "effect/http"
import * as AzureOpenAi from "../src/AzureOpenAi.ts"
import * as CallSettings from "../src/CallSettings.ts"
import * as DashScope from "../src/DashScope.ts"
import * as DeepSeek from "../src/DeepSeek.ts"
import * as Groq from "../src/Groq.ts"
import * as LlamaCpp from "../src/LlamaCpp.ts"
import * as Mistral from "../src/Mistral.ts"
import * as Moonshot from "../src/Moonshot.ts"
import * as Ollama from "../src/Ollama.ts"
import * as OpenAi from "../src/OpenAi.ts"
import * as OpenAiCompatible from "../src/OpenAiCompatible.ts"
import * as OpenRouter from "../src/OpenRouter.ts"
import * as SgLang from "../src/SgLang.ts"
import * as SiliconFlow from "../src/SiliconFlow.ts"
import * as Together from "../src/Together.ts"
import * as VLlm from "../src/VLlm.ts"
import * as VolcengineArk from "../src/VolcengineArk.ts"
import * as XAi from "../src/XAi.ts"
import { generate, key } from "./support/Calls.ts"
import { bearer, sentBy } from "./support/Elsewhere.ts"
import { text } from "./support/Fixtures.ts"
import { reply, serve } from "./support/Server.ts"

type Made = Effect.Effect<ProviderModel, never, HttpClient.HttpClient>

const answer = reply(200, text("openai-completion.json"))
const keyed = { model: "m", apiKey: key }

/** All a call can say. */
const settings: CallSettings.CallSettings = {
  maxTokens: 100,
  temperature: 0.5,
  topP: 0.9,
  topK: 40,
  presencePenalty: 0.1,
  frequencyPenalty: 0.2,
  stop: ["END"],
  seed: 7,
  reasoningEffort: "medium",
  userId: "user-1"
}
const drawn = { temperature: 0.5, top_p: 0.9, presence_penalty: 0.1, frequency_penalty: 0.2 }
const usual = { ...drawn, stop: ["END"], max_tokens: 100 }

/** Vendor, its model, where a call goes, where the probe goes, and what the body says beside model and messages. */
const vendors: ReadonlyArray<readonly [string, Made, string, string | undefined, object]> = [
  [
    "OpenAi",
    OpenAi.make({ ...keyed, serviceTier: "flex", promptCacheKey: "c", parallelToolCalls: false, store: false }),
    "https://api.openai.com/v1/chat/completions",
    "https://api.openai.com/v1/models",
    {
      ...drawn,
      stop: ["END"],
      max_completion_tokens: 100,
      seed: 7,
      reasoning_effort: "medium",
      safety_identifier: "user-1",
      service_tier: "flex",
      prompt_cache_key: "c",
      parallel_tool_calls: false,
      store: false
    }
  ],
  [
    "OpenAi, a reasoning model",
    OpenAi.make({ ...keyed, reasoning: true }),
    "https://api.openai.com/v1/chat/completions",
    "https://api.openai.com/v1/models",
    { stop: ["END"], max_completion_tokens: 100, seed: 7, reasoning_effort: "medium", safety_identifier: "user-1" }
  ],
  [
    "AzureOpenAi",
    AzureOpenAi.make({ ...keyed, resource: "res" }),
    "https://res.openai.azure.com/openai/v1/chat/completions",
    "https://res.openai.azure.com/openai/v1/models",
    { ...drawn, stop: ["END"], max_completion_tokens: 100, seed: 7, reasoning_effort: "medium", user: "user-1" }
  ],
  [
    "AzureOpenAi, older path",
    AzureOpenAi.make({ ...keyed, model: "my deployment", resource: "res", apiVersion: "2024-10-21", reasoning: true }),
    "https://res.openai.azure.com/openai/deployments/my%20deployment/chat/completions?api-version=2024-10-21",
    "https://res.openai.azure.com/openai/models?api-version=2024-10-21",
    { stop: ["END"], max_completion_tokens: 100, seed: 7, reasoning_effort: "medium", user: "user-1" }
  ],
  [
    "DeepSeek, beta",
    DeepSeek.make({ ...keyed, beta: true }),
    "https://api.deepseek.com/beta/chat/completions",
    "https://api.deepseek.com/user/balance",
    { ...usual, reasoning_effort: "high", user_id: "user-1" }
  ],
  [
    "DeepSeek",
    DeepSeek.make({ ...keyed, thinking: true }),
    "https://api.deepseek.com/chat/completions",
    "https://api.deepseek.com/user/balance",
    { ...usual, reasoning_effort: "high", user_id: "user-1", thinking: { type: "enabled" } }
  ],
  [
    "OpenRouter",
    OpenRouter.make({
      ...keyed,
      thinkingBudget: 2000,
      hideReasoning: true,
      fallbackModels: ["n"],
      transforms: [],
      routing: {
        order: ["azure"],
        only: ["azure", "openai"],
        ignore: ["x"],
        allowFallbacks: false,
        requireParameters: true,
        dataCollection: "deny",
        zeroDataRetention: true,
        sort: "price",
        quantizations: ["fp8"],
        maxPrice: { prompt: 1, completion: 2 }
      },
      app: { url: "https://app.example", name: "App" }
    }),
    "https://openrouter.ai/api/v1/chat/completions",
    "https://openrouter.ai/api/v1/key",
    {
      ...usual,
      top_k: 40,
      seed: 7,
      user: "user-1",
      reasoning: { effort: "medium", max_tokens: 2000, exclude: true },
      models: ["n"],
      transforms: [],
      usage: { include: true },
      provider: {
        order: ["azure"],
        only: ["azure", "openai"],
        ignore: ["x"],
        allow_fallbacks: false,
        require_parameters: true,
        data_collection: "deny",
        zdr: true,
        sort: "price",
        quantizations: ["fp8"],
        max_price: { prompt: 1, completion: 2 }
      }
    }
  ],
  [
    "Together",
    Together.make({ ...keyed, thinking: true, repetitionPenalty: 1.1, minP: 0.1, safetyModel: "guard" }),
    "https://api.together.xyz/v1/chat/completions",
    "https://api.together.xyz/v1/models",
    {
      ...usual,
      top_k: 40,
      seed: 7,
      reasoning_effort: "medium",
      reasoning: { enabled: true },
      repetition_penalty: 1.1,
      min_p: 0.1,
      safety_model: "guard"
    }
  ],
  [
    "Groq",
    Groq.make({ ...keyed, serviceTier: "flex", parallelToolCalls: false }),
    "https://api.groq.com/openai/v1/chat/completions",
    "https://api.groq.com/openai/v1/models",
    {
      ...drawn,
      stop: ["END"],
      max_completion_tokens: 100,
      seed: 7,
      user: "user-1",
      reasoning_effort: "medium",
      reasoning_format: "parsed",
      service_tier: "flex",
      parallel_tool_calls: false
    }
  ],
  [
    "Mistral",
    Mistral.make({ ...keyed, promptMode: "reasoning", safePrompt: true, parallelToolCalls: false }),
    "https://api.mistral.ai/v1/chat/completions",
    "https://api.mistral.ai/v1/models",
    { ...usual, random_seed: 7, prompt_mode: "reasoning", safe_prompt: true, parallel_tool_calls: false }
  ],
  [
    "Moonshot",
    Moonshot.make({ ...keyed, thinking: true, keepThinking: "all", promptCacheKey: "c" }),
    "https://api.moonshot.ai/v1/chat/completions",
    "https://api.moonshot.ai/v1/models",
    { stop: ["END"], max_tokens: 100, thinking: { type: "enabled", keep: "all" }, prompt_cache_key: "c" }
  ],
  [
    "Moonshot in China, an older model",
    Moonshot.make({ ...keyed, region: "china", profile: { refuses: [] } }),
    "https://api.moonshot.cn/v1/chat/completions",
    "https://api.moonshot.cn/v1/models",
    { ...usual, thinking: { type: "enabled" } }
  ],
  [
    "DashScope",
    DashScope.make({ ...keyed, enableSearch: true, parallelToolCalls: true }),
    "https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions",
    "https://dashscope.aliyuncs.com/api/v1/models?page_size=1",
    {
      ...usual,
      top_k: 40,
      seed: 7,
      enable_thinking: true,
      thinking_budget: 8192,
      enable_search: true,
      parallel_tool_calls: true
    }
  ],
  [
    "DashScope elsewhere, with a budget",
    DashScope.make({ ...keyed, region: "international", thinkingBudget: 500 }),
    "https://dashscope-intl.aliyuncs.com/compatible-mode/v1/chat/completions",
    "https://dashscope-intl.aliyuncs.com/api/v1/models?page_size=1",
    { ...usual, top_k: 40, seed: 7, enable_thinking: true, thinking_budget: 500 }
  ],
  [
    "SiliconFlow",
    SiliconFlow.make({ ...keyed, minP: 0.1 }),
    "https://api.siliconflow.cn/v1/chat/completions",
    "https://api.siliconflow.cn/v1/models",
    { ...usual, top_k: 40, enable_thinking: true, thinking_budget: 8192, min_p: 0.1 }
  ],
  [
    "SiliconFlow outside China",
    SiliconFlow.make({ ...keyed, site: "com", thinking: false }),
    "https://api.siliconflow.com/v1/chat/completions",
    "https://api.siliconflow.com/v1/models",
    { ...usual, top_k: 40, enable_thinking: false }
  ],
  [
    "VolcengineArk",
    VolcengineArk.make({ ...keyed, model: "ep-1", thinking: true, serviceTier: "auto", region: "cn-shanghai" }),
    "https://ark.cn-shanghai.volces.com/api/v3/chat/completions",
    undefined,
    { ...usual, reasoning_effort: "medium", thinking: { type: "enabled" }, service_tier: "auto" }
  ],
  [
    "XAi",
    XAi.make({ ...keyed, conversationId: "c-1", parallelToolCalls: false }),
    "https://api.x.ai/v1/chat/completions",
    "https://api.x.ai/v1/models",
    {
      temperature: 0.5,
      top_p: 0.9,
      max_completion_tokens: 100,
      seed: 7,
      user: "user-1",
      reasoning_effort: "high",
      parallel_tool_calls: false
    }
  ],
  [
    "VLlm",
    VLlm.make({
      ...keyed,
      thinking: false,
      chatTemplateKwargs: { style: "x" },
      priority: -1,
      minP: 0.1,
      repetitionPenalty: 1.1
    }),
    "http://localhost:8000/v1/chat/completions",
    "http://localhost:8000/health",
    {
      ...usual,
      top_k: 40,
      seed: 7,
      chat_template_kwargs: { enable_thinking: false, style: "x" },
      priority: -1,
      min_p: 0.1,
      repetition_penalty: 1.1
    }
  ],
  [
    "SgLang",
    SgLang.make({ ...keyed, thinking: true, thinkingSwitch: "thinking", separateReasoning: true }),
    "http://localhost:30000/v1/chat/completions",
    "http://localhost:30000/health",
    {
      ...usual,
      top_k: 40,
      seed: 7,
      reasoning_effort: "medium",
      chat_template_kwargs: { thinking: true },
      separate_reasoning: true
    }
  ],
  [
    "LlamaCpp",
    LlamaCpp.make({ ...keyed, thinking: true, reasoningFormat: "deepseek", cachePrompt: false }),
    "http://localhost:8080/v1/chat/completions",
    "http://localhost:8080/health",
    {
      ...usual,
      top_k: 40,
      seed: 7,
      chat_template_kwargs: { enable_thinking: true, reasoning_effort: "medium" },
      reasoning_format: "deepseek",
      cache_prompt: false
    }
  ],
  [
    "Ollama",
    Ollama.make(keyed),
    "http://localhost:11434/v1/chat/completions",
    "http://localhost:11434/v1/models",
    { ...usual, seed: 7, reasoning_effort: "medium" }
  ],
  [
    "OpenAiCompatible",
    OpenAiCompatible.make({ ...keyed, baseUrl: "https://some.example/api/?v=1" }),
    "https://some.example/api/chat/completions?v=1",
    undefined,
    { ...usual, seed: 7, reasoning_effort: "medium" }
  ]
]

describe("vendors", () => {
  for (const [name, made, address, probe, expected] of vendors) {
    it.effect(`${name}: asks at its address, in its words`, () =>
      Effect.gen(function* () {
        const sent = yield* sentBy(
          answer,
          Effect.gen(function* () {
            const model = yield* made
            yield* generate(model).pipe(CallSettings.with(settings))
            assert.strictEqual(model.probe === undefined, probe === undefined)
            if (model.probe !== undefined) yield* model.probe
          }).pipe(Effect.orDie)
        )
        assert.deepStrictEqual(
          sent.map(({ method, address }) => [method, address]),
          [["POST", address], ...(probe === undefined ? [] : [["GET", probe]])]
        )
        const azure = name.startsWith("Azure")
        for (const { headers } of sent) {
          assert.strictEqual(headers["authorization"], azure ? undefined : bearer)
          assert.strictEqual(headers["api-key"], azure ? Redacted.value(key) : undefined)
        }
        const { messages, model: _, ...body } = sent[0]?.body ?? {}
        assert.deepStrictEqual(messages, [{ role: "user", content: "hi" }])
        assert.deepStrictEqual(body, expected)
      })
    )
  }

  it.effect("say who they are in headers", () =>
    Effect.gen(function* () {
      const [router, xai] = yield* sentBy(
        answer,
        Effect.gen(function* () {
          yield* generate(yield* OpenRouter.make({ ...keyed, app: { url: "https://app.example", name: "App" } }))
          yield* generate(yield* XAi.make({ ...keyed, conversationId: "c-1", headers: { "x-more": "m" } }))
        }).pipe(Effect.orDie)
      )
      assert.deepInclude(router?.headers, { "http-referer": "https://app.example", "x-title": "App" })
      assert.deepInclude(xai?.headers, { "x-grok-conv-id": "c-1", "x-more": "m" })
      assert.notProperty(xai?.headers, "x-title")
    })
  )

  it.effect("that run on one's own machine want no key", () =>
    Effect.gen(function* () {
      const sent = yield* sentBy(
        answer,
        Effect.gen(function* () {
          for (const make of [VLlm.make, SgLang.make, LlamaCpp.make, Ollama.make]) {
            yield* generate(yield* make({ model: "m" }))
          }
        }).pipe(Effect.orDie)
      )
      assert.deepStrictEqual(
        sent.map(({ headers }) => headers["authorization"]),
        [undefined, undefined, undefined, undefined]
      )
    })
  )

  it.effect("take their key from configuration", () =>
    Effect.gen(function* () {
      const server = yield* serve(answer)
      const where = { model: "m", baseUrl: server.url }
      const layers = {
        AZURE_OPENAI_API_KEY: AzureOpenAi.layerConfig(where),
        OPENROUTER_API_KEY: OpenRouter.layerConfig(where),
        TOGETHER_API_KEY: Together.layerConfig(where),
        GROQ_API_KEY: Groq.layerConfig(where),
        MISTRAL_API_KEY: Mistral.layerConfig(where),
        MOONSHOT_API_KEY: Moonshot.layerConfig(where),
        DASHSCOPE_API_KEY: DashScope.layerConfig(where),
        SILICONFLOW_API_KEY: SiliconFlow.layerConfig(where),
        ARK_API_KEY: VolcengineArk.layerConfig(where),
        XAI_API_KEY: XAi.layerConfig(where),
        VLLM_API_KEY: VLlm.layerConfig(where),
        SGLANG_API_KEY: SgLang.layerConfig(where),
        LLAMA_API_KEY: LlamaCpp.layerConfig(where),
        OLLAMA_API_KEY: Ollama.layerConfig(where),
        MY_KEY: OpenAiCompatible.layerConfig({ ...where, apiKey: Config.Redacted("MY_KEY") })
      }
      const names = Object.keys(layers)
      const env = ConfigProvider.layer(ConfigProvider.fromUnknown(Object.fromEntries(names.map((n) => [n, `k-${n}`]))))
      for (const layer of Object.values(layers)) {
        const { text } = yield* LanguageModel.generateText({ prompt: "hi" }).pipe(
          Effect.provide(layer.pipe(Layer.provide([FetchHttpClient.layer, env])))
        )
        assert.strictEqual(text, "Hello there")
      }
      assert.deepStrictEqual(
        server.received.map(({ headers }) => headers["api-key"] ?? headers["authorization"]),
        names.map((name) => (name.startsWith("AZURE") ? `k-${name}` : `Bearer k-${name}`))
      )
    }).pipe(Effect.orDie)
  )

  it.effect("show no key when they are printed, nor in what a failing probe says", () =>
    Effect.gen(function* () {
      const secret = Redacted.value(key)
      yield* sentBy(
        reply(401, { error: { message: `bad key ${secret}`, code: secret } }),
        Effect.gen(function* () {
          for (const [, made] of vendors) {
            const model = yield* made
            assert.notInclude(inspect(model, { depth: 20, showHidden: true }), secret)
            if (model.probe === undefined) continue
            const error = yield* Effect.flip(model.probe)
            assert.strictEqual(error.reason._tag, "AuthenticationError")
            assert.notInclude(inspect(error, { depth: 20, showHidden: true }), secret)
          }
        })
      )
    })
  )

  it("claim what their models usually can, unless one is said to do otherwise", () => {
    const can = (model: ProviderModel) => [...model.capabilities].sort().join(" ")
    assert.strictEqual(can(Moonshot.model(keyed)), "prefill reasoning streaming tools")
    assert.strictEqual(can(VLlm.model({ model: "m" })), "json-schema prefill streaming tools")
    assert.strictEqual(can(DeepSeek.model(keyed)), "reasoning streaming tools")
    assert.strictEqual(can(DeepSeek.model({ ...keyed, beta: true })), "prefill reasoning streaming tools")
    assert.strictEqual(can(DashScope.model({ ...keyed, capabilities: ["tools"] })), "tools")
    assert.strictEqual(can(Groq.model({ ...keyed, profile: { capabilities: ["vision"] } })), "vision")
  })

  it("refuse options that say nothing, by name", () => {
    const wrong: ReadonlyArray<readonly [() => unknown, RegExp]> = [
      [() => Groq.model({ ...keyed, profile: { jsn: "none" } as object }), /^Groq: profile must be made of .*"jsn"/],
      [() => Groq.model({ ...keyed, reasoningFormat: "x" as "raw" }), /^Groq: reasoningFormat must be one of "parsed"/],
      [() => OpenRouter.model({ ...keyed, thinkingBudget: 0 }), /^OpenRouter: thinkingBudget must be an integer >= 1/],
      [() => DashScope.model({ ...keyed, region: "mars" as "china" }), /^DashScope: region must be one of/],
      [() => SiliconFlow.model({ ...keyed, site: "org" as "com" }), /^SiliconFlow: site must be one of/],
      [() => Moonshot.model({ ...keyed, region: "mars" as "china" }), /^Moonshot: region must be one of/],
      [() => Moonshot.model({ ...keyed, keepThinking: "all" }), /^Moonshot: keepThinking must be left out unless/],
      [() => Moonshot.model({ ...keyed, thinking: "on" as unknown as boolean }), /^Moonshot: thinking must be true or/],
      [
        () => VolcengineArk.model({ ...keyed, region: "a.b/c" }),
        /^VolcengineArk: region must be part of a host's name/
      ],
      [() => VLlm.model({ model: "m", thinkingSwitch: "x" as "thinking" }), /^VLlm: thinkingSwitch must be one of/],
      [() => AzureOpenAi.model({ model: "m", resource: "r" }), /^AzureOpenAi: apiKey must be given, or else token/],
      [() => AzureOpenAi.model({ ...keyed, resource: "r", token: Effect.succeed(key) }), /and not both/],
      [() => AzureOpenAi.model({ ...keyed }), /^AzureOpenAi: resource must be given, or else baseUrl/],
      [() => AzureOpenAi.model({ ...keyed, resource: "a.b" }), /^AzureOpenAi: resource must be the name/],
      [() => AzureOpenAi.model({ ...keyed, baseUrl: "https://a.b/v1", apiVersion: "1" }), /^AzureOpenAi: apiVersion/],
      [() => DeepSeek.accountLimits("deepseek-chat"), /^DeepSeek: accountLimits must be one of deepseek-flash, /]
    ]
    for (const [make, message] of wrong) {
      let error: unknown
      try {
        make()
      } catch (caught) {
        error = caught
      }
      assert.instanceOf(error, InvalidOption)
      assert.match(error instanceof Error ? error.message : "", message)
    }
  })

  it("DeepSeek's accounts have so many calls in flight of each model", () => {
    assert.deepStrictEqual(DeepSeek.accountLimits("deepseek-flash"), { maxInFlight: 2500 })
    const limits = DeepSeek.accountLimits("deepseek-v4-pro")
    assert.deepStrictEqual(limits, { maxInFlight: 500 })
    // As the limits of an account that several targets share.
    const client = DeepSeek.model(keyed)
    const gates = Gates.make({ accounts: { deepseek: limits } })
    const [target] = Target.resolve("test", [{ id: "a", client, account: "deepseek" }], undefined)
    const names = target === undefined ? [] : gates(target).map(({ name }) => name)
    assert.include(names, "account")
  })
})

describe("AzureOpenAi with tokens", () => {
  const asked = (token: Effect.Effect<Redacted.Redacted<string>, unknown>) => (url: string) =>
    AzureOpenAi.make({ model: "m", baseUrl: `${url}/openai/v1`, token }).pipe(Effect.provide(FetchHttpClient.layer))

  it.effect("asks for one before every call", () =>
    Effect.gen(function* () {
      const server = yield* serve(answer)
      let n = 0
      const model = yield* asked(Effect.sync(() => Redacted.make(`token-${++n}`)))(server.url)
      yield* generate(model)
      yield* generate(model)
      assert.deepStrictEqual(
        server.received.map(({ headers }) => [headers["authorization"], headers["api-key"]]),
        [
          ["Bearer token-1", undefined],
          ["Bearer token-2", undefined]
        ]
      )
    }).pipe(Effect.orDie)
  )

  it.effect("sends nothing without one, and says nothing of why", () =>
    Effect.gen(function* () {
      const server = yield* serve(answer)
      const bad = [
        Effect.fail(new Error("secret-of-entra")),
        Effect.succeed(Redacted.make("a\nb")),
        Effect.succeed(Redacted.make(""))
      ]
      for (const token of bad) {
        const error = yield* Effect.flip(generate(yield* asked(token)(server.url)))
        assert.strictEqual(error.reason._tag, "AuthenticationError")
        assert.notInclude(JSON.stringify(error), "secret-of-entra")
      }
      assert.strictEqual(server.received.length, 0)
    })
  )
})

describe("prompts that end with words of the assistant", () => {
  const prompt = Prompt.make([
    { role: "user", content: "Count." },
    { role: "assistant", content: "One, two," }
  ])
  const bodyOf = (made: Made, given: Prompt.RawInput = prompt) =>
    Effect.map(
      sentBy(answer, Effect.orDie(Effect.flatMap(made, (model) => generate(model, { prompt: given })))),
      (sent) => sent[0]?.body ?? {}
    )
  const last = (body: Record<string, unknown>) => (body["messages"] as ReadonlyArray<unknown>).at(-1)

  it.effect("are gone on with as each vendor wants it", () =>
    Effect.gen(function* () {
      const plain = { role: "assistant", content: "One, two," }
      assert.deepStrictEqual(last(yield* bodyOf(Mistral.make(keyed))), { ...plain, prefix: true })
      assert.deepStrictEqual(last(yield* bodyOf(DeepSeek.make({ ...keyed, beta: true }))), {
        ...plain,
        reasoning_content: "",
        prefix: true
      })
      assert.deepStrictEqual(last(yield* bodyOf(Moonshot.make(keyed))), {
        ...plain,
        reasoning_content: "",
        partial: true
      })
      assert.deepStrictEqual(last(yield* bodyOf(DashScope.make(keyed))), { ...plain, partial: true })
      assert.deepStrictEqual(last(yield* bodyOf(LlamaCpp.make({ model: "m" }))), plain)
      for (const make of [VLlm.make, SgLang.make]) {
        const body = yield* bodyOf(make({ model: "m" }))
        assert.deepStrictEqual(last(body), plain)
        assert.deepInclude(body, { continue_final_message: true, add_generation_prompt: false })
      }
    })
  )

  it.effect("are not marked where the user has the last word, or the assistant said nothing yet", () =>
    Effect.gen(function* () {
      assert.notProperty(yield* bodyOf(VLlm.make({ model: "m" }), "hi"), "continue_final_message")
      const empty = Prompt.make([
        { role: "user", content: "Count." },
        { role: "assistant", content: [{ type: "reasoning", text: "Hm." }] }
      ])
      assert.deepStrictEqual(last(yield* bodyOf(Moonshot.make(keyed), empty)), { role: "user", content: "Count." })
    })
  )

  it.effect("are refused before sending where the vendor cannot, and may go elsewhere", () =>
    Effect.gen(function* () {
      const server = yield* serve(answer)
      const model = yield* OpenAiCompatible.make({ model: "m", baseUrl: server.url, profile: { prefill: "none" } })
      const error = yield* Effect.flip(generate(model, { prompt }))
      assert.deepInclude(error.reason, { _tag: "InvalidRequestError", parameter: "prompt" })
      assert.strictEqual(server.received.length, 0)
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )
})
