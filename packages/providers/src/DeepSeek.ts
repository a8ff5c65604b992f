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
import type { Capability } from "@spillway/core/Target"
import type * as Redacted from "effect/Redacted"
import type { CallSettings } from "./CallSettings.ts"
import * as ChatDialect from "./internal/chat/ChatDialect.ts"
import * as Ways from "./internal/engine/Ways.ts"
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

const ways = Ways.make((options: Options) => {
  const userId = options.settings?.userId
  if (userId !== undefined && !/^[\w-]{1,512}$/.test(userId)) {
    throw new InvalidOption("DeepSeek: settings.userId", "1 to 512 characters of A-Z, a-z, 0-9, _ and -", userId)
  }
  return ChatDialect.make({
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
}, "DEEPSEEK_API_KEY")

/** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
export const make = ways.make

/** A model over the global `fetch`, for code without Effect. Throws `InvalidOption`. */
export const model = ways.model

/** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = ways.layer

/** `layer` with the key from configuration, by default from `DEEPSEEK_API_KEY`. */
export const layerConfig = ways.layerConfig
