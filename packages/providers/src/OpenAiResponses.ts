/**
 * OpenAI by its Responses dialect, and servers that offer a part of it: DeepSeek, OpenRouter, xAI, vLLM.
 *
 * Use it where reasoning has to go on over several turns, or where a model refuses tools together with reasoning in the
 * chat dialect. Without `store` the vendor keeps nothing: reasoning comes back sealed and is sent again with the history,
 * to the same vendor and model only. There is no seed, no stop list, no top-k and no penalty. Reasoning models refuse
 * `temperature` and `topP` unless the effort is `none`.
 *
 * Source: https://platform.openai.com/docs/api-reference/responses
 */
import type { Capability } from "@spillway/core/Target"
import type * as Redacted from "effect/Redacted"
import type { CallSettings } from "./CallSettings.ts"
import { known } from "./internal/engine/Config.ts"
import * as Checks from "./internal/engine/OptionChecks.ts"
import * as Ways from "./internal/engine/Ways.ts"
import * as ResponsesDialect from "./internal/responses/ResponsesDialect.ts"

export interface Options {
  /** As the vendor spells it. */
  readonly model: string
  /** Required by OpenAI; a `baseUrl` of one's own may do without. */
  readonly apiKey?: Redacted.Redacted<string> | undefined
  /** Without `/responses`. Default `https://api.openai.com/v1`. */
  readonly baseUrl?: string | undefined
  readonly organization?: string | undefined
  readonly project?: string | undefined
  /**
   * Does the vendor keep the answers? Then a call may go on from an earlier one by its id, and only what is new is sent.
   * Kept answers exist only in that organisation and project. Default false.
   */
  readonly store?: boolean | undefined
  /** How much of its thinking a reasoning model tells. Default: nothing. The effort is `settings.reasoningEffort`. */
  readonly reasoningSummary?: "auto" | "concise" | "detailed" | undefined
  /** How long answers are. Default: as the vendor does, which is medium. */
  readonly verbosity?: "low" | "medium" | "high" | undefined
  /** Service class: `auto`, `default`, `flex`, `priority`, … Default: as the vendor does, which is auto. */
  readonly serviceTier?: string | undefined
  /** Calls with the same key and the same beginning find each other's cache more often. At most 64 characters. */
  readonly promptCacheKey?: string | undefined
  /** `auto`: what is too long loses items in its middle, instead of failing. Default: as the vendor does, `disabled`. */
  readonly truncation?: "auto" | "disabled" | undefined
  /** Who serves it: `provider` of the model and key of metadata in parts and errors. Default `openai`. */
  readonly provider?: string | undefined
  /** Header of the key: `bearer` is `authorization: Bearer …`, another name carries the bare key. Default `bearer`. */
  readonly auth?: "bearer" | (string & {}) | undefined
  /** Sent with every request; `Redacted` values are hidden wherever headers are printed. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted<string>>> | undefined
  /** What calls do not say themselves. */
  readonly settings?: CallSettings | undefined
  /**
   * What this model can do. Default: tools, vision, json-schema, reasoning, streaming. Leave `reasoning` out for a model
   * that does not reason: it refuses to seal reasoning. Without `json-schema` the schema goes into the prompt.
   */
  readonly capabilities?: Iterable<Capability> | undefined
}

const names: Record<keyof Options, true> = {
  ...{ model: true, apiKey: true, baseUrl: true, organization: true, project: true, store: true, auth: true },
  ...{ reasoningSummary: true, verbosity: true, serviceTier: true, promptCacheKey: true, truncation: true },
  ...{ provider: true, headers: true, settings: true, capabilities: true }
}

const check = (options: Options): void => {
  const at = (name: keyof Options) => `OpenAiResponses: ${name}`
  known("OpenAiResponses", options, Object.keys(names))
  for (const name of ["organization", "project", "provider", "auth", "serviceTier"] as const) {
    Checks.text(at(name), options[name])
  }
  Checks.flag(at("store"), options.store)
  Checks.oneOf(at("reasoningSummary"), options.reasoningSummary, ["auto", "concise", "detailed"])
  Checks.oneOf(at("verbosity"), options.verbosity, ["low", "medium", "high"])
  Checks.oneOf(at("truncation"), options.truncation, ["auto", "disabled"])
  Checks.text(at("promptCacheKey"), options.promptCacheKey, "1 to 64 characters", /^.{1,64}$/s)
}

const ways = Ways.make((options: Options) => {
  check(options)
  const provider = options.provider ?? "openai"
  return ResponsesDialect.make({
    module: "OpenAiResponses",
    provider,
    owner: provider,
    model: options.model,
    baseUrl: options.baseUrl ?? "https://api.openai.com/v1",
    apiKey: options.apiKey,
    keyRequired: options.baseUrl === undefined,
    auth: options.auth ?? "bearer",
    dialectHeaders: {
      ...(options.organization === undefined ? undefined : { "openai-organization": options.organization }),
      ...(options.project === undefined ? undefined : { "openai-project": options.project })
    },
    headers: options.headers,
    settings: options.settings,
    capabilities: options.capabilities,
    usually: ["tools", "vision", "json-schema", "reasoning", "streaming"],
    store: options.store ?? false,
    summary: options.reasoningSummary,
    verbosity: options.verbosity,
    serviceTier: options.serviceTier,
    promptCacheKey: options.promptCacheKey,
    truncation: options.truncation,
    // OpenAI tells by it whether the model is there, too; others may not know the longer path.
    probePath: provider === "openai" ? `/models/${encodeURIComponent(options.model)}` : "/models"
  })
}, "OPENAI_API_KEY")

/** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
export const make = ways.make

/** A model for code without Effect, over a client of one's own or the global `fetch`. Throws `InvalidOption`. */
export const model = ways.model

/** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = ways.layer

/** `layer` with the key from configuration, by default from `OPENAI_API_KEY`. */
export const layerConfig = ways.layerConfig
