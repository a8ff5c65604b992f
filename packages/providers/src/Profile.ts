/**
 * What sets one vendor's chat dialect apart from another's, as data: the code is the same for all.
 *
 * Use `Profile.generic` with overrides for a compatible server that is not named here. What differs on the way back
 * (reasoning, usage, tool-call deltas, error bodies) needs no setting: all known forms are read from everyone.
 */
import type { Capability } from "@spillway/core/Target"

export interface Profile {
  /** Owner of the dialect: `provider` of the model, key of metadata in parts and errors. Default `openai-compatible`. */
  readonly provider: string
  /** Name of the cap on output tokens. Default `max_tokens`. */
  readonly outputCap: "max_tokens" | "max_completion_tokens"
  /** Role of system messages. Default `system`. */
  readonly systemRole: "system" | "developer"
  /** Is `stream_options.include_usage` taken? Some gateways refuse it: then a stream has no usage. Default true. */
  readonly streamUsage: boolean
  /** How structured output is asked for. With `json_object` and `none` the schema goes into the system message. */
  readonly json: "json_schema" | "json_object" | "none"
  /**
   * Field in which an assistant turn's reasoning travels back, or `drop`. `always`: the field stands on every assistant
   * message, empty where nothing is known. Default `drop`.
   */
  readonly reasoningIn: "drop" | { readonly field: "reasoning_content" | "reasoning"; readonly always: boolean }
  /** Where the effort goes: `reasoning_effort`, OpenRouter's `reasoning.effort`, or nowhere. Default `reasoning_effort`. */
  readonly effort: "reasoning_effort" | "reasoning" | "none"
  /** Effort words that this vendor spells otherwise. Default none. */
  readonly effortWords: Readonly<Record<string, string>>
  /** Is there a `thinking: {type: enabled | disabled}` switch? Default false. */
  readonly thinkingSwitch: boolean
  /** Name of the seed. Default `seed`. */
  readonly seed: "seed" | "random_seed" | "none"
  /** Name of the end user's id. Default `none`: not sent. */
  readonly user: "safety_identifier" | "user" | "user_id" | "none"
  /** Are reasoning tokens part of `completion_tokens`? Default `detect`, from `total_tokens`. */
  readonly reasoningTokens: "inside" | "outside" | "detect"
  /** Header of the key: `bearer` is `authorization: Bearer …`, another name carries the bare key. Default `bearer`. */
  readonly auth: "bearer" | (string & {})
  /** Fields every request carries, e.g. `{ enable_thinking: true }`; they win over everything else. Default none. */
  readonly extraBody: Readonly<Record<string, unknown>>
  /** What models of this vendor can usually do; `capabilities` of a model replaces it. */
  readonly capabilities: ReadonlyArray<Capability>
}

/** A server that follows OpenAI's chat dialect as most do: vLLM, SGLang, llama.cpp, Ollama, OpenRouter, Groq, … */
export const generic: Profile = {
  provider: "openai-compatible",
  outputCap: "max_tokens",
  systemRole: "system",
  streamUsage: true,
  json: "json_schema",
  reasoningIn: "drop",
  effort: "reasoning_effort",
  effortWords: {},
  thinkingSwitch: false,
  seed: "seed",
  user: "none",
  reasoningTokens: "detect",
  auth: "bearer",
  extraBody: {},
  capabilities: ["tools", "json-schema", "streaming"]
}

/** Source: https://platform.openai.com/docs/api-reference/chat */
export const openAi: Profile = {
  ...generic,
  provider: "openai",
  outputCap: "max_completion_tokens",
  systemRole: "developer",
  user: "safety_identifier",
  reasoningTokens: "inside",
  capabilities: ["tools", "vision", "json-schema", "reasoning", "streaming"]
}

/** Source: https://api-docs.deepseek.com */
export const deepSeek: Profile = {
  ...generic,
  provider: "deepseek",
  json: "json_object",
  reasoningIn: { field: "reasoning_content", always: true },
  effortWords: { minimal: "low", medium: "high", xhigh: "max" },
  thinkingSwitch: true,
  seed: "none",
  user: "user_id",
  reasoningTokens: "inside",
  capabilities: ["tools", "reasoning", "streaming"]
}
