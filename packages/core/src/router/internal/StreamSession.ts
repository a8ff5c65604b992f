/**
 * One streamed call. Parts are held back until the first content, the commit point; before it the attempt loop moves the
 * call from target to target unseen, after it the break policy decides. Permits, in-flight counts and the record live
 * until the last part, the failure, the interruption, or the consumer leaving early.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Truncated } from "../../model/Classifier.ts"
import { success } from "../../model/Outcome.ts"
import type { RouteError } from "../../model/RouteError.ts"
import { AfterBreak } from "./AfterBreak.ts"
import type { Attempt } from "./Attempt.ts"
import { attemptLoop, attemptLoopAfter, interrupt, type Perform } from "./AttemptLoop.ts"
import type { Call } from "./Call.ts"
import type { StreamOptions } from "./StreamOptions.ts"

type Parts<A> = readonly [A, ...Array<A>]
type PartsPull<A, E> = Pull.Pull<Parts<A>, E>

/**
 * How long a provider may take to close its stream once the answer is complete, milliseconds. Long enough for the last
 * bytes of a healthy server, so that its connection can be used again; a server that never ends costs no more than this.
 */
const afterEnd = 1000

/** An attempt whose stream has begun. */
interface Opened<Id extends string, C, A, E> {
  readonly attempt: Attempt<Id, C>
  /** Closes the provider's stream: its connection, its finalizers. */
  readonly scope: Scope.Closeable
  readonly pull: PartsPull<A, E>
  /** Read but not handed over. */
  held: Array<A>
  /** Parts handed over. */
  parts: number
  /** A part that nothing takes back was handed over. */
  irrevocable: boolean
  /** The terminal part was seen. */
  sawEnd: boolean
}

export class StreamSession<Id extends string, C, A, E> {
  readonly #call: Call<Id, C>
  readonly #options: StreamOptions<A>
  readonly #perform: Perform<Id, C, Opened<Id, C, A, E>, E, never>
  /** `undefined`: a break is the end of the call. */
  readonly #afterBreak: AfterBreak<A> | undefined
  #opened: Opened<Id, C, A, E> | undefined = undefined

  /** What the consumer pulls: one array of parts at a time. */
  readonly pull: PartsPull<A, E | RouteError>

