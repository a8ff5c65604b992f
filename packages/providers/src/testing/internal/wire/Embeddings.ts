/// <reference types="node" />
/**
 * Embeddings: OpenAI's `/embeddings`, and Gemini's `embedContent` and `batchEmbedContents`. Sources: OpenAI, API reference,
 * "Embeddings"; Google, Gemini API reference, "Embeddings". The vectors are those of `FakeAnswer.embeddingOf`.
 *
 * They are never streamed; faults of a stream break the JSON, as they do for an answer that is not streamed.
 */
import { Buffer } from "node:buffer"
import { embeddingOf } from "../../FakeAnswer.ts"
import { type Json, objectAt, objectsAt, stringAt, textOf } from "../Json.ts"
import { tokensOf } from "../Tokens.ts"
import { chat } from "./Chat.ts"
import { gemini } from "./Gemini.ts"
import type { Facts, Wire } from "./Wire.ts"

const facts = (model: string | undefined, texts: ReadonlyArray<string>): Facts => ({
  model,
  streamed: false,
  question: texts.at(-1) ?? "",
  messages: [],
  prefill: undefined,
  promptTokens: texts.reduce((sum, text) => sum + tokensOf(text).length, 0),
  maxTokens: undefined
})

/** A string, several, a list of token numbers, or several of them. */
const inputsOf = ({ input }: Json): ReadonlyArray<string> => {
  if (!Array.isArray(input)) return [textOrTokens(input)]
  return input.some((each) => typeof each === "number") ? [textOrTokens(input)] : input.map(textOrTokens)
}

const textOrTokens = (input: unknown): string => (typeof input === "string" ? input : (JSON.stringify(input) ?? ""))

const dimensionsAt = (json: Json, name: string): number | undefined => {
  const value = json[name]
  return typeof value === "number" && Number.isInteger(value) && value >= 1 ? value : undefined
}

const base64 = (vector: ReadonlyArray<number>): string => {
  const bytes = Buffer.alloc(4 * vector.length)
  vector.forEach((value, i) => {
    bytes.writeFloatLE(value, 4 * i)
  })
  return bytes.toString("base64")
}

export const embeddings: Wire = {
  ...chat,
  dialect: "embeddings",
  read: (body, target) => facts(target.model ?? stringAt(body, "model"), inputsOf(body)),
  whole: ({ body, model, promptTokens }) => {
    const encode = body["encoding_format"] === "base64" ? base64 : (vector: ReadonlyArray<number>) => vector
    const data = inputsOf(body).map((text, index) => {
      const embedding = encode(embeddingOf(text, dimensionsAt(body, "dimensions")))
      return { object: "embedding", index, embedding }
    })
    const usage = { prompt_tokens: promptTokens, total_tokens: promptTokens }
    return JSON.stringify({ object: "list", data, model, usage })
  }
}

/** One request of Gemini's is the body itself; a batch has a list of them. */
const embedRequests = (body: Json): ReadonlyArray<Json> =>
  Array.isArray(body["requests"]) ? objectsAt(body, "requests") : [body]

const embedText = (request: Json): string => textOf(objectAt(request, "content")["parts"])

export const geminiEmbeddings: Wire = {
  ...gemini,
  // A prompt against the policy has no form of its own here.
  blocksWith: "error",
  read: (body, target) => facts(target.model, embedRequests(body).map(embedText)),
  whole: ({ body, promptTokens }) => {
    const vectors = embedRequests(body).map((request) => ({
      values: embeddingOf(embedText(request), dimensionsAt(request, "outputDimensionality"))
    }))
    const usageMetadata = { promptTokenCount: promptTokens }
    return JSON.stringify(
      Array.isArray(body["requests"])
        ? { embeddings: vectors, usageMetadata }
        : { embedding: vectors[0], usageMetadata }
    )
  }
}
