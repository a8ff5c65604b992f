/**
 * DeepSeek by its chat dialect.
 *
 * Thinking is on unless `thinking` is false; while it is, `temperature` and `topP` do nothing. Effort is low, high or max,
 * other words are mapped (medium to high, xhigh to max). Reasoning travels back on every assistant turn. There is no seed
 * and no JSON Schema: structured output is `json_object` with the schema in words. A busy server holds the request and
 * sends keep-alives for up to ten minutes before the first word.
 *
 * Source: https://api-docs.deepseek.com
 */
import { InvalidOption } from "@spillway/core/InvalidOption"
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
  /** `deepseek-flash`, `deepseek-v4-pro`, … */
  readonly model: string
  readonly apiKey: Redacted.Redacted<string>
  /** Default `https://api.deepseek.com`. */
  readonly baseUrl?: string | undefined
  /** Default: as the vendor does, which is on. */
  readonly thinking?: boolean | undefined
  /** Sent with every request; `Redacted` values are hidden wherever headers are printed. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted<string>>> | undefined
  /** What calls do not say themselves. `userId` separates cache and scheduling; `[A-Za-z0-9_-]`, at most 512. */
  readonly settings?: CallSettings | undefined
  /** What this model can do. Default: tools, reasoning, streaming. */
  readonly capabilities?: Iterable<Capability> | undefined
}

const config = (options: Options) => {
  const userId = options.settings?.userId
  if (userId !== undefined && !/^[\w-]{1,512}$/.test(userId)) {
    throw new InvalidOption("DeepSeek: settings.userId", "1 to 512 characters of A-Z, a-z, 0-9, _ and -", userId)
  }
  return resolve({
    module: "DeepSeek",
    profile: Profile.deepSeek,
    model: options.model,
    baseUrl: options.baseUrl ?? "https://api.deepseek.com",
    apiKey: options.apiKey,
    keyRequired: true,
    headers: options.headers,
    thinking: options.thinking,
    settings: options.settings,
    capabilities: options.capabilities
  })
}

/** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
export const make = (options: Options): Effect.Effect<ProviderModel, never, HttpClient.HttpClient> =>
  Provider.make(config(options))

/** A model over the global `fetch`, for code without Effect. Throws `InvalidOption`. */
export const model = (options: Options): ProviderModel => Provider.model(config(options))

/** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = (options: Options): Layer.Layer<LanguageModel.LanguageModel, never, HttpClient.HttpClient> =>
  Provider.layer(config(options))

/** `layer` with the key from configuration, by default from `DEEPSEEK_API_KEY`. */
export const layerConfig = (
  options: Omit<Options, "apiKey"> & { readonly apiKey?: Config.Config<Redacted.Redacted<string>> | undefined }
): Layer.Layer<LanguageModel.LanguageModel, Config.ConfigError, HttpClient.HttpClient> =>
  Layer.unwrap(
    Effect.map(options.apiKey ?? Config.Redacted("DEEPSEEK_API_KEY"), (apiKey) => layer({ ...options, apiKey }))
  )
