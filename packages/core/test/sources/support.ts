import { assert } from "@effect/vitest"
import { Effect, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { TargetSource, TargetUpdate } from "../../src/model/TargetSource.ts"
import type { TargetDescription } from "../../src/sources/TargetDescription.ts"

/** A client that tells its targets apart, and one making from another. */
export interface Client {
  readonly of: TargetDescription
}

export const clientOf = (of: TargetDescription): Client => ({ of })

/** Lets every fiber do what it can without time going on. */
const settled = Effect.andThen(TestClock.adjust(0), Effect.repeat(Effect.yieldNow, { times: 50 }))

/** What the source says, one after the other, from now on. Ends with the test's scope. */
export const follow = <C>({ changes }: TargetSource<C>) =>
  Effect.gen(function* () {
    const said = yield* Queue.unbounded<TargetUpdate<C>>()
    yield* Effect.forkScoped(
      Stream.runForEach(changes, (update) => Queue.offer(said, update)),
      {
        startImmediately: true
      }
    )
    return {
      /** The next one, which has to be there already: virtual time does not move for it. */
      next: Effect.andThen(settled, Queue.poll(said)).pipe(
        Effect.map((update) => (update._tag === "Some" ? update.value : assert.fail("nothing was said")))
      ),
      /** Everything that was said and not taken yet. */
      rest: Effect.andThen(settled, Queue.clear(said))
    }
  })

/** Its message; fails the test when it is a set. */
export const messageOf = <C>(update: TargetUpdate<C>): string =>
  update._tag === "Problem" ? update.message : assert.fail(`no problem: ${idsOf(update).join(", ")}`)

export const setOf = <C>(update: TargetUpdate<C>) =>
  update._tag === "Targets" ? update.set : assert.fail(`a problem: ${update.message}`)

export const idsOf = <C>(update: TargetUpdate<C>): ReadonlyArray<string> => setOf(update).targets.map(({ id }) => id)
