/**
 * Where the span of a call hangs: the context captured at the boundary, else the Effect span of the caller that somebody
 * exports, else the active OpenTelemetry context.
 */
import {
  context,
  isSpanContextValid,
  type Context as OtelContextValue,
  type Span,
  TraceFlags,
  trace
} from "@opentelemetry/api"
import * as Context from "effect/Context"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import { OtelContext } from "../OtelContext.ts"

/** The context a call's span starts from. `caller` is the fiber context of the caller. */
export const of = (caller: Context.Context<never>): OtelContextValue => {
  const captured = Context.get(caller, OtelContext)
  if (captured !== undefined) return captured
  const active = context.active()
  const parent = exported(Context.getOrUndefined(caller, Tracer.ParentSpan))
  return parent === undefined ? active : trace.setSpan(active, parent)
}

// Spans of Effect's native tracer stay in the process: a child of one would hang on a parent that no backend ever sees.
// So the nearest ancestor that is exported is the parent.
const exported = (from: Tracer.AnySpan | undefined): Span | undefined => {
  let span = from
  while (span !== undefined) {
    if (span._tag === "ExternalSpan") return remote(span, true)
    if (!(span instanceof Tracer.NativeSpan)) {
      const found = bridged(span) ?? remote(span, false)
      if (found !== undefined) return found
    }
    span = Option.getOrUndefined(span.parent)
  }
  return undefined
}

// A span of `@effect/opentelemetry` holds the real one: it knows its trace state too.
const bridged = (span: Tracer.Span): Span | undefined => {
  const inner: unknown = "span" in span ? span.span : undefined
  return isSpan(inner) && isSpanContextValid(inner.spanContext()) ? inner : undefined
}

const isSpan = (value: unknown): value is Span =>
  typeof value === "object" && value !== null && "spanContext" in value && typeof value.spanContext === "function"

const remote = (span: Tracer.AnySpan, isRemote: boolean): Span | undefined => {
  const traceFlags = span.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE
  const spanContext = { traceId: span.traceId, spanId: span.spanId, traceFlags, isRemote }
  return isSpanContextValid(spanContext) ? trace.wrapSpanContext(spanContext) : undefined
}
