/**
 * The one door to Effect's Redis service, which Effect marks unstable, and the one bound on every call through it.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { RedisError } from "effect/persistence/Redis"
import { InvalidOption } from "../../model/InvalidOption.ts"

export { make, Redis, RedisError, script } from "effect/persistence/Redis"

/** Redis did not do what was asked: no answer in time, or an answer that is an error. */
export interface Loss {
  readonly _tag: "Loss"
  readonly kind: "timeout" | "error"
}

const timedOut: Loss = { _tag: "Loss", kind: "timeout" }
const failed: Loss = { _tag: "Loss", kind: "error" }

/**
 * The answer, or a `Loss` after `bound` at the latest. The command may still run on the server. What Redis said is left
 * out on purpose: an error of a command can repeat its arguments.
 */
export const within = <A>(call: Effect.Effect<A, RedisError>, bound: Duration.Input): Effect.Effect<A, Loss> =>
  call.pipe(
    Effect.mapError(() => failed),
    Effect.timeoutOption(bound),
    Effect.flatMap((answer) => (Option.isSome(answer) ? Effect.succeed(answer.value) : Effect.fail(timedOut)))
  )

/** The name becomes a cluster hash tag, and a tag ends at the first brace. Throws `InvalidOption`. */
export const keyName = (option: string, name: string): string => {
  if (typeof name === "string" && name.length > 0 && !/[{}]/.test(name)) return name
  throw new InvalidOption(option, "a non-empty string without braces", name)
}
