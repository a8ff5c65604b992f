/** A whole answer from the parts of a stream: blocks become single parts, progress is left out, the order stays. */
import type { Part, StreamPart } from "@spillway/core/ProviderModel"
import { type Metadata, merge } from "./Blocks.ts"

interface Open {
  readonly type: "text" | "reasoning"
  text: string
  metadata: Metadata | undefined
}

/** Blocks may overlap; each takes the place at which it ended. */
export const collapse = (parts: ReadonlyArray<StreamPart>): Array<Part> => {
  const answer: Array<Part> = []
  const open = new Map<string, Open>()
  for (const part of parts) {
    switch (part.type) {
      case "text-start":
      case "reasoning-start":
        open.set(part.id, {
          type: part.type === "text-start" ? "text" : "reasoning",
          text: "",
          metadata: part.metadata
        })
        break
      case "text-delta":
      case "reasoning-delta": {
        const block = open.get(part.id)
        if (block === undefined) break
        block.text += part.delta
        if (part.metadata !== undefined) block.metadata = merge(block.metadata, part.metadata)
        break
      }
      case "text-end":
      case "reasoning-end": {
        const block = open.get(part.id)
        if (block === undefined) break
        open.delete(part.id)
        const metadata = merge(block.metadata, part.metadata)
        answer.push({ type: block.type, text: block.text, ...(metadata === undefined ? undefined : { metadata }) })
        break
      }
      case "tool-params-start":
      case "tool-params-delta":
      case "tool-params-end":
      case "error":
        break
      default:
        answer.push(part)
    }
  }
  return answer
}
