import { assert, describe, it } from "@effect/vitest"
import {
  type ContextManager,
  context,
  createTraceState,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  TraceFlags,
  trace
} from "@opentelemetry/api"
import { OtelContext, OtelTelemetry } from "@spillway/otel"
import { Context, Effect, Option, Queue, Tracer } from "effect"
import { ambient, attemptRecord, begin, enter, listening, record, type Sdk, sdk, tell, within } from "./Fixture.ts"

const traced = (instance: Sdk) => OtelTelemetry.make({ tracerProvider: instance.tracerProvider })
const parentOf = (instance: Sdk) => instance.span("spillway chat main").parentSpanContext
const external = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" }
const native = (parent: Tracer.AnySpan | undefined) =>
  new Tracer.NativeSpan({
    name: "inner",
    parent: Option.fromUndefinedOr(parent),
    annotations: Context.empty(),
    links: [],
    startTime: 0n,
    kind: "internal",
    sampled: true
  })

describe("the parent of a call", () => {
  it("is the context that was captured, before any other", () =>
    ambient(() => {
      const instance = sdk()
      const [captured, active] = [within(instance, "captured"), within(instance, "active")]
      const caller = Context.make(OtelContext.OtelContext, captured.context).pipe(
        Context.add(Tracer.ParentSpan, Tracer.externalSpan(external))
      )
      context.with(active.context, () => tell(traced(instance), [], {}, caller))
      captured.end()
      assert.strictEqual(parentOf(instance)?.spanId, instance.span("captured").spanContext().spanId)
    }))

  it("is the caller's Effect span when that one came from outside", () =>
    ambient(() => {
      const instance = sdk()
      const caller = Context.make(Tracer.ParentSpan, Tracer.externalSpan(external))
      context.with(within(instance, "active").context, () => tell(traced(instance), [], {}, caller))
      assert.strictEqual(parentOf(instance)?.spanId, external.spanId)
      assert.strictEqual(parentOf(instance)?.traceId, external.traceId)
      assert.strictEqual(parentOf(instance)?.isRemote, true)
    }))

  it("is the exported ancestor of spans that only live in the process", () => {
    const instance = sdk()
    const caller = Context.make(Tracer.ParentSpan, native(native(Tracer.externalSpan(external))))
    tell(traced(instance), [], {}, caller)
    assert.strictEqual(parentOf(instance)?.spanId, external.spanId)
  })

  it("is the OpenTelemetry span inside a bridged Effect span", () => {
    const instance = sdk()
    const caller = trace.setSpanContext(ROOT_CONTEXT, {
      ...external,
      traceFlags: TraceFlags.SAMPLED,
      traceState: createTraceState("vendor=1")
    })
    const span = instance.tracerProvider.getTracer("application").startSpan("bridged", {}, caller)
    const { traceId, spanId } = span.spanContext()
    // The shape of `@effect/opentelemetry`: an Effect span that is not the native one and holds the real one.
    const bridged: Tracer.Span & { readonly span: Span } = {
      ...{ _tag: "Span", name: "bridged", kind: "internal", sampled: true, traceId, spanId, span },
      ...{ parent: Option.none(), annotations: Context.empty(), attributes: new Map(), links: [] },
      status: { _tag: "Started", startTime: 0n },
      end: () => {},
      attribute: () => {},
      event: () => {},
      addLinks: () => {}
    }
    tell(traced(instance), [], {}, Context.make(Tracer.ParentSpan, bridged))
    assert.strictEqual(parentOf(instance)?.spanId, spanId)
    assert.strictEqual(instance.span("spillway chat main").spanContext().traceState?.serialize(), "vendor=1")
  })

  it("is the active context when the Effect span is nobody's, with its ids of no trace", () =>
    ambient(() => {
      const instance = sdk()
      const active = within(instance, "active")
      const telemetry = traced(instance)
      for (const span of [native(undefined), Tracer.externalSpan({ traceId: "noop", spanId: "noop" })]) {
        context.with(active.context, () => tell(telemetry, [], {}, Context.make(Tracer.ParentSpan, span)))
      }
      active.end()
      const calls = instance.spans().filter(({ name }) => name === "spillway chat main")
      assert.strictEqual(calls.length, 2)
      for (const call of calls) {
        assert.strictEqual(call.parentSpanContext?.spanId, instance.span("active").spanContext().spanId)
      }
    }))

  it("survives a worker fiber that all callers share, when it was captured at the boundary", () =>
    ambient(async () => {
      const instance = sdk()
      const telemetry = traced(instance)
      const program = Effect.gen(function* () {
        const queue = yield* Queue.unbounded<Context.Context<never>>()
        yield* Effect.forkChild(
          Effect.forever(Effect.map(Queue.take(queue), (caller) => tell(telemetry, [attemptRecord()], {}, caller)))
        )
        return (name: string) => {
          const own = within(instance, name)
          const program = Effect.flatMap(Effect.context<never>(), (caller) => Queue.offer(queue, caller))
          const captured = context.with(own.context, () => OtelContext.captured(program))
          own.end()
          return captured
        }
      })
      await Effect.runPromise(
        Effect.gen(function* () {
          const ask = yield* program
          yield* ask("first")
          yield* ask("second")
          yield* Effect.yieldNow
          yield* Effect.yieldNow
        })
      )
      const parents = instance
        .spans()
        .filter(({ name }) => name === "spillway chat main")
        .map(({ parentSpanContext }) => parentSpanContext?.spanId)
      assert.deepStrictEqual(
        parents,
        ["first", "second"].map((name) => instance.span(name).spanContext().spanId)
      )
    }))
})

