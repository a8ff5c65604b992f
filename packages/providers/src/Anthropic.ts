/**
 * Anthropic by its Messages dialect, and servers that offer it too: DeepSeek's `/anthropic`, Moonshot, gateways.
 *
 * Under the newer of the two versions there is no `temperature`, `topP` and `topK`, and under both no seed and no penalty:
 * what the dialect lacks is left out of a call. Thinking is signed for the model that made it and returns to no other.
 * Structured output is written by the caller's JSON Schema where that can be narrowed to what the vendor takes, else the
 * schema goes into the system text. Tools that Anthropic runs itself are `Tool.providerDefined` with ids such as
 * `anthropic.web_search_20250305` and the vendor's name as both `customName` and `providerName`; give them `parameters`,
 * `success` and `failure` schemas for what comes back, such as `Schema.Unknown`.
 *
 * Source: https://platform.claude.com/docs/en/api/messages
 */
import { InvalidOption, integer } from "@spillway/core/InvalidOption"
import type { Capability } from "@spillway/core/Target"
import type * as Redacted from "effect/Redacted"
import type { CallSettings } from "./CallSettings.ts"
import { known } from "./internal/engine/Config.ts"
import * as Checks from "./internal/engine/OptionChecks.ts"
import * as Ways from "./internal/engine/Ways.ts"
import * as MessagesDialect from "./internal/messages/MessagesDialect.ts"
import * as Settings from "./internal/messages/Settings.ts"

export type Thinking = Settings.Thinking
export type ThinkingDisplay = Settings.ThinkingDisplay

export interface Options {
  /** As the vendor spells it. */
  readonly model: string
  /** Required by Anthropic; a `baseUrl` of one's own may do without. */
  readonly apiKey?: Redacted.Redacted<string> | undefined
  /** Without `/messages`, so `https://api.deepseek.com/anthropic/v1`. Default `https://api.anthropic.com/v1`. */
  readonly baseUrl?: string | undefined
  /** How the key is shown: in `x-api-key`, or as `authorization: Bearer …`. Default `x-api-key`. */
  readonly auth?: "x-api-key" | "bearer" | undefined
  /**
   * `anthropic-version`. The newer refuses `temperature`, `topP` and `topK`, which are left out under it; take the older
   * one to send them (temperatures above 1 are sent as 1). Default `2026-10-21`.
   */
  readonly version?: "2023-06-01" | "2026-10-21" | undefined
  /** Features under test, sent as `anthropic-beta`. Default: none. */
  readonly beta?: ReadonlyArray<string> | undefined
  /**
   * Cap on output tokens of calls that set none (`settings.maxTokens`), thinking with a budget not counted; integer >= 1.
   * The wire requires a cap. Default 8192: no model in service takes less, and what is longer ends with `length`. Raise it
   * for adaptive thinking, which counts.
   */
  readonly maxTokens?: number | undefined
  /**
   * Default: as the model does. A call that forces a tool goes out without thinking, and so does, where it is `enabled`,
   * a loop of tools that began without thinking, such as one another vendor began.
   */
  readonly thinking?: Thinking | undefined
  /**
   * Lets the vendor keep tools, system text and conversation between calls, five minutes or an hour after their last use.
   * Writing costs a quarter more, or twice as much; reading a tenth. Default: off.
   */
  readonly cacheControl?: "5m" | "1h" | undefined
  /** `standard_only` never uses priority capacity. Default: as the vendor does, which is auto. */
  readonly serviceTier?: "auto" | "standard_only" | undefined
  /**
   * Who serves it: `provider` of the model. The key of metadata stays `anthropic`. Others than Anthropic have no probe,
   * and their unsigned thinking goes back to them. Default `anthropic`.
   */
  readonly provider?: string | undefined
  /** Sent with every request; `Redacted` values are hidden wherever headers are printed. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted<string>>> | undefined
  /** What calls do not say themselves. `reasoningEffort` becomes `output_config.effort`; `none` switches thinking off. */
  readonly settings?: CallSettings | undefined
  /**
   * What this model can do. Default: tools, vision, json-schema, reasoning, streaming. Older models take `prefill` too;
   * newer ones refuse it. Without `json-schema` the schema goes into the system text.
   */
  readonly capabilities?: Iterable<Capability> | undefined
}

