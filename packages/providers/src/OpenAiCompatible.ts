/**
 * Any server that speaks OpenAI's chat dialect: vLLM, SGLang, llama.cpp, Ollama, OpenRouter, Groq, Mistral, Azure, …
 *
 * What a server does otherwise is said by `profile`; see `Profile`. For OpenAI and DeepSeek themselves use `OpenAi` and
 * `DeepSeek`, which know their vendor.
 */
import type { ProviderModel } from "@spillway/core/ProviderModel"
import type { Capability } from "@spillway/core/Target"
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type { CallSettings } from "./CallSettings.ts"
import { resolve } from "./internal/chat/Config.ts"
import * as Provider from "./internal/chat/Provider.ts"
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

const config = (options: Options) =>
  resolve({
    module: "OpenAiCompatible",
    profile: { ...Profile.generic, ...options.profile },
    model: options.model,
    baseUrl: options.baseUrl,
    apiKey: options.apiKey,
    keyRequired: false,
    headers: options.headers,
    settings: options.settings,
    capabilities: options.capabilities
  })

/** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
export const make = (options: Options): Effect.Effect<ProviderModel, never, HttpClient.HttpClient> =>
  Provider.make(config(options))

/** A model over the global `fetch`, for code without Effect. Throws `InvalidOption`. */
export const model = (options: Options): ProviderModel => Provider.model(config(options))

/** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = (options: Options): Layer.Layer<LanguageModel.LanguageModel, never, HttpClient.HttpClient> =>
  Provider.layer(config(options))

/** `layer` with a key from configuration, e.g. `Config.Redacted("OPENROUTER_API_KEY")`. */
export const layerConfig = (
  options: Omit<Options, "apiKey"> & { readonly apiKey: Config.Config<Redacted.Redacted<string>> }
): Layer.Layer<LanguageModel.LanguageModel, Config.ConfigError, HttpClient.HttpClient> =>
  Layer.unwrap(Effect.map(options.apiKey, (apiKey) => layer({ ...options, apiKey })))
