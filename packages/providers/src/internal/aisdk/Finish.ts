/** Finish reasons and usage, both ways. Token counts are integers or unknown, never 0 for "not said". */
import type { LanguageModelV4FinishReason, LanguageModelV4Usage } from "@ai-sdk/provider"
import type { StreamPart } from "@spillway/core/ProviderModel"
import { finite, record, text } from "../json.ts"

type Finish = Extract<StreamPart, { readonly type: "finish" }>

const same: ReadonlySet<string> = new Set(["stop", "length", "content-filter", "tool-calls", "error"])

/** The reason in the words of `effect/ai`; `interrupted` says that the answer was cut, which is no way to finish. */
export const reasonOf = (reason: unknown): Finish["reason"] | "interrupted" => {
  const word = text(record(reason)?.["unified"]) ?? text(reason)
  if (word === "interrupted") return word
  return word !== undefined && same.has(word) ? (word as Finish["reason"]) : "other"
}

/** The vendor's own word, if it said one. */
export const rawOf = (reason: unknown): string | undefined => text(record(reason)?.["raw"])

/** `pause` and `unknown` have no word of their own there. */
export const toReason = (finish: Finish | undefined): LanguageModelV4FinishReason => {
  const reason = finish?.reason ?? "unknown"
  return {
    unified: same.has(reason) ? (reason as LanguageModelV4FinishReason["unified"]) : "other",
    raw: wordIn(finish?.metadata) ?? (reason === "pause" ? "pause_turn" : undefined)
  }
}

/** Adapters keep the vendor's word beside the finish part. */
const wordIn = (metadata: unknown): string | undefined => {
  for (const own of Object.values(record(metadata) ?? {})) {
    const word = text(record(own)?.["finishReason"])
    if (word !== undefined) return word
  }
  return undefined
}

const count = (value: unknown): number | undefined => {
  const number = finite(value)
  return number === undefined || number < 0 ? undefined : Math.trunc(number)
}

/** Usage of the AI SDK in `effect/ai`'s form. */
export const usageOf = (usage: unknown): Finish["usage"] => {
  const input = record(record(usage)?.["inputTokens"])
  const output = record(record(usage)?.["outputTokens"])
  return {
    inputTokens: {
      uncached: count(input?.["noCache"]),
      total: count(input?.["total"]),
      cacheRead: count(input?.["cacheRead"]),
      cacheWrite: count(input?.["cacheWrite"])
    },
    outputTokens: {
      total: count(output?.["total"]),
      text: count(output?.["text"]),
      reasoning: count(output?.["reasoning"])
    }
  }
}

/** And back. */
export const toUsage = (usage: Finish["usage"] | undefined): LanguageModelV4Usage => ({
  inputTokens: {
    total: usage?.inputTokens.total,
    noCache: usage?.inputTokens.uncached,
    cacheRead: usage?.inputTokens.cacheRead,
    cacheWrite: usage?.inputTokens.cacheWrite
  },
  outputTokens: {
    total: usage?.outputTokens.total,
    text: usage?.outputTokens.text,
    reasoning: usage?.outputTokens.reasoning
  }
})
