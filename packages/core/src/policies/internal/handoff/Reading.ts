/**
 * A stream that is read in the work's fiber up to its first content. If the caller is still there, it is given the stream
 * as it stands; if it has gone with a task id, the fiber reads on to the end and keeps the parts.
 */
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { ResultTooLarge } from "./Task.ts"

type Parts<A> = readonly [A, ...Array<A>]
type PartsPull<A, E> = Pull.Pull<Parts<A>, E>

export interface Options<A> {
  readonly isContent: (part: A) => boolean
  readonly maxSize: number
  readonly sizeOf: (part: A) => number
  /** True: the stream belongs to its caller from now on. */
  readonly commit: () => boolean
}

export class Reading<A, E> {
  readonly #options: Options<A>
  /** The source's: its connection, its finalizers. */
  readonly #scope = Scope.makeUnsafe()
  #pull: PartsPull<A, E> | undefined = undefined
  /** Read but not handed over. */
  #held: Array<A> = []
  #size = 0
  #sawContent = false
  #taken = false

  constructor(options: Options<A>) {
    this.#options = options
  }

  /**
   * The work: reads until the caller takes over, else to the end. To be run uninterruptible, so that a stream that was
   * opened is never lost between its success and the fiber's end; it listens while it reads.
   */
  run(source: Stream.Stream<A, E>): Effect.Effect<this, E | ResultTooLarge> {
    const reading = Effect.flatMap(Scope.provide(Stream.toPull(source), this.#scope), (pull) => {
      this.#pull = pull
      return this.#read(pull)
    })
    return Effect.flatMap(Effect.exit(Effect.interruptible(reading)), (exit) => {
      if (Exit.isSuccess(exit) && exit.value === "committed") return Effect.succeed(this)
      const end = Exit.isSuccess(exit) ? Exit.succeed(this) : Exit.failCause(exit.cause)
      // What a finalizer dies of changes no answer.
      return Effect.flatMap(Effect.exit(Scope.close(this.#scope, end)), () => end)
    })
  }

  #read(pull: PartsPull<A, E>): Effect.Effect<"committed" | "ended", E | ResultTooLarge> {
    return Effect.matchCauseEffect(pull, {
      onSuccess: (parts) => {
        this.#take(parts)
        // Too much to hold back is handed over without content. A task has nobody to hand it to.
        const isTooLarge = !(this.#size <= this.#options.maxSize)
        if ((this.#sawContent || isTooLarge) && this.#options.commit()) return Effect.succeed("committed")
        if (isTooLarge) return Effect.fail(new ResultTooLarge({ maxSize: this.#options.maxSize }))
        return this.#read(pull)
      },
      onFailure: (cause) => {
        if (!Pull.isDoneCause(cause)) return Effect.failCause(cause as Cause.Cause<E>)
        this.#pull = undefined
        return Effect.succeed("ended")
      }
    })
  }

  #take(parts: Parts<A>): void {
    const { isContent, sizeOf } = this.#options
    for (const part of parts) {
      this.#held.push(part)
      this.#size += sizeOf(part)
      if (!this.#sawContent && isContent(part)) this.#sawContent = true
    }
  }

  /** What a task keeps. */
  get parts(): ReadonlyArray<A> {
    return this.#held
  }

  /** What is held, then the rest of the source, in the context it was opened in. `closed` is run when the reader is done. */
  stream(closed: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>): Stream.Stream<A, E> {
    return Stream.fromChannel(
      Channel.fromTransform((_upstream, scope: Scope.Scope) =>
        Effect.suspend(() => {
          if (this.#taken) return Effect.die(new Error("Handoff: a started stream can be read once"))
          this.#taken = true
          return Effect.as(Scope.addFinalizerExit(scope, closed), this.#handOver)
        })
      )
    )
  }

  readonly #handOver: PartsPull<A, E> = Effect.suspend((): PartsPull<A, E> => {
    const held = this.#held
    this.#held = []
    if (isNonEmpty(held)) return Effect.succeed(held)
    return this.#pull === undefined ? Cause.done() : this.#pull
  })

  /** Closes the source. */
  close(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    return Scope.close(this.#scope, exit)
  }
}

const isNonEmpty = <A>(parts: ReadonlyArray<A>): parts is Parts<A> => parts.length > 0
