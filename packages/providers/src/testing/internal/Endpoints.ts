/**
 * Which path is what: the dialect, the operation, where the key is, and what the path says about model and stream.
 *
 * A path that is not here is answered in OpenAI's words; so is one with the wrong method.
 */
import { anthropicModels, balance, geminiModels, type Info, openAiModels } from "./Infos.ts"
import { type Json, objectAt } from "./Json.ts"
import { anthropicKey, anyKey, awsKey, azureKey, bearer, googleKey, type KeyCheck, noKey } from "./Keys.ts"
import { azure } from "./wire/Azure.ts"
import { chat } from "./wire/Chat.ts"
import { converse } from "./wire/Converse.ts"
import { embeddings, geminiEmbeddings } from "./wire/Embeddings.ts"
import { gemini } from "./wire/Gemini.ts"
import { messages } from "./wire/Messages.ts"
import { responses } from "./wire/Responses.ts"
import type { Target, Wire } from "./wire/Wire.ts"

export interface Endpoint {
  readonly method: "GET" | "POST"
  /** The first group, when there is one, is the model, percent-encoded. */
  readonly path: RegExp
  readonly wire: Wire
  readonly key: KeyCheck
  readonly operation: Operation
  readonly streamed?: boolean
  /** What the query must have, e.g. `alt=sse`. */
  readonly query?: string
  /** The path is this endpoint's only for requests with this header. */
  readonly header?: string
}

export type Operation =
  /** Asks the model's script. */
  | { readonly _tag: "Answer" }
  /** The size of a prompt; no script is asked. `inner` finds the request whose prompt is meant. */
  | { readonly _tag: "Count"; readonly inner: (body: Json) => Json; readonly reply: (tokens: number) => object }
  /** No script is asked. */
  | { readonly _tag: "Info"; readonly info: Info }
  | { readonly _tag: "Health" }
  | { readonly _tag: "Unknown" }

const answer = { _tag: "Answer" } as const

const post = (path: RegExp, wire: Wire, key: KeyCheck, rest: Partial<Endpoint> = {}): Endpoint => ({
  method: "POST",
  path,
  wire,
  key,
  operation: answer,
  ...rest
})

const get = (path: RegExp, wire: Wire, key: KeyCheck, info: Info, rest: Partial<Endpoint> = {}): Endpoint => ({
  method: "GET",
  path,
  wire,
  key,
  operation: { _tag: "Info", info },
  ...rest
})

const count = (reply: (tokens: number) => object, inner: (body: Json) => Json = (body) => body) => ({
  operation: { _tag: "Count", inner, reply } as const
})

const sse = { streamed: true, query: "alt=sse" }
const version = { query: "api-version=" }
const asAnthropic = { header: "anthropic-version" }

const endpoints: ReadonlyArray<Endpoint> = [
  post(/^\/v1\/chat\/completions$/, chat, bearer),
  post(/^\/v1\/responses$/, responses, bearer),
  post(/^\/v1\/embeddings$/, embeddings, bearer),
  get(/^\/v1\/models$/, messages, anthropicKey, anthropicModels.all, asAnthropic),
  get(/^\/v1\/models\/([^/]+)$/, messages, anthropicKey, anthropicModels.one, asAnthropic),
  get(/^\/v1\/models$/, chat, anyKey, openAiModels.all),
  get(/^\/v1\/models\/([^/]+)$/, chat, anyKey, openAiModels.one),
  get(/^\/user\/balance$/, chat, bearer, balance),
  { method: "GET", path: /^\/health$/, wire: chat, key: noKey, operation: { _tag: "Health" } },

  post(/^\/openai\/v1\/chat\/completions$/, azure(chat), azureKey),
  post(/^\/openai\/v1\/responses$/, azure(responses), azureKey),
  post(/^\/openai\/v1\/embeddings$/, azure(embeddings), azureKey),
  get(/^\/openai\/v1\/models$/, azure(chat), azureKey, openAiModels.all),
  get(/^\/openai\/v1\/models\/([^/]+)$/, azure(chat), azureKey, openAiModels.one),
  post(/^\/openai\/deployments\/([^/]+)\/chat\/completions$/, azure(chat), azureKey, version),
  post(/^\/openai\/deployments\/([^/]+)\/embeddings$/, azure(embeddings), azureKey, version),

  post(/^\/v1\/messages$/, messages, anthropicKey),
  post(
    /^\/v1\/messages\/count_tokens$/,
    messages,
    anthropicKey,
    count((input_tokens) => ({ input_tokens }))
  ),

  get(/^\/v1beta\/models$/, gemini, googleKey, geminiModels.all),
  get(/^\/v1beta\/models\/([^/:]+)$/, gemini, googleKey, geminiModels.one),
  post(/^\/v1beta\/models\/([^/:]+):generateContent$/, gemini, googleKey),
  post(/^\/v1beta\/models\/([^/:]+):streamGenerateContent$/, gemini, googleKey, sse),
  post(
    /^\/v1beta\/models\/([^/:]+):countTokens$/,
    gemini,
    googleKey,
    count(
      (totalTokens) => ({ totalTokens }),
      (body) => (body["generateContentRequest"] === undefined ? body : objectAt(body, "generateContentRequest"))
    )
  ),
  post(/^\/v1beta\/models\/([^/:]+):(?:batchEmbedContents|embedContent)$/, geminiEmbeddings, googleKey),

  post(/^\/model\/([^/]+)\/converse$/, converse, awsKey, { streamed: false }),
  post(/^\/model\/([^/]+)\/converse-stream$/, converse, awsKey, { streamed: true }),
  post(
    /^\/model\/([^/]+)\/count-tokens$/,
    converse,
    awsKey,
    count(
      (inputTokens) => ({ inputTokens }),
      (body) => objectAt(objectAt(body, "input"), "converse")
    )
  )
]

const unknown = { method: "POST", path: /^/, wire: chat, key: anyKey, operation: { _tag: "Unknown" } } as const

/** What `method` and `path` (without its query) ask for; of two vendors with one path, the headers say which. */
export const endpointOf = (
  method: string | undefined,
  path: string,
  headers: Readonly<Record<string, unknown>>
): { readonly endpoint: Endpoint; readonly target: Target } => {
  for (const endpoint of endpoints) {
    const fits = endpoint.method === method && (endpoint.header === undefined || headers[endpoint.header] !== undefined)
    const match = fits ? endpoint.path.exec(path) : null
    if (match === null) continue
    const [, model] = match
    return {
      endpoint,
      target: { model: model === undefined ? undefined : decoded(model), streamed: endpoint.streamed }
    }
  }
  return { endpoint: unknown, target: { model: undefined, streamed: undefined } }
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
