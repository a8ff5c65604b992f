/**
 * What sets one vendor's chat dialect apart from another's, as data: the code is the same for all. Every vendor's module has
 * its own (`Groq.profile`, …); `profile` of a model's options replaces single fields of it.
 *
 * Use `Profile.generic` with overrides for a compatible server that is not named here. What differs on the way back
 * (reasoning, usage, tool-call deltas, error bodies) needs no setting: all known forms are read from everyone, but for
 * `thinkTags`, which would change an answer that merely speaks of such tags.
 */
import type { Capability } from "@spillway/core/Target"

export interface Profile {
  /** Telemetry name of the vendor: `provider` of the model. Default `openai-compatible`. */
  readonly provider: string
  /** Owner of the dialect: key of metadata in parts and errors. Default: `provider`. */
  readonly owner: string | undefined
  /** Is `usage.cost` the price of the call in USD, as OpenRouter has it? Then the decision record takes it. Default false. */
  readonly costInUsd: boolean
  /** Header of the key: `bearer` is `authorization: Bearer …`, another name carries the bare key. Default `bearer`. */
  readonly auth: "bearer" | (string & {})
  /**
   * Where a GET answers without cost, below the base URL: `/models`. `/../health` stands beside the base URL's last segment,
   * not below it. Default `none`: the model has no `probe`.
   */
  readonly probe: `/${string}` | "none"
  /** What models of this vendor can usually do; `capabilities` of a model replaces it. */
  readonly capabilities: ReadonlyArray<Capability>

  /** Role of system messages. Default `system`. */
  readonly systemRole: "system" | "developer"
  /**
   * How a prompt that ends with words of the assistant asks to be continued. `plain`: by its last message as it is (what
   * comes of it is up to the vendor). `prefix`, `partial`: by a mark on that message. `continue`: by `continue_final_message`
   * beside the messages. `none`: it cannot be, and the call fails before it is sent. Default `plain`.
   */
  readonly prefill: "plain" | "prefix" | "partial" | "continue" | "none"
  /**
   * Ids of tool calls the vendor takes in a history; others are replaced, calls and results alike. Default `any`.
   */
  readonly toolIds: "any" | "up-to-40" | "exactly-9-alphanumerics"
  /**
   * How an assistant turn's reasoning travels back: not at all (`drop`), as OpenRouter's `details`, or as text in a field.
   * `always`: the field stands on every assistant message, empty where nothing is known. Default `drop`.
   */
  readonly reasoningIn:
    | "drop"
    | "details"
    | { readonly field: "reasoning_content" | "reasoning"; readonly always: boolean }

  /** Name of the cap on output tokens. Default `max_tokens`. */
  readonly outputCap: "max_tokens" | "max_completion_tokens"
  /** Name of the seed. Default `seed`. */
  readonly seed: "seed" | "random_seed" | "none"
  /** Name of the number of tokens to draw from. Default `none`: not sent. */
  readonly topK: "top_k" | "none"
  /** Name of the end user's id. Default `none`: not sent. */
  readonly user: "safety_identifier" | "user" | "user_id" | "none"
  /** Settings the vendor, or this model, answers with 400: left out of every request. Default none. */
  readonly refuses: ReadonlyArray<Setting>
  /** Settings that are refused only while the model thinks: sent when the call's effort is `none`. Default none. */
  readonly refusesThinking: ReadonlyArray<Setting>

  /**
   * Where the word for the effort goes: `reasoning_effort`, OpenRouter's `reasoning.effort`, `reasoning_effort` below
   * `chat_template_kwargs`, or nowhere. Default `reasoning_effort`.
   */
  readonly effort: "reasoning_effort" | "reasoning" | "chat_template_kwargs" | "none"
  /** Effort words that this vendor spells otherwise; those it has nothing for are `""`, and not sent. Default none. */
  readonly effortWords: Readonly<Record<string, string>>
  /**
   * The switch for thinking, by its path in the body: true or false, but for `thinking.type`, which is `enabled` or
   * `disabled`. Where there is a switch, the effort `none` is no thinking; where there is no `effort` beside it, any other
   * effort is thinking. Default `none`.
   */
  readonly thinking:
    | "none"
    | "thinking.type"
    | "enable_thinking"
    | "chat_template_kwargs.enable_thinking"
    | "chat_template_kwargs.thinking"
    | "reasoning.enabled"
  /** Name of the cap on tokens of thinking. Default `none`: not sent. */
  readonly thinkingBudget: "thinking_budget" | "reasoning.max_tokens" | "none"
  /** Caps for the words of an effort, where the vendor has a cap and no words. Default none. */
  readonly effortBudgets: Readonly<Record<string, number>>

  /** How structured output is asked for. With `json_object` and `none` the schema goes into the system message. */
  readonly json: "json_schema" | "json_object" | "none"
  /** Is `stream_options.include_usage` taken? Some gateways refuse it: then a stream has what usage they send anyway. Default true. */
  readonly streamUsage: boolean
  /** Does the model only answer in streams? Then a whole answer is put together from one. Default false. */
  readonly streamOnly: boolean
  /** Are reasoning tokens part of `completion_tokens`? Default `detect`, from `total_tokens`. */
  readonly reasoningTokens: "inside" | "outside" | "detect"
  /**
   * Is `<think>…</think>` at the start of the text reasoning? For local servers without a parser for it. Default false: text
   * is text.
   */
  readonly thinkTags: boolean
  /**
   * Fields every request carries, e.g. `{ service_tier: "flex" }`; they win over everything else, objects field by field.
   * Default none.
   */
  readonly extraBody: Readonly<Record<string, unknown>>
}

/** The settings of a call that a vendor may refuse. */
export type Setting = "temperature" | "topP" | "topK" | "presencePenalty" | "frequencyPenalty" | "stop" | "seed"

/** A server that follows OpenAI's chat dialect as most do. */
export const generic: Profile = {
  provider: "openai-compatible",
  owner: undefined,
  costInUsd: false,
  auth: "bearer",
  probe: "none",
  capabilities: ["tools", "json-schema", "streaming"],
  systemRole: "system",
  prefill: "plain",
  toolIds: "any",
  reasoningIn: "drop",
  outputCap: "max_tokens",
  seed: "seed",
  topK: "none",
  user: "none",
  refuses: [],
  refusesThinking: [],
  effort: "reasoning_effort",
  effortWords: {},
  thinking: "none",
  thinkingBudget: "none",
  effortBudgets: {},
  json: "json_schema",
  streamUsage: true,
  streamOnly: false,
  reasoningTokens: "detect",
  thinkTags: false,
  extraBody: {}
}

/** Everything that sets how an answer is drawn; what OpenAI's reasoning models refuse while they think. */
export const sampling = [
  "temperature",
  "topP",
  "topK",
  "presencePenalty",
  "frequencyPenalty"
] as const satisfies ReadonlyArray<Setting>
