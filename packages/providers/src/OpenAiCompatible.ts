/**
 * Any server that speaks OpenAI's chat dialect: vLLM, SGLang, llama.cpp, Ollama, OpenRouter, Groq, Mistral, Azure, …
 *
 * What a server does otherwise is said by `profile`; see `Profile`. For OpenAI and DeepSeek themselves use `OpenAi` and
 * `DeepSeek`, which know their vendor.
 */
import type { Capability } from "@spillway/core/Target"
import type * as Config from "effect/Config"
import type * as Redacted from "effect/Redacted"
import type { CallSettings } from "./CallSettings.ts"
import * as ChatDialect from "./internal/chat/ChatDialect.ts"
import * as Ways from "./internal/engine/Ways.ts"
import * as Profile from "./Profile.ts"

export interface Options {
  /** As the server spells it. */
  readonly model: string
  /** Absolute http or https URL, e.g. `http://localhost:8000/v1`; may carry a path and a query. */
  readonly baseUrl: string
  /** Left out for servers without keys. */
  readonly apiKey?: Redacted.Redacted<string> | undefined
  /** Sent with every request; `Redacted` values are hidden wherever headers are printed. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted<string>>> | undefined
  /** Differences from `Profile.generic`. */
  readonly profile?: Partial<Profile.Profile> | undefined
  /** What calls do not say themselves. */
  readonly settings?: CallSettings | undefined
  /** What this model can do. Default: `profile.capabilities`. */
  readonly capabilities?: Iterable<Capability> | undefined
}

const ways = Ways.make(
  (options: Options) =>
    ChatDialect.make({
      module: "OpenAiCompatible",
      profile: { ...Profile.generic, ...options.profile },
      model: options.model,
      baseUrl: options.baseUrl,
      apiKey: options.apiKey,
      keyRequired: false,
      headers: options.headers,
      settings: options.settings,
      capabilities: options.capabilities
    }),
  "API_KEY"
)

/** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
export const make = ways.make

/** A model over the global `fetch`, for code without Effect. Throws `InvalidOption`. */
export const model = ways.model

/** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = ways.layer

/** `layer` with a key from configuration, e.g. `Config.Redacted("MY_SERVER_KEY")`. */
export const layerConfig: (
  options: Omit<Options, "apiKey"> & { readonly apiKey: Config.Config<Redacted.Redacted<string>> }
) => ReturnType<typeof ways.layerConfig> = ways.layerConfig
