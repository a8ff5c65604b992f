/** Anthropic's own SDK as a witness: it sends what our adapter sends. */
import Sdk from "@anthropic-ai/sdk"
import { Redacted } from "effect"
import { describe } from "vitest"
import * as Anthropic from "../../src/Anthropic.ts"
import { key } from "../support/Calls.ts"
import type { Server } from "../support/Server.ts"
import { asking, messages, model } from "./support/AnthropicCalls.ts"
import { all, question } from "./support/Intents.ts"
import { sameRequest, sameRequests } from "./support/SameRequest.ts"

const client = ({ url }: Server) => new Sdk({ apiKey: Redacted.value(key), baseURL: url, maxRetries: 0 })
/** The API's overview names `x-api-key`; the SDK shows the same key as a bearer since its version 1. */
const byHeader = {
  "header.x-api-key": { ours: Redacted.value(key), sdk: undefined, why: "The header that the API's page names" },
  "header.authorization": { ours: undefined, sdk: `Bearer ${Redacted.value(key)}`, why: "Not beside the other" }
}
const ours =
  (more: Partial<Anthropic.Options> = {}) =>
  ({ url }: Server) =>
    Anthropic.layer({ model, apiKey: key, baseUrl: `${url}/v1`, ...more })

describe("Anthropic asks what Anthropic's SDK asks", () => {
  sameRequests({ client, always: byHeader, ours: ours() }, messages)

  sameRequest(
    { client, always: byHeader, ours: ours({ version: "2023-06-01" }) },
    "sampling, by the older version",
    all["sampling, cap, stop and seed"],
    asking(
      {
        max_tokens: 64,
        temperature: 0.5,
        top_p: 0.9,
        top_k: 20,
        stop_sequences: ["END"],
        metadata: { user_id: "user-1" }
      },
      {},
      { headers: { "anthropic-version": "2023-06-01" } }
    )
  )

  sameRequest(
    { client, always: byHeader, ours: ours({ thinking: { type: "enabled", budgetTokens: 2048 }, maxTokens: 4096 }) },
    "thinking with a budget",
    all["a plain question"],
    asking({ max_tokens: 6144, thinking: { type: "enabled", budget_tokens: 2048 } })
  )

  sameRequest(
    {
      client,
      always: byHeader,
      ours: ours({ thinking: { type: "adaptive", display: "summarized" }, serviceTier: "standard_only" })
    },
    "adaptive thinking, and a class of service",
    all["little reasoning"],
    asking({
      thinking: { type: "adaptive", display: "summarized" },
      output_config: { effort: "low" },
      service_tier: "standard_only"
    })
  )

  sameRequest(
    { client, always: byHeader, ours: ours({ cacheControl: "1h", beta: ["some-feature-2026-01-01"] }) },
    "system text for the cache, and a feature under test",
    all["system text"],
    {
      sdk: (client) => {
        const cache_control = { type: "ephemeral" as const, ttl: "1h" as const }
        return client.messages.create(
          {
            model,
            max_tokens: 8192,
            system: [{ type: "text", text: "Be brief.", cache_control }],
            messages: [{ role: "user", content: [{ type: "text", text: question, cache_control }] }]
          },
          { headers: { "anthropic-beta": "some-feature-2026-01-01" } }
        )
      }
    }
  )

  sameRequest(
    { client, ours: ours({ auth: "bearer" }) },
    "with the key as a bearer, header by header as the SDK",
    all["a plain question"],
    asking()
  )
})
