/** Google's own SDK as a witness: it sends what our adapter sends. */
import { GoogleGenAI } from "@google/genai"
import { Redacted } from "effect"
import { describe } from "vitest"
import * as Gemini from "../../src/Gemini.ts"
import * as GeminiEmbeddings from "../../src/GeminiEmbeddings.ts"
import { key } from "../support/Calls.ts"
import type { Server } from "../support/Server.ts"
import { sameEmbedding, texts } from "./support/Embedding.ts"
import { asking, generateContent, model } from "./support/GeminiCalls.ts"
import { all } from "./support/Intents.ts"
import { sameRequest, sameRequests } from "./support/SameRequest.ts"

const client = ({ url }: Server) =>
  new GoogleGenAI({ apiKey: Redacted.value(key), httpOptions: { baseUrl: url, apiVersion: "v1beta" } })
const ours =
  (more: Partial<Gemini.Options> = {}) =>
  ({ url }: Server) =>
    Gemini.layer({ model, apiKey: key, baseUrl: `${url}/v1beta`, ...more })

describe("Gemini asks what Google's SDK asks", () => {
  sameRequests({ client, ours: ours() }, generateContent)

  sameRequest(
    { client, ours: ours({ thinking: { budget: 512, includeThoughts: true }, cachedContent: "cachedContents/abc" }) },
    "thinking with a budget, and a kept beginning",
    all["a plain question"],
    asking({ thinkingConfig: { thinkingBudget: 512, includeThoughts: true }, cachedContent: "cachedContents/abc" })
  )
})

describe("Google's SDK by itself", () => {
  sameRequest(
    {
      client: ({ url }) => new GoogleGenAI({ apiKey: Redacted.value(key), httpOptions: { baseUrl: url } }),
      ours: ours()
    },
    "asks the version v1, where the pages say v1beta",
    all["several turns"],
    {
      ...generateContent["several turns"],
      differs: {
        path: {
          ours: `/v1beta/models/${model}:generateContent`,
          sdk: `/v1/models/${model}:generateContent`,
          why: "The vendor's REST pages have v1beta; another one is a `baseUrl` away"
        }
      }
    }
  )
})

describe("GeminiEmbeddings embeds as Google's SDK does", () => {
  const model = "gemini-embedding-001"
  const noSpeaker = "A text to embed has no speaker"
  sameEmbedding(
    "texts, with dimensions and what they are for",
    ({ url }) =>
      GeminiEmbeddings.model({
        model,
        apiKey: key,
        baseUrl: `${url}/v1beta`,
        dimensions: 8,
        taskType: "RETRIEVAL_QUERY"
      }),
    (server) =>
      client(server).models.embedContent({
        model,
        contents: texts,
        config: { outputDimensionality: 8, taskType: "RETRIEVAL_QUERY" }
      }),
    {
      "body.requests.0.content.role": { ours: undefined, sdk: "user", why: noSpeaker },
      "body.requests.1.content.role": { ours: undefined, sdk: "user", why: noSpeaker }
    }
  )
})
