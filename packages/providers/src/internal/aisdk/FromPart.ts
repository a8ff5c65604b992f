/** Parts that stand alone, the same in a whole answer and in a stream. */
import type { Part } from "@spillway/core/ProviderModel"
import * as Tool from "effect/ai/Tool"
import * as DateTime from "effect/DateTime"
import { type Fault, invalidOutput } from "../errors/Fault.ts"
import { type JsonRecord, record, text } from "../json.ts"
import * as Files from "./Files.ts"
import * as Json from "./Json.ts"

export type Alone = Extract<
  Part,
  { readonly type: "tool-call" | "tool-result" | "tool-approval-request" | "file" | "source" }
>

/** `undefined` for what `effect/ai` has no place for; a fault where half an answer would be worse than none. */
export const from = (part: JsonRecord): Alone | Fault | undefined => {
  const metadata = Json.metadata(part["providerMetadata"])
  switch (part["type"]) {
    case "tool-call":
      return toolCall(part)
    case "tool-result": {
      const id = text(part["toolCallId"])
      const name = text(part["toolName"])
      // A preliminary result is followed by the one that counts.
      if (id === undefined || name === undefined || part["preliminary"] === true) return undefined
      return {
        type: "tool-result",
        id,
        name,
        result: Json.pure(part["result"]) ?? null,
        isFailure: part["isError"] === true,
        providerExecuted: true,
        ...metadata
      }
    }
    case "tool-approval-request": {
      const approvalId = text(part["approvalId"])
      const toolCallId = text(part["toolCallId"])
      if (approvalId === undefined || toolCallId === undefined) return undefined
      return { type: "tool-approval-request", approvalId, toolCallId, ...metadata }
    }
    case "file": {
      const data = Files.toBase64(part["data"])
      const mediaType = text(part["mediaType"])
      return data === undefined || mediaType === undefined ? undefined : { type: "file", mediaType, data, ...metadata }
    }
    case "source":
      return source(part)
    default:
      return undefined
  }
}

/** The parsed parameters of a call's text; `undefined` when they are no JSON object. An empty text is none either. */
export const parameters = (input: unknown): JsonRecord | undefined => {
  if (typeof input !== "string") return record(input)
  try {
    return record(Tool.unsafeSecureJsonParse(input))
  } catch {
    return undefined
  }
}

/** A call without any text for its arguments: none, as many models say it, or all of them cut off. The finish knows. */
export const isBare = (part: JsonRecord): boolean =>
  part["type"] === "tool-call" && typeof part["input"] === "string" && part["input"].trim() === ""

/** Reasons after which a bare call is one without arguments. */
export const isWhole = (reason: string): boolean => reason === "tool-calls" || reason === "stop"

const toolCall = (part: JsonRecord): Alone | Fault => {
  const params = parameters(part["input"])
  const id = text(part["toolCallId"])
  const name = text(part["toolName"])
  if (params === undefined || id === undefined || name === undefined) {
    return invalidOutput("The arguments of a tool call are no JSON object, or it has no name")
  }
  return {
    type: "tool-call",
    id,
    name,
    params,
    ...(part["providerExecuted"] === true ? { providerExecuted: true } : undefined),
    ...Json.metadata(part["providerMetadata"])
  }
}

const source = (part: JsonRecord): Alone | undefined => {
  const id = text(part["id"])
  const metadata = Json.metadata(part["providerMetadata"])
  const url = text(part["url"])
  if (id === undefined) return undefined
  if (part["sourceType"] === "url") {
    if (url === undefined) return undefined
    return { type: "source", sourceType: "url", id, url, title: text(part["title"]) ?? url, ...metadata }
  }
  const mediaType = text(part["mediaType"])
  const fileName = text(part["filename"])
  if (mediaType === undefined) return undefined
  return {
    type: "source",
    sourceType: "document",
    id,
    mediaType,
    title: text(part["title"]) ?? fileName ?? id,
    ...(fileName === undefined ? undefined : { fileName }),
    ...metadata
  }
}

/** Id, model and time of an answer; a date that is none is left out, for it would fail the answer. */
export const responseMetadata = (response: unknown): Extract<Part, { readonly type: "response-metadata" }> => {
  const found = record(response)
  const id = text(found?.["id"])
  const modelId = text(found?.["modelId"])
  const timestamp = found?.["timestamp"]
  const at = timestamp instanceof Date ? timestamp.getTime() : Number.NaN
  return {
    type: "response-metadata",
    ...(id === undefined ? undefined : { id }),
    ...(modelId === undefined ? undefined : { modelId }),
    ...(Number.isNaN(at) ? undefined : { timestamp: DateTime.formatIso(DateTime.makeUnsafe(at)) })
  }
}
