/**
 * Google's Gemini by `generateContent`, with a key of the Gemini API (not Vertex).
 *
 * Thinking is on by default for most models and cannot be switched off from Gemini 3 on; the thoughts are told only with
 * `thinking.includeThoughts`. What a model signs is sent back to the same model, call by call, without a setting. Answers
 * that the vendor blocks end with `content-filter`. The key goes as a header and never into a URL.
 *
 * Source: https://ai.google.dev/api/generate-content
 */
import { InvalidOption, integer } from "@spillway/core/InvalidOption"
import type { Capability } from "@spillway/core/Target"
import type * as Redacted from "effect/Redacted"
import type { CallSettings } from "./CallSettings.ts"
import { known } from "./internal/engine/Config.ts"
import * as Checks from "./internal/engine/OptionChecks.ts"
import * as Ways from "./internal/engine/Ways.ts"
import * as GeminiDialect from "./internal/gemini/GeminiDialect.ts"

export interface Thinking {
  /** Tokens for thinking, for models before Gemini 3. Integer, at most 1000000; 0 is off, -1 lets the model decide. Not with `level`. */
  readonly budget?: number | undefined
  /** The same for models from Gemini 3 on. Not with `budget`. */
  readonly level?: "minimal" | "low" | "medium" | "high" | undefined
  /** Does the answer tell what was thought, as reasoning? Default false, the vendor's. */
  readonly includeThoughts?: boolean | undefined
}

export interface SafetySetting {
  /** `HARM_CATEGORY_HARASSMENT`, … */
  readonly category: string
  /** `BLOCK_NONE`, `BLOCK_ONLY_HIGH`, `BLOCK_MEDIUM_AND_ABOVE`, `BLOCK_LOW_AND_ABOVE`, `OFF`, … */
  readonly threshold: string
}

export interface Options {
  /** `gemini-3-flash`, …; a tuned model with its folder, `tunedModels/…`. */
  readonly model: string
  readonly apiKey: Redacted.Redacted<string>
  /** Default `https://generativelanguage.googleapis.com/v1beta`. */
  readonly baseUrl?: string | undefined
  /** How much the model thinks. `settings.reasoningEffort` wins over budget and level. Default: as the vendor does. */
  readonly thinking?: Thinking | undefined
  /** From which likelihood on what is blocked. Default: as the vendor does. */
  readonly safetySettings?: ReadonlyArray<SafetySetting> | undefined
  /** `cachedContents/…`: a beginning the vendor keeps. System text and tools are part of it: calls must have none then. */
  readonly cachedContent?: string | undefined
  /** What the answer is made of. Default: text. */
  readonly responseModalities?: ReadonlyArray<"TEXT" | "IMAGE" | "AUDIO"> | undefined
  /** Sent with every request; `Redacted` values are hidden wherever headers are printed. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted<string>>> | undefined
  /** What calls do not say themselves. At most five stop sequences; the end user's id has no place here. */
  readonly settings?: CallSettings | undefined
  /** What this model can do. Default: tools, vision, json-schema, reasoning, streaming. */
  readonly capabilities?: Iterable<Capability> | undefined
}

const names: Record<keyof Options, true> = {
  ...{ model: true, apiKey: true, baseUrl: true, thinking: true, safetySettings: true, cachedContent: true },
  ...{ responseModalities: true, headers: true, settings: true, capabilities: true }
}

/** More than any model thinks: a larger budget is a slip. */
const largestBudget = 1_000_000

const checkThinking = (thinking: Thinking | undefined): void => {
  if (thinking === undefined) return
  Checks.object("Gemini: thinking", thinking, ["budget", "level", "includeThoughts"])
  const { budget, includeThoughts, level } = thinking
  Checks.oneOf("Gemini: thinking.level", level, ["minimal", "low", "medium", "high"])
  Checks.flag("Gemini: thinking.includeThoughts", includeThoughts)
  if (budget === undefined) return
  integer("Gemini: thinking.budget", budget, -1)
  if (budget > largestBudget) throw new InvalidOption("Gemini: thinking.budget", `at most ${largestBudget}`, budget)
  if (level !== undefined) throw new InvalidOption("Gemini: thinking", "either a budget or a level", thinking)
}

const check = (options: Options): void => {
  known("Gemini", options, Object.keys(names))
  Checks.pathName("Gemini: model", options.model)
  checkThinking(options.thinking)
  const safety: unknown = options.safetySettings ?? []
  if (!Array.isArray(safety)) throw new InvalidOption("Gemini: safetySettings", "a list", safety)
  for (const [i, setting] of safety.entries()) {
    const option = `Gemini: safetySettings[${i}]`
    Checks.object(option, setting, ["category", "threshold"])
    for (const name of ["category", "threshold"]) {
      const word: unknown = setting[name]
      Checks.text(`${option}.${name}`, word ?? "", "a word of Google's, in capitals", /^[A-Z][A-Z\d_]*$/)
    }
  }
  const form = /^cachedContents\/[\w-]+$/
  Checks.text("Gemini: cachedContent", options.cachedContent, "a name such as cachedContents/abc", form)
  Checks.someOf("Gemini: responseModalities", options.responseModalities, ["TEXT", "IMAGE", "AUDIO"])
}

const ways = Ways.make((options: Options) => {
  check(options)
  const { cachedContent, responseModalities, safetySettings, thinking } = options
  return GeminiDialect.make({
    module: "Gemini",
    model: options.model,
    baseUrl: options.baseUrl ?? "https://generativelanguage.googleapis.com/v1beta",
    apiKey: options.apiKey,
    keyRequired: true,
    auth: "x-goog-api-key",
    headers: options.headers,
    settings: options.settings,
    capabilities: options.capabilities,
    usually: ["tools", "vision", "json-schema", "reasoning", "streaming"],
    thinking,
    safetySettings,
    cachedContent,
    responseModalities
  })
}, "GEMINI_API_KEY")

/** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
export const make = ways.make

/** A model for code without Effect, over a client of one's own or the global `fetch`. Throws `InvalidOption`. */
export const model = ways.model

/** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = ways.layer

/** `layer` with the key from configuration, by default from `GEMINI_API_KEY`. */
export const layerConfig = ways.layerConfig
