/** Async iterables in and out of a routed stream: for code without Effect. */
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** What of an attempt matters here. */
interface Abortable {
  readonly abort: () => void
}

/** Parts of an async iterable. At its end, wanted or not, the attempt's signal fires first and the iterator is returned. */
export const fromIterable = <T extends Abortable, A>(
  attempt: T,
  call: (attempt: T) => AsyncIterable<A>
): Stream.Stream<A, unknown> =>
  Stream.fromChannel(
    Channel.fromTransform((_upstream, scope: Scope.Scope) =>
      Effect.suspend((): Effect.Effect<Pull.Pull<readonly [A], unknown>, unknown> => {
        let iterator: AsyncIterator<A>
        try {
          iterator = call(attempt)[Symbol.asyncIterator]()
        } catch (error) {
          return Effect.fail(error)
        }
        let pending = false
        let over = false
        const pull = Effect.callback<readonly [A], unknown>((resume) => {
          pending = true
          iterator.next().then(
            (result) => {
              pending = false
              over = result.done === true
              resume(over ? Exit.failCause(doneCause) : Exit.succeed([result.value]))
            },
            (error) => {
              pending = false
              over = true
              resume(Exit.fail(error))
            }
          )
        })
        const close = Effect.suspend(() => {
          attempt.abort()
          if (over || iterator.return === undefined) return Effect.void
          const returned = Promise.resolve(iterator.return()).then(ignore, ignore)
          // An iterator that is still waiting for a part may never hear of it.
          return pending ? Effect.void : Effect.promise(() => returned)
        })
        return Effect.as(Scope.addFinalizer(scope, close), pull)
      })
    )
  )

const ignore = () => {}
const doneCause = Cause.fail(Cause.Done())

/** The same parts until the signal fires: then the stream is closed at once, read or not, and `next` rejects with its reason. */
export const until = <A>(signal: AbortSignal, iterable: AsyncIterable<A>): AsyncIterable<A> => ({
  [Symbol.asyncIterator]() {
    const inner = iterable[Symbol.asyncIterator]()
    const close = () => inner.return?.().then(ignore, ignore)
    const leave = () => signal.removeEventListener("abort", close)
    signal.addEventListener("abort", close, { once: true })
    return {
      next: async () => {
        signal.throwIfAborted()
        try {
          const result = await inner.next()
          signal.throwIfAborted()
          if (result.done === true) leave()
          return result
        } catch (error) {
          leave()
          throw signal.aborted ? signal.reason : error
        }
      },
      return: async () => {
        leave()
        return (await inner.return?.()) ?? { done: true, value: undefined }
      }
    }
  }
})
