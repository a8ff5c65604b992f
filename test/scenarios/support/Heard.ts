/** What a caller has at the end of a call, when it follows the marks in a stream as it should. */
import { RoutedModel } from "@spillway/core"
import { FakeAnswer } from "@spillway/providers/testing"
import type { AiError } from "effect/ai"

export interface Heard {
  /** Of the answer that counts: what a restart takes back is not in it. */
  readonly text: string
  readonly reasoning: string
  readonly calls: ReadonlyArray<{ readonly name: string; readonly params: unknown }>
  readonly results: ReadonlyArray<unknown>
  readonly finish: string | undefined
  readonly model: string | undefined
  readonly servedBy: string | undefined
  readonly tokens: { readonly input: number | undefined; readonly output: number | undefined }
  readonly restarts: number
  readonly continuations: number
  /** Blocks that began and did not end, ended twice, or spoke outside. */
  readonly unbalanced: number
  readonly error: AiError.AiError | undefined
}

/** A part of an answer, whole or streamed, as far as it is looked at here. */
export interface Shown {
  readonly type: string
  readonly id?: unknown
  readonly text?: string
  readonly delta?: string
  readonly name?: string
  readonly params?: unknown
  readonly result?: unknown
  readonly modelId?: string | undefined
  readonly reason?: string
  readonly metadata?: unknown
  readonly usage?: {
    readonly inputTokens: { readonly total: number | undefined }
    readonly outputTokens: { readonly total: number | undefined }
  }
}

export const heard = (parts: ReadonlyArray<Shown>, error: AiError.AiError | undefined): Heard => {
  const state = {
    text: "",
    reasoning: "",
    calls: [] as Array<{ name: string; params: unknown }>,
    results: [] as Array<unknown>,
    finish: undefined as string | undefined,
    model: undefined as string | undefined,
    tokens: { input: undefined as number | undefined, output: undefined as number | undefined },
    restarts: 0,
    continuations: 0,
    unbalanced: 0
  }
  let servedBy: string | undefined
  let open = new Set<string>()
  const block = (part: Shown, kind: string) => {
    const key = `${kind} ${String(part.id)}`
    if (part.type.endsWith("-start")) {
      if (open.has(key)) state.unbalanced++
      open.add(key)
    } else if (!open.has(key)) state.unbalanced++
    if (part.type.endsWith("-end")) open.delete(key)
  }
  for (const part of parts) {
    const [kind = ""] = part.type.split("-")
    if (/^(text|reasoning)-(start|delta|end)$/.test(part.type)) block(part, kind)
    switch (part.type) {
      case "text":
        state.text += part.text ?? ""
        break
      case "text-delta":
        state.text += part.delta ?? ""
        break
      case "reasoning":
        state.reasoning += part.text ?? ""
        break
      case "reasoning-delta":
        state.reasoning += part.delta ?? ""
        break
      case "tool-call":
        state.calls.push({ name: part.name ?? "", params: part.params })
        break
      case "tool-result":
        state.results.push(part.result)
        break
      case "response-metadata":
        if (RoutedModel.isRestart(part)) {
          Object.assign(state, { text: "", reasoning: "", calls: [], results: [], model: undefined })
          state.restarts++
          open = new Set()
          break
        }
        if (RoutedModel.isContinuation(part)) state.continuations++
        state.model = part.modelId ?? state.model
        servedBy = RoutedModel.originOf([part])?.servedBy ?? servedBy
        break
      case "finish":
        state.finish = part.reason
        state.tokens = { input: part.usage?.inputTokens.total, output: part.usage?.outputTokens.total }
    }
  }
  if (error === undefined) state.unbalanced += open.size
  return { ...state, servedBy, error }
}

/** What is wrong with the end of a call that should have been answered; `""` when nothing is. */
export const flaw = (question: string, { error, finish, text, unbalanced }: Heard): string => {
  if (error !== undefined) return `failed: ${error.message}`
  if (!FakeAnswer.isCompleteAnswer(question, text)) return `not the whole answer: ${JSON.stringify(text)}`
  if (unbalanced > 0) return `${unbalanced} blocks do not begin and end once`
  return finish === "stop" ? "" : `finish ${finish}`
}
