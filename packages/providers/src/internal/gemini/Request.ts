/** The body of a request: contents, tools and settings in Gemini's words. The model stands in the path. */
import type { Capability } from "@spillway/core/Target"
import type { CallSettings } from "../../CallSettings.ts"
import type { DialectCall } from "../engine/Dialect.ts"
import { type Fault, unsupported } from "../errors/Fault.ts"
import * as AnswerSchema from "../parts/AnswerSchema.ts"
import * as Contents from "./Contents.ts"
import { isOlder, isPro } from "./Family.ts"
import * as GeminiSchema from "./GeminiSchema.ts"
import * as Tools from "./Tools.ts"
import type * as Turn from "./Turn.ts"

export interface Thinking {
  readonly budget?: number | undefined
  readonly level?: string | undefined
  readonly includeThoughts?: boolean | undefined
}

/** What stays the same for every call of one model. */
export interface Fixed extends Turn.Target {
  readonly capabilities: ReadonlySet<Capability>
  readonly thinking: Thinking | undefined
  readonly safetySettings: ReadonlyArray<unknown> | undefined
  readonly cachedContent: string | undefined
  readonly responseModalities: ReadonlyArray<string> | undefined
}

/** The serialized body, or a fault when the call cannot be said in this dialect. */
export const body = (fixed: Fixed, { options, settings }: DialectCall): string | Fault => {
  const tools = Tools.from(options)
  if ("verdict" in tools) return tools
  const format = formatOf(fixed, options)
  if ("verdict" in format) return format
  try {
    const { contents, system } = Contents.from(options.prompt, fixed)
    const words = format.instruction === undefined ? system : [...system, format.instruction]
    // What is undefined, JSON leaves out.
    return JSON.stringify({
      contents,
      systemInstruction: words.length === 0 ? undefined : { parts: words.map((text) => ({ text })) },
      ...tools,
      generationConfig: some({
        maxOutputTokens: settings.maxTokens,
        temperature: settings.temperature,
        topP: settings.topP,
        topK: settings.topK,
        stopSequences: settings.stop?.length === 0 ? undefined : settings.stop,
        seed: settings.seed,
        presencePenalty: settings.presencePenalty,
        frequencyPenalty: settings.frequencyPenalty,
        ...format.fields,
        thinkingConfig: some(thinkingOf(fixed, settings.reasoningEffort)),
        responseModalities: fixed.responseModalities
      }),
      safetySettings: fixed.safetySettings,
      cachedContent: fixed.cachedContent
    })
  } catch {
    return unsupported("prompt", "The prompt or settings hold something that is no JSON", false)
  }
}

const some = (fields: Record<string, unknown>) =>
  Object.values(fields).some((value) => value !== undefined) ? fields : undefined

type Effort = NonNullable<CallSettings["reasoningEffort"]>

// Thinking cannot be switched off from Gemini 3 on; the word for the least of it is `minimal`.
const levels: Readonly<Record<Effort, string>> = {
  none: "minimal",
  minimal: "minimal",
  low: "low",
  medium: "medium",
  high: "high",
  xhigh: "high",
  max: "high"
}

// Those of Google's own OpenAI-compatible endpoint.
const budgets: Readonly<Record<Effort, number>> = {
  none: 0,
  minimal: 1024,
  low: 1024,
  medium: 8192,
  high: 24_576,
  xhigh: 24_576,
  max: 24_576
}

const thinkingOf = ({ model, thinking }: Fixed, effort: Effort | undefined) => {
  const includeThoughts = thinking?.includeThoughts
  if (effort === undefined) return { thinkingBudget: thinking?.budget, thinkingLevel: thinking?.level, includeThoughts }
  if (isOlder(model)) {
    return { thinkingBudget: isPro(model) ? Math.max(128, budgets[effort]) : budgets[effort], includeThoughts }
  }
  const level = levels[effort]
  return { thinkingLevel: isPro(model) && level === "minimal" ? "low" : level, includeThoughts }
}

interface Format {
  readonly fields?: Readonly<Record<string, unknown>>
  /** For the system text. */
  readonly instruction?: string
}

const formatOf = ({ capabilities, model }: Fixed, options: DialectCall["options"]): Format | Fault => {
  const format = options.responseFormat
  if (format.type === "text") return {}
  const schema = AnswerSchema.jsonSchemaOf(format)
  if (schema === undefined) return unsupported("responseFormat", "The schema has no JSON Schema", false)
  const instruction = AnswerSchema.instruction(schema)
  // Older models refuse JSON beside tools.
  if (isOlder(model) && options.tools.length > 0) return { instruction }
  if (!capabilities.has("json-schema")) return { fields: { responseMimeType: "application/json" }, instruction }
  return { fields: { responseMimeType: "application/json", responseJsonSchema: GeminiSchema.narrow(schema) } }
}
