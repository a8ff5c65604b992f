/**
 * OpenAI by its chat dialect. Reasoning models refuse `temperature` and `topP` unless the effort is `none`; some refuse
 * tools together with reasoning here.
 *
 * Source: https://platform.openai.com/docs/api-reference/chat
 */
import type { ProviderModel } from "@spillway/core/ProviderModel"
import type { Capability } from "@spillway/core/Target"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type { CallSettings } from "./CallSettings.ts"
import { resolve } from "./internal/chat/Config.ts"
import * as Provider from "./internal/chat/Provider.ts"
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

const config = (options: Options) =>
  resolve({
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
  })

/** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
export const make = (options: Options): Effect.Effect<ProviderModel, never, HttpClient.HttpClient> =>
  Provider.make(config(options))

/** A model over the global `fetch`, for code without Effect. Throws `InvalidOption`. */
export const model = (options: Options): ProviderModel => Provider.model(config(options))

/** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = (options: Options): Layer.Layer<LanguageModel.LanguageModel, never, HttpClient.HttpClient> =>
  Provider.layer(config(options))

/** `layer` with the key from configuration, by default from `OPENAI_API_KEY`. */
export const layerConfig = (
  options: Omit<Options, "apiKey"> & { readonly apiKey?: Config.Config<Redacted.Redacted<string>> | undefined }
): Layer.Layer<LanguageModel.LanguageModel, Config.ConfigError, HttpClient.HttpClient> =>
  Layer.unwrap(
    Effect.map(options.apiKey ?? Config.Redacted("OPENAI_API_KEY"), (apiKey) => layer({ ...options, apiKey }))
  )
