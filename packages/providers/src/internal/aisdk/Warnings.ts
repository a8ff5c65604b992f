/** What a call asked for and did not get: the AI SDK shows it, `effect/ai` has no place for it but the finish part. */
import type { SharedV4Warning } from "@ai-sdk/provider"
import { record, records, text } from "../json.ts"

export const unsupported = (feature: string, details: string): SharedV4Warning => ({
  type: "unsupported",
  feature,
  details
})

/** Warnings of a model, as metadata: only what has the form of one. */
export const read = (warnings: unknown): ReadonlyArray<Record<string, string>> =>
  records(warnings).flatMap((warning) => {
    const type = text(warning["type"])
    if (type === undefined) return []
    const read: Record<string, string> = { type }
    for (const key of ["feature", "setting", "details", "message"]) {
      const words = text(warning[key])
      if (words !== undefined) read[key] = words.slice(0, 500)
    }
    return [read]
  })

/** Under this key of the finish part's metadata. */
export const key = "aiSdk"

/** The warnings that a bridge wrote down in a finish part. */
export const inMetadata = (metadata: unknown): Array<SharedV4Warning> =>
  read(record(record(metadata)?.[key])?.["warnings"]) as unknown as Array<SharedV4Warning>
