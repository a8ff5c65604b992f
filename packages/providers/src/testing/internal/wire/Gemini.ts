/**
 * Gemini `generateContent`, whole and streamed. Source: Google, Gemini API reference, "Generating content".
 *
 * A stream is a full response per event, framed with CRLF, with the usage so far in each; there is no `[DONE]`. A call of
 * a tool is one part and cannot be split; arguments that are no JSON object end the answer with `MALFORMED_FUNCTION_CALL`,
 * as the vendor does it. The first call is signed, and so is an answer after thinking.
 */
import type { Completion } from "../Completion.ts"
import { objectAt, objectIn, objectsAt, textOf } from "../Json.ts"
import type { Piece } from "../Pieces.ts"
import type { FakeRequest } from "../Reaction.ts"
import { signatureOf } from "../Signature.ts"
import { geminiError, geminiRefusal } from "./GeminiErrors.ts"
import { capOf, conversation } from "./Reading.ts"
import { eventStream, type StreamWriter, type Wire } from "./Wire.ts"

type Part = Readonly<Record<string, unknown>>

const finishReasons: Readonly<Record<Completion["end"], string>> = {
  stop: "STOP",
  length: "MAX_TOKENS",
  tools: "STOP",
  filtered: "SAFETY",
  blocked: "SAFETY"
}

/** The call as a part; `undefined` when its arguments are no JSON object. */
const callPart = (completion: Completion, call: number): Part | undefined => {
  const { name, arguments: pieces = [] } = completion.toolCalls[call] ?? {}
  const text = pieces.join("")
  const args = text === "" ? {} : objectIn(text)
  if (args === undefined) return undefined
  return { functionCall: { name, args }, ...(call === 0 ? { thoughtSignature: signature(completion) } : {}) }
}

const signature = ({ content, reasoning, toolCalls }: Completion) =>
  signatureOf("gemini", JSON.stringify([content, reasoning, toolCalls]))

const finishOf = (completion: Completion): string => {
  const malformed = completion.toolCalls.some((_call, i) => callPart(completion, i) === undefined)
  return completion.finish ?? (malformed ? "MALFORMED_FUNCTION_CALL" : finishReasons[completion.end])
}

const usageOf = (prompt: number, answer: number, thoughts: number) => ({
  promptTokenCount: prompt,
  candidatesTokenCount: answer,
  ...(thoughts > 0 ? { thoughtsTokenCount: thoughts } : {}),
  totalTokenCount: prompt + answer + thoughts
})

const responseOf = (request: FakeRequest, usageMetadata: object, fields: object): string =>
  JSON.stringify({ ...fields, usageMetadata, modelVersion: request.model, responseId: `resp-${request.index}` })

const candidate = (parts: ReadonlyArray<Part> | undefined, finishReason?: string) => ({
  candidates: [
    {
      content: { ...(parts === undefined ? {} : { parts }), role: "model" },
      ...(finishReason === undefined ? {} : { finishReason }),
      index: 0
    }
  ]
})

/** Of a prompt against the policy there is no candidate. */
const blocked = { promptFeedback: { blockReason: "SAFETY" } }

const whole = (request: FakeRequest, completion: Completion, finished: boolean): string => {
  const { content, reasoning, toolCalls, usage } = completion
  const counts = usageOf(usage.prompt, usage.output - usage.reasoning, usage.reasoning)
  if (completion.end === "blocked") return responseOf(request, counts, blocked)
  const parts: Array<Part> = []
  if (reasoning.length > 0) parts.push({ text: reasoning.join(""), thought: true })
  if (content.length > 0) {
    parts.push({
      text: content.join(""),
      ...(reasoning.length > 0 ? { thoughtSignature: signature(completion) } : {})
    })
  }
  for (const i of toolCalls.keys()) {
    const part = callPart(completion, i)
    if (part !== undefined) parts.push(part)
  }
  return responseOf(request, counts, candidate(parts, finished ? finishOf(completion) : undefined))
}

const stream = (request: FakeRequest, completion: Completion): StreamWriter => {
  const { end, reasoning, toolCalls, usage } = completion
  let answer = 0
  let thoughts = 0
  const event = (fields: object) =>
    `data: ${responseOf(request, usageOf(usage.prompt, answer, thoughts), fields)}\r\n\r\n`
  const part = (piece: Piece): Part | undefined => {
    switch (piece._tag) {
      case "Reasoning":
        return { text: piece.text, thought: true }
      case "Text":
        return { text: piece.text }
      default:
        return piece.last ? callPart(completion, piece.call) : undefined
    }
  }
  return {
    // A candidate with a role and nothing else: clients must bear content without parts.
    open: () => (end === "blocked" ? "" : event(candidate(undefined))),
    piece: (piece) => {
      if (piece._tag === "Reasoning") thoughts += piece.tokens
      else answer += piece.tokens
      const sent = part(piece)
      return sent === undefined ? "" : event(candidate([sent]))
    },
    finish: () => {
      if (end === "blocked") return event(blocked)
      // The signature of a text comes late, on a part without text.
      const signed = reasoning.length > 0 && toolCalls.length === 0
      const last = { text: "", ...(signed ? { thoughtSignature: signature(completion) } : {}) }
      return event(candidate([last], finishOf(completion)))
    },
    done: () => "",
    error: (problem) => `data: ${JSON.stringify(geminiError(problem, request))}\r\n\r\n`
  }
}

export const gemini: Wire = {
  dialect: "gemini",
  read: (body, target) => ({
    ...conversation(
      objectsAt(body, "contents"),
      "parts",
      "model",
      textOf(objectAt(body, "systemInstruction")["parts"])
    ),
    model: target.model,
    streamed: target.streamed === true,
    maxTokens: capOf(objectAt(body, "generationConfig")["maxOutputTokens"])
  }),
  check: () => undefined,
  requestId: () => ({}),
  refusal: geminiRefusal,
  blocksWith: "answer",
  whole,
  errorIn200: (problem, request) => JSON.stringify(geminiError(problem, request)),
  streamType: eventStream,
  stream,
  malformed: `data: {"candidates":[{"content":{"parts":[{"text":"\r\n\r\n`,
  keepAlive: (comment) => `: ${comment}\r\n\r\n`
}
