/** What a vendor refuses for a reason: a prompt too long, against the policy, of the wrong form. Documented at `Behaviour`. */
import { integer } from "@spillway/core/InvalidOption"
import { answer } from "./Answers.ts"
import { type Problem, problem } from "./Problem.ts"
import { adapt, always, type Behaviour, type FakeRequest } from "./Reaction.ts"
import { choose } from "./Script.ts"

const refuse = (problem: Problem): Behaviour => always({ _tag: "Refuse", latencyMs: 0, headers: () => ({}), problem })

/**
 * 400 because the prompt is longer than `window` tokens (integer >= 1, default 8192), in the words by which clients know
 * it: `context_length_exceeded`, "prompt is too long", "input token count … exceeds", "Input is too long". For 413, see
 * `status`.
 */
export const contextTooLong = (options: { readonly window?: number } = {}): Behaviour => {
  const window = integer("Behaviour.contextTooLong: window", options.window ?? 8192)
  return refuse({ ...problem(400, {}, "context"), window })
}

/**
 * Refused by the vendor's policy, as the dialect does it: Chat, Responses and embeddings 400 `content_filter`; Messages an
 * answer without content that ends with `refusal`, Gemini no candidate and a `blockReason`, Converse
 * `guardrail_intervened`. With `asFinish` the answer of `inner` comes, and ends with the policy's word.
 */
export const contentFiltered = (
  options: { readonly asFinish?: boolean } = {},
  inner: Behaviour = answer()
): Behaviour => {
  const policy = options.asFinish === true ? "answer" : "prompt"
  return adapt(inner, (reply) => ({ ...reply, policy }))
}

/** 400 for a request whose last message is the assistant's; the others go to `inner`. */
export const refusesPrefill = (inner: Behaviour = answer()): Behaviour => {
  const refused = refuse(problem(400, {}, "prefill"))
  return choose((request) => (request.prefill === undefined ? inner : refused))
}

/**
 * 400 with what `check` says is wrong with the request, so that a test can hold a client to a form; where it says nothing
 * (`undefined`), the request goes to `inner`.
 */
export const requestsShape = (
  check: (request: FakeRequest) => string | undefined,
  inner: Behaviour = answer()
): Behaviour =>
  choose((request) => {
    const message = check(request)
    return message === undefined ? inner : refuse(problem(400, { message }))
  })
