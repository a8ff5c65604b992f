/** The open text or reasoning block of an answer: starts, deltas and ends that always match. */
import type { StreamPart } from "@spillway/core/ProviderModel"

type Kind = "text" | "reasoning"

export interface Blocks {
  /** Appends to the open block of `kind`; another open block ends first. */
  readonly push: (kind: Kind, delta: string) => void
  readonly close: () => void
}

/** `reasoningMetadata` marks whose reasoning it is: another vendor's must not be sent back as one's own. */
export const make = (
  emit: (part: StreamPart) => void,
  reasoningMetadata: Readonly<Record<string, { readonly model: string }>>
): Blocks => {
  let kind: Kind | undefined
  let id = ""
  let count = 0

  const close = () => {
    if (kind === "text") emit({ type: "text-end", id })
    if (kind === "reasoning") emit({ type: "reasoning-end", id })
    kind = undefined
  }

  return {
    close,
    push: (wanted, delta) => {
      if (kind !== wanted) {
        close()
        kind = wanted
        id = `${kind}-${count++}`
        if (kind === "text") emit({ type: "text-start", id })
        else emit({ type: "reasoning-start", id, metadata: { ...reasoningMetadata } })
      }
      if (kind === "text") emit({ type: "text-delta", id, delta })
      else emit({ type: "reasoning-delta", id, delta })
    }
  }
}
