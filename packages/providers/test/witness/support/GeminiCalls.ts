/** The intents in Google's SDK. Source: the README of `@google/genai` and Google's guides. */
import type { FunctionCallingConfigMode, GenerateContentConfig, GoogleGenAI, ThinkingLevel } from "@google/genai"
import { dot, question } from "./Intents.ts"
import type { Accounted, Case, Table } from "./SameRequest.ts"

export const model = "gemini-3-flash"

export const asking = (
  config: GenerateContentConfig = {},
  differs: Record<string, Accounted> = {}
): Case<GoogleGenAI> => ({
  sdk: (client) => client.models.generateContent({ model, contents: question, config }),
  differs
})

/** The SDK's trace of a `config` that says nothing about sampling. */
const empty = {
  "body.generationConfig": { ours: undefined, sdk: {}, why: "An empty object says nothing" }
}

const weather = {
  name: "weather",
  description: "Weather of a city",
  parametersJsonSchema: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: true
  }
}
const clock = { name: "clock", description: "The time of day" }
const tools = [{ functionDeclarations: [weather, clock] }]

const choosing = (mode: `${FunctionCallingConfigMode}`, allowedFunctionNames?: Array<string>) => ({
  tools,
  toolConfig: {
    functionCallingConfig: {
      mode: mode as FunctionCallingConfigMode,
      ...(allowedFunctionNames === undefined ? undefined : { allowedFunctionNames })
    }
  }
})

const image = (part: object): Case<GoogleGenAI> => ({
  sdk: (client) =>
    client.models.generateContent({
      model,
      contents: [{ role: "user", parts: [{ text: "What is this?" }, part] }]
    })
})

const unsigned = "skip_thought_signature_validator"

export const generateContent: Table<GoogleGenAI> = {
  "a plain question": asking({}, empty),
  "system text": asking(
    { systemInstruction: "Be brief." },
    {
      ...empty,
      "body.systemInstruction.role": { ours: undefined, sdk: "user", why: "System text has one place and no speaker" }
    }
  ),
  "several turns": {
    sdk: (client) =>
      client.models.generateContent({
        model,
        contents: [
          { role: "user", parts: [{ text: "Hello" }] },
          { role: "model", parts: [{ text: "Hello. What would you like to know?" }] },
          { role: "user", parts: [{ text: question }] }
        ]
      })
  },
  "sampling, cap, stop and seed": asking({
    maxOutputTokens: 64,
    temperature: 0.5,
    topP: 0.9,
    topK: 20,
    presencePenalty: 0.25,
    frequencyPenalty: 0.75,
    stopSequences: ["END"],
    seed: 7
  }),
  "tools, the model decides": asking(choosing("AUTO"), {
    ...empty,
    "body.toolConfig": { ours: undefined, sdk: { functionCallingConfig: { mode: "AUTO" } }, why: "The default" }
  }),
  "tools, one must be called": asking(choosing("ANY"), empty),
  "tools, this one must be called": asking(choosing("ANY", ["weather"]), empty),
  "tools, none may be called": asking(choosing("NONE"), empty),
  // There are no strict tools here: the mode VALIDATED is for all tools of a call.
  "a strict tool": asking({ tools: [{ functionDeclarations: [weather] }] }, empty),
  "a tool with nothing to say to it": asking(
    { tools: [{ functionDeclarations: [{ name: "ping", description: "Is it there?" }] }] },
    empty
  ),
  "two calls and their results": {
    sdk: (client) =>
      client.models.generateContent({
        model,
        contents: [
          { role: "user", parts: [{ text: "Oslo or Rome?" }] },
          {
            role: "model",
            parts: [
              { functionCall: { name: "weather", args: { city: "Oslo" } }, thoughtSignature: unsigned },
              { functionCall: { name: "weather", args: { city: "Rome" } } }
            ]
          },
          {
            role: "user",
            parts: [
              { functionResponse: { name: "weather", response: { degrees: 4 } } },
              { functionResponse: { name: "weather", response: { degrees: 19 } } }
            ]
          }
        ],
        config: { tools: [{ functionDeclarations: [weather] }] }
      }),
    differs: empty
  },
  "an answer by a schema": asking(
    {
      responseMimeType: "application/json",
      responseJsonSchema: {
        type: "object",
        properties: {
          city: { type: "string" },
          degrees: { type: "number" },
          sky: { type: "string", enum: ["clear", "grey"] }
        },
        required: ["city", "degrees", "sky"],
        additionalProperties: false
      }
    },
    {
      "body.generationConfig.responseJsonSchema.additionalProperties": {
        ours: true,
        sdk: false,
        why: "As `effect/ai` derives it; what is too much is dropped on decoding"
      }
    }
  ),
  "an image in base64": image({ inlineData: { mimeType: "image/png", data: dot } }),
  "an image at an address": image({ fileData: { mimeType: "image/png", fileUri: "https://example.com/dot.png" } }),
  "little reasoning": asking(
    { thinkingConfig: { thinkingLevel: "LOW" as ThinkingLevel } },
    {
      "body.generationConfig.thinkingConfig.thinkingLevel": {
        ours: "low",
        sdk: "LOW",
        why: "As Google's pages write it for REST; both are taken"
      }
    }
  ),
  "a stream": {
    sdk: async (client) => {
      const stream = await client.models.generateContentStream({ model, contents: question })
      for await (const _ of stream);
    }
  }
}
