/// <reference types="node" />
/** From a complete HTTP request to its reply: number and log it, check the key, find the route, ask the script. */
import type { IncomingMessage } from "node:http"
import type { Dialect } from "../RequestLog.ts"
import { type Endpoint, endpointOf } from "./Endpoints.ts"
import type { Exchange } from "./Exchange.ts"
import { type Json, objectIn } from "./Json.ts"
import { publicHeaders } from "./Keys.ts"
import { perform } from "./Perform.ts"
import { type Problem, problem } from "./Problem.ts"
import type { FakeRequest, Reaction, Reply } from "./Reaction.ts"
import type { Entry, RequestBook } from "./RequestBook.ts"
import type { Scripts } from "./Scripts.ts"
import type { Facts, Target } from "./wire/Wire.ts"

export interface Routes {
  readonly apiKey: string | undefined
  readonly book: RequestBook
  readonly scripts: Scripts
  /** When the server started, on the clock of `performance.now`. */
  readonly startedAt: number
}

/** A request that has arrived whole; `text` is `undefined` when it was too long to keep. */
export const serve = async (
  routes: Routes,
  incoming: IncomingMessage,
  text: string | undefined,
  exchangeOf: (entry: Entry) => Exchange
): Promise<void> => {
  const arrivedAt = performance.now()
  const [path = "/", ...queries] = (incoming.url ?? "/").split("?")
  const { endpoint, target } = endpointOf(incoming.method, path, incoming.headers)
  const body = objectIn(text ?? "")
  const { model: named, ...facts } = factsOf(endpoint, body, target)
  const model = endpoint.operation._tag === "Info" ? undefined : named
  const seen = {
    path,
    dialect: dialectOf(endpoint),
    headers: publicHeaders(incoming.headers),
    at: arrivedAt - routes.startedAt
  }
  const authorized = routes.apiKey === undefined || endpoint.key(incoming.headers, routes.apiKey)
  const { streamed, question } = facts
  const entry = routes.book.arrived({ ...seen, model, streamed, question, authorized })
  const exchange = exchangeOf(entry)
  const request: FakeRequest = { ...facts, ...seen, body: body ?? {}, model: named ?? "", index: entry.index }

  const route = (): Reaction => {
    if (!authorized) return refusal(problem(401, {}, "key"))
    const { operation } = endpoint
    const whenDone = (release: () => void) => exchange.whenDone(release)
    if (operation._tag === "Info") {
      const found = operation.info(routes.scripts.models, target.model ?? "")
      return found === undefined ? refusal(problem(404, {}, "model")) : json(found)
    }
    if (operation._tag === "Health") return healthy(routes.scripts.health(request, whenDone))
    const wrong =
      operation._tag === "Unknown" ? unknownUrl(incoming.method, path) : formOf(text, body, endpoint, queries)
    if (wrong !== undefined) return refusal(wrong)
    if (model === undefined) return refusal(problem(400, { param: "model", message: "The body names no model." }))
    const unfit = endpoint.wire.check(request)
    if (unfit !== undefined) return refusal(unfit)
    const reaction =
      operation._tag === "Count"
        ? routes.scripts.has(model) && json(operation.reply(request.promptTokens))
        : routes.scripts.react(request, whenDone)
    return reaction || refusal(problem(404, {}, "model"))
  }
  try {
    await perform(exchange, endpoint.wire, request, route(), arrivedAt)
  } catch (error) {
    // A user's `choose` threw, or a header cannot be sent: that is a reply, not the end of the server.
    const message = `The script of the fake threw: ${error}`
    exchange.fail(endpoint.wire.refusal(problem(500, { code: "script_threw", message }), request).body)
  }
}

const factsOf = ({ operation, wire }: Endpoint, body: Json | undefined, target: Target): Facts => {
  if (body !== undefined) return wire.read(operation._tag === "Count" ? operation.inner(body) : body, target)
  return {
    model: target.model,
    streamed: target.streamed === true,
    question: "",
    messages: [],
    prefill: undefined,
    promptTokens: 0,
    maxTokens: undefined
  }
}

const dialectOf = ({ operation, wire }: Endpoint): Dialect =>
  operation._tag === "Answer" || operation._tag === "Count" ? wire.dialect : "other"

/** What is wrong with the request before anybody looks at what it asks. */
const formOf = (
  text: string | undefined,
  body: Json | undefined,
  { query }: Endpoint,
  queries: ReadonlyArray<string>
): Problem | undefined => {
  if (text === undefined) return problem(413, { message: "The body is too long for the fake." })
  if (body === undefined) return problem(400, { code: "invalid_json", message: "The body is not a JSON object." })
  const fields = queries.flatMap((each) => each.split("&"))
  return query === undefined || fields.some((field) => field.startsWith(query))
    ? undefined
    : problem(400, { code: "invalid_query", message: `The fake wants ${query} in the query.` })
}

const unknownUrl = (method: string | undefined, path: string): Problem =>
  problem(404, { code: "unknown_url", message: `The fake has no ${method} ${path}.` })

const refusal = (problem: Problem): Reaction => ({ _tag: "Refuse", latencyMs: 0, headers: () => ({}), problem })

const json = (body: object): Reply => ({
  _tag: "Reply",
  outcome: "answered",
  status: 200,
  latencyMs: 0,
  contentType: "application/json",
  headers: () => ({}),
  body: JSON.stringify(body)
})

/** An answer of the health script is a 200; everything else is what it is. */
const healthy = (reaction: Reaction): Reaction =>
  reaction._tag === "Answer" ? { ...json({ status: "ok" }), latencyMs: reaction.latencyMs } : reaction
