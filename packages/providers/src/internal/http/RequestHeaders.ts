/** The headers of a request: which may be sent, and which of them are keys. */
import * as Redacted from "effect/Redacted"
import type { HttpRequest } from "./Transport.ts"

export type HeaderValues = Readonly<Record<string, string | Redacted.Redacted<string>>>

/** They frame the message or belong to the connection: the transport's own, not a caller's. */
const framing: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade"
])

/**
 * The name of the first header that cannot be sent. Asked before sending, because `fetch` refuses such a header with an
 * error that quotes its value, and undici with one that looks like the network's.
 */
export const invalidHeader = (headers: HeaderValues): string | undefined => {
  for (const name in headers) {
    const value = headers[name]
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) return JSON.stringify(name)
    if (framing.has(name.toLowerCase())) return name
    const text = Redacted.isRedacted(value) ? Redacted.value(value) : value
    if (typeof text !== "string" || !/^[\t\x20-\x7e\x80-\xff]*$/.test(text)) return name
  }
  return undefined
}

/** Later ones win; names become lower case. */
export const merge = (...sources: ReadonlyArray<HeaderValues | undefined>): HeaderValues => {
  const headers: Record<string, string | Redacted.Redacted<string>> = {}
  for (const source of sources) for (const name in source) headers[name.toLowerCase()] = source[name] ?? ""
  return headers
}

/** As they go on the wire, and the names of those that hold keys. */
export const reveal = (headers: HeaderValues): Pick<HttpRequest, "headers" | "secrets"> => {
  const plain: Record<string, string> = {}
  const secrets: Array<string> = []
  for (const name in headers) {
    const value = headers[name]
    if (Redacted.isRedacted(value)) {
      secrets.push(name)
      plain[name] = Redacted.value(value)
    } else plain[name] = value ?? ""
  }
  return { headers: plain, secrets }
}
