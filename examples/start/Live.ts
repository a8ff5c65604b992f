/** One question to real providers: whichever keys are in the environment become targets. */
import { Defaults, type ProviderModel, RoutedModel, type Target } from "@spillway/core"
import { Anthropic, DeepSeek, Gemini, Groq, Mistral, OpenAi, OpenRouter } from "@spillway/providers"
import { PowerOfTwo } from "@spillway/strategies"
import { Effect, Layer, Redacted, Stream } from "effect"
import { LanguageModel } from "effect/ai"

interface Vendor {
  readonly id: string
  readonly key: string
  /** Variable that names another model. */
  readonly modelKey: string
  readonly model: string
  readonly make: (model: string, apiKey: Redacted.Redacted<string>) => ProviderModel.ProviderModel
}

const vendors: ReadonlyArray<Vendor> = [
  {
    id: "deepseek",
    key: "DEEPSEEK_API_KEY",
    modelKey: "DEEPSEEK_MODEL",
    model: "deepseek-flash",
    make: (model, apiKey) => DeepSeek.model({ model, apiKey })
  },
  {
    id: "openai",
    key: "OPENAI_API_KEY",
    modelKey: "OPENAI_MODEL",
    model: "gpt-4.1-mini",
    make: (model, apiKey) => OpenAi.model({ model, apiKey })
  },
  {
    id: "anthropic",
    key: "ANTHROPIC_API_KEY",
    modelKey: "ANTHROPIC_MODEL",
    model: "claude-haiku-4-5",
    make: (model, apiKey) => Anthropic.model({ model, apiKey })
  },
  {
    id: "gemini",
    key: "GEMINI_API_KEY",
    modelKey: "GEMINI_MODEL",
    model: "gemini-2.5-flash",
    make: (model, apiKey) => Gemini.model({ model, apiKey })
  },
  {
    id: "groq",
    key: "GROQ_API_KEY",
    modelKey: "GROQ_MODEL",
    model: "llama-3.3-70b-versatile",
    make: (model, apiKey) => Groq.model({ model, apiKey })
  },
  {
    id: "mistral",
    key: "MISTRAL_API_KEY",
    modelKey: "MISTRAL_MODEL",
    model: "mistral-small-latest",
    make: (model, apiKey) => Mistral.model({ model, apiKey })
  },
  {
    id: "openrouter",
    key: "OPENROUTER_API_KEY",
    modelKey: "OPENROUTER_MODEL",
    model: "openrouter/auto",
    make: (model, apiKey) => OpenRouter.model({ model, apiKey })
  }
]

/** Streams the answer to the terminal; 1 when no key is there or nobody answered. */
export const ask = (question: string | undefined) =>
  Effect.gen(function* () {
    if (question === undefined || question.trim() === "") {
      console.error(`Say what to ask: npm start -- --live "your question"`)
      return 1
    }
    const missing: Array<string> = []
    const targets = vendors.flatMap((vendor): ReadonlyArray<Target.TargetSpec<string, ProviderModel.ProviderModel>> => {
      const key = process.env[vendor.key]?.trim()
      if (key === undefined || key === "") {
        missing.push(vendor.key)
        return []
      }
      const model = process.env[vendor.modelKey] ?? vendor.model
      return [{ id: vendor.id, client: vendor.make(model, Redacted.make(key)) }]
    })
    console.error(
      `Keys found: ${targets.map(({ id }) => id).join(", ") || "none"}; missing: ${missing.join(", ") || "none"}`
    )
    if (targets.length === 0) {
      console.error(`Set at least one of ${missing.join(", ")}.`)
      return 1
    }
    const Routed = RoutedModel.layer({ targets }).pipe(Layer.provide([PowerOfTwo.layer(), Defaults.layer]))
    const answer = Stream.runForEach(LanguageModel.streamText({ prompt: question }), (part) =>
      Effect.sync(() => {
        if (part.type === "text-delta") process.stdout.write(part.delta)
      })
    )
    return yield* answer.pipe(
      Effect.match({
        onSuccess: () => {
          process.stdout.write("\n")
          return 0
        },
        onFailure: (error) => {
          console.error(`\n${error.message}`)
          return 1
        }
      }),
      Effect.provide(Routed)
    )
  })
