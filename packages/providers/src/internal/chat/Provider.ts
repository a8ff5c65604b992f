/** The ways in which an application takes a model: as an effect, without Effect, as a layer. The same for every vendor. */
import type { ProviderModel } from "@spillway/core/ProviderModel"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Exchange from "../http/Exchange.ts"
import * as ChatModel from "./ChatModel.ts"

export const make = (config: ChatModel.Config): Effect.Effect<ProviderModel, never, HttpClient.HttpClient> =>
  Effect.map(HttpClient.HttpClient, (client) => ChatModel.make(config, Exchange.scoped(client)))

/** Over the global `fetch`. */
export const model = (config: ChatModel.Config): ProviderModel => {
  const client = Effect.runSync(Effect.scoped(Layer.build(FetchHttpClient.layer)))
  return ChatModel.make(config, Exchange.scoped(Context.get(client, HttpClient.HttpClient)))
}

export const layer = (
  config: ChatModel.Config
): Layer.Layer<LanguageModel.LanguageModel, never, HttpClient.HttpClient> =>
  Layer.effect(LanguageModel.LanguageModel, Effect.flatMap(make(config), languageModel))

const languageModel = (model: ProviderModel): Effect.Effect<LanguageModel.LanguageModel> =>
  LanguageModel.make({
    generateText: model.generate,
    streamText: model.stream,
    supportsSystemMessagesInHistory: Effect.succeed(true)
  })
