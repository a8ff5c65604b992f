/** The two calls of the cache: an answer that comes whole, and one that comes in parts. */
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Millis } from "../../../model/Gate.ts"
import { type Call, type Engine, partsOf } from "./Engine.ts"
import { type Found, isFresh } from "./Entry.ts"
import { type FollowerLagged, isNonEmpty, type PartsPull } from "./Flight.ts"
import type { Policy } from "./Options.ts"

export type Source = "miss" | "coalesced" | "hit" | "stale"

export interface Cached<out A> {
  readonly value: A
  readonly source: Source
  readonly ageMs: Millis
}

interface Origin {
  readonly source: Source
  readonly ageMs: Millis
}

const miss: Origin = { source: "miss", ageMs: 0 }
const coalesced: Origin = { source: "coalesced", ageMs: 0 }

export const originOf = (found: Found): Origin => ({ source: isFresh(found) ? "hit" : "stale", ageMs: found.ageMs })

/** What a run brought may have come from the store behind the memory. */
const originIn = ({ found }: { readonly found: Found | undefined }, joined: boolean): Origin => {
  if (found === undefined) return joined ? coalesced : miss
  const origin = originOf(found)
  return joined && origin.source === "hit" ? coalesced : origin
}

/** A whole answer is an answer of one part. */
export const whole = <A, E, R>(
  engine: Engine,
  slot: string,
  lookup: Effect.Effect<A, E, R>,
  policy: Policy<A, E>
): Effect.Effect<Cached<A>, E, R> =>
  Effect.withFiber((fiber) => {
    const call: Call<A, E> = {
      slot,
      // What the lookup needs is in the caller's context, which the compiler saw in the signature above.
      fetch: (flight) =>
        Effect.map(Effect.scoped(lookup), (value) => engine.push(flight, [value])) as Effect.Effect<void, E>,
      context: fiber.context,
      policy
    }
    // Opening and beginning to wait are one step, so that whoever opens a flight always leaves it, too.
    return Effect.callback<Cached<A>, E>((resume) => {
      const opened = engine.open(call)
      const cached = (value: A, origin: Origin): Exit.Exit<Cached<A>> => Exit.succeed({ value, ...origin })
      if (opened._tag === "Kept") return resume(cached(opened.parts[0] as A, originOf(opened.found)))
      const { flight, follower, joined } = opened
      const wait = () => {
        const { exit } = flight
        if (exit === undefined) {
          follower.wake = wait
        } else if (Exit.isSuccess(exit)) {
          resume(cached(follower.at.next?.parts[0] as A, originIn(flight, joined)))
        } else {
          const older = engine.instead(call, flight, exit.cause)
          resume(older === undefined ? Exit.failCause(exit.cause) : cached(partsOf<A>(older)[0] as A, originOf(older)))
        }
      }
      wait()
      return engine.leave(call, flight, follower)
    })
  })

export const parts = <A, E, R>(
  engine: Engine,
  slot: string,
  lookup: Stream.Stream<A, E, R>,
  policy: Policy<A, E>,
  onSource: ((source: Source, ageMs: Millis) => void) | undefined
): Stream.Stream<A, E | FollowerLagged, R> =>
  Stream.fromChannel(
    Channel.fromTransform((_upstream, scope: Scope.Scope) =>
      // Uninterruptible for the same reason: who opens has a finalizer to leave by.
      Effect.uninterruptible(
        Effect.withFiber((fiber) => {
          const call: Call<A, E> = {
            slot,
            fetch: (flight) =>
              Effect.scoped(
                Stream.runForEachArray(lookup, (parts) => {
                  engine.push(flight, parts)
                  return flight.room
                })
              ) as Effect.Effect<void, E>,
            context: fiber.context,
            policy
          }
          const opened = engine.open(call)
          if (opened._tag === "Kept") {
            tell(onSource, originOf(opened.found))
            return Effect.succeed(replay(opened.parts))
          }
          const { flight, follower, joined } = opened
          let told = false
          const instead = (cause: Cause.Cause<E>): ReadonlyArray<A> | undefined => {
            const older = engine.instead(call, flight, cause)
            if (older === undefined) return undefined
            told = true
            tell(onSource, originOf(older))
            return partsOf(older)
          }
          const next = flight.pull(follower, instead)
          const pull = Effect.onExit(next, () =>
            Effect.sync(() => {
              if (told) return
              told = true
              tell(onSource, originIn(flight, joined))
            })
          )
          return Effect.as(
            Scope.addFinalizer(scope, engine.leave(call, flight, follower)),
            Effect.suspend(() => (told ? next : pull))
          )
        })
      )
    )
  )

const tell = (onSource: ((source: Source, ageMs: Millis) => void) | undefined, { ageMs, source }: Origin): void => {
  try {
    onSource?.(source, ageMs)
  } catch {
    // It is told, not asked: what it dies of changes no answer.
  }
}

const replay = <A>(parts: ReadonlyArray<A>): PartsPull<A, never> => {
  let over = false
  return Effect.suspend((): PartsPull<A, never> => {
    if (over || !isNonEmpty(parts)) return Cause.done()
    over = true
    return Effect.succeed(parts)
  })
}
