/** The intents in OpenAI's SDK, by Responses. Source: the README of `openai` and OpenAI's guides. */
import type OpenAI from "openai"
import { dot, question } from "./Intents.ts"
import { nothing, parameters, reading } from "./OpenAiChatCalls.ts"
import type { Accounted, Case, Table } from "./SameRequest.ts"

const model = "gpt-5.2"

type Create = OpenAI.Responses.ResponseCreateParamsNonStreaming

/** What every call of ours says beside the intent. */
const stateless: Record<string, Accounted> = {
  "body.store": {
    ours: false,
    sdk: undefined,
    why: "Nothing is kept unless `store` asks for it; the vendor keeps by default"
  },
  "body.include": {
    ours: ["reasoning.encrypted_content"],
    sdk: undefined,
    why: "What is not kept has to come back sealed, to go on thinking in the next turn"
  }
}

const inParts = (text: string) => [{ type: "input_text", text }]

/** The SDK's short form of a user's text. */
const short = (at: number, text: string): Record<string, Accounted> => ({
  [`body.input.${at}.content`]: {
    ours: inParts(text),
    sdk: text,
    why: "One form for text and files; both are documented"
  }
})

const asking = (body: Omit<Create, "model" | "input">, differs: Record<string, Accounted> = {}): Case<OpenAI> => ({
  sdk: (client) => client.responses.create({ model, input: [{ role: "user", content: question }], ...body }),
  differs: { ...stateless, ...short(0, question), ...differs }
})

const notStrict = {
  type: "function" as const,
  name: "weather",
  description: "Weather of a city",
  parameters,
  strict: false
}
const clock = {
  type: "function" as const,
  name: "clock",
  description: "The time of day",
  parameters: { type: "object", properties: {}, additionalProperties: false },
  strict: false
}
const tools = [notStrict, clock]

const image = (image_url: string): Case<OpenAI> => ({
  sdk: (client) =>
    client.responses.create({
      model,
      input: [
        {
          role: "user",
          content: [
            { type: "input_text", text: "What is this?" },
            { type: "input_image", image_url, detail: "auto" }
          ]
        }
      ]
    }),
  differs: {
    ...stateless,
    "body.input.0.content.1.detail": { ours: undefined, sdk: "auto", why: "The default; only the SDK's types want it" }
  }
})

const call = (call_id: string, city: string) => ({
  type: "function_call" as const,
  call_id,
  name: "weather",
  arguments: JSON.stringify({ city })
})

const output = (call_id: string, degrees: number) => ({
  type: "function_call_output" as const,
  call_id,
  output: JSON.stringify({ degrees })
})

export const responses: Table<OpenAI> = {
  "a plain question": {
    sdk: (client) => client.responses.create({ model, input: question }),
    differs: {
      ...stateless,
      "body.input": {
        ours: [{ role: "user", content: inParts(question) }],
        sdk: question,
        why: "A list of items is what a history is, too"
      }
    }
  },
  "system text": {
    sdk: (client) =>
      client.responses.create({ model, instructions: "Be brief.", input: [{ role: "user", content: question }] }),
    differs: {
      ...stateless,
      "body.instructions": {
        ours: undefined,
        sdk: "Be brief.",
        why: "Instructions are not kept with a stored answer; an item is"
      },
      "body.input.0.role": { ours: "developer", sdk: "user", why: "The system text stands first" },
      "body.input.0.content": { ours: "Be brief.", sdk: question, why: "The system text stands first" },
      "body.input.1": {
        ours: { role: "user", content: inParts(question) },
        sdk: undefined,
        why: "The question comes second"
      }
    }
  },
  "several turns": {
    sdk: (client) =>
      client.responses.create({
        model,
        input: [
          { role: "user", content: "Hello" },
          { role: "assistant", content: "Hello. What would you like to know?" },
          { role: "user", content: question }
        ]
      }),
    differs: { ...stateless, ...short(0, "Hello"), ...short(2, question) }
  },
  // There is no stop list, no seed, no top-k and no penalty in this dialect.
  "sampling, cap, stop and seed": asking({
    max_output_tokens: 64,
    temperature: 0.5,
    top_p: 0.9,
    safety_identifier: "user-1"
  }),
  "tools, the model decides": asking(
    { tools, tool_choice: "auto" },
    { "body.tool_choice": { ours: undefined, sdk: "auto", why: "The default" } }
  ),
  "tools, one must be called": asking({ tools, tool_choice: "required" }),
  "tools, this one must be called": asking({ tools, tool_choice: { type: "function", name: "weather" } }),
  "tools, none may be called": asking({ tools, tool_choice: "none" }),
  "a strict tool": asking({
    tools: [{ ...notStrict, parameters: { ...parameters, additionalProperties: false }, strict: true }]
  }),
  "a tool with nothing to say to it": asking({
    tools: [{ type: "function", name: "ping", description: "Is it there?", parameters: nothing, strict: false }]
  }),
  "two calls and their results": {
    sdk: (client) =>
      client.responses.create({
        model,
        input: [
          { role: "user", content: "Oslo or Rome?" },
          call("call_a", "Oslo"),
          call("call_b", "Rome"),
          output("call_a", 4),
          output("call_b", 19)
        ],
        tools: [notStrict]
      }),
    differs: { ...stateless, ...short(0, "Oslo or Rome?") }
  },
  "an answer by a schema": asking({
    text: { format: { type: "json_schema", name: "reading", schema: reading, strict: true } }
  }),
  "an image in base64": image(`data:image/png;base64,${dot}`),
  "an image at an address": image("https://example.com/dot.png"),
  "little reasoning": asking({ reasoning: { effort: "low" } }),
  "a stream": {
    sdk: async (client) => {
      const stream = await client.responses.create({
        model,
        input: [{ role: "user", content: question }],
        stream: true
      })
      for await (const _ of stream);
    },
    differs: { ...stateless, ...short(0, question) }
  }
}
