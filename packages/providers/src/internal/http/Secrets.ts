/**
 * What was shown to the vendor and must not come back in an error: keys, tokens, signatures. A server may quote any of them,
 * in a message, in a field that looks like an identifier, or in a header.
 */
import type { HttpRequest } from "./Transport.ts"

export type Secrets = ReadonlyArray<string>

/** What is remembered of a request: not its body, which would live as long as the answer's stream. */
export type Shown = Pick<HttpRequest, "headers" | "secrets">

/** Shorter ones would cut ordinary words out of a message. */
const shortest = 6

/** `key` itself, and what the headers of `request` that hold secrets say: whole, and in the pieces that are one on their own. */
export const of = (key: string | undefined, request: Shown | undefined): Secrets => {
  const pieces = (request?.secrets ?? []).flatMap((name) => piecesOf(request?.headers[name] ?? ""))
  const all = new Set(pieces.filter((piece) => piece.length >= shortest))
  if (key !== undefined && key !== "") all.add(key)
  // The longest first: a piece cut out before would leave the rest of its whole.
  return [...all].sort((a, b) => b.length - a.length)
}

/** `Bearer <token>`, and AWS's `AWS4-HMAC-SHA256 Credential=<id>/<scope>, SignedHeaders=…, Signature=<hex>`. */
const piecesOf = (value: string): ReadonlyArray<string> => {
  const behindScheme = value.replace(/^\S+\s+/, "")
  const named = [...value.matchAll(/(?:Credential|Signature)=([^\s,/]+)/g)].map(([, piece]) => piece ?? "")
  return [value, behindScheme, ...named]
}

export const isIn = (secrets: Secrets, text: string): boolean => secrets.some((secret) => text.includes(secret))

export const cutOut = (secrets: Secrets, text: string): string =>
  secrets.reduce((left, secret) => left.replaceAll(secret, "<redacted>"), text)
