/**
 * Tells OpenTelemetry what a router does: a span per call, a span per attempt below it, and metrics. Through
 * `@opentelemetry/api` alone, so the application brings the SDK of its choice, or none.
 *
 * Without an SDK a call is asked about once and then forgotten. With one, nothing the SDK does (throw, drop, be
 * registered late) changes a call. No prompt, answer, key or error message is written: only names, types and numbers.
 */
import type { MeterProvider, TracerProvider } from "@opentelemetry/api"
import { integer } from "@spillway/core/InvalidOption"
import { CurrentTelemetry, type Telemetry } from "@spillway/core/Telemetry"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Breakers from "./internal/Breakers.ts"
import * as Guard from "./internal/Guard.ts"
import * as Labels from "./internal/Labels.ts"
import * as Meters from "./internal/Meters.ts"
import * as Observers from "./internal/Observers.ts"
import type * as Queues from "./internal/Queues.ts"
import * as Sources from "./internal/Sources.ts"
import * as Names from "./Names.ts"

export interface Options {
  /** Version of the GenAI names. Default `"1.41"`. */
  readonly semconv?: Names.Semconv
  /** Default: the global one, looked up at every call, so that it may be registered at any time. */
  readonly tracerProvider?: TracerProvider
  /** Default: the global one, looked up at every call, so that it may be registered at any time. */
  readonly meterProvider?: MeterProvider
  /**
   * Routes, and targets, that metrics name, those that have left included: a counter cannot be taken back. What is attached
   * later is `_other`. Integer >= 1, default 1,000.
   */
  readonly maxLabels?: number
}

/** An implementation of core's port. Share one among the routers of an application. Throws `InvalidOption`. */
export const make = (options: Options = {}): Telemetry => {
  const convention = Names.conventions[options.semconv ?? "1.41"]
  const labels = Labels.make(integer("OtelTelemetry: maxLabels", options.maxLabels ?? 1000))
  const breakers = Breakers.make()
  const queues: Queues.Queues = new Map()
  const where: Sources.Options = {
    tracerProvider: options.tracerProvider,
    meterProvider: options.meterProvider,
    schemaUrl: convention.schemaUrl
  }
  const tracer = Sources.tracer(where)
  const meters = Sources.instruments(where, (meter) => Meters.make(meter, convention, labels, breakers, queues))
  const guard = Guard.make((signal) => meters()?.dropped(signal))
  const deps = { guard, vocabulary: { attribute: convention.attribute, labels } }

  return {
    attach: ({ left = [], queue, route, targets }) => {
      for (const gone of labels.detach(route, left)) breakers.forget(gone)
      labels.attach(route, targets)
      if (queue !== undefined && labels.routes.has(route)) queues.set(route, queue)
      guard.run("metrics", () => meters()?.zero(route))
    },
    call: (info, context) => {
      const traced = guard.run("traces", tracer)
      const metered = guard.run("metrics", meters)
      if (traced === undefined && metered === undefined) return undefined
      return Observers.call(deps, info, context, traced, metered)
    },
    event: (target, event) => {
      const id = labels.target(target)
      const state = breakers.moved(id, event)
      if (state !== undefined) guard.run("metrics", () => meters()?.breakerMoved(id, state))
    }
  }
}

/** Telemetry for every router below. Throws `InvalidOption`. */
export const layer = (options?: Options): Layer.Layer<never> => Layer.succeed(CurrentTelemetry, make(options))

/**
 * The same, with the operator's word on the names: `OTEL_SEMCONV_STABILITY_OPT_IN`, read from the `ConfigProvider` (by
 * default the environment). An explicit `semconv` wins.
 */
export const layerConfig = (options?: Options): Layer.Layer<never, Config.ConfigError> =>
  Layer.effect(
    CurrentTelemetry,
    Effect.map(Config.String(Names.optInVariable).pipe(Config.withDefault("")), (optIn) =>
      make({ ...options, semconv: options?.semconv ?? Names.semconvFrom(optIn) })
    )
  )
