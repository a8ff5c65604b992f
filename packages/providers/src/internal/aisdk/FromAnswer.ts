/** A whole answer of a model of the AI SDK as parts. */
import type { Part } from "@spillway/core/ProviderModel"
import { type Fault, truncated, undecodable } from "../errors/Fault.ts"
import { type JsonRecord, record, records } from "../json.ts"
import * as Finish from "./Finish.ts"
import * as FromPart from "./FromPart.ts"
import * as Json from "./Json.ts"
import * as Warnings from "./Warnings.ts"

export interface Options {
  /** Key of what the model keeps as its own. */
  readonly vendor: string
  readonly model: string
  /** Warnings of the bridge itself. */
  readonly warnings: ReadonlyArray<unknown>
}

/** Ends in one `finish` part. */
export const from = (result: unknown, options: Options): Array<Part> | Fault => {
  const answer = record(result)
  if (answer === undefined || !Array.isArray(answer["content"])) {
    return undecodable("The model's package returned no content")
  }
  const reason = Finish.reasonOf(answer["finishReason"])
  if (reason === "interrupted") return truncated
  const parts: Array<Part> = [FromPart.responseMetadata(answer["response"])]
  for (const part of chosen(answer)) {
    const bare = FromPart.isBare(part) && FromPart.isWhole(reason)
    const given = blockOf(part, options) ?? FromPart.from(bare ? { ...part, input: "{}" } : part)
    if (given === undefined) continue
    if ("verdict" in given) {
      // A call that the end of the answer has cut is left out; no handler runs after such a finish.
      if (reason === "length" || reason === "content-filter") continue
      return given
    }
    parts.push(given)
  }
  parts.push({
    type: "finish",
    reason,
    usage: Finish.usageOf(answer["usage"]),
    metadata: metadataOf(answer, options)
  })
  return parts
}

/** A model may say which text is its structured output; drafts beside it would not parse. */
const chosen = (answer: JsonRecord): ReadonlyArray<JsonRecord> => {
  const content = records(answer["content"])
  const output = answer["structuredOutputText"]
  if (typeof output !== "string") return content
  return [...content.filter((part) => part["type"] !== "text"), { type: "text", text: output }]
}

const blockOf = (part: JsonRecord, options: Options): Part | undefined => {
  const { text } = part as { readonly text?: unknown }
  if (typeof text !== "string") return undefined
  const metadata = Json.metadata(part["providerMetadata"])
  if (part["type"] === "text") return { type: "text", text, ...metadata }
  return part["type"] === "reasoning" ? { type: "reasoning", text, ...marked(metadata, options) } : undefined
}

/**
 * Marks reasoning as whose it is, for another vendor's must not be sent back as one's own. Some packages keep what is
 * theirs under a key that their name does not show (`amazon-bedrock` under `bedrock`), so the mark is always set.
 */
export const marked = (given: ReturnType<typeof Json.metadata>, { model, vendor }: Options) => {
  const metadata = given?.metadata
  return {
    metadata: { ...metadata, [vendor]: { ...record(metadata?.[vendor]), model } } as NonNullable<Part["metadata"]>
  }
}

/** What a finish part keeps beside reason and usage, for whole answers and streams. */
export const metadataOf = (end: JsonRecord, { vendor, warnings }: Options) => {
  const own = Json.metadata(end["providerMetadata"])?.metadata
  const raw = Finish.rawOf(end["finishReason"])
  const said = Warnings.read([...warnings, ...records(end["warnings"])])
  return {
    ...own,
    ...(raw === undefined ? undefined : { [vendor]: { ...record(own?.[vendor]), finishReason: raw } }),
    ...(said.length === 0 ? undefined : { [Warnings.key]: { warnings: said } })
  } as NonNullable<Part["metadata"]>
}
