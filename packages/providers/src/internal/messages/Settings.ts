/**
 * The neutral settings of a call in the dialect's words. There is no seed and no penalty here.
 *
 * Sampling goes out only where the version has it and the model does not think: a thinking model refuses it. Thinking with
 * a budget needs room below `max_tokens`: under a cap that leaves less than the smallest budget it is left out.
 * Source: https://platform.claude.com/docs/en/build-with-claude/extended-thinking
 */
import type { CallSettings } from "../../CallSettings.ts"

/** Is the thinking told (`summarized`) or only signed (`omitted`)? Default: as the model does. */
export type ThinkingDisplay = "summarized" | "omitted"

/**
 * - `enabled`: up to `budgetTokens` of thinking, an integer in [1024, 1000000]. It lies inside the cap on output: under a smaller
 *   cap the budget shrinks, and below 1024 the call goes out without thinking.
 * - `adaptive`: the model decides how much; `settings.reasoningEffort` steers it.
 * - `between_tools`: only between calls of tools.
 * - `disabled`: none.
 */
export type Thinking =
  | { readonly type: "enabled"; readonly budgetTokens: number; readonly display?: ThinkingDisplay | undefined }
  | { readonly type: "adaptive" | "between_tools"; readonly display?: ThinkingDisplay | undefined }
  | { readonly type: "disabled" }

export interface Fixed {
  /** When nobody set a cap: the wire requires one. Without the budget of thinking. */
  readonly maxTokens: number
  /** Does the version take `temperature`, `top_p` and `top_k`? */
  readonly sampling: boolean
  readonly thinking: Thinking | undefined
}

/** The smallest budget the vendor takes, tokens. */
export const smallestBudget = 1024

export const kinds: ReadonlyArray<Thinking["type"]> = ["enabled", "adaptive", "between_tools", "disabled"]
export const displays: ReadonlyArray<ThinkingDisplay> = ["summarized", "omitted"]

export const from = (settings: CallSettings, fixed: Fixed, mayThink: boolean) => {
  const off = settings.reasoningEffort === "none"
  const wanted = off ? ({ type: "disabled" } as const) : fixed.thinking
  const budget = wanted?.type === "enabled" ? wanted.budgetTokens : 0
  const max_tokens = settings.maxTokens ?? fixed.maxTokens + budget
  const thinking = wanted === undefined ? undefined : thinkingOf(wanted, max_tokens, mayThink)
  const draws = fixed.sampling && (thinking === undefined || thinking.type === "disabled")
  // Blanks alone are refused.
  const stops = settings.stop?.filter((stop) => stop.trim() !== "")
  return {
    max_tokens,
    thinking,
    effort: off ? undefined : effortOf(settings.reasoningEffort),
    temperature: draws && settings.temperature !== undefined ? Math.min(1, settings.temperature) : undefined,
    top_p: draws ? settings.topP : undefined,
    top_k: draws ? settings.topK : undefined,
    stop_sequences: stops === undefined || stops.length === 0 ? undefined : stops,
    metadata: settings.userId === undefined ? undefined : { user_id: settings.userId }
  }
}

const thinkingOf = (wanted: Thinking, maxTokens: number, mayThink: boolean) => {
  if (wanted.type === "disabled") return { type: wanted.type }
  if (!mayThink) return undefined
  if (wanted.type !== "enabled") return { type: wanted.type, display: wanted.display }
  const budget_tokens = Math.min(wanted.budgetTokens, maxTokens - 1)
  return budget_tokens < smallestBudget ? undefined : { type: wanted.type, budget_tokens, display: wanted.display }
}

const effortOf = (effort: CallSettings["reasoningEffort"]) => (effort === "minimal" ? "low" : effort)
