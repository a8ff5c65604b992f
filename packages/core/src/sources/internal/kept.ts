/**
 * Values that are kept as long as what they were made of is still there: a target that a new set describes as the old one
 * did keeps its client, with its connections. Only the last set is remembered.
 */
import * as Result from "effect/Result"

export interface Wanted<A> {
  /** Equal for equal things. */
  readonly key: string
  readonly make: () => A
}

export interface Kept<A> {
  /** All, kept or made; or the first that could not be made, and then the old ones stay. */
  readonly take: (
    wanted: ReadonlyArray<Wanted<A>>
  ) => Result.Result<ReadonlyArray<A>, { readonly at: number; readonly error: unknown }>
}

export const make = <A>(): Kept<A> => {
  let last: ReadonlyMap<string, A> = new Map()
  return {
    take: (wanted) => {
      const next = new Map<string, A>()
      const values: Array<A> = []
      for (const [at, { key, make }] of wanted.entries()) {
        try {
          // A value may be `undefined` itself.
          const value = last.has(key) ? (last.get(key) as A) : make()
          next.set(key, value)
          values.push(value)
        } catch (error) {
          return Result.fail({ at, error })
        }
      }
      last = next
      return Result.succeed(values)
    }
  }
}
