/**
 * What core's port is answered with: one observer per call, one per attempt. Spans and metrics are guarded apart, so that
 * one of them failing does not cost the other.
 */
import { context, type Tracer as OtelTracer, TraceFlags } from "@opentelemetry/api"
import type { DecisionRecord } from "@spillway/core/Decision"
import type { RouteRequest } from "@spillway/core/RouteRequest"
import type { Target } from "@spillway/core/Target"
import type { AttemptInfo, AttemptObserver, CallInfo, CallObserver } from "@spillway/core/Telemetry"
import * as Context from "effect/Context"
import * as Tracer from "effect/Tracer"
import * as Names from "../Names.ts"
import { OtelContext } from "../OtelContext.ts"
import type { Guard } from "./Guard.ts"
import type { Meters } from "./Meters.ts"
import * as Parent from "./Parent.ts"
import * as Spans from "./Spans.ts"

export interface Deps {
  readonly guard: Guard
  readonly vocabulary: Spans.Vocabulary
}

/** `tracer` and `meters` are those of the moment the call entered, and stay so until it ends. */
export const call = (
  { guard, vocabulary }: Deps,
  info: CallInfo,
  caller: Context.Context<never>,
  tracer: OtelTracer | undefined,
  meters: Meters | undefined
): CallObserver | undefined => {
  const started = tracer && guard.run("traces", () => Spans.startCall(tracer, info, Parent.of(caller)))
  if (started === undefined && meters === undefined) return undefined
  if (meters !== undefined) guard.run("metrics", () => meters.callStarted(info.route))

  const tried: Array<Target> = []
  let failed: { readonly target: Target; readonly errorType: string | undefined } | undefined
  let hasContent = false

  const event = (name: string, attributes?: Record<string, string>) => {
    if (started !== undefined) guard.run("traces", () => Spans.event(started.span, name, attributes))
  }

  const fellBack = (from: Target, to: Target, reason: string | undefined) => {
    event(Names.event.fallback, { from: from.id, to: to.id, reason: vocabulary.labels.word(reason) })
    if (meters !== undefined) guard.run("metrics", () => meters.fellBack(info.route, from, to, reason))
  }

  const attempt = (attemptInfo: AttemptInfo): AttemptObserver => {
    const { target } = attemptInfo
    // A retry may land on another target too, once the first one is no longer eligible; a hedge replaces nobody.
    if (failed !== undefined && failed.target.id !== target.id && attemptInfo.reason !== "hedge") {
      fellBack(failed.target, target, failed.errorType)
    }
    tried.push(target)
    const own =
      tracer &&
      started &&
      guard.run("traces", () => Spans.startAttempt(tracer, vocabulary, attemptInfo, info.streamed, started.context))
    return {
      ...(own === undefined ? undefined : below(guard, own)),
      firstContent: () => {
        if (hasContent) return
        hasContent = true
        event(Names.event.firstChunk, { target: target.id })
      },
      end: (record) => {
        if (record.outcome === "failed") failed = { target, errorType: record.errorType }
        if (own !== undefined) guard.run("traces", () => Spans.endAttempt(own.span, vocabulary, record))
        if (meters !== undefined) guard.run("metrics", () => meters.attemptEnded(target, record))
      }
    }
  }

  return {
    attempt,
    skipped: (target, reason) =>
      event(Names.event.targetSkipped, { target: target.id, reason: vocabulary.labels.word(reason) }),
    end: (record) => {
      const cache = cacheOutcome(info.request, record)
      if (started !== undefined) {
        const model = tried.find(({ id }) => id === record.servedBy)?.model
        guard.run("traces", () => Spans.endCall(started.span, vocabulary, record, model, cache))
      }
      if (meters !== undefined) guard.run("metrics", () => meters.callEnded(record, cache))
    }
  }
}

const cacheOutcome = ({ cacheKey }: RouteRequest, { source }: DecisionRecord): Names.CacheOutcome => {
  if (source === "cache") return "hit"
  if (source !== "model") return source
  return cacheKey === undefined ? "bypass" : "miss"
}

/** How spans below an attempt find it: Effect's by the fiber context, others by the ambient one. */
const below = (guard: Guard, { span, context: own }: Spans.Started): Pick<AttemptObserver, "context" | "run"> => {
  const { traceId, spanId, traceFlags } = span.spanContext()
  const sampled = (traceFlags & TraceFlags.SAMPLED) !== 0
  return {
    context: Context.make(OtelContext, own).pipe(
      Context.add(Tracer.ParentSpan, Tracer.externalSpan({ traceId, spanId, sampled }))
    ),
    run: (body) => {
      // Whatever `body` throws is the call's own; only what the context manager throws before it is not.
      let entered = false
      try {
        return context.with(own, () => {
          entered = true
          return body()
        })
      } catch (error) {
        if (entered) throw error
        guard.failed("traces", error)
        return body()
      }
    }
  }
}
