/**
 * An answer of a language model that broke, and how another model is asked to go on with it: the request ends with the
 * text so far as the assistant's last message. `Splice.ts` joins what comes back to what was handed over.
 *
 * Only text is gone on with. Reasoning is left out of the request; behind a tool call or its first piece, a file or a
 * source, and behind text that was to be JSON, the answer begins anew. Source of the rule about whitespace: the Messages API of
 * Anthropic refuses a last assistant message that ends in whitespace.
 */
import * as AiError from "effect/ai/AiError"
import * as Prompt from "effect/ai/Prompt"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { CallLimits, ModelOptions, ProviderModel, StreamPart } from "../../model/ProviderModel.ts"
import type { Resumption } from "../BreakPolicy.ts"
import { isRestart } from "./Markers.ts"
import { type Joint, Splice } from "./Splice.ts"
import { BoundedText, type Broken, resumptionOf, TextResumption, type Transcript } from "./Transcript.ts"

export class Prefill extends TextResumption {
  readonly joint: Joint

  constructor(text: string, joint: Joint) {
    super(text)
    this.joint = joint
  }
}

/** What was handed over of one answer; `limit` in characters. */
export class PrefillTranscript implements Transcript<StreamPart> {
  #text: BoundedText
  readonly #open = { text: new Set<string>(), reasoning: new Set<string>() }
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
    this.#text = new BoundedText(limit)
  }

  add(part: StreamPart): void {
    switch (part.type) {
      case "text-delta":
        return this.#text.add(part.delta)
      case "text-start":
        this.#open.text.add(part.id)
        return
      case "text-end":
        this.#open.text.delete(part.id)
        return
      case "reasoning-start":
        this.#open.reasoning.add(part.id)
        return
      case "reasoning-end":
        this.#open.reasoning.delete(part.id)
        return
      case "response-metadata":
        // A router below this one has begun anew.
        if (isRestart(part)) this.#forget()
        return
      case "reasoning-delta":
      case "finish":
        return
      default:
        this.#text.drop()
    }
  }

  resume(from: Broken): Prefill | undefined {
    const [text, another] = this.#open.text
    if (another !== undefined) return undefined
    const joint = { from, text, reasoning: [...this.#open.reasoning] }
    return resumptionOf(this.#text.value, (value) => new Prefill(value, joint))
  }

  #forget(): void {
    this.#text = new BoundedText(this.#limit)
    this.#open.text.clear()
    this.#open.reasoning.clear()
  }
}

/** The model's parts; of an attempt that goes on, those that are still missing. */
export const stream = (
  attempt: { readonly client: ProviderModel; readonly resume?: Resumption | undefined },
  call: ModelOptions,
  limits: CallLimits | undefined
) => {
  const { client, resume } = attempt
  if (!(resume instanceof Prefill)) return client.stream(call, limits)
  return Stream.mapAccumArray(
    Stream.mapArrayEffect(client.stream(continued(call, resume.prefill), limits), (parts) =>
      parts.some(isRestart) ? Effect.fail(begunAnew()) : Effect.succeed(parts)
    ),
    () => new Splice(resume.joint, resume.seam()),
    (splice, parts) => [splice, splice.next(parts)] as const
  )
}

/** A router below this one would have a consumer forget text that only the request has: no better than a refusal. */
const begunAnew = () =>
  AiError.make({
    module: "Spillway",
    method: "streamText",
    reason: new AiError.InvalidRequestError({ description: "A continuation cannot begin anew" })
  })

/** The same request with the text so far at its end; joined to a prefill of the caller's own. */
const continued = (call: ModelOptions, text: string): ModelOptions => {
  const messages = call.prompt.content
  const last = messages.at(-1)
  const before = last?.role === "assistant" ? last.content.at(-1) : undefined
  const joined =
    last?.role === "assistant" && before?.type === "text"
      ? [
          ...messages.slice(0, -1),
          Prompt.makeMessage("assistant", {
            options: last.options,
            content: [
              ...last.content.slice(0, -1),
              Prompt.makePart("text", { options: before.options, text: before.text + text })
            ]
          })
        ]
      : [...messages, Prompt.makeMessage("assistant", { content: [Prompt.makePart("text", { text })] })]
  return {
    ...call,
    prompt: Prompt.fromMessages(joined),
    // Of the answer so far a provider's own memory knows nothing.
    previousResponseId: undefined,
    incrementalPrompt: undefined
  }
}