  constructor(call: Call<Id, C>, open: (attempt: Attempt<Id, C>) => Stream.Stream<A, E>, options: StreamOptions<A>) {
    this.#call = call
    this.#options = options
    const { onBreak } = options
    this.#afterBreak = onBreak?._tag === "Restart" || onBreak?._tag === "Continue" ? new AfterBreak(onBreak) : undefined
    const { aroundAttempts } = call.core
    const opens = (attempt: Attempt<Id, C>): Stream.Stream<A, E> => {
      let stream = open(attempt)
      for (let i = aroundAttempts.length - 1; i >= 0; i--)
        stream = aroundAttempts[i]?.stream?.(attempt, stream) ?? stream
      return stream
    }
    this.#perform = { run: (attempt) => this.#begin(attempt, opens(attempt)), clock: "FirstContent", stays: true }
    this.pull = Effect.suspend((): PartsPull<A, E | RouteError> => {
      if (this.#call.ended) return Cause.done()
      const opened = this.#opened
      if (opened !== undefined) return this.#more(opened)
      return Effect.flatMap(attemptLoop(this.#call, this.#perform), (opened) => this.#handOver(opened))
    })
  }

  /** Opens the stream of one attempt and reads up to the commit point (or to the end, when the policy is `buffered`). */
  #begin(attempt: Attempt<Id, C>, stream: Stream.Stream<A, E>): Effect.Effect<Opened<Id, C, A, E>, E> {
    const scope = Scope.makeUnsafe()
    const opening = Effect.flatMap(Scope.provide(Stream.toPull(stream), scope), (pull) => {
      const opened: Opened<Id, C, A, E> = {
        attempt,
        scope,
        pull,
        held: [],
        parts: 0,
        irrevocable: false,
        sawEnd: false
      }
      return Effect.map(this.#untilCommit(opened), (exhausted) => ({ opened, exhausted }))
    })
    return Effect.flatMap(Effect.exit(Effect.interruptible(opening)), (exit) => {
      if (Exit.isFailure(exit)) return Effect.andThen(Effect.exit(Scope.close(scope, exit)), Exit.failCause(exit.cause))
      const { exhausted, opened } = exit.value
      // The other copy of a hedged call was faster.
      if (!this.#call.claim(attempt)) {
        attempt.lost = true
        return Effect.andThen(Effect.exit(Scope.close(scope, exit)), Effect.interrupt)
      }
      // From here on `close` finds it, whether or not the caller is still there to take it.
      this.#opened = opened
      return exhausted ? Effect.as(this.#finish(opened), opened) : Effect.succeed(opened)
    })
  }

  /** True when the provider's stream is over already. */
  #untilCommit(opened: Opened<Id, C, A, E>): Effect.Effect<boolean, E> {
    return Effect.matchCauseEffect(opened.pull, {
      onSuccess: (parts) => {
        const committed = this.#take(opened, parts)
        return committed && this.#options.onBreak?._tag !== "Buffered"
          ? Effect.succeed(false)
          : this.#untilCommit(opened)
      },
      onFailure: (cause) => {
        const broken = this.#ended(opened, cause)
        return broken === undefined ? Effect.succeed(true) : Effect.failCause(broken)
      }
    })
  }

  /** The provider's stream is over: `undefined` when the answer is complete, else why it is not. */
  #ended(opened: Opened<Id, C, A, E>, cause: Cause.Cause<E | Cause.Done>): Cause.Cause<E> | undefined {
    // What comes after the terminal part changes nothing: the answer is complete.
    if (opened.sawEnd || (Pull.isDoneCause(cause) && this.#options.isEnd === undefined)) return undefined
    // `Truncated` is the attempt loop's to classify; a caller only ever sees it inside a `RouteError`.
    return (Pull.isDoneCause(cause) ? Cause.fail(new Truncated()) : cause) as Cause.Cause<E>
  }

  /** Holds parts; true when the first content is among what is held. */
  #take(opened: Opened<Id, C, A, E>, parts: ReadonlyArray<A>): boolean {
    const { isContent, isEnd, isIrrevocable } = this.#options
    const { attempt } = opened
    const { core } = this.#call
    for (const part of parts) {
      opened.held.push(part)
      if (attempt.firstContentAt === undefined && (isContent === undefined || isContent(part))) {
        attempt.firstContent(core.now())
      }
      if (isEnd?.(part) === true) opened.sawEnd = true
      if (isIrrevocable?.(part) === true) opened.irrevocable = true
    }
    if (attempt.firstContentAt === undefined) return false
    // `buffered` reads on in the attempt's own fiber: from now on the idle clock watches it.
    if (this.#options.onBreak?._tag === "Buffered") attempt.arm("Idle", core.timeouts.idleMs, core.now())
    return true
  }

  #handOver(opened: Opened<Id, C, A, E>, marker?: A): PartsPull<A, E | RouteError> {
    const { held } = opened
    const parts = marker === undefined ? held : [marker, ...held]
    opened.parts += held.length
    opened.held = []
    if (this.#afterBreak !== undefined) {
      if (opened.irrevocable) this.#afterBreak.settles()
      else this.#afterBreak.gave(held)
    }
    return isNonEmpty(parts) ? Effect.succeed(parts) : this.pull
  }

  /** The next array of parts, under the idle clock. */
  #more(opened: Opened<Id, C, A, E>): PartsPull<A, E | RouteError> {
    return Effect.flatMap(this.#timed(opened), (exit): PartsPull<A, E | RouteError> => {
      if (Exit.isSuccess(exit)) {
        this.#take(opened, exit.value)
        return this.#handOver(opened)
      }
      const broken = this.#ended(opened, exit.cause)
      return broken === undefined ? this.#complete(opened) : this.#broke(opened, broken)
    })
  }

  /** One pull in a fiber of its own, so that a clock can end it; its exit as a value. */
  #timed(opened: Opened<Id, C, A, E>): Effect.Effect<Exit.Exit<Parts<A>, E | Cause.Done>> {
    const call = this.#call
    const { attempt } = opened
    return Effect.callback((resume) => {
      if (call.deadlineHit) return resume(Effect.succeed(Exit.interrupt()))
      const fiber = Effect.runForkWith(call.context)(opened.pull)
      const exit = fiber.pollUnsafe()
      if (exit !== undefined) return resume(Effect.succeed(exit))
      call.fiber = attempt.fiber = fiber
      const { idleMs } = call.core.timeouts
      attempt.arm("Idle", opened.sawEnd ? Math.min(idleMs, afterEnd) : idleMs, call.core.now())
      fiber.addObserver((exit) => {
        call.fiber = attempt.fiber = undefined
        attempt.disarm()
        resume(Effect.succeed(exit))
      })
      return interrupt(call)
    })
  }

