/**
 * The OpenTelemetry context a call belongs to, carried by the fiber.
 *
 * OpenTelemetry keeps its context beside the running code (`AsyncLocalStorage`). Behind a fiber that many callers share
 * (a queue, a batcher, joined duplicates) that ambient context is some other caller's, or none. So it is read once, where
 * the call enters, and travels in Effect's context from there.
 */
import { type Context as ApiContext, context } from "@opentelemetry/api"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** The context that spans of a call start from. Default `undefined`: found where the call enters the router. */
export const OtelContext = Context.Reference<ApiContext | undefined>("@spillway/otel/OtelContext", {
  defaultValue: () => undefined
})

/**
 * Reads the active context **now** and gives it to `effect`. Call it in the function the application calls, before
 * anything asynchronous, e.g. `runtime.runPromise(OtelContext.captured(program))`; not inside an `Effect.gen`.
 */
export const captured = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, OtelContext, context.active())
