/**
 * Tools and tool choice in Gemini's words. A tool that Google runs itself, such as `google.google_search`, goes out under
 * its own name with its arguments as they are.
 * Source: https://ai.google.dev/gemini-api/docs/function-calling
 */
import type { ModelOptions } from "@spillway/core/ProviderModel"
import * as Tool from "effect/ai/Tool"
import { type Fault, unsupported } from "../errors/Fault.ts"
import { record } from "../json.ts"
import * as FunctionSchema from "../parts/FunctionSchema.ts"
import * as GeminiSchema from "./GeminiSchema.ts"

export type ToolFields = { readonly tools?: ReadonlyArray<unknown>; readonly toolConfig?: unknown }

export const from = (options: Pick<ModelOptions, "tools" | "toolChoice">): ToolFields | Fault => {
  const functionDeclarations: Array<unknown> = []
  const ofGoogle: Array<unknown> = []
  for (const tool of options.tools) {
    if (!Tool.isProviderDefined(tool)) functionDeclarations.push(declaration(tool))
    else if (!tool.id.startsWith("google.") || tool.requiresHandler) {
      return unsupported("tools", "Gemini takes functions and the tools Google runs itself", true)
    } else ofGoogle.push({ [camel(tool.providerName)]: record(tool.args) ?? {} })
  }
  if (functionDeclarations.length === 0) return ofGoogle.length === 0 ? {} : { tools: ofGoogle }
  const mode = modeOf(options)
  const toolConfig = {
    ...(mode === undefined ? undefined : { functionCallingConfig: mode }),
    // Both kinds in one request are refused without it.
    ...(ofGoogle.length === 0 ? undefined : { includeServerSideToolInvocations: true })
  }
  const tools = [...ofGoogle, { functionDeclarations }]
  return Object.keys(toolConfig).length === 0 ? { tools } : { tools, toolConfig }
}

const declaration = (tool: Tool.Any) => {
  const description = Tool.getDescription(tool)
  const schema = GeminiSchema.narrow(FunctionSchema.schemaOf(tool))
  const open = record(schema["additionalProperties"]) !== undefined
  const bare = schema["type"] === "object" && !open && Object.keys(record(schema["properties"]) ?? {}).length === 0
  return {
    name: tool.name,
    ...(description === undefined ? undefined : { description }),
    // An object without properties is refused: a function without parameters has no schema.
    ...(bare ? undefined : { parametersJsonSchema: schema })
  }
}

/** `google_search` is `googleSearch` on the wire. */
const camel = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

const modeOf = ({ toolChoice, tools }: Pick<ModelOptions, "tools" | "toolChoice">): object | undefined => {
  if (toolChoice === "auto") return undefined
  if (toolChoice === "none") return { mode: "NONE" }
  if (toolChoice === "required") return { mode: "ANY" }
  if (!("tool" in toolChoice)) return toolChoice.mode === "required" ? { mode: "ANY" } : undefined
  const isFunction = tools.some((tool) => tool.name === toolChoice.tool && !Tool.isProviderDefined(tool))
  // Google's own tools cannot be asked for by name.
  return isFunction ? { mode: "ANY", allowedFunctionNames: [toolChoice.tool] } : undefined
}
