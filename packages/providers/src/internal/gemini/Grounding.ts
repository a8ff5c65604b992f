/**
 * What an answer rests on: pages, files and places found by Google's tools, and works it recites.
 * Source: https://ai.google.dev/gemini-api/docs/google-search
 */
import type { StreamPart } from "@spillway/core/ProviderModel"
import { type JsonRecord, record, records, text } from "../json.ts"

type Source = Extract<StreamPart, { readonly type: "source" }>

/** Every event repeats or adds to what was said before: `seen` holds what has been given out. */
export const from = (candidate: JsonRecord, seen: Set<string>, makeId: (prefix: string) => string): Array<Source> => {
  const chunks = records(record(candidate["groundingMetadata"])?.["groundingChunks"])
  const found = records(chunks.map((chunk) => chunk["web"] ?? chunk["retrievedContext"] ?? chunk["maps"]))
  const cited = records(record(candidate["citationMetadata"])?.["citationSources"])
  return [...found, ...cited].flatMap((source): Array<Source> => {
    const uri = text(source["uri"])
    const title = text(source["title"]) ?? uri
    const key = uri ?? title
    if (key === undefined || title === undefined || seen.has(key)) return []
    seen.add(key)
    // A URL that does not parse would fail the whole answer when it is decoded.
    return uri !== undefined && URL.canParse(uri)
      ? [{ type: "source", sourceType: "url", id: makeId("source"), url: uri, title }]
      : [{ type: "source", sourceType: "document", id: makeId("source"), mediaType: "text/plain", title }]
  })
}
