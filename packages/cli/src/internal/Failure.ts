/** What a person is told instead of a stack trace: one message, on standard error, and exit status 1. */
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

export class Failure extends Data.TaggedError("Failure")<{ readonly message: string }> {}

/** A wrong option found by the library is the user's to mend, not a bug: `InvalidOption` and what was thrown become a `Failure`. */
export const explained = <A, E, R>(where: string, self: Effect.Effect<A, E, R>): Effect.Effect<A, E | Failure, R> =>
  Effect.catchCause(self, (cause): Effect.Effect<never, E | Failure> => {
    const invalid = cause.reasons
      .filter(Cause.isDieReason)
      .map(({ defect }) => defect)
      .find((defect) => defect instanceof Error && defect.name === "InvalidOption")
    return invalid instanceof Error
      ? Effect.fail(new Failure({ message: `${where}: ${invalid.message}` }))
      : Effect.failCause(cause)
  })

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
