/** Small models of the AI SDK's specifications, for tests: each answers with what it is given and remembers what it was asked. */
import type {
  LanguageModelV3,
  LanguageModelV3CallOptions,
  LanguageModelV3StreamPart,
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart
} from "@ai-sdk/provider"

export const usage = {
  inputTokens: { total: 10.7, noCache: 6, cacheRead: 4, cacheWrite: undefined },
  outputTokens: { total: 5, text: 3, reasoning: 2 }
}

export const finish = (unified: string, raw: string | undefined = undefined) => ({
  type: "finish" as const,
  usage,
  finishReason: { unified: unified as "stop", raw }
})

/** A stream of these parts. With `hang` it does not end; `cancelled` counts those that let go of it. */
export const streamOf = <A>(parts: ReadonlyArray<A>, hang = false, onCancel = () => {}) =>
  new ReadableStream<A>({
    start: (controller) => {
      for (const part of parts) controller.enqueue(part)
      if (!hang) controller.close()
    },
    cancel: onCancel
  })

export interface Script {
  readonly content?: LanguageModelV4GenerateResult["content"]
  readonly result?: Partial<LanguageModelV4GenerateResult>
  readonly parts?: ReadonlyArray<LanguageModelV4StreamPart>
  readonly error?: unknown
  readonly hang?: boolean
}

export const v4 = (script: Script) => {
  const asked: Array<LanguageModelV4CallOptions> = []
  let cancelled = 0
  const model: LanguageModelV4 = {
    specificationVersion: "v4",
    provider: "acme.chat",
    modelId: "acme-1",
    supportedUrls: {},
    doGenerate: async (options) => {
      asked.push(options)
      if (script.error !== undefined) throw script.error
      return {
        content: script.content ?? [],
        finishReason: { unified: "stop", raw: "end" },
        usage,
        warnings: [],
        ...script.result
      }
    },
    doStream: async (options) => {
      asked.push(options)
      if (script.error !== undefined) throw script.error
      return { stream: streamOf(script.parts ?? [], script.hang, () => cancelled++) }
    }
  }
  return { model, asked, cancelled: () => cancelled }
}

export const v3 = (parts: ReadonlyArray<LanguageModelV3StreamPart>) => {
  const asked: Array<LanguageModelV3CallOptions> = []
  const model: LanguageModelV3 = {
    specificationVersion: "v3",
    provider: "acme",
    modelId: "acme-0",
    supportedUrls: {},
    doGenerate: async (options) => {
      asked.push(options)
      return {
        content: [
          { type: "text", text: "hello" },
          { type: "file", mediaType: "image/png", data: new Uint8Array([1, 2, 3]) }
        ],
        finishReason: { unified: "stop", raw: undefined },
        usage,
        warnings: [{ type: "unsupported", feature: "seed" }]
      }
    },
    doStream: async (options) => {
      asked.push(options)
      return { stream: streamOf(parts) }
    }
  }
  return { model, asked }
}
