/** What a run asks of a contender, whatever its kind. */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { SimCall } from "./SimCall.ts"

/** Deals with one call; where its answer is streamed, it notes the first content on the call. */
export type Driver = (call: SimCall) => Effect.Effect<unknown, unknown>

/** Made once per run, in simulated time. */
export type MakeDriver = Effect.Effect<Driver, never, Scope.Scope>
