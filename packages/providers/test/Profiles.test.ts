/** Every field of a profile, one by one: what it does to a request. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Prompt } from "effect/ai"
import type { CallSettings } from "../src/CallSettings.ts"
import * as Request from "../src/internal/chat/Request.ts"
import type { Thinking } from "../src/internal/chat/Settings.ts"
import * as Profile from "../src/Profile.ts"
import { options } from "./support/Calls.ts"

type Call = NonNullable<Parameters<typeof options>[0]>

const bodyOf = (
  profile: Partial<Profile.Profile>,
  settings: CallSettings = {},
  thinking: Thinking = {},
  call: Call = {},
  stream = false
) =>
  Effect.map(options(call), (given) => {
    const input = {
      model: "m",
      profile: { ...Profile.generic, ...profile },
      thinking,
      settings,
      options: given,
      stream
    }
    const body = Request.body(input)
    if (typeof body !== "string") throw new Error(body.verdict.description)
    const { messages, model: _, ...rest } = JSON.parse(body) as Record<string, unknown>
    return { messages: messages as ReadonlyArray<Record<string, unknown>>, rest }
  })

/** What one field of the profile makes of settings. */
const table: ReadonlyArray<
  readonly [what: string, profile: Partial<Profile.Profile>, CallSettings, Thinking, expected: object]
> = [
  ["outputCap, default", {}, { maxTokens: 5 }, {}, { max_tokens: 5 }],
  ["outputCap", { outputCap: "max_completion_tokens" }, { maxTokens: 5 }, {}, { max_completion_tokens: 5 }],
  ["seed, default", {}, { seed: 5 }, {}, { seed: 5 }],
  ["seed random_seed", { seed: "random_seed" }, { seed: 5 }, {}, { random_seed: 5 }],
  ["seed none", { seed: "none" }, { seed: 5 }, {}, {}],
  ["topK, default", {}, { topK: 5 }, {}, {}],
  ["topK", { topK: "top_k" }, { topK: 5 }, {}, { top_k: 5 }],
  ["user, default", {}, { userId: "u" }, {}, {}],
  ["user user", { user: "user" }, { userId: "u" }, {}, { user: "u" }],
  ["user user_id", { user: "user_id" }, { userId: "u" }, {}, { user_id: "u" }],
  ["user safety_identifier", { user: "safety_identifier" }, { userId: "u" }, {}, { safety_identifier: "u" }],
  ["stop, none of them", {}, { stop: [] }, {}, {}],
  [
    "refuses",
    { refuses: ["temperature", "stop", "seed"] },
    { temperature: 1, stop: ["x"], seed: 1, topP: 1 },
    {},
    { top_p: 1 }
  ],
  ["refusesThinking, thinking", { refusesThinking: Profile.sampling }, { temperature: 1, topP: 1, topK: 1 }, {}, {}],
  [
    "refusesThinking, effort none",
    { refusesThinking: Profile.sampling },
    { temperature: 1, reasoningEffort: "none" },
    {},
    { temperature: 1, reasoning_effort: "none" }
  ],
  [
    "refusesThinking, switched off",
    { refusesThinking: Profile.sampling, thinking: "enable_thinking" },
    { temperature: 1 },
    { on: false },
    { temperature: 1, enable_thinking: false }
  ],
  ["effort, default", {}, { reasoningEffort: "high" }, {}, { reasoning_effort: "high" }],
  ["effort reasoning", { effort: "reasoning" }, { reasoningEffort: "high" }, {}, { reasoning: { effort: "high" } }],
  [
    "effort chat_template_kwargs",
    { effort: "chat_template_kwargs" },
    { reasoningEffort: "high" },
    {},
    { chat_template_kwargs: { reasoning_effort: "high" } }
  ],
  ["effort none", { effort: "none" }, { reasoningEffort: "high" }, {}, {}],
  ["effortWords", { effortWords: { max: "high" } }, { reasoningEffort: "max" }, {}, { reasoning_effort: "high" }],
  ["effortWords, nothing", { effortWords: { none: "" } }, { reasoningEffort: "none" }, {}, {}],
  ["thinking, no switch", {}, {}, { on: true, budget: 5 }, {}],
  ["thinking.type on", { thinking: "thinking.type" }, {}, { on: true }, { thinking: { type: "enabled" } }],
  ["thinking.type off", { thinking: "thinking.type" }, {}, { on: false }, { thinking: { type: "disabled" } }],
  ["thinking.type by default", { thinking: "thinking.type" }, {}, {}, {}],
  [
    "thinking off by effort",
    { thinking: "thinking.type" },
    { reasoningEffort: "none" },
    { on: true },
    { thinking: { type: "disabled" } }
  ],
  [
    "thinking on by effort where there is no other word",
    { thinking: "enable_thinking", effort: "none" },
    { reasoningEffort: "low" },
    {},
    { enable_thinking: true }
  ],
  [
    "thinking in the template's words",
    { thinking: "chat_template_kwargs.enable_thinking" },
    {},
    { on: false },
    { chat_template_kwargs: { enable_thinking: false } }
  ],
  [
    "thinking by another word of the template",
    { thinking: "chat_template_kwargs.thinking", effort: "chat_template_kwargs" },
    { reasoningEffort: "low" },
    { on: true },
    { chat_template_kwargs: { reasoning_effort: "low", thinking: true } }
  ],
  [
    "reasoning.enabled beside an effort",
    { thinking: "reasoning.enabled", effort: "reasoning" },
    { reasoningEffort: "low" },
    { on: true },
    { reasoning: { effort: "low", enabled: true } }
  ],
  ["thinkingBudget", { thinkingBudget: "thinking_budget" }, {}, { budget: 5 }, { thinking_budget: 5 }],
  [
    "thinkingBudget of OpenRouter",
    { thinkingBudget: "reasoning.max_tokens" },
    {},
    { budget: 5 },
    { reasoning: { max_tokens: 5 } }
  ],
  [
    "effortBudgets",
    { thinkingBudget: "thinking_budget", effort: "none", effortBudgets: { low: 9 } },
    { reasoningEffort: "low" },
    {},
    { thinking_budget: 9 }
  ],
  [
    "effortBudgets, a word without one",
    { thinkingBudget: "thinking_budget", effort: "none", effortBudgets: { low: 9 } },
    { reasoningEffort: "max" },
    {},
    {}
  ],
  [
    "no budget where thinking is off",
    { thinkingBudget: "thinking_budget", thinking: "enable_thinking" },
    {},
    { on: false, budget: 5 },
    { enable_thinking: false }
  ],
  [
    "extraBody wins, objects field by field",
    { extraBody: { temperature: 0, reasoning: { exclude: true }, x: undefined }, effort: "reasoning" },
    { temperature: 1, reasoningEffort: "low" },
    {},
    { temperature: 0, reasoning: { effort: "low", exclude: true } }
  ]
]

