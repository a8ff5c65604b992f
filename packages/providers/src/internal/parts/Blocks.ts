/** The open text or reasoning block of an answer: starts, deltas and ends that always match. */
import type { StreamPart } from "@spillway/core/ProviderModel"

export type Kind = "text" | "reasoning"

/** What travels back to the vendor: by owner, then by name. */
export type Metadata = NonNullable<Extract<StreamPart, { readonly type: "text-start" }>["metadata"]>

export interface Blocks {
  /** Appends to the open block of `kind`; another open block ends first. An empty `delta` opens a block and no more. */
  readonly push: (kind: Kind, delta: string) => void
  /** Metadata for the end of the open block, such as a signature that comes last; merged over what was noted before. */
  readonly note: (metadata: Metadata) => void
  readonly close: () => void
  /** The kind that is open. */
  readonly open: () => Kind | undefined
}

/** `reasoningMetadata` marks whose reasoning it is: another vendor's must not be sent back as one's own. */
export const make = (emit: (part: StreamPart) => void, reasoningMetadata: Metadata): Blocks => {
  let kind: Kind | undefined
  let id = ""
  let count = 0
  let noted: Metadata | undefined

  const close = () => {
    const metadata = noted === undefined ? undefined : { metadata: noted }
    if (kind === "text") emit({ type: "text-end", id, ...metadata })
    if (kind === "reasoning") emit({ type: "reasoning-end", id, ...metadata })
    kind = undefined
    noted = undefined
  }

  return {
    close,
    open: () => kind,
    note: (metadata) => {
      noted = merge(noted, metadata)
    },
    push: (wanted, delta) => {
      if (kind !== wanted) {
        close()
        kind = wanted
        id = `${kind}-${count++}`
        if (kind === "text") emit({ type: "text-start", id })
        else emit({ type: "reasoning-start", id, metadata: { ...reasoningMetadata } })
      }
      if (delta === "") return
      if (kind === "text") emit({ type: "text-delta", id, delta })
      else emit({ type: "reasoning-delta", id, delta })
    }
  }
}

/** The later value wins, field by field below each owner. */
export const merge = (first: Metadata | undefined, second: Metadata | undefined): Metadata | undefined => {
  if (first === undefined || second === undefined) return second ?? first
  const merged: Record<string, Metadata[string]> = { ...first }
  for (const [owner, fields] of Object.entries(second)) {
    const known = merged[owner]
    merged[owner] =
      typeof known === "object" && known !== null && typeof fields === "object" && fields !== null
        ? { ...known, ...fields }
        : fields
  }
  return merged
}
