/** Carries out a reaction on the connection of its request. */
import { complete } from "./Completion.ts"
import type { Exchange } from "./Exchange.ts"
import type { Answer, FakeRequest, Fault, Reaction } from "./Reaction.ts"
import { deltas, done, events, json, jsonHeaders, malformed, requestId, streamHeaders } from "./Wire.ts"

/** `arrivedAt` is on the clock of `performance.now`; every delay counts from it, so that delays do not add up errors. */
export const perform = async (exchange: Exchange, request: FakeRequest, reaction: Reaction, arrivedAt: number) => {
  switch (reaction._tag) {
    case "Reset":
      return exchange.reset()
    case "Silent":
      return exchange.stall()
    case "Reply": {
      if (!(await exchange.until(arrivedAt + reaction.latencyMs))) return
      const type = reaction.contentType === undefined ? {} : { "content-type": reaction.contentType }
      const headers = { ...type, ...requestId(request.index), ...reaction.headers(Date.now()) }
      return exchange.reply(reaction.outcome, reaction.status, headers, reaction.body)
    }
    case "Answer":
      if (!(await exchange.until(arrivedAt + reaction.latencyMs))) return
      return request.streamed
        ? stream(exchange, request, reaction, arrivedAt + reaction.latencyMs)
        : whole(exchange, request, reaction, arrivedAt + reaction.latencyMs)
  }
}

const stream = async (exchange: Exchange, request: FakeRequest, answer: Answer, begin: number): Promise<void> => {
  const write = (text: string) =>
    answer.pieceBytes === undefined ? exchange.write(text) : exchange.writePieces(text, answer.pieceBytes)
  exchange.head(200, { ...streamHeaders, ...requestId(request.index), ...answer.headers })
  if (!(await queue(exchange, answer, begin, `: ${answer.queue?.comment}\n\n`))) return
  const start = begin + (answer.queue?.forMs ?? 0)
  const completion = complete(request, answer)
  const { chunk, finish } = events(request)
  const list = deltas(completion, answer)
  const faultAt = answer.fault === undefined ? undefined : Math.min(answer.fault.after, list.length)
  let tokens = 0
  for (let i = 0; i <= list.length; i++) {
    if (answer.fault !== undefined && i === faultAt && !(await strike(exchange, answer.fault, write))) return
    const next = list[i]
    if (next === undefined) break
    tokens += next.tokens
    if (tokens > 0 && !(await exchange.until(start + answer.firstTokenMs + answer.perTokenMs * (tokens - 1)))) return
    if (!(await write(chunk(next.delta)))) return
  }
  const outcome = answer.fault === undefined ? "answered" : "error" // of the faults only a malformed event gets here
  const last = `${finish(completion)}${answer.done ? done : ""}`
  if (answer.pieceBytes === undefined) return exchange.end(outcome, last)
  exchange.settle(outcome)
  if (await write(last)) exchange.end(outcome)
}

/** Breaks the stream as scripted. True when it goes on afterwards. */
const strike = async (
  exchange: Exchange,
  fault: Fault,
  write: (text: string) => Promise<boolean>
): Promise<boolean> => {
  switch (fault._tag) {
    case "Malformed":
      return write(malformed)
    case "Error":
      exchange.settle("error")
      if (await write(fault.event)) exchange.end("error")
      break
    case "Cut":
      exchange.cut()
      break
    case "End":
      exchange.end("cut")
      break
    case "Stall":
      await exchange.stall(fault.everyMs, ": keep-alive\n\n")
  }
  return false
}

const whole = async (exchange: Exchange, request: FakeRequest, answer: Answer, begin: number): Promise<void> => {
  const headers = { ...jsonHeaders, ...requestId(request.index), ...answer.headers }
  if (answer.queue !== undefined) {
    exchange.head(200, headers)
    if (!(await queue(exchange, answer, begin, "\n"))) return
  }
  const completion = complete(request, answer)
  const work = answer.firstTokenMs + answer.perTokenMs * Math.max(0, completion.tokens - 1)
  if (!(await exchange.until(begin + (answer.queue?.forMs ?? 0) + work))) return
  const fault = answer.fault
  const field = answer.reasoning?.field ?? "reasoning_content"
  const text = json(request, completion, field, fault?._tag === "End" ? null : completion.finish)
  const half = text.slice(0, Math.ceil(text.length / 2))
  // Headers that are out already carry no length: the body ends with its last chunk.
  const finish = (outcome: "answered" | "error" | "cut", body: string) =>
    answer.queue === undefined ? exchange.reply(outcome, 200, headers, body) : exchange.end(outcome, body)
  switch (fault?._tag) {
    case undefined:
      return finish("answered", text)
    case "Error":
      return finish("error", fault.body)
    case "Malformed":
      return finish("error", half)
    case "End":
      return finish("cut", text)
    case "Cut":
    case "Stall": {
      if (answer.queue === undefined) exchange.head(200, { ...headers, "content-length": Buffer.byteLength(text) })
      if (!(await exchange.write(half))) return
      return fault._tag === "Cut" ? exchange.cut() : exchange.stall(fault.everyMs, "\n")
    }
  }
}

/** The queue before an answer: `sign` every so often until it is over. */
const queue = async (exchange: Exchange, answer: Answer, begin: number, sign: string): Promise<boolean> => {
  if (answer.queue === undefined) return true
  const { everyMs, forMs } = answer.queue
  for (let n = 1; n * everyMs <= forMs; n++) {
    if (!(await exchange.until(begin + n * everyMs)) || !(await exchange.write(sign))) return false
  }
  return exchange.until(begin + forMs)
}
