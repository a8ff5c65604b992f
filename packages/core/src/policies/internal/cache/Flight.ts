/**
 * An answer under way, for everybody who asked for it: one run writes, any number of followers read, each at its own pace
 * and from the first part on. Plain synchronous state; waiting is `pull`'s and `room`'s.
 *
 * Up to `limit` (weight) the whole answer is kept: whoever comes late reads it from the beginning, and nobody waits for
 * anybody. An answer that outgrows it takes no new followers and is not stored, and what all of its followers have read is
 * let go. From there on the run waits while the slowest follower is more than `limit` behind, so memory stays bounded; once
 * it has kept others waiting for `maxStallMs`, the slow one is cut off with `FollowerLagged`, and the others go on. A
 * follower that is alone is waited for as long as it takes: that is back-pressure.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Pull from "effect/Pull"
import * as Schema from "effect/Schema"
import type { Millis } from "../../../model/Gate.ts"
import type { Found } from "./Entry.ts"

/**
 * This reader of a shared stream was so far behind that the others could not go on. What it has read is right, but there is
 * no more of it. It happens only to answers that are heavier than `maxEntryWeight`, and only when others wait.
 */
export class FollowerLagged extends Schema.TaggedError<FollowerLagged>()("FollowerLagged", {
  /** Weight of what it had not read. */
  behind: Schema.Finite,
  limit: Schema.Finite
}) {
  override get message() {
    return `The reader of a shared answer was ${this.behind} behind, more than ${this.limit}, and others waited`
  }
}

/** The list lets go of what nobody can reach any more: there is nothing to trim. */
interface Node<A> {
  readonly parts: ReadonlyArray<A>
  /** Weight of the answer up to here. */
  readonly upTo: number
  next: Node<A> | undefined
}

export interface Follower<A> {
  /** Read up to here. */
  at: Node<A>
  /** Called once when there is something new. */
  wake: (() => void) | undefined
  /** Something was handed over. */
  began: boolean
  /** What is kept of an older answer took the place of this one, and ends after it. */
  replaced: boolean
  lagged: FollowerLagged | undefined
}

type Parts<A> = readonly [A, ...Array<A>]
export type PartsPull<A, E> = Pull.Pull<Parts<A>, E | FollowerLagged>

export interface Limits<A> {
  readonly weigh: (part: A) => number
  readonly limit: number
  readonly maxStallMs: Millis
}

export class Flight<A, E> {
  readonly slot: string
  readonly startedAt: Millis
  readonly #limits: Limits<A>
  readonly followers = new Set<Follower<A>>()
  /** A refresh: goes on although nobody follows. */
  background: boolean
  fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined
  exit: Exit.Exit<unknown, E> | undefined = undefined
  /** The answer was not fetched: the store behind the memory had it. */
  found: Found | undefined = undefined
  /** What that store had, but too old to be served while the answer can be had. */
  lastResort: Found | undefined = undefined
  /** Before the first part. Gone once nobody may join any more. */
  #head: Node<A> | undefined = { parts: [], upTo: 0, next: undefined }
  #tail: Node<A>
  #roomy: (() => void) | undefined = undefined

  constructor(slot: string, startedAt: Millis, background: boolean, limits: Limits<A>) {
    this.slot = slot
    this.startedAt = startedAt
    this.background = background
    this.#limits = limits
    this.#tail = this.#head as Node<A>
  }

  get weight(): number {
    return this.#tail.upTo
  }

  /** No new followers from now on, and nothing to store: outgrown, invalidated or abandoned. */
  seal(): void {
    this.#head = undefined
  }

  get sealed(): boolean {
    return this.#head === undefined
  }

  /** Reads from the first part on. Not for a sealed flight. */
  follow(): Follower<A> {
    const at = this.#head ?? this.#tail
    const follower: Follower<A> = { at, wake: undefined, began: false, replaced: false, lagged: undefined }
    this.followers.add(follower)
    return follower
  }

  unfollow(follower: Follower<A>): void {
    this.followers.delete(follower)
    this.#roomy?.()
  }

