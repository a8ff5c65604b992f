/** What a call asks for, as the options of `doGenerate` and `doStream`: prompt, tools, format and settings. */
import type { JSONObject, LanguageModelV4CallOptions, SharedV4Warning } from "@ai-sdk/provider"
import type { CallLimits, ModelOptions } from "@spillway/core/ProviderModel"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Tool from "effect/ai/Tool"
import type { CallSettings } from "../../CallSettings.ts"
import { type Fault, unsupported } from "../errors/Fault.ts"
import type { Version } from "./Files.ts"
import * as ToPrompt from "./ToPrompt.ts"
import * as Warnings from "./Warnings.ts"

export interface Input {
  readonly version: Version
  readonly vendor: string
  readonly options: ModelOptions
  readonly settings: CallSettings
  readonly limits: CallLimits | undefined
  readonly providerOptions: Readonly<Record<string, JSONObject>>
}

/** `warnings` names what this specification has no words for. */
export interface Output {
  readonly options: LanguageModelV4CallOptions
  readonly warnings: ReadonlyArray<SharedV4Warning>
}

/** Or a fault when the call cannot be said at all. */
export const from = (input: Input): Output | Fault => {
  const { options, vendor, version } = input
  const format = formatOf(options.responseFormat)
  if ("verdict" in format) return format
  const tools = toolsOf(options)
  if ("verdict" in tools) return tools
  const { settings, warnings } = settingsOf(input)
  return {
    options: {
      prompt: ToPrompt.from(options.prompt, vendor, version),
      ...tools,
      ...format,
      ...settings,
      ...(Object.keys(input.providerOptions).length === 0
        ? undefined
        : { providerOptions: { ...input.providerOptions } })
    },
    warnings
  }
}

const settingsOf = ({ limits, settings, version }: Input) => {
  const warnings: Array<SharedV4Warning> = []
  const cap = smaller(settings.maxTokens, limits?.maxOutputTokens)
  const effort = settings.reasoningEffort
  if (effort !== undefined && version === "v3") {
    warnings.push(Warnings.unsupported("reasoning", "Models of specification v3 take no reasoning effort"))
  }
  return {
    warnings,
    settings: {
      ...(cap === undefined ? undefined : { maxOutputTokens: cap }),
      ...(settings.temperature === undefined ? undefined : { temperature: settings.temperature }),
      ...(settings.topP === undefined ? undefined : { topP: settings.topP }),
      ...(settings.topK === undefined ? undefined : { topK: settings.topK }),
      ...(settings.presencePenalty === undefined ? undefined : { presencePenalty: settings.presencePenalty }),
      ...(settings.frequencyPenalty === undefined ? undefined : { frequencyPenalty: settings.frequencyPenalty }),
      ...(settings.stop === undefined || settings.stop.length === 0
        ? undefined
        : { stopSequences: [...settings.stop] }),
      ...(settings.seed === undefined ? undefined : { seed: settings.seed }),
      ...(settings.headers === undefined ? undefined : { headers: { ...settings.headers } }),
      ...(effort === undefined || version === "v3" ? undefined : { reasoning: effort })
    } satisfies Partial<LanguageModelV4CallOptions>
  }
}

const smaller = (a: number | undefined, b: number | undefined) =>
  a === undefined ? b : b === undefined ? a : Math.min(a, b)

type JsonSchema = NonNullable<
  Extract<NonNullable<LanguageModelV4CallOptions["responseFormat"]>, { readonly type: "json" }>["schema"]
>
type AnySchema = Parameters<typeof LanguageModel.defaultCodecTransformer>[0]

const formatOf = (
  format: ModelOptions["responseFormat"]
): Pick<LanguageModelV4CallOptions, "responseFormat"> | Fault => {
  if (format.type === "text") return {}
  try {
    const { jsonSchema } = LanguageModel.defaultCodecTransformer(format.schema as AnySchema)
    return { responseFormat: { type: "json", schema: jsonSchema as JsonSchema, name: format.objectName } }
  } catch {
    return unsupported("responseFormat", "The schema has no JSON Schema", false)
  }
}

const toolsOf = ({
  toolChoice,
  tools
}: ModelOptions): Pick<LanguageModelV4CallOptions, "tools" | "toolChoice"> | Fault => {
  if (tools.length === 0) return {}
  try {
    return { tools: tools.map(toolOf), toolChoice: choiceOf(toolChoice) }
  } catch {
    return unsupported("tools", "The parameters of a tool have no JSON Schema", false)
  }
}

const toolOf = (tool: Tool.Any): NonNullable<LanguageModelV4CallOptions["tools"]>[number] => {
  // The vendor's own name follows from the id; calls come back under ours.
  if (Tool.isProviderDefined(tool)) {
    const { args } = tool as { readonly args?: unknown }
    return { type: "provider", id: tool.id, name: tool.name, args: { ...(args as Record<string, unknown>) } }
  }
  const description = Tool.getDescription(tool)
  const strict = Tool.getStrictMode(tool)
  return {
    type: "function",
    name: tool.name,
    inputSchema: Tool.getJsonSchema(tool) as JsonSchema,
    ...(description === undefined ? undefined : { description }),
    ...(strict === undefined ? undefined : { strict })
  }
}

const choiceOf = (choice: ModelOptions["toolChoice"]): NonNullable<LanguageModelV4CallOptions["toolChoice"]> => {
  if (typeof choice === "string") return { type: choice }
  if ("tool" in choice) return { type: "tool", toolName: choice.tool }
  // The tools are filtered to `oneOf` already.
  return { type: choice.mode ?? "auto" }
}
