/**
 * Finds the tracer and the meter, cheaply and at every call: an SDK may be registered after the router was made.
 *
 * Instruments made before `setGlobalMeterProvider` record nothing for ever (metrics have no proxy), so they are made when
 * there is a provider and made again when it is another one.
 */
import {
  createNoopMeter,
  type Meter,
  type MeterProvider,
  metrics,
  ProxyTracerProvider,
  type Tracer,
  type TracerProvider,
  trace
} from "@opentelemetry/api"
import * as Names from "../Names.ts"

export interface Options {
  readonly tracerProvider: TracerProvider | undefined
  readonly meterProvider: MeterProvider | undefined
  readonly schemaUrl: string | undefined
}

// A proxy that nobody has registered with answers with the API's own no-op: what "no SDK" looks like.
const noTracerProvider: TracerProvider = new ProxyTracerProvider().getDelegate()
const noMeter = createNoopMeter()

/** The tracer of the SDK that is registered now; `undefined` without one. */
export const tracer = (options: Options): (() => Tracer | undefined) => {
  let known = noTracerProvider
  let current: Tracer | undefined
  return () => {
    const provider = behind(options.tracerProvider ?? trace.getTracerProvider())
    if (provider !== known) {
      // Remembered first: a provider that throws is asked once, not at every call.
      known = provider
      current = undefined
      if (provider !== noTracerProvider) current = provider.getTracer(Names.scope, undefined, scopeOptions(options))
    }
    return current
  }
}

/** What `make` builds from the meter of the SDK that is registered now, built once per provider; `undefined` without one. */
export const instruments = <I>(options: Options, make: (meter: Meter) => I): (() => I | undefined) => {
  let known: MeterProvider | undefined
  let current: I | undefined
  return () => {
    const provider = options.meterProvider ?? metrics.getMeterProvider()
    if (provider !== known) {
      known = provider
      current = undefined
      const meter = provider.getMeter(Names.scope, undefined, scopeOptions(options))
      if (meter !== noMeter) current = make(meter)
    }
    return current
  }
}

const scopeOptions = ({ schemaUrl }: Options) => (schemaUrl === undefined ? undefined : { schemaUrl })

// By shape, not by class: the proxy may come from another copy of the API.
const behind = (provider: TracerProvider): TracerProvider =>
  "getDelegate" in provider && typeof provider.getDelegate === "function" ? provider.getDelegate() : provider