  /**
   * Broken after the commit point: the provider's stream is closed first, then the break policy decides. `#opened` stays
   * until another attempt replaces it, so that an interruption in between still finds the permit.
   */
  #broke(opened: Opened<Id, C, A, E>, cause: Cause.Cause<E>): PartsPull<A, E | RouteError> {
    const { attempt, parts } = opened
    // What a finalizer of the broken stream dies of is not worse than what broke it.
    const closed = Effect.uninterruptible(Effect.exit(Scope.close(opened.scope, Exit.failCause(cause))))
    return Effect.flatMap(closed, (): PartsPull<A, E | RouteError> => {
      const afterBreak = opened.irrevocable ? undefined : this.#afterBreak
      if (afterBreak === undefined) return this.#giveUp(opened, cause)
      try {
        afterBreak.broke(this.#call, { target: attempt.target.id, parts })
      } catch (error) {
        return this.#giveUp(opened, Cause.die(error))
      }
      return Effect.flatMap(attemptLoopAfter(this.#call, this.#perform, attempt, cause), (again) => {
        const { marker, parts } = afterBreak.follow(again.attempt)
        again.parts = parts
        return this.#handOver(again, marker)
      })
    })
  }

  /** The caller has parts that nothing replaces: no further attempt. */
  #giveUp(opened: Opened<Id, C, A, E>, cause: Cause.Cause<E>): PartsPull<A, E | RouteError> {
    const given = { ...this.#perform, committed: opened.parts }
    return Effect.flatMap(attemptLoopAfter(this.#call, given, opened.attempt, cause), (again) => this.#handOver(again))
  }

  /** Closes the provider's stream; the answer is complete, whatever a finalizer dies of. */
  #finish(opened: Opened<Id, C, A, E>): Effect.Effect<void> {
    return Effect.uninterruptible(
      Effect.onExit(Scope.close(opened.scope, Exit.void), () => Effect.sync(() => this.#won(opened)))
    )
  }

  #complete(opened: Opened<Id, C, A, E>): PartsPull<A, never> {
    return Effect.flatMap(this.#finish(opened), () => Cause.done())
  }

  #won(opened: Opened<Id, C, A, E>): void {
    const call = this.#call
    const now = call.core.now()
    call.keep(opened.attempt.settle("won", success, undefined, now, call.startedAt))
    call.end("ok", undefined, opened.attempt, now)
  }

  /** The consumer is gone: done, failed, interrupted or satisfied early. */
  close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const call = this.#call
      const opened = this.#opened
      call.cancelled = true
      if (opened === undefined || call.ended) {
        call.end("cancelled", undefined, undefined, call.core.now())
        return Effect.void
      }
      // Having taken the terminal part is having taken the whole answer.
      if (opened.sawEnd) return this.#finish(opened)
      return Effect.onExit(Scope.close(opened.scope, Exit.void), () =>
        Effect.sync(() => {
          const now = call.core.now()
          call.keep(opened.attempt.cancel(now, call.startedAt))
          call.end("cancelled", undefined, undefined, now)
        })
      )
    })
  }
}

const isNonEmpty = <A>(parts: ReadonlyArray<A>): parts is Parts<A> => parts.length > 0
