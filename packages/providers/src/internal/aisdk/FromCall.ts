/** The options of `doGenerate` and `doStream` as a call to a `ProviderModel`: prompt, tools, format and settings. */
import type { LanguageModelV4CallOptions, SharedV4Warning } from "@ai-sdk/provider"
import type { ModelOptions } from "@spillway/core/ProviderModel"
import type * as Tool from "effect/ai/Tool"
import * as ToolModule from "effect/ai/Tool"
import type * as JsonSchema from "effect/JsonSchema"
import * as Schema from "effect/Schema"
import type { CallSettings } from "../../CallSettings.ts"
import { record } from "../json.ts"
import * as FromMessages from "./FromMessages.ts"
import * as Warnings from "./Warnings.ts"

export interface Call {
  readonly options: Omit<ModelOptions, "span">
  readonly settings: CallSettings
  readonly warnings: Array<SharedV4Warning>
}

/** Throws for a prompt or a tool that `effect/ai` does not take. */
export const from = (call: LanguageModelV4CallOptions): Call => {
  const warnings: Array<SharedV4Warning> = []
  return {
    options: {
      prompt: FromMessages.from(call.prompt, (warning) => warnings.push(warning)),
      tools: (call.tools ?? []).map((tool) => {
        if ("inputExamples" in tool && tool.inputExamples !== undefined) warnings.push(noExamples)
        return toolOf(tool)
      }),
      toolChoice: choiceOf(call),
      responseFormat: formatOf(call.responseFormat),
      previousResponseId: undefined,
      incrementalPrompt: undefined,
      // The AI SDK has words of its own for a tool that nobody declared.
      toolCallValidation: "deferred"
    },
    settings: settingsOf(call),
    warnings
  }
}

const noExamples = Warnings.unsupported("inputExamples", "Examples of a tool's input are left out")

/** Of the caller's headers, those that are for the vendor; the name of the client program stays at home. */
const settingsOf = (call: LanguageModelV4CallOptions): CallSettings => {
  const headers = Object.entries(call.headers ?? {}).flatMap(([name, value]) =>
    value === undefined || name.toLowerCase() === "user-agent" ? [] : [[name, value] as const]
  )
  const { reasoning } = call
  return {
    ...(call.maxOutputTokens === undefined ? undefined : { maxTokens: call.maxOutputTokens }),
    ...(call.temperature === undefined ? undefined : { temperature: call.temperature }),
    ...(call.topP === undefined ? undefined : { topP: call.topP }),
    ...(call.topK === undefined ? undefined : { topK: call.topK }),
    ...(call.presencePenalty === undefined ? undefined : { presencePenalty: call.presencePenalty }),
    ...(call.frequencyPenalty === undefined ? undefined : { frequencyPenalty: call.frequencyPenalty }),
    ...(call.stopSequences === undefined ? undefined : { stop: call.stopSequences }),
    ...(call.seed === undefined ? undefined : { seed: call.seed }),
    ...(reasoning === undefined || reasoning === "provider-default" ? undefined : { reasoningEffort: reasoning }),
    ...(headers.length === 0 ? undefined : { headers: Object.fromEntries(headers) })
  }
}

type ToolThere = NonNullable<LanguageModelV4CallOptions["tools"]>[number]

const toolOf = (tool: ToolThere): Tool.Any => {
  if (tool.type === "provider") {
    const providerName = tool.id.slice(tool.id.indexOf(".") + 1)
    const define = ToolModule.providerDefined({
      id: tool.id,
      customName: tool.name,
      providerName,
      args: Schema.Unknown,
      parameters: Schema.Unknown,
      success: Schema.Unknown
    })
    return define(tool.args) as unknown as Tool.Any
  }
  const made = ToolModule.dynamic(tool.name, {
    description: tool.description,
    parameters: tool.inputSchema as JsonSchema.JsonSchema
  }) as unknown as Tool.Any
  return tool.strict === undefined ? made : (made.annotate(ToolModule.Strict, tool.strict) as Tool.Any)
}

const choiceOf = ({ toolChoice, tools }: LanguageModelV4CallOptions): ModelOptions["toolChoice"] => {
  if (tools === undefined || tools.length === 0) return "none"
  if (toolChoice === undefined) return "auto"
  return toolChoice.type === "tool" ? { tool: toolChoice.toolName } : toolChoice.type
}

const formatOf = (format: LanguageModelV4CallOptions["responseFormat"]): ModelOptions["responseFormat"] =>
  format?.type !== "json"
    ? { type: "text" }
    : { type: "json", objectName: format.name ?? "answer", schema: schemaOf(format.schema ?? { type: "object" }) }

/** A schema that lets everything through and is known by the given JSON Schema: the AI SDK checks the answer itself. */
const schemaOf = (given: object): Schema.Top => {
  const jsonSchema = withoutRootReference(given as JsonSchema.JsonSchema)
  return Schema.Json.check(Schema.makeFilter(() => true, { toJsonSchema: () => jsonSchema }))
}

/** A root that is a reference into its own definitions: `effect/ai` looks for those elsewhere. */
const withoutRootReference = (schema: JsonSchema.JsonSchema): JsonSchema.JsonSchema => {
  const { $ref, ...rest } = schema
  const found = typeof $ref === "string" ? /^#\/(\$defs|definitions)\/([^/]+)$/.exec($ref) : null
  const target = found === null ? undefined : record(record(schema[found[1] ?? ""])?.[found[2] ?? ""])
  return target === undefined ? schema : { ...rest, ...target }
}
