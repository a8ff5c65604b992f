/** The intents in OpenAI's SDK, by its chat dialect. Source: the README of `openai` and OpenAI's guides. */
import type OpenAI from "openai"
import { dot, question } from "./Intents.ts"
import type { Table } from "./SameRequest.ts"

const model = "gpt-5.2"
const messages = [{ role: "user" as const, content: question }]

type Choice = OpenAI.Chat.ChatCompletionToolChoiceOption

// What is no strict tool, `effect/ai` lets have further properties.
export const parameters = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: true
}
export const nothing = { type: "object", properties: {} }

export const reading = {
  type: "object",
  properties: {
    city: { type: "string" },
    degrees: { type: "number" },
    sky: { type: "string", enum: ["clear", "grey"] }
  },
  required: ["city", "degrees", "sky"],
  additionalProperties: false
}

const weather = {
  type: "function" as const,
  function: { name: "weather", description: "Weather of a city", parameters }
}
const clock = {
  type: "function" as const,
  function: {
    name: "clock",
    description: "The time of day",
    parameters: { type: "object", properties: {}, additionalProperties: false }
  }
}

const withTools = (tool_choice: Choice) => (client: OpenAI) =>
  client.chat.completions.create({ model, messages, tools: [weather, clock], tool_choice })

const call = (id: string, city: string) => ({
  id,
  type: "function" as const,
  function: { name: "weather", arguments: JSON.stringify({ city }) }
})

const image = (url: string) => (client: OpenAI) =>
  client.chat.completions.create({
    model,
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: "What is this?" },
          { type: "image_url", image_url: { url } }
        ]
      }
    ]
  })

export const chat: Table<OpenAI> = {
  "a plain question": { sdk: (client) => client.chat.completions.create({ model, messages }) },
  "system text": {
    sdk: (client) =>
      client.chat.completions.create({ model, messages: [{ role: "developer", content: "Be brief." }, ...messages] })
  },
  "several turns": {
    sdk: (client) =>
      client.chat.completions.create({
        model,
        messages: [
          { role: "user", content: "Hello" },
          { role: "assistant", content: "Hello. What would you like to know?" },
          ...messages
        ]
      })
  },
  "sampling, cap, stop and seed": {
    sdk: (client) =>
      client.chat.completions.create({
        model,
        messages,
        max_completion_tokens: 64,
        temperature: 0.5,
        top_p: 0.9,
        presence_penalty: 0.25,
        frequency_penalty: 0.75,
        stop: ["END"],
        seed: 7,
        safety_identifier: "user-1"
      })
  },
  "tools, the model decides": {
    sdk: withTools("auto"),
    differs: {
      "body.tool_choice": {
        ours: undefined,
        sdk: "auto",
        why: "The default, and some compatible servers refuse the word"
      }
    }
  },
  "tools, one must be called": { sdk: withTools("required") },
  "tools, this one must be called": { sdk: withTools({ type: "function", function: { name: "weather" } }) },
  "tools, none may be called": { sdk: withTools("none") },
  "a strict tool": {
    sdk: (client) =>
      client.chat.completions.create({
        model,
        messages,
        tools: [
          {
            type: "function",
            function: { ...weather.function, parameters: { ...parameters, additionalProperties: false }, strict: true }
          }
        ]
      })
  },
  "a tool with nothing to say to it": {
    sdk: (client) =>
      client.chat.completions.create({
        model,
        messages,
        tools: [{ type: "function", function: { name: "ping", description: "Is it there?", parameters: nothing } }]
      })
  },
  "two calls and their results": {
    sdk: (client) =>
      client.chat.completions.create({
        model,
        messages: [
          { role: "user", content: "Oslo or Rome?" },
          { role: "assistant", content: null, tool_calls: [call("call_a", "Oslo"), call("call_b", "Rome")] },
          { role: "tool", tool_call_id: "call_a", content: JSON.stringify({ degrees: 4 }) },
          { role: "tool", tool_call_id: "call_b", content: JSON.stringify({ degrees: 19 }) }
        ],
        tools: [weather]
      })
  },
  "an answer by a schema": {
    sdk: (client) =>
      client.chat.completions.create({
        model,
        messages,
        response_format: { type: "json_schema", json_schema: { name: "reading", schema: reading, strict: true } }
      })
  },
  "an image in base64": { sdk: image(`data:image/png;base64,${dot}`) },
  "an image at an address": { sdk: image("https://example.com/dot.png") },
  "little reasoning": {
    sdk: (client) => client.chat.completions.create({ model, messages, reasoning_effort: "low" })
  },
  "a stream": {
    sdk: async (client) => {
      const stream = await client.chat.completions.create({
        model,
        messages,
        stream: true,
        stream_options: { include_usage: true }
      })
      for await (const _ of stream);
    }
  }
}
