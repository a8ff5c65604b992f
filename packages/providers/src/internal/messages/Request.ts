/**
 * The body of a request: system, messages, tools, format and settings in the dialect's words.
 * Source: https://platform.claude.com/docs/en/api/messages
 */
import type { DialectCall } from "../engine/Dialect.ts"
import { type Fault, unsupported } from "../errors/Fault.ts"
import * as AnswerSchema from "../parts/AnswerSchema.ts"
import * as CacheControl from "./CacheControl.ts"
import * as OutputSchema from "./OutputSchema.ts"
import * as Prompt from "./Prompt.ts"
import * as Settings from "./Settings.ts"
import * as Tools from "./Tools.ts"

/** What stays the same for every call of one model. */
export interface Fixed extends Prompt.Target, Settings.Fixed {
  /** Does the server write JSON by a schema? Else the schema goes into the system text. */
  readonly schemas: boolean
  readonly cache: CacheControl.Lifetime | undefined
  readonly serviceTier: string | undefined
}

/** The serialized body, or a fault when the call cannot be said in this dialect. */
export const body = (fixed: Fixed, { options, settings, streamed }: DialectCall): string | Fault => {
  const tools = Tools.from(options)
  if ("verdict" in tools) return tools
  const format = formatOf(fixed, options.responseFormat)
  if ("verdict" in format) return format
  try {
    const prompt = Prompt.from(options.prompt, fixed)
    if ("verdict" in prompt) return prompt
    const system =
      format.instruction === undefined ? prompt.system : [...prompt.system, Prompt.text(format.instruction)]
    // A forced call, words that were begun and a turn that began without thinking leave no room for it.
    const unthought = prompt.inUnthoughtLoop && fixed.thinking?.type === "enabled"
    const mayThink = !Tools.isForced(tools) && !prompt.begun && !unthought
    const { effort, ...named } = Settings.from(settings, fixed, mayThink)
    const marked = CacheControl.mark({ system, messages: prompt.messages, tools: tools.tools ?? [] }, fixed.cache)
    // What is undefined, JSON leaves out.
    return JSON.stringify({
      model: fixed.model,
      ...named,
      system: marked.system.length === 0 ? undefined : marked.system,
      messages: marked.messages,
      tools: marked.tools.length === 0 ? undefined : marked.tools,
      tool_choice: tools.tool_choice,
      output_config: effort === undefined && format.field === undefined ? undefined : { effort, format: format.field },
      service_tier: fixed.serviceTier,
      stream: streamed ? true : undefined
    })
  } catch {
    return unsupported("prompt", "The prompt or settings hold something that is no JSON", false)
  }
}

interface Format {
  readonly field?: unknown
  /** For the system text. */
  readonly instruction?: string
}

const formatOf = ({ schemas }: Fixed, format: DialectCall["options"]["responseFormat"]): Format | Fault => {
  if (format.type === "text") return {}
  const schema = AnswerSchema.jsonSchemaOf(format)
  if (schema === undefined) return unsupported("responseFormat", "The schema has no JSON Schema", false)
  const narrowed = schemas ? OutputSchema.narrow(schema) : undefined
  return narrowed === undefined
    ? { instruction: AnswerSchema.instruction(schema) }
    : { field: { type: "json_schema", schema: narrowed } }
}
