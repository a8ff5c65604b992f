/**
 * Checks a base URL and joins a path to it. A base URL may carry a path and a query (`?api-version=…`): both are kept, and
 * `/v1` and `/v1/` are the same.
 */
import { InvalidOption } from "@spillway/core/InvalidOption"

export interface Endpoint {
  /** Where requests go, with the query. */
  readonly url: string
  /** The two halves of `url`: scheme, host and port; path and query. */
  readonly origin: string
  readonly path: string
  /** For errors: no query, which may hold a key. */
  readonly shown: string
  readonly server: { readonly address: string; readonly port: number }
}

/** `path` begins with a slash and may carry a query of its own. Throws `InvalidOption`, whose message holds no query, user name, password or `secret`. */
export const make = (option: string, baseUrl: string, path: string, secret: string | undefined): Endpoint => {
  const refuse = (expected: string) => new InvalidOption(option, expected, safe(baseUrl, secret))
  const url = typeof baseUrl === "string" ? tryUrl(baseUrl) : undefined
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw refuse(`an absolute http or https URL, such as "https://api.example.com/v1"`)
  }
  if (url.username !== "" || url.password !== "") throw refuse("a URL without user name and password")
  url.hash = ""
  const [ownPath = "", ownQuery] = path.split("?", 2)
  url.pathname = url.pathname.replace(/\/+$/, "") + ownPath
  for (const [name, value] of new URLSearchParams(ownQuery)) url.searchParams.set(name, value)
  return {
    url: url.href,
    origin: url.origin,
    path: url.pathname + url.search,
    shown: url.origin + url.pathname,
    server: {
      address: url.hostname.replace(/^\[|\]$/g, ""),
      port: url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port)
    }
  }
}

const tryUrl = (text: string): URL | undefined => {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}

const safe = (value: unknown, secret: string | undefined): unknown => {
  if (typeof value !== "string") return value
  const bare = value.replace(/[?#].*$/s, "").replace(/\/\/[^/@]*@/, "//<hidden>@")
  return secret === undefined || secret === "" ? bare : bare.replaceAll(secret, "<hidden>")
}
