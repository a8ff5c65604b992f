/** What an answer cites, from the annotations of its text. Web pages and files; anything else is left out. */
import type { StreamPart } from "@spillway/core/ProviderModel"
import { type JsonRecord, records, text } from "../json.ts"

type Source = Extract<StreamPart, { readonly type: "source" }>

/** A page or file that several places cite is one source: `seen` holds what has been given out. */
export const from = (content: JsonRecord, seen: Set<string>, makeId: (prefix: string) => string): Array<Source> =>
  records(content["annotations"]).flatMap((annotation): Array<Source> => {
    const url = text(annotation["url"])
    const file = text(annotation["filename"]) ?? text(annotation["file_id"])
    const key = url ?? file
    if (key === undefined || seen.has(key)) return []
    seen.add(key)
    const title = text(annotation["title"]) ?? key
    // A URL that does not parse would fail the whole answer when it is decoded.
    if (url !== undefined) {
      return URL.canParse(url) ? [{ type: "source", sourceType: "url", id: makeId("source"), url, title }] : []
    }
    return [
      {
        type: "source",
        sourceType: "document",
        id: makeId("source"),
        mediaType: "application/octet-stream",
        title,
        fileName: key
      }
    ]
  })
