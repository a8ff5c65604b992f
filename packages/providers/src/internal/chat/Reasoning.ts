/**
 * Reasoning on its way back: what of an assistant turn's reasoning this vendor wants to see again, and in which field.
 *
 * Reasoning is bound to the vendor that made it, and signed or encrypted reasoning to the model: `metadata[owner]` of a
 * reasoning part says whose it is.
 */
import type * as Prompt from "effect/ai/Prompt"
import type { Profile } from "../../Profile.ts"
import { record, records } from "../json.ts"

/** Key of our metadata in parts and errors. */
export const ownerOf = ({ owner, provider }: Profile): string => owner ?? provider

/** The name under which OpenRouter's details travel, on the wire and in metadata. */
export const details = "reasoning_details"

/** Fields of the assistant's message; `undefined`: none. */
export const back = (
  message: Prompt.AssistantMessage,
  profile: Profile,
  model: string
): Readonly<Record<string, unknown>> | undefined => {
  const { reasoningIn } = profile
  if (reasoningIn === "drop") return undefined
  const own = message.content.filter((part) => part.type === "reasoning" && isOwn(part.options, profile))
  const text = own.map((part) => (part.type === "reasoning" ? part.text : "")).join("")
  if (reasoningIn !== "details") {
    return text === "" && !reasoningIn.always ? undefined : { [reasoningIn.field]: text }
  }
  const signed = own.flatMap((part) => detailsOf(part.options, profile, model))
  if (signed.length > 0) return { [details]: signed }
  return text === "" ? undefined : { reasoning: text }
}

/** Without a mark nobody knows better, and the text is taken as it is. */
const isOwn = (options: Prompt.ProviderOptions, profile: Profile): boolean => {
  const owners = Object.keys(options)
  return owners.length === 0 || owners.includes(ownerOf(profile))
}

const detailsOf = (options: Prompt.ProviderOptions, profile: Profile, model: string) => {
  const mark = record(options[ownerOf(profile)])
  return mark?.["model"] === model ? records(mark[details]) : []
}
