/**
 * What vLLM and SGLang have in common: servers of one's own that give a model its chat template and its words for thinking.
 *
 * Sources: https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html,
 * https://docs.sglang.ai/basic_usage/openai_api_completions.html
 */
import * as Profile from "../../Profile.ts"
import * as Table from "../engine/OptionTable.ts"
import type { Fields } from "./Settings.ts"
import * as Vendor from "./Vendor.ts"

export const profile: Profile.Profile = {
  ...Profile.generic,
  probe: "/../health",
  capabilities: ["tools", "json-schema", "prefill", "streaming"],
  prefill: "continue",
  topK: "top_k",
  thinking: "chat_template_kwargs.enable_thinking",
  reasoningTokens: "inside"
}

export interface Options extends Vendor.OpenOptions, Vendor.ThinkingOptions {
  /** Name of the template's switch for thinking: Qwen and GLM have the first, DeepSeek the second. Default `enable_thinking`. */
  readonly thinkingSwitch?: "enable_thinking" | "thinking" | undefined
  /** Further words for the chat template. Default none. */
  readonly chatTemplateKwargs?: Readonly<Record<string, unknown>> | undefined
  /** Tokens below this share of the likeliest one are left out. In [0, 1], default 0. */
  readonly minP?: number | undefined
}

export const own: Table.Table<Exclude<keyof Options, keyof Vendor.OpenOptions>> = {
  ...Vendor.thinking,
  thinkingSwitch: Table.word("enable_thinking", "thinking"),
  chatTemplateKwargs: Table.recordOf(),
  minP: Table.inShare
}

/** `profile` with the switch that the options name. */
export const switched =
  (profile: Profile.Profile) =>
  ({ thinkingSwitch }: Options): Profile.Profile =>
    thinkingSwitch === undefined ? profile : { ...profile, thinking: `chat_template_kwargs.${thinkingSwitch}` }

export const fields = ({ chatTemplateKwargs, minP }: Options): Fields => ({
  chat_template_kwargs: chatTemplateKwargs,
  min_p: minP
})
