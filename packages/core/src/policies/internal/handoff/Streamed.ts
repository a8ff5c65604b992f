/**
 * A stream on its way to its caller: who closes it when. Until it begins it belongs to the work; begun, to the caller's
 * scope; handed off, to the task.
 */
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { integer } from "../../../model/InvalidOption.ts"
import type { Limits, StreamOptions } from "./Options.ts"
import { Reading } from "./Reading.ts"
import type { Accepted, HandoffFull, ResultTooLarge } from "./Task.ts"
import { type Desk, Work } from "./Work.ts"

/** The stream has begun to answer while its caller waited. It can be read once, within the caller's scope. */
export interface Started<A, E> {
  readonly _tag: "Started"
  readonly stream: Stream.Stream<A, E>
}

/** `context` is the caller's, `scope` is in it. */
export const streamed = <A, E>(
  desk: Desk,
  source: Stream.Stream<A, E>,
  context: Context.Context<never>,
  scope: Scope.Scope,
  limits: Limits,
  options: StreamOptions<A>
): Effect.Effect<Started<A, E> | Accepted, E | HandoffFull> => {
  if (scope.state._tag === "Closed") return Effect.interrupt
  const { isContent = everyPart, maxSize, sizeOf = one } = options
  const reading = new Reading<A, E>({
    isContent,
    maxSize: maxSize === undefined ? 65_536 : integer("Handoff.stream: maxSize", maxSize),
    sizeOf,
    commit: () => work.commit()
  })
  // A scope of its own inside the caller's, so that nothing is left there of a stream that is over or was handed off.
  const own = Scope.forkUnsafe(scope)
  const close = (exit: Exit.Exit<unknown, unknown>) => Scope.close(own, exit)
  let tell: (answer: Effect.Effect<Started<A, E> | Accepted, E | HandoffFull>) => void
  const work = new Work<Reading<A, E>, E | ResultTooLarge>(
    desk,
    context,
    ({ parts }) => parts,
    (answer) => {
      if (answer._tag === "Success") {
        return tell(Effect.succeed({ _tag: "Started", stream: reading.stream(close) }))
      }
      // `ResultTooLarge` is a task's, and nobody waits for that.
      const told =
        answer._tag === "Accepted" ? Effect.succeed(answer) : Effect.failCause(answer.cause as Cause.Cause<E>)
      tell(Effect.andThen(close(Exit.void), told))
    }
  )
  // Whether it is still the caller's is decided once: a hand-off in between would close the stream under its task.
  const release = (exit: Exit.Exit<unknown, unknown>) =>
    Effect.suspend(() => (work.isTask ? Effect.void : Effect.andThen(work.leave(), reading.close(exit))))
  return Effect.andThen(
    Scope.addFinalizerExit(own, release),
    Effect.callback<Started<A, E> | Accepted, E | HandoffFull>((resume) => {
      tell = resume
      work.begin(reading.run(source), limits, true)
      return close(Exit.interrupt())
    })
  )
}

const everyPart = () => true
const one = () => 1
