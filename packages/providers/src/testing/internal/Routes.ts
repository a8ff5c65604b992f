/// <reference types="node" />
/** From a complete HTTP request to its reply: number and log it, check the key, find the route, ask the script. */
import type { IncomingMessage } from "node:http"
import { perform } from "./ChatReply.ts"
import { parse, publicHeaders } from "./ChatRequest.ts"
import { type ErrorFields, errorBody } from "./ErrorBody.ts"
import type { Exchange } from "./Exchange.ts"
import type { Reaction } from "./Reaction.ts"
import type { Entry, RequestBook } from "./RequestBook.ts"
import type { Scripts } from "./Scripts.ts"
import { created } from "./Wire.ts"

export interface Routes {
  readonly apiKey: string | undefined
  readonly book: RequestBook
  readonly scripts: Scripts
  /** When the server started, on the clock of `performance.now`. */
  readonly startedAt: number
}

/** A request that has arrived whole; `body` is `undefined` when it was too long to keep. */
export const serve = async (
  routes: Routes,
  incoming: IncomingMessage,
  body: string | undefined,
  exchangeOf: (entry: Entry) => Exchange
): Promise<void> => {
  const arrivedAt = performance.now()
  const chat = parse(body ?? "")
  const facts = {
    streamed: chat?.streamed ?? false,
    question: chat?.question ?? "",
    headers: publicHeaders(incoming.headers),
    at: arrivedAt - routes.startedAt
  }
  const path = (incoming.url ?? "/").replace(/\?.*$/, "")
  const authorized = routes.apiKey === undefined || incoming.headers.authorization === `Bearer ${routes.apiKey}`
  const entry = routes.book.arrived({ ...facts, path, model: chat?.model, authorized })
  const exchange = exchangeOf(entry)
  const request = { ...empty, ...chat, ...facts, model: chat?.model ?? "", index: entry.index }

  const route = (): Reaction => {
    if (!authorized) return refusal(401)
    if (incoming.method === "GET" && path === "/v1/models") return modelList(routes.scripts.models)
    if (incoming.method !== "POST" || path !== "/v1/chat/completions") {
      return refusal(404, { code: "unknown_url", message: `The fake has no ${incoming.method} ${path}.` })
    }
    if (body === undefined) return refusal(413, { message: "The body is too long for the fake." })
    if (chat === undefined) return refusal(400, { code: "invalid_json", message: "The body is not a JSON object." })
    if (chat.model === undefined) return refusal(400, { param: "model", message: "The body names no model." })
    return (
      routes.scripts.react(request, (release) => exchange.whenDone(release)) ??
      refusal(404, { message: `The fake has no model ${JSON.stringify(chat.model)}.` })
    )
  }
  try {
    await perform(exchange, request, route(), arrivedAt)
  } catch (error) {
    // A user's `choose` threw, or a header cannot be sent: that is a reply, not the end of the server.
    exchange.fail(errorBody(500, { code: "script_threw", message: `The script of the fake threw: ${error}` }))
  }
}

const empty = { messages: [], body: {} }

const reply = (outcome: "answered" | "error", status: number, body: string): Reaction => ({
  _tag: "Reply",
  outcome,
  status,
  latencyMs: 0,
  contentType: "application/json",
  headers: () => ({}),
  body
})

const refusal = (status: number, error?: ErrorFields): Reaction => reply("error", status, errorBody(status, error))

const modelList = (models: ReadonlyArray<string>): Reaction => {
  const data = models.map((id) => ({ id, object: "model", created, owned_by: "spillway" }))
  return reply("answered", 200, JSON.stringify({ object: "list", data }))
}
