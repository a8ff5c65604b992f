/** The ways in which an application takes an embedding model: those of `Ways`, for `ProviderEmbedding`. */
import type { ProviderEmbedding } from "@spillway/core/ProviderEmbedding"
import type * as AiError from "effect/ai/AiError"
import * as EmbeddingModel from "effect/ai/EmbeddingModel"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import { CurrentCallSettings } from "../../CallSettings.ts"
import { transportOf } from "../http/Clients.ts"
import * as HttpEmbedding from "./HttpEmbedding.ts"
import { keyFrom, type WithKeyFrom } from "./KeyFrom.ts"

export type { WithKeyFrom } from "./KeyFrom.ts"

export interface EmbeddingWays<Options> {
  /** Over the `HttpClient` of the application. Throws `InvalidOption`. */
  readonly make: (options: Options) => Effect.Effect<ProviderEmbedding, never, HttpClient.HttpClient>
  /** For code without Effect, over `client` or the global `fetch`. Throws `InvalidOption`. */
  readonly model: (options: Options, client?: HttpClient.HttpClient) => ProviderEmbedding
  /** On its own, without a router, as `EmbeddingModel` of `effect/ai`. Throws `InvalidOption`. */
  readonly layer: (options: Options) => Layer.Layer<EmbeddingModel.EmbeddingModel, never, HttpClient.HttpClient>
  /** `layer` with the key from configuration. */
  readonly layerConfig: (
    options: WithKeyFrom<Options>
  ) => Layer.Layer<EmbeddingModel.EmbeddingModel, Config.ConfigError, HttpClient.HttpClient>
}

/** `keyName`: the variable `layerConfig` reads when it is given no key. */
export const make = <Options extends { readonly apiKey?: Redacted.Redacted<string> | undefined }>(
  dialectOf: (options: Options) => HttpEmbedding.EmbeddingDialect,
  keyName: string,
  keyRequired: boolean | ((options: WithKeyFrom<Options>) => boolean) = true
): EmbeddingWays<Options> => {
  const layer = (options: Options) => {
    const dialect = dialectOf(options)
    return Layer.effect(
      EmbeddingModel.EmbeddingModel,
      Effect.flatMap(overClient(dialect), (model) => service(model, dialect.maxTexts))
    )
  }
  return {
    make: (options) => overClient(dialectOf(options)),
    model: (options, client) => HttpEmbedding.make(dialectOf(options), transportOf(client)),
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

const overClient = (dialect: HttpEmbedding.EmbeddingDialect) =>
  Effect.map(HttpClient.HttpClient, (client) => HttpEmbedding.make(dialect, transportOf(client)))

/** More texts than a request may hold are asked for in several, one after the other. */
const service = (model: ProviderEmbedding, maxTexts: number | undefined) =>
  EmbeddingModel.make({
    embedMany: ({ inputs }) => inBatches(model, inputs, maxTexts ?? inputs.length),
    // Calls share a request only when they would have sent the same headers.
    batchKey: (context) => Context.get(context, CurrentCallSettings)
  })

const inBatches = (
  model: ProviderEmbedding,
  inputs: ReadonlyArray<string>,
  size: number
): Effect.Effect<EmbeddingModel.ProviderResponse, AiError.AiError> => {
  const batches: Array<ReadonlyArray<string>> = []
  for (let at = 0; at < inputs.length; at += size) batches.push(inputs.slice(at, at + size))
  return Effect.map(Effect.forEach(batches, model.embed), (answers) => ({
    results: answers.flatMap(({ vectors }) => vectors),
    usage: { inputTokens: sum(answers.map(({ inputTokens }) => inputTokens)) }
  }))
}

/** Unknown where one of them is. */
const sum = (counts: ReadonlyArray<number | undefined>): number | undefined => {
  let total = 0
  for (const count of counts) {
    if (count === undefined) return undefined
    total += count
  }
  return total
}
