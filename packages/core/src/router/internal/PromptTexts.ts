/**
 * The texts of a call in the order in which providers put them before the model: tools, then the messages, system first as
 * prompts have it. For `PromptPrefix`; read one by one, and not beyond what is asked for.
 *
 * Tools count by name and description, not by schema, which is costly to derive; files by their kind, length and ends. Two
 * prompts that differ only there are taken to be the same: what rests on it is a preference.
 */
import type * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import type { ModelOptions } from "../../model/ProviderModel.ts"

export function* of({ prompt, tools }: Pick<ModelOptions, "prompt" | "tools">): Generator<string> {
  for (const tool of tools) yield `${tool.name}\n${Tool.getDescription(tool) ?? ""}`
  for (const { content, role } of prompt.content) {
    yield role
    if (typeof content === "string") yield content
    else for (const part of content) yield textOf(part)
  }
}

const textOf = (part: Exclude<Prompt.Message["content"], string>[number]): string => {
  switch (part.type) {
    case "text":
    case "reasoning":
      return part.text
    case "file":
      return `${part.mediaType}\n${endsOf(part.data)}`
    case "tool-call":
      return `${part.name}\n${json(part.params)}`
    case "tool-result":
      return `${part.name}\n${json(part.result)}`
    default:
      return part.type
  }
}

const edge = 64

const endsOf = (data: string | Uint8Array | URL): string => {
  const value = data instanceof URL ? data.href : data
  const ends =
    typeof value === "string"
      ? value.slice(0, edge) + value.slice(-edge)
      : `${value.subarray(0, edge).join()} ${value.subarray(-edge).join()}`
  return `${value.length} ${ends}`
}

/** What has no JSON is of no use to a cache either. */
const json = (value: unknown): string => {
  try {
    return JSON.stringify(value) ?? ""
  } catch {
    return ""
  }
}
