/** A whole answer from the parts of a stream: blocks become single parts, progress is left out, the order stays. */
import type { Part, StreamPart } from "@spillway/core/ProviderModel"

export const collapse = (parts: ReadonlyArray<StreamPart>): Array<Part> => {
  const answer: Array<Part> = []
  let text = ""
  for (const part of parts) {
    switch (part.type) {
      case "text-start":
      case "reasoning-start":
        text = ""
        break
      case "text-delta":
      case "reasoning-delta":
        text += part.delta
        break
      case "text-end":
        answer.push({ type: "text", text })
        break
      case "reasoning-end":
        answer.push({ type: "reasoning", text, ...metadataOf(parts, part.id) })
        break
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

const metadataOf = (parts: ReadonlyArray<StreamPart>, id: string) => {
  for (const part of parts) {
    if (part.type === "reasoning-start" && part.id === id && part.metadata !== undefined) {
      return { metadata: part.metadata }
    }
  }
  return undefined
}
