/// <reference types="node" />
/**
 * Where each vendor's client puts its key, whether it is the right one, and headers without keys.
 *
 * A signature (AWS, SigV4) is looked at, not verified: it is right when it is well formed. What it signs is the business
 * of the signer's own tests.
 */
import type { IncomingHttpHeaders } from "node:http"

/** Does the request carry `key`? */
export type KeyCheck = (headers: IncomingHttpHeaders, key: string) => boolean

export const bearer: KeyCheck = (headers, key) => headers.authorization === `Bearer ${key}`

const orBearer =
  (name: string): KeyCheck =>
  (headers, key) =>
    headers[name] === key || bearer(headers, key)

export const anthropicKey = orBearer("x-api-key")
export const azureKey = orBearer("api-key")
export const googleKey: KeyCheck = (headers, key) => headers["x-goog-api-key"] === key

/** For what belongs to no vendor alone. */
export const anyKey: KeyCheck = (headers, key) =>
  anthropicKey(headers, key) || azureKey(headers, key) || googleKey(headers, key)

export const noKey: KeyCheck = () => true

export const awsKey: KeyCheck = (headers, key) => bearer(headers, key) || isSigned(headers)

const signature =
  /^AWS4-HMAC-SHA256 Credential=[^/,\s]+\/(\d{8})\/[a-z0-9-]+\/bedrock\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=[0-9a-f]{64}$/

const isSigned = (headers: IncomingHttpHeaders): boolean => {
  const [, day, names = ""] = signature.exec(headers.authorization ?? "") ?? []
  const date = headers["x-amz-date"]
  const signed = names.split(";")
  return (
    day !== undefined &&
    typeof date === "string" &&
    /^\d{8}T\d{6}Z$/.test(date) &&
    date.startsWith(day) &&
    signed.includes("host") &&
    signed.includes("x-amz-date")
  )
}

const secret: ReadonlySet<string> = new Set([
  "authorization",
  "proxy-authorization",
  "api-key",
  "x-api-key",
  "x-goog-api-key",
  "x-amz-security-token",
  "cookie"
])

/** Headers as the log keeps them: one string each, without keys. */
export const publicHeaders = (headers: IncomingHttpHeaders): Readonly<Record<string, string>> => {
  const kept: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue
    kept[name] = secret.has(name) ? "<redacted>" : typeof value === "string" ? value : value.join(", ")
  }
  return kept
}