const names: Record<keyof Options, true> = {
  ...{ model: true, apiKey: true, baseUrl: true, auth: true, version: true, beta: true, maxTokens: true },
  ...{ thinking: true, cacheControl: true, serviceTier: true, provider: true },
  ...{ headers: true, settings: true, capabilities: true }
}

/** More than any model answers with: a larger budget is a slip. */
const largestBudget = 1_000_000

const checkThinking = ({ settings, thinking }: Options): void => {
  if (thinking === undefined) return
  const option = "Anthropic: thinking"
  Checks.object(option, thinking, ["type", "budgetTokens", "display"])
  const { type } = thinking
  if (type === undefined) throw new InvalidOption(`${option}.type`, `one of ${Settings.kinds.join(", ")}`, type)
  Checks.oneOf(`${option}.type`, type, Settings.kinds)
  if (type === "disabled") return Checks.object(option, thinking, ["type"])
  Checks.oneOf(`${option}.display`, thinking.display, Settings.displays)
  if (type !== "enabled") return Checks.object(option, thinking, ["type", "display"])
  const { budgetTokens } = thinking
  integer(`${option}.budgetTokens`, budgetTokens, Settings.smallestBudget)
  if (budgetTokens > largestBudget) {
    throw new InvalidOption(`${option}.budgetTokens`, `at most ${largestBudget}`, budgetTokens)
  }
  const cap = settings?.maxTokens
  // A call's own cap may be smaller: the budget shrinks with it. The model's own two must agree.
  if (typeof cap === "number" && budgetTokens >= cap) {
    throw new InvalidOption(`${option}.budgetTokens`, `below settings.maxTokens, which is ${cap}`, budgetTokens)
  }
}

const check = (options: Options): void => {
  known("Anthropic", options, Object.keys(names))
  Checks.text("Anthropic: provider", options.provider)
  Checks.oneOf("Anthropic: auth", options.auth, ["x-api-key", "bearer"])
  Checks.oneOf("Anthropic: version", options.version, ["2023-06-01", "2026-10-21"])
  const beta: unknown = options.beta ?? []
  if (!Array.isArray(beta)) throw new InvalidOption("Anthropic: beta", "a list of names", beta)
  for (const name of beta) Checks.text("Anthropic: beta", name, "made of letters, digits, _, - and .", /^[\w.-]+$/)
  Checks.oneOf("Anthropic: cacheControl", options.cacheControl, ["5m", "1h"])
  Checks.oneOf("Anthropic: serviceTier", options.serviceTier, ["auto", "standard_only"])
  checkThinking(options)
}

const ways = Ways.make((options: Options) => {
  check(options)
  const { beta = [], provider = "anthropic", thinking, version = "2026-10-21" } = options
  return MessagesDialect.make({
    module: "Anthropic",
    provider,
    model: options.model,
    baseUrl: options.baseUrl ?? "https://api.anthropic.com/v1",
    apiKey: options.apiKey,
    keyRequired: options.baseUrl === undefined,
    auth: options.auth ?? "x-api-key",
    dialectHeaders: {
      "anthropic-version": version,
      ...(beta.length === 0 ? undefined : { "anthropic-beta": beta.join(",") })
    },
    headers: options.headers,
    settings: options.settings,
    capabilities: options.capabilities,
    usually: ["tools", "vision", "json-schema", "reasoning", "streaming"],
    maxTokens: integer("Anthropic: maxTokens", options.maxTokens ?? 8192),
    sampling: version === "2023-06-01",
    thinking,
    cache: options.cacheControl,
    serviceTier: options.serviceTier,
    // The model's own page rather than the list: it tells whether the model is there, too. Others have neither.
    probePath: provider === "anthropic" ? `/models/${encodeURIComponent(options.model)}` : undefined
  })
}, "ANTHROPIC_API_KEY")

/** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
export const make = ways.make

/** A model for code without Effect, over a client of one's own or the global `fetch`. Throws `InvalidOption`. */
export const model = ways.model

/** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = ways.layer

/** `layer` with the key from configuration, by default from `ANTHROPIC_API_KEY`. */
export const layerConfig = ways.layerConfig
