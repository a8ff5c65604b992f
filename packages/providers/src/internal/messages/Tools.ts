/**
 * Tools and tool choice in the dialect's words. A tool that Anthropic runs itself has the wire's type as its id,
 * `anthropic.web_search_20250305`, and goes out with its arguments as they are.
 *
 * What comes back is named as the vendor names it, so such a tool must have that name in the toolkit too: `customName`
 * and `providerName` are the same.
 * Source: https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview
 */
import type { ModelOptions } from "@spillway/core/ProviderModel"
import * as Tool from "effect/ai/Tool"
import { type Fault, unsupported } from "../errors/Fault.ts"
import { type JsonRecord, record } from "../json.ts"
import * as FunctionSchema from "../parts/FunctionSchema.ts"
import * as OutputSchema from "./OutputSchema.ts"

export interface ToolFields {
  readonly tools?: ReadonlyArray<unknown>
  readonly tool_choice?: { readonly type: string; readonly name?: string }
}

const owner = "anthropic."

export const from = (options: Pick<ModelOptions, "tools" | "toolChoice">): ToolFields | Fault => {
  if (options.tools.length === 0) return {}
  const refusal = options.tools.map(refusalOf).find((words) => words !== undefined)
  if (refusal !== undefined) return unsupported("tools", refusal, true)
  const tools = options.tools.map((tool) =>
    Tool.isProviderDefined(tool)
      ? { ...record(tool.args), type: tool.id.slice(owner.length), name: tool.providerName }
      : functionOf(tool)
  )
  const tool_choice = choiceOf(options.toolChoice)
  return tool_choice === undefined ? { tools } : { tools, tool_choice }
}

/** Does the model have to call a tool? */
export const isForced = ({ tool_choice }: ToolFields): boolean =>
  tool_choice?.type === "any" || tool_choice?.type === "tool"

/** Why a tool cannot be said here. */
const refusalOf = (tool: Tool.Any): string | undefined => {
  if (!Tool.isProviderDefined(tool)) return undefined
  if (!tool.id.startsWith(owner) || tool.requiresHandler) {
    return "The Messages dialect takes functions and the tools Anthropic runs itself"
  }
  return tool.name === tool.providerName
    ? undefined
    : "A tool that Anthropic runs needs the vendor's name as its customName"
}

const functionOf = (tool: Tool.Any): JsonRecord => {
  const description = Tool.getDescription(tool)
  const schema = FunctionSchema.schemaOf(tool)
  const strict = Tool.getStrictMode(tool) === true ? OutputSchema.narrow(schema) : undefined
  return {
    name: tool.name,
    ...(description === undefined ? undefined : { description }),
    input_schema: strict ?? schema,
    ...(strict === undefined ? undefined : { strict: true })
  }
}

const choiceOf = (choice: ModelOptions["toolChoice"]): ToolFields["tool_choice"] => {
  if (typeof choice === "object" && "tool" in choice) return { type: "tool", name: choice.tool }
  // The tools are filtered to `oneOf` already.
  const mode = typeof choice === "string" ? choice : (choice.mode ?? "auto")
  if (mode === "auto") return undefined
  return { type: mode === "required" ? "any" : mode }
}
