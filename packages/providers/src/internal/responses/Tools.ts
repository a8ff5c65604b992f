/**
 * Tools and tool choice in the Responses dialect. Functions are flat here. A tool that the vendor runs itself, such as
 * `openai.web_search`, goes out under the vendor's name with its arguments as they are.
 * Source: https://platform.openai.com/docs/api-reference/responses/create
 */
import type { ModelOptions } from "@spillway/core/ProviderModel"
import * as Tool from "effect/ai/Tool"
import { type Fault, unsupported } from "../errors/Fault.ts"
import { record } from "../json.ts"
import * as FunctionSchema from "../parts/FunctionSchema.ts"

export type ToolFields = { readonly tools?: ReadonlyArray<unknown>; readonly tool_choice?: unknown }

export const from = (options: Pick<ModelOptions, "tools" | "toolChoice">): ToolFields | Fault => {
  if (options.tools.length === 0) return {}
  const tools: Array<unknown> = []
  for (const tool of options.tools) {
    if (!Tool.isProviderDefined(tool)) tools.push(functionOf(tool))
    else if (!tool.id.startsWith("openai.") || tool.requiresHandler) {
      return unsupported("tools", "The Responses dialect takes functions and the tools OpenAI runs itself", true)
    } else tools.push({ ...record(tool.args), type: tool.providerName })
  }
  const choice = choiceOf(options)
  return choice === "auto" ? { tools } : { tools, tool_choice: choice }
}

const functionOf = (tool: Tool.Any) => {
  const description = Tool.getDescription(tool)
  const { parameters, strict } = FunctionSchema.of(tool)
  return {
    type: "function",
    name: tool.name,
    ...(description === undefined ? undefined : { description }),
    parameters,
    // Left out it means true here, and a schema with an optional property is refused.
    strict: strict === true
  }
}

const choiceOf = ({ toolChoice, tools }: Pick<ModelOptions, "tools" | "toolChoice">): unknown => {
  if (typeof toolChoice === "string") return toolChoice
  // The tools are filtered to `oneOf` already.
  if (!("tool" in toolChoice)) return toolChoice.mode ?? "auto"
  const chosen = tools.find((tool) => tool.name === toolChoice.tool)
  return chosen !== undefined && Tool.isProviderDefined(chosen)
    ? { type: chosen.providerName }
    : { type: "function", name: toolChoice.tool }
}