describe("what runs below an attempt", () => {
  it("finds the attempt's span in the fiber context, for Effect and for OpenTelemetry", () => {
    const instance = sdk()
    const call = enter(traced(instance))
    const attempt = begin(call)
    const below = listening(attempt.context)
    const effectParent = Context.getOrUndefined(below, Tracer.ParentSpan)
    const otel = Context.get(below, OtelContext.OtelContext)
    attempt.end(attemptRecord())
    call.end(record())
    const span = instance.span("chat model-a").spanContext()
    assert.strictEqual(effectParent?.spanId, span.spanId)
    assert.strictEqual(effectParent?.traceId, span.traceId)
    assert.strictEqual(effectParent?.sampled, true)
    assert.strictEqual(otel && trace.getSpanContext(otel)?.spanId, span.spanId)
  })

  it("nests a router inside a router's attempt", () => {
    const instance = sdk()
    const telemetry = traced(instance)
    const outer = enter(telemetry, { route: "outer" })
    const attempt = begin(outer)
    tell(telemetry, [], {}, listening(attempt.context))
    attempt.end(attemptRecord())
    outer.end(record({ route: "outer" }))
    assert.strictEqual(parentOf(instance)?.spanId, instance.span("chat model-a").spanContext().spanId)
  })

  it("finds the attempt's span as the active one while a Promise client starts", () =>
    ambient(() => {
      const instance = sdk()
      const attempt = begin(enter(traced(instance)))
      const answer = attempt.run?.(() => {
        const active = trace.getActiveSpan()
        assert.isTrue(active !== undefined && isSpanContextValid(active.spanContext()))
        instance.tracerProvider.getTracer("http").startSpan("POST").end()
        return 42
      })
      assert.strictEqual(answer, 42)
      attempt.end(attemptRecord())
      assert.strictEqual(
        instance.span("POST").parentSpanContext?.spanId,
        instance.span("chat model-a").spanContext().spanId
      )
    }))

  it("runs once and keeps what it throws", () =>
    ambient(() => {
      let runs = 0
      const attempt = begin(enter(traced(sdk())))
      assert.throws(() => {
        attempt.run?.(() => {
          runs++
          throw new Error("the client's own")
        })
      }, "the client's own")
      assert.strictEqual(runs, 1)
    }))

  it("runs without a context when the context manager is broken", () => {
    const attempt = begin(enter(traced(sdk())))
    const boom = () => {
      throw new Error("boom")
    }
    const manager: ContextManager = {
      active: () => ROOT_CONTEXT,
      with: boom,
      bind: (_context, target) => target,
      enable: () => manager,
      disable: () => manager
    }
    context.setGlobalContextManager(manager)
    try {
      assert.strictEqual(
        attempt.run?.(() => 42),
        42
      )
    } finally {
      context.disable()
    }
  })

  it("stays unsampled below a parent that is", () => {
    const instance = sdk()
    const caller = Context.make(Tracer.ParentSpan, Tracer.externalSpan({ ...external, sampled: false }))
    const call = enter(traced(instance), {}, caller)
    const attempt = begin(call)
    assert.strictEqual(Context.getOrUndefined(listening(attempt.context), Tracer.ParentSpan)?.sampled, false)
    attempt.end(attemptRecord())
    call.end(record())
    assert.strictEqual(instance.spans().length, 0)
  })

  it("has no context to take up when only metrics are collected", () => {
    const attempt = begin(enter(OtelTelemetry.make({ meterProvider: sdk().meterProvider })))
    assert.isUndefined(attempt.context)
    assert.isUndefined(attempt.run)
  })
})
