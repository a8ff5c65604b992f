/** Decoded parts of `effect/ai`, as a `LanguageModel` service gives them, in the encoded form of a `ProviderModel`. */
import type { Part, StreamPart } from "@spillway/core/ProviderModel"
import type * as Response from "effect/ai/Response"
import * as DateTime from "effect/DateTime"
import * as Base64 from "effect/encoding/Base64"

/** What a service gives with tool resolution switched off, whole or streamed. */
export type Decoded = Response.AnyPart

/** `undefined` for what is no part of an answer: preliminary results, and `error`, which its reader has to look at. */
export const part = (given: Decoded): Part | StreamPart | undefined => {
  const metadata = Object.keys(given.metadata).length === 0 ? undefined : { metadata: given.metadata }
  switch (given.type) {
    case "text":
    case "reasoning":
      return { type: given.type, text: given.text, ...metadata }
    case "text-start":
    case "text-end":
    case "reasoning-start":
    case "reasoning-end":
    case "tool-params-end":
      return { type: given.type, id: given.id, ...metadata }
    case "text-delta":
    case "reasoning-delta":
    case "tool-params-delta":
      return { type: given.type, id: given.id, delta: given.delta, ...metadata }
    case "tool-params-start":
      return {
        type: "tool-params-start",
        id: given.id,
        name: given.name,
        ...(given.providerExecuted === true ? { providerExecuted: true } : undefined),
        ...metadata
      }
    case "tool-call":
      return {
        type: "tool-call",
        id: given.id,
        name: given.name,
        params: given.params,
        ...(given.providerExecuted === true ? { providerExecuted: true } : undefined),
        ...metadata
      }
    case "tool-result":
      if (given.preliminary === true) return undefined
      return {
        type: "tool-result",
        id: given.id,
        name: given.name,
        result: given.encodedResult,
        isFailure: given.isFailure,
        providerExecuted: given.providerExecuted,
        ...metadata
      }
    case "tool-approval-request":
      return { type: given.type, approvalId: given.approvalId, toolCallId: given.toolCallId, ...metadata }
    case "file":
      return { type: "file", mediaType: given.mediaType, data: Base64.encode(given.data), ...metadata }
    case "source":
      return given.sourceType === "url"
        ? { type: "source", sourceType: "url", id: given.id, url: given.url.href, title: given.title, ...metadata }
        : {
            type: "source",
            sourceType: "document",
            id: given.id,
            mediaType: given.mediaType,
            title: given.title,
            ...(given.fileName === undefined ? undefined : { fileName: given.fileName }),
            ...metadata
          }
    case "response-metadata":
      return {
        type: "response-metadata",
        ...(given.id === undefined ? undefined : { id: given.id }),
        ...(given.modelId === undefined ? undefined : { modelId: given.modelId }),
        ...(given.timestamp === undefined ? undefined : { timestamp: DateTime.formatIso(given.timestamp) }),
        ...metadata
      }
    case "finish":
      return {
        type: "finish",
        reason: given.reason,
        usage: { inputTokens: { ...given.usage.inputTokens }, outputTokens: { ...given.usage.outputTokens } },
        ...metadata
      }
    case "error":
      return undefined
  }
}
