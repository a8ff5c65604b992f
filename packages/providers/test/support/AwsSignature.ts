/**
 * Checks a signature as AWS's servers do: from what arrived, by the published recipe, with Node's crypto and nothing of the
 * signer's.
 *
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { createHash, createHmac } from "node:crypto"
import type { Received } from "./Server.ts"

const hash = (text: string) => createHash("sha256").update(text).digest("hex")
const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest()

/** Each segment of the path as it came, encoded once more. */
const canonicalPath = (path: string) =>
  path
    .split("/")
    .map((segment) =>
      encodeURIComponent(segment).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
    )
    .join("/")

const canonicalQuery = (query: string) => query.split("&").filter(Boolean).sort().join("&")

/** What is wrong with the signature of a request; `undefined` when it is right. */
export const complaint = (received: Received, secretAccessKey: string): string | undefined => {
  const header = (name: string) => String(received.headers[name] ?? "")
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      header("authorization")
    )
  if (match === null) return `no signature: ${header("authorization").slice(0, 20)}`
  const [, , day = "", region = "", service = "", signedHeaders = "", signature] = match
  const signed = signedHeaders.split(";")
  const mustBe = ["host", "content-type", ...Object.keys(received.headers).filter((name) => name.startsWith("x-amz-"))]
  for (const name of mustBe) {
    if (name in received.headers && !signed.includes(name)) return `${name} is not signed`
  }
  if (signed.join() !== [...signed].sort().join()) return "the signed headers are not in order"
  const [path = "", query = ""] = received.url.split("?", 2)
  const canonical = [
    received.method,
    canonicalPath(path),
    canonicalQuery(query),
    ...signed.map((name) => `${name}:${header(name).trim().replace(/\s+/g, " ")}`),
    "",
    signedHeaders,
    hash(received.text)
  ].join("\n")
  const date = header("x-amz-date")
  if (!date.startsWith(day)) return "another day"
  const scope = `${day}/${region}/${service}/aws4_request`
  const key = hmac(hmac(hmac(hmac(`AWS4${secretAccessKey}`, day), region), service), "aws4_request")
  const wanted = hmac(key, ["AWS4-HMAC-SHA256", date, scope, hash(canonical)].join("\n")).toString("hex")
  return wanted === signature ? undefined : "the signature does not match"
}
