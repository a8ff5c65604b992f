/** OpenAI's own SDK as a witness: it sends what our adapters send. It reads the fake in `openai.answers.ts`. */
import { Redacted } from "effect"
import OpenAI from "openai"
import { describe } from "vitest"
import * as OpenAi from "../../src/OpenAi.ts"
import * as OpenAiResponses from "../../src/OpenAiResponses.ts"
import { key } from "../support/Calls.ts"
import type { Server } from "../support/Server.ts"
import { sameEmbedding, texts } from "./support/Embedding.ts"
import { all, question } from "./support/Intents.ts"
import { chat } from "./support/OpenAiChatCalls.ts"
import { responses } from "./support/OpenAiResponsesCalls.ts"
import { sameRequest, sameRequests } from "./support/SameRequest.ts"

const client = ({ url }: Server) => new OpenAI({ apiKey: Redacted.value(key), baseURL: `${url}/v1`, maxRetries: 0 })
const own = ({ url }: Server) => ({ model: "gpt-5.2", apiKey: key, baseUrl: `${url}/v1` })

describe("OpenAi asks by the chat dialect what OpenAI's SDK asks", () => {
  sameRequests({ client, ours: (server) => OpenAi.layer(own(server)) }, chat)

  const inProject = { organization: "org-1", project: "proj-1" }
  sameRequest(
    {
      client: ({ url }) =>
        new OpenAI({ apiKey: Redacted.value(key), baseURL: `${url}/v1`, maxRetries: 0, ...inProject }),
      ours: (server) =>
        OpenAi.layer({
          ...own(server),
          ...inProject,
          serviceTier: "flex",
          promptCacheKey: "cache-1",
          store: true
        })
    },
    "with organization, project and the vendor's own options",
    all["a plain question"],
    {
      sdk: (client) =>
        client.chat.completions.create({
          model: "gpt-5.2",
          messages: [{ role: "user", content: question }],
          service_tier: "flex",
          prompt_cache_key: "cache-1",
          store: true
        })
    }
  )
})

describe("OpenAiResponses asks what OpenAI's SDK asks", () => {
  sameRequests({ client, ours: (server) => OpenAiResponses.layer(own(server)) }, responses)
})

describe("OpenAi embeds as OpenAI's SDK does", () => {
  const model = "text-embedding-3-small"
  sameEmbedding(
    "texts, with dimensions",
    (server) => OpenAi.embeddingModel({ ...own(server), model, dimensions: 8 }),
    (server) => client(server).embeddings.create({ model, input: texts, dimensions: 8 })
  )
})
