/** Parts of an answer in the AI SDK's words: whole answers and streams. */
import type {
  LanguageModelV4Content,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
  SharedV4Warning
} from "@ai-sdk/provider"
import type { Part, StreamPart } from "@spillway/core/ProviderModel"
import { record } from "../json.ts"
import * as Finish from "./Finish.ts"
import * as Json from "./Json.ts"
import * as Warnings from "./Warnings.ts"

/** A whole answer. */
export const whole = (
  parts: ReadonlyArray<Part>,
  warnings: ReadonlyArray<SharedV4Warning>
): LanguageModelV4GenerateResult => {
  const finish = parts.find((part) => part.type === "finish")
  const response = parts.find((part) => part.type === "response-metadata")
  return {
    content: parts.flatMap((part) => content(part) ?? []),
    finishReason: Finish.toReason(finish),
    usage: Finish.toUsage(finish?.usage),
    warnings: [...warnings, ...Warnings.inMetadata(finish?.metadata)],
    ...(response === undefined ? undefined : { response: responseOf(response) }),
    ...Json.providerMetadata({ ...own(finish?.metadata), ...routed(response) })
  }
}

const content = (part: Part): LanguageModelV4Content | undefined => {
  const metadata = Json.providerMetadata(part.metadata)
  switch (part.type) {
    case "text":
    case "reasoning":
      return { type: part.type, text: part.text, ...metadata }
    default:
      return alone(part)
  }
}

type Response = Extract<Part, { readonly type: "response-metadata" }>

const responseOf = ({ id, modelId, timestamp }: Response) => {
  const at = timestamp === undefined ? Number.NaN : Date.parse(timestamp)
  return {
    ...(id === undefined ? undefined : { id }),
    ...(modelId === undefined ? undefined : { modelId }),
    ...(Number.isNaN(at) ? undefined : { timestamp: new Date(at) })
  }
}

/** Where a router says who answered. */
const routed = (response: { readonly metadata?: unknown } | undefined): { readonly spillway?: object } => {
  const said = record(record(response?.metadata)?.["spillway"])
  const { attempts, degraded, servedBy } = said ?? {}
  if (typeof servedBy !== "string") return {}
  return {
    spillway: {
      servedBy,
      degraded: degraded === true,
      ...(typeof attempts === "number" ? { attempts } : undefined)
    }
  }
}

/** Without the bridge's own entry: warnings have a place of their own there. */
const own = (metadata: unknown): Record<string, unknown> => {
  const { [Warnings.key]: _, ...rest } = record(metadata) ?? {}
  return rest
}

const alone = (part: Part | StreamPart): Extract<LanguageModelV4Content, LanguageModelV4StreamPart> | undefined => {
  const metadata = Json.providerMetadata(part.metadata)
  switch (part.type) {
    case "tool-call":
      return {
        type: "tool-call",
        toolCallId: part.id,
        toolName: part.name,
        input: JSON.stringify(part.params ?? {}),
        ...(part.providerExecuted === true ? { providerExecuted: true } : undefined),
        ...metadata
      }
    case "tool-result":
      // Those of the application's own tools are not the model's to give.
      if (part.providerExecuted !== true || part.preliminary === true) return undefined
      return {
        type: "tool-result",
        toolCallId: part.id,
        toolName: part.name,
        result: Json.value(part.result) ?? "",
        ...(part.isFailure ? { isError: true } : undefined),
        ...metadata
      }
    case "tool-approval-request":
      return { type: "tool-approval-request", approvalId: part.approvalId, toolCallId: part.toolCallId, ...metadata }
    case "file":
      return { type: "file", mediaType: part.mediaType, data: { type: "data", data: part.data }, ...metadata }
    case "source":
      return part.sourceType === "url"
        ? { type: "source", sourceType: "url", id: part.id, url: part.url, title: part.title, ...metadata }
        : {
            type: "source",
            sourceType: "document",
            id: part.id,
            mediaType: part.mediaType,
            title: part.title,
            ...(part.fileName === undefined ? undefined : { filename: part.fileName }),
            ...metadata
          }
    default:
      return undefined
  }
}

/** Converts the parts of one stream, in order; who answered is told with the finish. */
export const stream = (toError: (error: unknown) => unknown) => {
  let served: { readonly spillway?: object } = {}
  return (part: StreamPart): LanguageModelV4StreamPart | undefined => {
    const metadata = Json.providerMetadata(part.metadata)
    switch (part.type) {
      case "text-start":
      case "text-end":
      case "reasoning-start":
      case "reasoning-end":
        return { type: part.type, id: part.id, ...metadata }
      case "text-delta":
      case "reasoning-delta":
        return { type: part.type, id: part.id, delta: part.delta, ...metadata }
      case "tool-params-start":
        return {
          type: "tool-input-start",
          id: part.id,
          toolName: part.name,
          ...(part.providerExecuted === true ? { providerExecuted: true } : undefined),
          ...metadata
        }
      case "tool-params-delta":
        return { type: "tool-input-delta", id: part.id, delta: part.delta, ...metadata }
      case "tool-params-end":
        return { type: "tool-input-end", id: part.id, ...metadata }
      case "response-metadata":
        served = { ...served, ...routed(part) }
        return { type: "response-metadata", ...responseOf(part) }
      case "finish":
        return {
          type: "finish",
          finishReason: Finish.toReason(part),
          usage: Finish.toUsage(part.usage),
          ...Json.providerMetadata({ ...own(part.metadata), ...served })
        }
      case "error":
        return { type: "error", error: toError(part.error) }
      default:
        return alone(part)
    }
  }
}
