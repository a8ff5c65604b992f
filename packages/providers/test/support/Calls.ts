/** Calls to a model below `LanguageModel`, as a router makes them. */
import type { ModelOptions, ProviderModel } from "@spillway/core/ProviderModel"
import { Effect, Redacted, Schema, Stream } from "effect"
import { Prompt, Tool } from "effect/ai"
import { FetchHttpClient } from "effect/http"
import * as OpenAiCompatible from "../../src/OpenAiCompatible.ts"

export const key = Redacted.make("sk-very-secret-key")

export const options = (more: Partial<Omit<ModelOptions, "prompt">> & { readonly prompt?: Prompt.RawInput } = {}) =>
  Effect.map(
    Effect.makeSpan("test"),
    (span): ModelOptions => ({
      tools: [],
      toolChoice: "none",
      responseFormat: { type: "text" },
      span,
      previousResponseId: undefined,
      incrementalPrompt: undefined,
      ...more,
      prompt: Prompt.make(more.prompt ?? "hi")
    })
  )

type More = Parameters<typeof options>[0]

export const generate = (model: ProviderModel, more?: More) => Effect.flatMap(options(more), model.generate)

export const stream = (model: ProviderModel, more?: More) =>
  Stream.unwrap(Effect.map(options(more), (given) => model.stream(given)))

export const collect = (model: ProviderModel, more?: More) => Stream.runCollect(stream(model, more))

export const compatible = (baseUrl: string, more: Partial<OpenAiCompatible.Options> = {}) =>
  OpenAiCompatible.make({ model: "m", baseUrl, apiKey: key, ...more }).pipe(Effect.provide(FetchHttpClient.layer))

export const Weather = Tool.make("Weather", {
  description: "Weather by city",
  parameters: Schema.Struct({ city: Schema.String }),
  success: Schema.Struct({ degrees: Schema.Finite })
})
