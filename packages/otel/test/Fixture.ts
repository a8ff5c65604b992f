/** Made-up targets and records, and an SDK that keeps what it is given in memory. */
import { type Context as ApiContext, context, metrics, trace } from "@opentelemetry/api"
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks"
import {
  AggregationTemporality,
  type DataPoint,
  type Histogram,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader
} from "@opentelemetry/sdk-metrics"
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
  type SpanProcessor
} from "@opentelemetry/sdk-trace-base"
import type { AttemptRecord, DecisionRecord } from "@spillway/core/Decision"
import * as RouteRequest from "@spillway/core/RouteRequest"
import { resolve, type Target, type TargetSpec } from "@spillway/core/Target"
import type { AttemptInfo, AttemptObserver, CallInfo, CallObserver, Telemetry } from "@spillway/core/Telemetry"
import { Context } from "effect"

export const specs: ReadonlyArray<TargetSpec> = [
  {
    id: "a",
    client: { server: { address: "a.example", port: 8443 } },
    provider: "openai",
    model: "model-a"
  },
  { id: "b", client: undefined, provider: "anthropic", model: "model-b" }
]

export const targets: ReadonlyArray<Target> = resolve("test", specs, undefined)
export const target = (id: string): Target => {
  const found = targets.find((one) => one.id === id)
  if (found === undefined) throw new Error(`no target ${id}`)
  return found
}
export const stranger = (id: string): Target => ({ ...target("a"), id, model: `model-${id}` })

export const info = (over: Partial<CallInfo> = {}): CallInfo => ({
  route: "main",
  strategy: "p2c",
  request: RouteRequest.unspecified,
  streamed: false,
  ...over
})

export const attemptRecord = (over: Partial<AttemptRecord> = {}): AttemptRecord => ({
  target: "a",
  index: 0,
  reason: "primary",
  startedAt: 0,
  ms: 100,
  firstContentMs: undefined,
  outcome: "won",
  errorType: undefined,
  facts: undefined,
  costUsd: undefined,
  costSource: undefined,
  notes: [],
  ...over
})

export const record = (over: Partial<DecisionRecord> = {}): DecisionRecord => ({
  at: 0,
  route: "main",
  strategy: "p2c",
  priority: "P1",
  streamed: false,
  outcome: "ok",
  errorType: undefined,
  servedBy: "a",
  source: "model",
  degraded: false,
  totalMs: 100,
  waitedMs: 0,
  queuedMs: 0,
  rung: undefined,
  firstContentMs: undefined,
  costUsd: undefined,
  attempts: [],
  ...over
})

export const nobody = Context.empty()

/** The observer, or a failed test. */
export const listening = <A>(observer: A | undefined): A => {
  if (observer === undefined) throw new Error("expected an observer")
  return observer
}

export const enter = (telemetry: Telemetry, over: Partial<CallInfo> = {}, caller = nobody): CallObserver =>
  listening(telemetry.call(info(over), caller))

export const begin = (call: CallObserver, over: Partial<AttemptInfo> = {}): AttemptObserver =>
  listening(call.attempt({ target: target("a"), index: 0, reason: "primary", ...over }))

/** One call as a router would tell it: `attempts` one after the other, then the end. */
export const tell = (
  telemetry: Telemetry,
  attempts: ReadonlyArray<AttemptRecord>,
  over: Partial<DecisionRecord> = {},
  caller = nobody
): void => {
  const call = enter(telemetry, over.streamed === undefined ? {} : { streamed: over.streamed }, caller)
  for (const each of attempts) {
    const { index, reason } = each
    const attempt = begin(call, { target: target(each.target), index, reason })
    if (each.firstContentMs !== undefined) attempt.firstContent?.()
    attempt.end(each)
  }
  call.end(record({ attempts, ...over }))
}

export interface Sdk {
  readonly tracerProvider: BasicTracerProvider
  readonly meterProvider: MeterProvider
  readonly spans: () => ReadonlyArray<ReadableSpan>
  readonly span: (name: string) => ReadableSpan
  /** Points of a metric now, with labels as JSON; `undefined` when there is no such metric. */
  readonly points: (name: string) => Promise<Record<string, number> | undefined>
  readonly histogram: (name: string) => Promise<ReadonlyArray<DataPoint<Histogram>>>
  readonly names: () => Promise<ReadonlyArray<string>>
  readonly scopes: () => Promise<ReadonlyArray<{ readonly name: string; readonly schemaUrl?: string }>>
}

export const sdk = (options: { readonly processor?: SpanProcessor; readonly sampler?: Sampler } = {}): Sdk => {
  const exporter = new InMemorySpanExporter()
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  // Collects when asked; the interval is never reached.
  const reader = new PeriodicExportingMetricReader({ exporter: metricExporter, exportIntervalMillis: 2 ** 30 })
  const meterProvider = new MeterProvider({ readers: [reader] })
  const tracerProvider = new BasicTracerProvider({
    spanProcessors: [options.processor ?? new SimpleSpanProcessor(exporter)],
    ...(options.sampler === undefined ? {} : { sampler: options.sampler })
  })
  const collect = async () => {
    const { resourceMetrics, errors } = await reader.collect()
    if (errors.length > 0) throw errors[0]
    return resourceMetrics.scopeMetrics
  }
  const find = async (name: string) =>
    (await collect()).flatMap(({ metrics }) => metrics).find(({ descriptor }) => descriptor.name === name)
  return {
    tracerProvider,
    meterProvider,
    spans: () => exporter.getFinishedSpans(),
    span: (name) => {
      const found = exporter.getFinishedSpans().filter((span) => span.name === name)
      if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} spans are named ${name}`)
      return found[0]
    },
    points: async (name) => {
      const metric = await find(name)
      if (metric === undefined) return undefined
      return Object.fromEntries(
        metric.dataPoints.map(({ attributes, value }) => [
          JSON.stringify(attributes),
          typeof value === "number" ? value : value.count
        ])
      )
    },
    histogram: async (name) => ((await find(name))?.dataPoints ?? []) as ReadonlyArray<DataPoint<Histogram>>,
    names: async () =>
      (await collect()).flatMap(({ metrics }) => metrics.map(({ descriptor }) => descriptor.name)).sort(),
    scopes: async () => (await collect()).map(({ scope }) => scope)
  }
}

/** Runs `body` with an SDK registered for the whole process, and takes it back. */
export const registered = async (instance: Sdk, body: () => unknown): Promise<void> => {
  trace.setGlobalTracerProvider(instance.tracerProvider)
  metrics.setGlobalMeterProvider(instance.meterProvider)
  try {
    await body()
  } finally {
    trace.disable()
    metrics.disable()
  }
}

/** Runs `body` with a context manager, as an application with an SDK has one. */
export const ambient = async (body: () => unknown): Promise<void> => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  try {
    await body()
  } finally {
    context.disable()
  }
}

/** A context whose span is `name` of `instance`, which the caller ends. */
export const within = (instance: Sdk, name: string): { readonly context: ApiContext; readonly end: () => void } => {
  const span = instance.tracerProvider.getTracer("application").startSpan(name)
  return { context: trace.setSpan(context.active(), span), end: () => span.end() }
}
