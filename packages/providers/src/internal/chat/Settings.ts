/**
 * The neutral settings of a call in a vendor's words: what the profile has no name for, or says the vendor refuses, is left
 * out.
 *
 * Thinking has three handles (an effort, a switch, a budget), and vendors have any of them: see `Profile.effort`,
 * `Profile.thinking` and `Profile.thinkingBudget`.
 */
import type { CallSettings } from "../../CallSettings.ts"
import type { Profile, Setting } from "../../Profile.ts"
import { record } from "../json.ts"

export interface Thinking {
  /** `undefined`: as the vendor does by default. */
  readonly on?: boolean | undefined
  /** Cap on tokens of thinking. Integer >= 0. */
  readonly budget?: number | undefined
}

export type Fields = Record<string, unknown>

export const from = (settings: CallSettings, profile: Profile, thinking: Thinking): Fields => {
  const { maxTokens, reasoningEffort: effort, userId } = settings
  const off = profile.thinking !== "none" && (thinking.on === false || effort === "none")
  const quiet = off || effort === "none"
  const refused = new Set<Setting>(quiet ? profile.refuses : [...profile.refuses, ...profile.refusesThinking])
  const fields: Fields = {}
  const put = (path: string, value: unknown) => {
    if (path !== "none" && value !== undefined) set(fields, path, value)
  }
  const sampling = (setting: Setting, name: string, value: unknown) => {
    if (!refused.has(setting)) put(name, value)
  }
  put(profile.outputCap, maxTokens)
  sampling("temperature", "temperature", settings.temperature)
  sampling("topP", "top_p", settings.topP)
  sampling("topK", profile.topK, settings.topK)
  sampling("presencePenalty", "presence_penalty", settings.presencePenalty)
  sampling("frequencyPenalty", "frequency_penalty", settings.frequencyPenalty)
  sampling("stop", "stop", settings.stop?.length === 0 ? undefined : settings.stop)
  sampling("seed", profile.seed, settings.seed)
  put(profile.user, userId)
  if (off) {
    putSwitch(fields, profile, false)
    return fields
  }
  put(effortPaths[profile.effort], effort === undefined ? undefined : wordOf(effort, profile))
  put(profile.thinkingBudget, thinking.budget ?? (effort === undefined ? undefined : budgetOf(effort, profile)))
  if (thinking.on === true || (effort !== undefined && profile.effort === "none")) putSwitch(fields, profile, true)
  return fields
}

const effortPaths = {
  reasoning_effort: "reasoning_effort",
  reasoning: "reasoning.effort",
  chat_template_kwargs: "chat_template_kwargs.reasoning_effort",
  none: "none"
} as const satisfies Record<Profile["effort"], string>

const wordOf = (effort: string, { effortWords }: Profile): string | undefined => {
  const word = own(effortWords, effort) ?? effort
  return word === "" ? undefined : word
}

const budgetOf = (effort: string, { effortBudgets }: Profile): number | undefined => own(effortBudgets, effort)

const own = <A>(table: Readonly<Record<string, A>>, key: string): A | undefined =>
  Object.hasOwn(table, key) ? table[key] : undefined

const putSwitch = (fields: Fields, { thinking }: Profile, on: boolean): void => {
  if (thinking === "none") return
  set(fields, thinking, thinking === "thinking.type" ? (on ? "enabled" : "disabled") : on)
}

/** `a.b` is `b` in the object `a`. */
const set = (fields: Fields, path: string, value: unknown): void => {
  const [head = "", tail] = path.split(".", 2)
  fields[head] = tail === undefined ? value : { ...record(fields[head]), [tail]: value }
}

/** `over` wins; where both have an object, field by field. What is `undefined` says nothing. */
export const merge = (fields: Fields, over: Readonly<Record<string, unknown>>): Fields => {
  const merged: Fields = { ...fields }
  for (const [name, value] of Object.entries(over)) {
    if (value === undefined) continue
    const [mine, theirs] = [record(merged[name]), record(value)]
    merged[name] = mine === undefined || theirs === undefined ? value : { ...mine, ...theirs }
  }
  return merged
}
