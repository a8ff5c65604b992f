/**
 * The code of a failure that never reached a server: `ECONNREFUSED`, `ENOTFOUND`, `UND_ERR_CONNECT_TIMEOUT`. It says where to
 * look, which "Network" does not. Only codes are read, never a message: those quote addresses, headers, prompts.
 *
 * Source: the codes of Node's system errors and of undici, which stand in `code` of the error or of one of its causes; the
 * providers put them into the description of a `NetworkError`.
 */

/** `undefined` when neither the error nor a cause of it has one. */
export const of = (error: unknown): string | undefined => {
  try {
    let one = error
    for (let depth = 0; depth < maxDepth && typeof one === "object" && one !== null; depth++) {
      const { _tag, cause, code, description } = one as Readonly<Record<string, unknown>>
      const found = plain(code) ?? (_tag === "NetworkError" ? plain(description) : undefined)
      if (found !== undefined) return found
      one = cause
    }
  } catch {
    // A getter of somebody else's error.
  }
  return undefined
}

/** An SDK's error, that of `fetch` in it, the system's in that; a cause may be its own. */
const maxDepth = 5

const plain = (value: unknown): string | undefined =>
  typeof value === "string" && /^[A-Z][A-Z0-9_]{2,63}$/.test(value) ? value : undefined
