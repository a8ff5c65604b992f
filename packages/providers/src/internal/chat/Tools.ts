/** Tools and tool choice in the dialect's words. Fails, as data, on tools that only another vendor runs. */
import type { ModelOptions } from "@spillway/core/ProviderModel"
import * as Tool from "effect/ai/Tool"
import { type Fault, unsupported } from "../errors/Fault.ts"
import * as FunctionSchema from "../parts/FunctionSchema.ts"

export type ToolFields = { readonly tools?: ReadonlyArray<unknown>; readonly tool_choice?: unknown }

export const from = (options: Pick<ModelOptions, "tools" | "toolChoice">): ToolFields | Fault => {
  const { toolChoice } = options
  if (options.tools.length === 0) return {}
  if (options.tools.some(Tool.isProviderDefined)) {
    return unsupported("tools", "Tools that the provider runs do not exist in the chat dialect", true)
  }
  const tools = options.tools.map((tool) => {
    const description = Tool.getDescription(tool)
    const { parameters, strict } = FunctionSchema.of(tool)
    return {
      type: "function",
      function: {
        name: tool.name,
        ...(description === undefined ? undefined : { description }),
        parameters,
        ...(strict === undefined ? undefined : { strict })
      }
    }
  })
  const choice = choiceOf(toolChoice)
  // `auto` is what every server does by itself, and some refuse the word.
  return choice === "auto" ? { tools } : { tools, tool_choice: choice }
}

const choiceOf = (choice: ModelOptions["toolChoice"]): unknown => {
  if (typeof choice === "string") return choice
  if ("tool" in choice) return { type: "function", function: { name: choice.tool } }
  // The tools are filtered to `oneOf` already.
  return choice.mode ?? "auto"
}
