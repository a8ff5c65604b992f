/**
 * Tools and tool choice as `toolConfig`. There is no word for "none": the tools are left out then. Fails, as data, on tools
 * that only another vendor runs and on names that Converse does not take: an answer could not be told from its tool.
 */
import type { ModelOptions } from "@spillway/core/ProviderModel"
import * as Tool from "effect/ai/Tool"
import { type Fault, unsupported } from "../errors/Fault.ts"
import * as FunctionSchema from "../parts/FunctionSchema.ts"
import * as ResponseFormat from "./ResponseFormat.ts"

export interface ToolConfig {
  readonly tools: Array<unknown>
  readonly toolChoice?: unknown
}

export const from = (options: Pick<ModelOptions, "tools" | "toolChoice">): ToolConfig | undefined | Fault => {
  if (options.tools.length === 0 || options.toolChoice === "none") return undefined
  if (options.tools.some(Tool.isProviderDefined)) {
    return unsupported("tools", "Tools that the provider runs do not exist in the Converse dialect", true)
  }
  const tools = options.tools.map((tool) => {
    const description = Tool.getDescription(tool)
    const strict = Tool.getStrictMode(tool)
    const schema = FunctionSchema.schemaOf(tool)
    // Strict tools are written by the rules of a schema for answers; one that cannot be narrowed to them is not strict.
    const narrowed = strict === true ? ResponseFormat.closed(schema) : undefined
    return {
      toolSpec: {
        name: tool.name,
        ...(description === undefined || description.trim() === "" ? undefined : { description }),
        inputSchema: { json: narrowed ?? schema },
        ...(strict === undefined ? undefined : { strict: narrowed !== undefined })
      }
    }
  })
  const toolChoice = choiceOf(options.toolChoice)
  return { tools, ...(toolChoice === undefined ? undefined : { toolChoice }) }
}

/** `auto` is what Converse does by itself, and some models take no other word. */
const choiceOf = (choice: ModelOptions["toolChoice"]): unknown => {
  if (choice === "required") return { any: {} }
  if (typeof choice === "string") return undefined
  if ("tool" in choice) return { tool: { name: choice.tool } }
  // The tools are filtered to `oneOf` already.
  return choice.mode === "required" ? { any: {} } : undefined
}
