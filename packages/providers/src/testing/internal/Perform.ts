/// <reference types="node" />
/** Carries out a reaction on the connection of its request, in the dialect of `wire`. */
import { Buffer } from "node:buffer"
import { type Completion, complete } from "./Completion.ts"
import type { Exchange } from "./Exchange.ts"
import { piecesOf } from "./Pieces.ts"
import { type Problem, problem } from "./Problem.ts"
import type { Answer, FakeRequest, Fault, Reaction } from "./Reaction.ts"
import type { Bytes, StreamWriter, Wire } from "./wire/Wire.ts"

const jsonHeaders = { "content-type": "application/json" }

/** `arrivedAt` is on the clock of `performance.now`; every delay counts from it, so that delays do not add up errors. */
export const perform = async (
  exchange: Exchange,
  wire: Wire,
  request: FakeRequest,
  reaction: Reaction,
  arrivedAt: number
): Promise<void> => {
  switch (reaction._tag) {
    case "Reset":
      return exchange.reset()
    case "Silent":
      return exchange.stall()
  }
  const begin = arrivedAt + reaction.latencyMs
  if (!(await exchange.until(begin))) return
  switch (reaction._tag) {
    case "Refuse":
      return refuse(exchange, wire, request, reaction.problem, reaction.headers(Date.now()))
    case "Reply": {
      const type = reaction.contentType === undefined ? {} : { "content-type": reaction.contentType }
      const headers = { ...type, ...wire.requestId(request.index), ...reaction.headers(Date.now()) }
      return exchange.reply(reaction.outcome, reaction.status, headers, reaction.body)
    }
    case "Answer":
      if (reaction.policy === "prompt" && wire.blocksWith === "error") {
        return refuse(exchange, wire, request, problem(400, {}, "policy"), reaction.headers)
      }
      return request.streamed
        ? stream(exchange, wire, request, reaction, begin)
        : whole(exchange, wire, request, reaction, begin)
  }
}

const refuse = (
  exchange: Exchange,
  wire: Wire,
  request: FakeRequest,
  problem: Problem,
  more: Readonly<Record<string, string>>
): void => {
  const { body, headers, status } = wire.refusal(problem, request)
  exchange.reply("error", status, { ...jsonHeaders, ...wire.requestId(request.index), ...headers, ...more }, body)
}

type Write = (data: Bytes) => Promise<boolean>

const stream = async (exchange: Exchange, wire: Wire, request: FakeRequest, answer: Answer, begin: number) => {
  const write: Write = (data) =>
    answer.pieceBytes === undefined ? exchange.write(data) : exchange.writePieces(data, answer.pieceBytes)
  const id = wire.requestId(request.index)
  exchange.head(200, { "content-type": wire.streamType, "cache-control": "no-cache", ...id, ...answer.headers })
  if (!(await queue(exchange, answer, begin, wire.keepAlive(answer.queue?.comment ?? "")))) return
  const completion = complete(request, answer)
  const writer = wire.stream(request, completion)
  const start = begin + (answer.queue?.forMs ?? 0) + answer.firstTokenMs
  if (!(await content(exchange, wire, writer, completion, answer, start, write))) return
  const outcome = answer.fault === undefined ? "answered" : "error" // of the faults only a malformed event gets here
  const last = joined(writer.finish(), answer.done ? writer.done() : "")
  if (answer.pieceBytes === undefined) return exchange.end(outcome, last)
  exchange.settle(outcome)
  if (await write(last)) exchange.end(outcome)
}

/** The events before the finish. True when it is to come: no fault ended the stream, and the client is there. */
const content = async (
  exchange: Exchange,
  wire: Wire,
  writer: StreamWriter,
  completion: Completion,
  answer: Answer,
  start: number,
  write: Write
): Promise<boolean> => {
  const pieces = [undefined, ...piecesOf(completion, answer.chunkTokens)]
  const { fault } = answer
  const faultAt = fault === undefined ? undefined : Math.min(fault.after, pieces.length)
  let tokens = 0
  for (let i = 0; i <= pieces.length; i++) {
    if (fault !== undefined && i === faultAt && !(await strike(exchange, wire, writer, fault, write))) return false
    if (i === pieces.length) break
    const piece = pieces[i]
    tokens += piece?.tokens ?? 0
    if (tokens > 0 && !(await exchange.until(start + answer.perTokenMs * (tokens - 1)))) return false
    if (!(await write(piece === undefined ? writer.open() : writer.piece(piece)))) return false
  }
  return true
}

/** Breaks the stream as scripted. True when it goes on afterwards. */
const strike = async (exchange: Exchange, wire: Wire, writer: StreamWriter, fault: Fault, write: Write) => {
  switch (fault._tag) {
    case "Malformed":
      return write(wire.malformed)
    case "Error":
      exchange.settle("error")
      if (await write(writer.error(fault.problem, fault.shape))) exchange.end("error")
      break
    case "Cut":
      exchange.cut()
      break
    case "End":
      exchange.end("cut")
      break
    case "Stall":
      await exchange.stall(fault.everyMs, wire.keepAlive("keep-alive"))
  }
  return false
}

const whole = async (exchange: Exchange, wire: Wire, request: FakeRequest, answer: Answer, begin: number) => {
  const headers = { ...jsonHeaders, ...wire.requestId(request.index), ...answer.headers }
  if (answer.queue !== undefined) {
    exchange.head(200, headers)
    if (!(await queue(exchange, answer, begin, "\n"))) return
  }
  const completion = complete(request, answer)
  const work = answer.firstTokenMs + answer.perTokenMs * Math.max(0, completion.tokens - 1)
  if (!(await exchange.until(begin + (answer.queue?.forMs ?? 0) + work))) return
  const fault = answer.fault
  const text = wire.whole(request, completion, fault?._tag !== "End")
  const half = text.slice(0, Math.ceil(text.length / 2))
  // Headers that are out already carry no length: the body ends with its last chunk.
  const finish = (outcome: "answered" | "error" | "cut", body: string) =>
    answer.queue === undefined ? exchange.reply(outcome, 200, headers, body) : exchange.end(outcome, body)
  switch (fault?._tag) {
    case undefined:
      return finish("answered", text)
    case "Error":
      return finish("error", wire.errorIn200(fault.problem, request, fault.shape))
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
const queue = async (exchange: Exchange, answer: Answer, begin: number, sign: Bytes): Promise<boolean> => {
  if (answer.queue === undefined) return true
  const { everyMs, forMs } = answer.queue
  for (let n = 1; n * everyMs <= forMs; n++) {
    if (!(await exchange.until(begin + n * everyMs)) || !(await exchange.write(sign))) return false
  }
  return exchange.until(begin + forMs)
}

const joined = (first: Bytes, second: Bytes): Bytes =>
  typeof first === "string" && typeof second === "string"
    ? first + second
    : Buffer.concat([Buffer.from(first as Uint8Array), Buffer.from(second as Uint8Array)])