describe("a profile", () => {
  for (const [what, profile, settings, thinking, expected] of table) {
    it.effect(what, () =>
      Effect.map(bodyOf(profile, settings, thinking), ({ rest }) => assert.deepStrictEqual(rest, expected))
    )
  }

  it.effect("json: by schema, as some JSON with the schema in words, in words only", () =>
    Effect.gen(function* () {
      const call: Call = {
        responseFormat: { type: "json", objectName: "City", schema: Schema.Struct({ name: Schema.String }) }
      }
      const schema = yield* bodyOf({}, {}, {}, call)
      assert.deepInclude(schema.rest["response_format"], { type: "json_schema" })
      assert.deepStrictEqual(schema.messages, [{ role: "user", content: "hi" }])
      const object = yield* bodyOf({ json: "json_object" }, {}, {}, call)
      assert.deepStrictEqual(object.rest["response_format"], { type: "json_object" })
      const none = yield* bodyOf({ json: "none", systemRole: "developer" }, {}, {}, call)
      assert.notProperty(none.rest, "response_format")
      for (const { messages } of [object, none]) assert.match(String(messages[0]?.["content"]), /JSON.*"name"/s)
      assert.strictEqual(none.messages[0]?.["role"], "developer")
    })
  )

  it.effect("streamUsage and streamOnly: when a stream is asked for, and its usage", () =>
    Effect.gen(function* () {
      const asked = (profile: Partial<Profile.Profile>, stream: boolean) =>
        Effect.map(bodyOf(profile, {}, {}, {}, stream), ({ rest }) => rest)
      const usage = { stream_options: { include_usage: true } }
      assert.deepStrictEqual(yield* asked({}, false), {})
      assert.deepStrictEqual(yield* asked({}, true), { stream: true, ...usage })
      assert.deepStrictEqual(yield* asked({ streamUsage: false }, true), { stream: true })
      assert.deepStrictEqual(yield* asked({ streamOnly: true }, false), { stream: true, ...usage })
    })
  )

  it.effect("systemRole: the role of system text", () =>
    Effect.gen(function* () {
      const prompt = Prompt.make([{ role: "system", content: "s" }])
      for (const systemRole of ["system", "developer"] as const) {
        const { messages } = yield* bodyOf({ systemRole }, {}, {}, { prompt })
        assert.deepStrictEqual(messages, [{ role: systemRole, content: "s" }])
      }
    })
  )

  it.effect("owner: whose reasoning and whose extras of a call go back", () =>
    Effect.gen(function* () {
      const mark = (owner: string) => ({ [owner]: { model: "m", extra: { google: { thought_signature: "s" } } } })
      const prompt = Prompt.make([
        { role: "user", content: "a" },
        {
          role: "assistant",
          content: [
            { type: "reasoning", text: "r", options: mark("mine") },
            { type: "tool-call", id: "c", name: "F", params: {}, providerExecuted: false, options: mark("mine") }
          ]
        },
        { role: "tool", content: [{ type: "tool-result", id: "c", name: "F", isFailure: false, result: 1 }] }
      ])
      const reasoningIn = { field: "reasoning", always: false } as const
      const own = yield* bodyOf({ provider: "p", owner: "mine", reasoningIn }, {}, {}, { prompt })
      const other = yield* bodyOf({ provider: "mine", owner: "p", reasoningIn }, {}, {}, { prompt })
      assert.strictEqual(own.messages[1]?.["reasoning"], "r")
      assert.include(JSON.stringify(own.messages), "thought_signature")
      assert.notProperty(other.messages[1], "reasoning")
      assert.notInclude(JSON.stringify(other.messages), "thought_signature")
    })
  )
})
