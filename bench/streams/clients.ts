/** The clients that the streams bench compares, each behind the same two calls. */
import { createOpenAI } from "@ai-sdk/openai"
import { createRouter, type ProviderModel, RoutedModel } from "@spillway/core"
import { OpenAiCompatible } from "@spillway/providers"
import * as Undici from "@spillway/providers/node/Undici"
import { SmoothWeightedRoundRobin } from "@spillway/strategies"
import { generateText, streamText } from "ai"
import { Effect, Redacted, Stream } from "effect"
import { Prompt } from "effect/ai"
import OpenAI from "openai"
import { Agent, request } from "undici"

export interface Client {
  /** One whole answer. */
  readonly unary: (base: string) => Promise<void>
  /** Reads a stream to its end; the number of pieces of text. `onFirst` when the first piece has come. */
  readonly stream: (base: string, onFirst?: () => void) => Promise<number>
}

const question = "Name a place where ships lie at anchor."
const key = "sk-bench"

const body = (stream: boolean) =>
  JSON.stringify({
    model: "bench-1",
    messages: [{ role: "user", content: question }],
    ...(stream ? { stream: true, stream_options: { include_usage: true } } : {})
  })
const headers = { "content-type": "application/json", authorization: `Bearer ${key}` }

const bare = (): Client => {
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0 })
  const post = (base: string, stream: boolean) =>
    request(`${base}/v1/chat/completions`, { method: "POST", headers, body: body(stream), dispatcher })
  return {
    unary: async (base) => {
      await (await post(base, false)).body.json()
    },
    stream: async (base, onFirst) => {
      let n = 0
      for await (const _chunk of (await post(base, true)).body) if (n++ === 0) onFirst?.()
      return n
    }
  }
}

const bareFetch = (): Client => {
  const post = (base: string, stream: boolean) =>
    fetch(`${base}/v1/chat/completions`, { method: "POST", headers, body: body(stream) })
  return {
    unary: async (base) => {
      await (await post(base, false)).json()
    },
    stream: async (base, onFirst) => {
      let n = 0
      const { body } = await post(base, true)
      if (body === null) throw new Error("The answer has no body")
      for await (const _chunk of body) if (n++ === 0) onFirst?.()
      return n
    }
  }
}

const openai = (): Client => {
  const clients = new Map<string, OpenAI>()
  const at = (base: string) => {
    const known = clients.get(base) ?? new OpenAI({ apiKey: key, baseURL: `${base}/v1`, maxRetries: 0 })
    clients.set(base, known)
    return known.chat.completions
  }
  const messages = [{ role: "user" as const, content: question }]
  return {
    unary: async (base) => {
      await at(base).create({ model: "bench-1", messages })
    },
    stream: async (base, onFirst) => {
      let n = 0
      const options = { include_usage: true }
      const chunks = await at(base).create({ model: "bench-1", messages, stream: true, stream_options: options })
      for await (const chunk of chunks) if (chunk.choices[0]?.delta.content && n++ === 0) onFirst?.()
      return n
    }
  }
}

const aiSdk = (): Client => {
  const at = (base: string) => createOpenAI({ apiKey: key, baseURL: `${base}/v1` }).chat("bench-1")
  return {
    unary: async (base) => {
      await generateText({ model: at(base), prompt: question, maxRetries: 0 })
    },
    stream: async (base, onFirst) => {
      let n = 0
      for await (const _text of streamText({ model: at(base), prompt: question, maxRetries: 0 }).textStream) {
        if (n++ === 0) onFirst?.()
      }
      return n
    }
  }
}

/** What `LanguageModel` hands a provider. */
const call = {
  prompt: Prompt.make(question),
  tools: [],
  responseFormat: { type: "text" },
  toolChoice: "auto",
  span: undefined,
  previousResponseId: undefined,
  incrementalPrompt: undefined
} as unknown as ProviderModel.ModelOptions

const modelsAt = (make: (base: string) => ProviderModel.ProviderModel) => {
  const models = new Map<string, ProviderModel.ProviderModel>()
  return (base: string) => {
    const known = models.get(base) ?? make(base)
    models.set(base, known)
    return known
  }
}

const ofModels = (make: (base: string) => ProviderModel.ProviderModel): Client => {
  const at = modelsAt(make)
  return {
    unary: async (base) => {
      await Effect.runPromise(at(base).generate(call))
    },
    stream: async (base, onFirst) => {
      let n = 0
      await Effect.runPromise(
        Stream.runForEachArray(at(base).stream(call), (parts) =>
          Effect.sync(() => {
            for (const part of parts) if (part.type === "text-delta" && n++ === 0) onFirst?.()
          })
        )
      )
      return n
    }
  }
}

const provider = (client?: Parameters<typeof OpenAiCompatible.model>[1]) => (base: string) =>
  OpenAiCompatible.model({ model: "bench-1", baseUrl: `${base}/v1`, apiKey: Redacted.make(key) }, client)

/** Two targets and the default pipeline in front of the same model. */
const routed = (model: (base: string) => ProviderModel.ProviderModel) => (base: string) => {
  // A hundred at once is the default per target: the bench asks for thousands.
  const limits = { maxInFlight: 10_000 }
  const targets = [
    { id: "a", client: model(base), limits },
    { id: "b", client: model(base), limits }
  ]
  const { router } = createRouter({ targets, strategy: SmoothWeightedRoundRobin.make() })
  return RoutedModel.provider(router)
}

export const clients: Readonly<Record<string, () => Client>> = {
  "bare undici": bare,
  "bare fetch": bareFetch,
  "openai SDK": openai,
  "AI SDK": aiSdk,
  "spillway, fetch": () => ofModels(provider()),
  "spillway, undici": () => ofModels(provider(Undici.client())),
  "spillway router, undici": () => ofModels(routed(provider(Undici.client())))
}
