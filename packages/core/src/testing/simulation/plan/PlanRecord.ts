/**
 * A decision record as the plan reads it from a line of JSON: only what it needs, and nothing of what else is there. In JSON
 * what is `undefined` is left out, or `null` where something else wrote it.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/** A day: what took longer is a clock that jumped. */
export const longestMs = 86_400_000

const Millis = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: longestMs }))
const Amount = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))
const maybe = <S extends Schema.Top>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))

const Attempt = Schema.Struct({
  target: Schema.NonEmptyString,
  startedAt: Millis,
  ms: Millis,
  outcome: Schema.Literals(["won", "failed", "lost", "cancelled"]),
  facts: maybe(Schema.Struct({ inputTokens: maybe(Amount), outputTokens: maybe(Amount) })),
  costUsd: maybe(Amount)
})

export const PlanRecord = Schema.Struct({
  /** Years 1970 to 2286, in epoch milliseconds. */
  at: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 9_999_999_999_999 })),
  outcome: Schema.Literals(["ok", "error", "cancelled"]),
  attempts: Schema.Array(Attempt).pipe(Schema.withDecodingDefaultKey(Effect.succeed([])))
})
export type PlanRecord = typeof PlanRecord.Type

const decodeRecord = Schema.decodeUnknownResult(PlanRecord)

/** The record of a line, or why it is none: one line, at most 200 characters, without the text of the record. */
export const parse = (line: string): Result.Result<PlanRecord, string> => {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return Result.fail("not JSON")
  }
  return Result.mapError(decodeRecord(value), ({ message }) => message.replace(/\s+/g, " ").slice(0, 200))
}
