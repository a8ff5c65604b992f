/**
 * Where answers may be kept beside the process's own memory. An entry is JSON when its parts are, but for times, which may
 * be `Infinity`.
 */
import type * as Effect from "effect/Effect"
import type { Millis } from "../../../model/Gate.ts"
import type { Entry, Found } from "./Entry.ts"

export interface StoreShape {
  /** The entry and its age by the store's own clock; `undefined` when there is none. */
  readonly get: (slot: string) => Effect.Effect<Found | undefined, unknown>
  /** To be forgotten `keepMs` milliseconds from now. */
  readonly set: (slot: string, entry: Entry, keepMs: Millis) => Effect.Effect<void, unknown>
  readonly delete: (slot: string) => Effect.Effect<void, unknown>
  /** Everything whose slot begins with `prefix`. May take its time. */
  readonly deletePrefix: (prefix: string) => Effect.Effect<void, unknown>
}
