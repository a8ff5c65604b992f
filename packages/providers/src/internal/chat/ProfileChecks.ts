/**
 * What each field of a profile takes, in one table. A word that no vendor has would be sent as the name of a field, and a
 * misspelt field ignored in silence. The compiler holds the words to those of `Profile`: none is missing, none too many.
 */
import { InvalidOption, integer } from "@spillway/core/InvalidOption"
import type { Profile, Setting } from "../../Profile.ts"
import { capabilities } from "../engine/Config.ts"
import * as Table from "../engine/OptionTable.ts"

type Words<A extends string> = Readonly<Record<A, true>>

const among = <A extends string>(words: Words<A>): Table.Check => Table.word(...Object.keys(words))

const settings: Words<Setting> = {
  ...{
    temperature: true,
    topP: true,
    topK: true,
    presencePenalty: true,
    frequencyPenalty: true,
    stop: true,
    seed: true
  }
}

const reasoningIn: Table.Check = (option, value) => {
  if (typeof value !== "object") return Table.word("drop", "details")(option, value)
  Table.object({ field: Table.word("reasoning_content", "reasoning"), always: Table.flag })(option, value)
  if (!("field" in Object(value))) throw new InvalidOption(`${option}.field`, "given", undefined)
}

const table: Table.Table<keyof Profile> = {
  provider: Table.text(),
  owner: Table.text(),
  costInUsd: Table.flag,
  auth: Table.text(`"bearer" or the name of a header`, /^[\w!#$%&'*+.^`|~-]+$/),
  probe: Table.text(`a path that begins with a slash, or "none"`, /^(\/|none$)/),
  capabilities,
  systemRole: among<Profile["systemRole"]>({ system: true, developer: true }),
  prefill: among<Profile["prefill"]>({ plain: true, prefix: true, partial: true, continue: true, none: true }),
  toolIds: among<Profile["toolIds"]>({ any: true, "up-to-40": true, "exactly-9-alphanumerics": true }),
  reasoningIn,
  outputCap: among<Profile["outputCap"]>({ max_tokens: true, max_completion_tokens: true }),
  seed: among<Profile["seed"]>({ seed: true, random_seed: true, none: true }),
  topK: among<Profile["topK"]>({ top_k: true, none: true }),
  user: among<Profile["user"]>({ safety_identifier: true, user: true, user_id: true, none: true }),
  refuses: Table.wordsOf(...Object.keys(settings)),
  refusesThinking: Table.wordsOf(...Object.keys(settings)),
  effort: among<Profile["effort"]>({ reasoning_effort: true, reasoning: true, chat_template_kwargs: true, none: true }),
  effortWords: Table.recordOf(Table.text("a string", /^/)),
  thinking: among<Profile["thinking"]>({
    ...{ none: true, "thinking.type": true, enable_thinking: true, "chat_template_kwargs.enable_thinking": true },
    ...{ "chat_template_kwargs.thinking": true, "reasoning.enabled": true }
  }),
  thinkingBudget: among<Profile["thinkingBudget"]>({
    ...{ thinking_budget: true, "reasoning.max_tokens": true, none: true }
  }),
  effortBudgets: Table.recordOf((option, value) => integer(option, value as number, 0)),
  json: among<Profile["json"]>({ json_schema: true, json_object: true, none: true }),
  streamUsage: Table.flag,
  streamOnly: Table.flag,
  reasoningTokens: among<Profile["reasoningTokens"]>({ inside: true, outside: true, detect: true }),
  thinkTags: Table.flag,
  extraBody: Table.recordOf()
}

const check = Table.object(table)

/** The vendor's profile with the differences of one model. Throws `InvalidOption`, which begins with `where`. */
export const adapted = (where: string, profile: Profile, differences: Partial<Profile> | undefined): Profile => {
  if (differences === undefined) return profile
  check(where, differences)
  const said = Object.entries(differences).filter(([name, value]) => value !== undefined || name === "owner")
  return { ...profile, ...Object.fromEntries(said) }
}