  /** Everything so far; `undefined` when the beginning is gone. */
  whole(): ReadonlyArray<A> | undefined {
    if (this.#head === undefined) return undefined
    const parts: Array<A> = []
    for (let node = this.#head.next; node !== undefined; node = node.next)
      for (const part of node.parts) parts.push(part)
    return parts
  }

  /** The run has more of the answer. True when the answer outgrew the limit by it. */
  push(parts: ReadonlyArray<A>): boolean {
    if (parts.length === 0) return false
    const node: Node<A> = { parts, upTo: this.#tail.upTo + this.#weightOf(parts), next: undefined }
    this.#tail.next = node
    this.#tail = node
    const outgrown = this.#head !== undefined && node.upTo > this.#limits.limit
    if (outgrown) this.seal()
    this.#wakeAll()
    return outgrown
  }

  /** The run is over. */
  end(exit: Exit.Exit<unknown, E>): void {
    if (this.exit !== undefined) return
    this.exit = exit
    this.#wakeAll()
  }

  /** The next parts, or the end. `instead` may give older parts in place of a failure when nothing was handed over yet. */
  pull(follower: Follower<A>, instead: (cause: Cause.Cause<E>) => ReadonlyArray<A> | undefined): PartsPull<A, E> {
    // Looking and beginning to wait are one step: no part comes in between.
    return Effect.callback((resume) => {
      const ready = this.#ready(follower, instead)
      if (ready !== undefined) return resume(ready)
      follower.wake = () => resume(this.pull(follower, instead))
      return Effect.sync(() => {
        follower.wake = undefined
      })
    })
  }

  #ready(
    follower: Follower<A>,
    instead: (cause: Cause.Cause<E>) => ReadonlyArray<A> | undefined
  ): PartsPull<A, E> | undefined {
    if (follower.lagged !== undefined) return Effect.fail(follower.lagged)
    const next = follower.at.next
    if (next !== undefined && isNonEmpty(next.parts)) {
      follower.at = next
      follower.began = true
      this.#roomy?.()
      return Effect.succeed(next.parts)
    }
    if (follower.replaced) return Cause.done()
    if (this.exit === undefined) return undefined
    if (Exit.isSuccess(this.exit)) return Cause.done()
    const older = follower.began ? undefined : instead(this.exit.cause)
    if (older === undefined) return Exit.failCause(this.exit.cause)
    follower.replaced = true
    follower.at = { parts: [], upTo: 0, next: { parts: older, upTo: 0, next: undefined } }
    return this.#ready(follower, instead)
  }

  /** For the run, between two parts: waits while the slowest follower is too far behind. */
  readonly room: Effect.Effect<void> = Effect.suspend(() => {
    if (!this.#crowded()) return Effect.void
    // Nobody joins any more: one that is alone stays alone, and there is nobody to be fair to.
    if (this.followers.size <= 1) return Effect.andThen(this.#untilRoomy, this.room)
    return Effect.flatMap(Effect.timeoutOption(this.#untilRoomy, this.#limits.maxStallMs), (roomy) => {
      if (roomy._tag === "None") this.#cutOff()
      return this.room
    })
  })

  readonly #untilRoomy: Effect.Effect<void> = Effect.callback((resume) => {
    if (!this.#crowded()) return resume(Effect.void)
    this.#roomy = () => {
      if (this.#crowded()) return
      this.#roomy = undefined
      resume(Effect.void)
    }
    return Effect.sync(() => {
      this.#roomy = undefined
    })
  })

  #crowded(): boolean {
    if (!this.sealed) return false
    for (const follower of this.followers) if (this.#behind(follower) > this.#limits.limit) return true
    return false
  }

  #cutOff(): void {
    let stalled = false
    for (const follower of this.followers) if (follower.wake !== undefined) stalled = true
    if (!stalled) return
    for (const follower of this.followers) {
      const behind = this.#behind(follower)
      if (behind <= this.#limits.limit) continue
      follower.lagged = new FollowerLagged({ behind, limit: this.#limits.limit })
      this.followers.delete(follower)
    }
  }

  #behind(follower: Follower<A>): number {
    return this.#tail.upTo - follower.at.upTo
  }

  /** What cannot be weighed is too heavy to be kept, but not in the way of the answer. */
  #weightOf(parts: ReadonlyArray<A>): number {
    let sum = 0
    try {
      for (const part of parts) sum += this.#limits.weigh(part)
    } catch {
      sum = Number.NaN
    }
    return sum >= 0 && sum < Number.POSITIVE_INFINITY ? sum : this.#limits.limit + 1
  }

  #wakeAll(): void {
    for (const follower of this.followers) {
      const wake = follower.wake
      follower.wake = undefined
      wake?.()
    }
  }
}

export const isNonEmpty = <A>(parts: ReadonlyArray<A>): parts is Parts<A> => parts.length > 0
