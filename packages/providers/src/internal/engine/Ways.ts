/**
 * The ways in which an application takes a model: as an effect, without Effect, as a layer. The same for every vendor: a
 * vendor's module says how its options become a dialect and which variable holds its key.
 */
import type { ProviderModel } from "@spillway/core/ProviderModel"
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import { transportOf } from "../http/Clients.ts"
import type { Dialect } from "./Dialect.ts"
import * as HttpModel from "./HttpModel.ts"
import { keyFrom, type WithKeyFrom } from "./KeyFrom.ts"

export type { WithKeyFrom } from "./KeyFrom.ts"

/** What every vendor's module exports. */
export interface Ways<Options> {
  /** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
  readonly make: (options: Options) => Effect.Effect<ProviderModel, never, HttpClient.HttpClient>
  /**
   * A model for code without Effect, over `client` (such as `Undici.client()`) or the global `fetch`. Throws
   * `InvalidOption`.
   */
  readonly model: (options: Options, client?: HttpClient.HttpClient) => ProviderModel
  /** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
  readonly layer: (options: Options) => Layer.Layer<LanguageModel.LanguageModel, never, HttpClient.HttpClient>
  /** `layer` with the key from configuration. */
  readonly layerConfig: (
    options: WithKeyFrom<Options>
  ) => Layer.Layer<LanguageModel.LanguageModel, Config.ConfigError, HttpClient.HttpClient>
}

/** `keyName`: the variable `layerConfig` reads when it is given no key; without `keyRequired` it may be missing. */
export const make = <Options extends { readonly apiKey?: Redacted.Redacted<string> | undefined }>(
  dialectOf: (options: Options) => Dialect,
  keyName: string,
  keyRequired: boolean | ((options: WithKeyFrom<Options>) => boolean) = true
): Ways<Options> => {
  const make = (options: Options) => overClient(dialectOf(options))
  const layer = (options: Options) =>
    Layer.effect(LanguageModel.LanguageModel, Effect.flatMap(make(options), languageModel))
  return {
    make,
    model: (options, client) => HttpModel.make(dialectOf(options), transportOf(client)),
    layer,
    layerConfig: (options) => {
      const isRequired = typeof keyRequired === "function" ? keyRequired : () => keyRequired
      return Layer.unwrap(
        // `Options` without its key, and the key again: the compiler cannot put a generic type together.
        Effect.map(keyFrom(options, keyName, isRequired), (apiKey) => layer({ ...options, apiKey } as Options))
      )
    }
  }
}

const overClient = (dialect: Dialect): Effect.Effect<ProviderModel, never, HttpClient.HttpClient> =>
  Effect.map(HttpClient.HttpClient, (client) => HttpModel.make(dialect, transportOf(client)))

const languageModel = (model: ProviderModel): Effect.Effect<LanguageModel.LanguageModel> =>
  LanguageModel.make({
    generateText: model.generate,
    streamText: model.stream,
    supportsSystemMessagesInHistory: Effect.succeed(true)
  })
