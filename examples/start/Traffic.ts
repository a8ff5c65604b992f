/** The calls: half of them streamed, every answer checked whole against its question. */
import { RoutedModel } from "@spillway/core"
import { FakeAnswer } from "@spillway/providers/testing"
import { Effect, Stream } from "effect"
import { LanguageModel } from "effect/ai"

/** Counts while the calls run. */
export interface Tally {
  readonly total: number
  done: number
  answered: number
  failed: number
  /** Ended like a success and was not the whole answer. */
  truncatedShownAsSuccess: number
  /** Milliseconds, one per call. */
  readonly durations: Array<number>
  /** What the first few failures said. */
  readonly errors: Array<string>
}

export const tally = (total: number): Tally => ({
  total,
  done: 0,
  answered: 0,
  failed: 0,
  truncatedShownAsSuccess: 0,
  durations: [],
  errors: []
})

const whole = (question: string) => Effect.map(LanguageModel.generateText({ prompt: question }), ({ text }) => text)

/** The text as a reader sees it grow; a restart begins it anew. */
const streamed = (question: string) =>
  Stream.runFold(
    LanguageModel.streamText({ prompt: question }),
    () => "",
    (text, part) => (RoutedModel.isRestart(part) ? "" : part.type === "text-delta" ? text + part.delta : text)
  )

/** Runs the calls, `concurrency` at a time. */
export const run = (counts: Tally, concurrency: number) =>
  Effect.forEach(
    Array.from({ length: counts.total }, (_, i) => i),
    (i) =>
      Effect.gen(function* () {
        const question = `Question ${i}: what comes next?`
        const started = performance.now()
        const result = yield* Effect.result(i % 2 === 0 ? whole(question) : streamed(question))
        counts.durations.push(performance.now() - started)
        counts.done++
        if (result._tag === "Failure") {
          counts.failed++
          if (counts.errors.length < 5) counts.errors.push(result.failure.message)
        } else if (FakeAnswer.isCompleteAnswer(question, result.success)) counts.answered++
        else counts.truncatedShownAsSuccess++
      }),
    { concurrency, discard: true }
  )
