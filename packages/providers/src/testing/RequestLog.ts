/** What the fake remembers of a request. The key is never in it. */

/**
 * How a request ended.
 *
 * - `pending`: it is still in flight
 * - `answered`: completely, with a finish reason
 * - `error`: with an error, an error inside a 200, or an answer that cannot be read
 * - `reset`: the server destroyed the connection before the first byte of a reply
 * - `cut`: the reply began and has no end
 * - `stalled`: the server fell silent for ever; it stays in flight until the client has had enough
 * - `client-closed`: the client left before the reply was complete
 */
export type Outcome = "pending" | "answered" | "error" | "reset" | "cut" | "stalled" | "client-closed"

/**
 * The form of a request: OpenAI's Chat and Responses, Anthropic's Messages, Gemini, Bedrock's Converse, OpenAI's embeddings
 * (Gemini's are `gemini`). `other`: lists of models, health, and paths that the fake does not have.
 */
export type Dialect = "chat" | "responses" | "messages" | "gemini" | "converse" | "embeddings" | "other"

/** One request. `status` and `outcome` change while it is in flight. */
export interface RequestLog {
  /** Order of arrival at this server, from 0; every path and every status counts. */
  readonly index: number
  /** Without its query. */
  readonly path: string
  readonly dialect: Dialect
  /** `undefined` when the request named none. */
  readonly model: string | undefined
  readonly streamed: boolean
  /** Milliseconds since the server started, when the whole request had arrived. */
  readonly at: number
  /** Names in lower case; the value of a header that carries a key is `<redacted>`. */
  readonly headers: Readonly<Record<string, string>>
  /** The key was right, or none is asked for. */
  readonly authorized: boolean
  /** Text of the last user message (of embeddings: the last text), `""` when there is none. */
  readonly question: string
  /** `undefined` until the reply's headers are sent. */
  readonly status: number | undefined
  readonly outcome: Outcome
}
