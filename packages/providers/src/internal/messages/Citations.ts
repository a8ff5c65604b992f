/** What a text cites: web pages and documents of the prompt. Anything else is left out. */
import type { StreamPart } from "@spillway/core/ProviderModel"
import { finite, type JsonRecord, text } from "../json.ts"

type Source = Extract<StreamPart, { readonly type: "source" }>

/** A page or document that several places cite is one source: `seen` holds what has been given out. */
export const sourceOf = (
  citation: JsonRecord,
  seen: Set<string>,
  makeId: (prefix: string) => string
): Source | undefined => {
  const url = text(citation["url"])
  const index = finite(citation["document_index"])
  const key = url ?? (index === undefined ? undefined : `document ${index}`)
  if (key === undefined || seen.has(key)) return undefined
  // A URL that does not parse would fail the whole answer when it is decoded.
  if (url !== undefined && !URL.canParse(url)) return undefined
  seen.add(key)
  const id = makeId("source")
  const title = text(citation["title"]) ?? text(citation["document_title"]) ?? key
  return url === undefined
    ? { type: "source", sourceType: "document", id, mediaType: "application/octet-stream", title }
    : { type: "source", sourceType: "url", id, url, title }
}
