/**
 * OpenAI by its chat dialect. Reasoning models refuse `temperature` and `topP` unless the effort is `none`; some refuse
 * tools together with reasoning here.
 *
 * Source: https://platform.openai.com/docs/api-reference/chat
 */
import type { Capability } from "@spillway/core/Target"
import type * as Redacted from "effect/Redacted"
import type { CallSettings } from "./CallSettings.ts"
import * as ChatDialect from "./internal/chat/ChatDialect.ts"
import * as Ways from "./internal/engine/Ways.ts"
import * as Profile from "./Profile.ts"

export interface Options {
  /** As OpenAI spells it. */
  readonly model: string
  readonly apiKey: Redacted.Redacted<string>
  /** Default `https://api.openai.com/v1`. */
  readonly baseUrl?: string | undefined
  readonly organization?: string | undefined
  readonly project?: string | undefined
  /** Sent with every request; `Redacted` values are hidden wherever headers are printed. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted<string>>> | undefined
  /** What calls do not say themselves. */
  readonly settings?: CallSettings | undefined
  /** What this model can do. Default: tools, vision, json-schema, reasoning, streaming. */
  readonly capabilities?: Iterable<Capability> | undefined
}

const ways = Ways.make(
  (options: Options) =>
    ChatDialect.make({
      module: "OpenAi",
      profile: Profile.openAi,
      model: options.model,
      baseUrl: options.baseUrl ?? "https://api.openai.com/v1",
      apiKey: options.apiKey,
      keyRequired: true,
      headers: {
        ...(options.organization === undefined ? undefined : { "openai-organization": options.organization }),
        ...(options.project === undefined ? undefined : { "openai-project": options.project }),
        ...options.headers
      },
      settings: options.settings,
      capabilities: options.capabilities
    }),
  "OPENAI_API_KEY"
)

/** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
export const make = ways.make

/** A model over the global `fetch`, for code without Effect. Throws `InvalidOption`. */
export const model = ways.model

/** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = ways.layer

/** `layer` with the key from configuration, by default from `OPENAI_API_KEY`. */
export const layerConfig = ways.layerConfig
