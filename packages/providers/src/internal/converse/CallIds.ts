/**
 * Ids of tool calls in a history that may come from other vendors: Converse takes 1 to 64 of A-Z, a-z, 0-9, `_` and `-`, and
 * each once per request. What does not fit gets an id of ours, and its result the same.
 */

const taken = /^[\w-]{1,64}$/

export interface CallIds {
  /** The id to send for a call of the assistant's turn. */
  readonly call: (id: string) => string
  /** The id to send for a result, and the call is answered; `undefined` where no call waits for one. */
  readonly result: (id: string) => string | undefined
  /** Ids of the calls that wait for a result; they are answered then. */
  readonly takeOpen: () => ReadonlyArray<string>
}

export const make = (): CallIds => {
  const used = new Set<string>()
  let open: Array<readonly [own: string, sent: string]> = []
  return {
    call: (id) => {
      let sent = id
      for (let n = 1; !taken.test(sent) || used.has(sent); n++) sent = `call_${used.size}_${n}`
      used.add(sent)
      open.push([id, sent])
      return sent
    },
    result: (id) => {
      const at = open.findIndex(([own]) => own === id)
      return at < 0 ? undefined : open.splice(at, 1)[0]?.[1]
    },
    takeOpen: () => {
      const ids = open.map(([, sent]) => sent)
      open = []
      return ids
    }
  }
}

/** A tool's name in a history: the same characters. */
export const toolName = (name: string): string => name.replace(/[^\w-]/g, "_").slice(0, 64) || "tool"
