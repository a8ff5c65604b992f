/** What is told of a call and its copy: how each went, and never what it said. */
import * as Exit from "effect/Exit"
import type { Millis } from "../../model/Gate.ts"

/** How one of the two went. */
export interface Side {
  /** `interrupted`: a caller that went away, a consumer that left, a router that closed. */
  readonly outcome: "ok" | "failed" | "interrupted"
  readonly ms: Millis
  /** The tag of its error, that of the reason where there is one. */
  readonly error: string | undefined
}

/** The application's own look at two answers; what it returns is all that is kept. */
export type Judge = (primary: unknown, copy: unknown) => Readonly<Record<string, string | number | boolean>>

export interface Ended {
  readonly side: Side
  /** Kept only where somebody judges it. */
  readonly answer: { readonly value: unknown } | undefined
}

export const answerOf = (exit: Exit.Exit<unknown, unknown>, judge: unknown): Ended["answer"] =>
  judge !== undefined && Exit.isSuccess(exit) ? { value: exit.value } : undefined

export const judged = (primary: Ended, copy: Ended, judge: Judge | undefined): ReturnType<Judge> | undefined =>
  primary.answer === undefined || copy.answer === undefined
    ? undefined
    : judge?.(primary.answer.value, copy.answer.value)

export const sideOf = (exit: Exit.Exit<unknown, unknown>, ms: Millis): Side => {
  if (Exit.isSuccess(exit)) return { outcome: "ok", ms, error: undefined }
  const failed = Exit.findErrorOption(exit)
  if (failed._tag === "Some") return { outcome: "failed", ms, error: tagOf(failed.value) }
  return Exit.hasInterrupts(exit)
    ? { outcome: "interrupted", ms, error: undefined }
    : { outcome: "failed", ms, error: "Defect" }
}

/** Never the message, which may quote a prompt. */
const tagOf = (error: unknown): string => {
  const { _tag, reason } = (typeof error === "object" && error !== null ? error : {}) as {
    readonly _tag?: unknown
    readonly reason?: { readonly _tag?: unknown }
  }
  const tag = reason?._tag ?? _tag
  return typeof tag === "string" ? tag : "Error"
}
