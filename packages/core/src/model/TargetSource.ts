/**
 * Where the targets of a running router come from: a file that is watched, DNS, a service catalogue, a stream of your own.
 *
 * A source says the whole set each time, never a difference: whoever missed an element is right again with the next. It also
 * says what went wrong (a file that does not parse, a catalogue that does not answer): a problem keeps the set that was there.
 * What a new set means for calls in flight is the router's business (`Router.fromSource`), not the source's.
 *
 * Use it when targets come and go while the program runs. For a list that is written in the program `Router.make` is better:
 * it knows the ids as literals.
 */
import * as Context from "effect/Context"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { InvalidOption } from "./InvalidOption.ts"
import type { ProviderModel } from "./ProviderModel.ts"
import type { TargetSpec } from "./Target.ts"

/** All targets that there are, with the clients that calls are handed. Checked by the router, as a whole. */
export interface TargetSet<out C = unknown> {
  readonly targets: ReadonlyArray<TargetSpec<string, C>>
  /** Target ids, best tier first; names every target once. Default: one tier. */
  readonly tiers?: ReadonlyArray<ReadonlyArray<string>> | undefined
}

/** The source has read a whole set. */
export interface Targets<out C = unknown> {
  readonly _tag: "Targets"
  readonly set: TargetSet<C>
}

/** The source could not say what the set is: the one that was there stays. */
export interface Problem {
  readonly _tag: "Problem"
  /** For people: one line that names the file, the host, the path in the data. No keys, no contents. */
  readonly message: string
}

export type TargetUpdate<C = unknown> = Targets<C> | Problem

export interface TargetSource<out C = unknown> {
  /** Short, for events and errors, e.g. `file targets.json`. */
  readonly name: string
  /**
   * The set as it is now, then every whole set after it; equal ones may come twice. It is run once per router, in the router's
   * scope, and says what fails as `Problem`: then it goes on by itself. When it ends, the last set stays.
   */
  readonly changes: Stream.Stream<TargetUpdate<C>>
}

/** The source of an application whose targets are models; `RoutedModel.layerFromSource` reads it. */
export class CurrentTargetSource extends Context.Service<CurrentTargetSource, TargetSource<ProviderModel>>()(
  "@spillway/core/model/TargetSource"
) {}

/** There is no router, because its source said no set that could be used. */
export class TargetSourceError extends Schema.TaggedError<TargetSourceError>()("TargetSourceError", {
  source: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `No targets from ${this.source}: ${this.problem}`
  }
}

export const targets = <C>(set: TargetSet<C>): Targets<C> => ({ _tag: "Targets", set })

export const problem = (message: string): Problem => ({ _tag: "Problem", message })

/** A source from a stream of whole sets and problems. */
export const fromUpdates = <C>(name: string, changes: Stream.Stream<TargetUpdate<C>>): TargetSource<C> => {
  if (typeof name !== "string" || name === "") throw new InvalidOption("TargetSource: name", "a non-empty string", name)
  if (!Stream.isStream(changes)) throw new InvalidOption("TargetSource: changes", "a Stream of updates", changes)
  return { name, changes }
}

/**
 * A source from a stream of whole sets. What the stream fails with is a problem, in the words of `describe` (default: the
 * error's own message), and the end of the changes: `Stream.retry` before it, if it should begin again.
 */
export const fromStream = <C, E = never>(
  name: string,
  sets: Stream.Stream<TargetSet<C>, E>,
  describe: (error: E) => string = messageOf
): TargetSource<C> => {
  if (!Stream.isStream(sets)) throw new InvalidOption("TargetSource: sets", "a Stream of target sets", sets)
  const updates: Stream.Stream<TargetUpdate<C>, E> = Stream.map(sets, targets)
  return fromUpdates(
    name,
    Stream.catch(updates, (error) => Stream.succeed<TargetUpdate<C>>(problem(describe(error))))
  )
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** A source that never changes: for tests, and where the set is only known at the start. */
export const make = <C>(set: TargetSet<C>, name = "static"): TargetSource<C> =>
  fromUpdates(name, Stream.succeed(targets(set)))
