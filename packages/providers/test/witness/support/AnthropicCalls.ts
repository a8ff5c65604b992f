/** The intents in Anthropic's SDK. Source: the README of `@anthropic-ai/sdk` and Anthropic's guides. */
import type Anthropic from "@anthropic-ai/sdk"
import { dot, question } from "./Intents.ts"
import type { Accounted, Case, Table } from "./SameRequest.ts"

export const model = "claude-opus-5"

/** The SDK's types know the newer version only, which has no sampling. */
type Create = Anthropic.MessageCreateParamsNonStreaming & {
  readonly temperature?: number
  readonly top_p?: number
  readonly top_k?: number
}

/** The SDK's short form of a user's or assistant's text. */
const short = (at: number, text: string): Record<string, Accounted> => ({
  [`body.messages.${at}.content`]: {
    ours: [{ type: "text", text }],
    sdk: text,
    why: "One form for text and files; both are documented"
  }
})

const defaultCap = 8192

export const asking = (
  body: Partial<Create> = {},
  differs: Record<string, Accounted> = {},
  options?: Anthropic.RequestOptions
): Case<Anthropic> => ({
  sdk: (client) =>
    client.messages.create(
      { model, max_tokens: defaultCap, messages: [{ role: "user", content: question }], ...body },
      options
    ),
  differs: { ...short(0, question), ...differs }
})

const schema = {
  type: "object" as const,
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: true
}
const weather = { name: "weather", description: "Weather of a city", input_schema: schema }
const clock = {
  name: "clock",
  description: "The time of day",
  input_schema: { type: "object" as const, properties: {}, additionalProperties: false }
}
const tools = [weather, clock]

const image = (source: Anthropic.ImageBlockParam["source"]): Case<Anthropic> => ({
  sdk: (client) =>
    client.messages.create({
      model,
      max_tokens: defaultCap,
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "What is this?" },
            { type: "image", source }
          ]
        }
      ]
    })
})

const call = (id: string, city: string) => ({ type: "tool_use" as const, id, name: "weather", input: { city } })

const result = (tool_use_id: string, degrees: number) => ({
  type: "tool_result" as const,
  tool_use_id,
  content: JSON.stringify({ degrees })
})

export const messages: Table<Anthropic> = {
  "a plain question": asking(),
  "system text": asking(
    { system: "Be brief." },
    {
      "body.system": {
        ours: [{ type: "text", text: "Be brief." }],
        sdk: "Be brief.",
        why: "Several system texts keep their bounds, and can be marked for the cache"
      }
    }
  ),
  "several turns": asking(
    {
      messages: [
        { role: "user", content: "Hello" },
        { role: "assistant", content: "Hello. What would you like to know?" },
        { role: "user", content: question }
      ]
    },
    { ...short(0, "Hello"), ...short(1, "Hello. What would you like to know?"), ...short(2, question) }
  ),
  // The version of October 2026 takes no temperature, top-p and top-k; there is no seed and no penalty.
  "sampling, cap, stop and seed": asking({
    max_tokens: 64,
    stop_sequences: ["END"],
    metadata: { user_id: "user-1" }
  }),
  "tools, the model decides": asking(
    { tools, tool_choice: { type: "auto" } },
    { "body.tool_choice": { ours: undefined, sdk: { type: "auto" }, why: "The default" } }
  ),
  "tools, one must be called": asking({ tools, tool_choice: { type: "any" } }),
  "tools, this one must be called": asking({ tools, tool_choice: { type: "tool", name: "weather" } }),
  "tools, none may be called": asking({ tools, tool_choice: { type: "none" } }),
  "a strict tool": asking({
    tools: [{ ...weather, input_schema: { ...schema, additionalProperties: false }, strict: true }]
  }),
  "a tool with nothing to say to it": asking({
    tools: [{ name: "ping", description: "Is it there?", input_schema: { type: "object", properties: {} } }]
  }),
  "two calls and their results": {
    sdk: (client) =>
      client.messages.create({
        model,
        max_tokens: defaultCap,
        messages: [
          { role: "user", content: "Oslo or Rome?" },
          { role: "assistant", content: [call("call_a", "Oslo"), call("call_b", "Rome")] },
          { role: "user", content: [result("call_a", 4), result("call_b", 19)] }
        ],
        tools: [weather]
      }),
    differs: short(0, "Oslo or Rome?")
  },
  "an answer by a schema": asking({
    output_config: {
      format: {
        type: "json_schema",
        schema: {
          type: "object",
          properties: {
            city: { type: "string" },
            degrees: { type: "number" },
            sky: { type: "string", enum: ["clear", "grey"] }
          },
          required: ["city", "degrees", "sky"],
          additionalProperties: false
        }
      }
    }
  }),
  "an image in base64": image({ type: "base64", media_type: "image/png", data: dot }),
  "an image at an address": image({ type: "url", url: "https://example.com/dot.png" }),
  "little reasoning": asking({ output_config: { effort: "low" } }),
  "a stream": {
    sdk: async (client) => {
      const stream = await client.messages.create({
        model,
        max_tokens: defaultCap,
        messages: [{ role: "user", content: question }],
        stream: true
      })
      for await (const _ of stream);
    },
    differs: short(0, question)
  }
}
