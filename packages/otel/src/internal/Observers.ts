/**
 * What core's port is answered with: one observer per call, one per attempt. Spans and metrics are guarded apart, so that
 * one of them failing does not cost the other.
 */
import { context, type Tracer as OtelTracer, TraceFlags } from "@opentelemetry/api"
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
  let lastError: string | undefined
  let hasContent = false

  const event = (name: string, attributes?: Record<string, string>) => {
    if (started !== undefined) guard.run("traces", () => Spans.event(started.span, name, attributes))
  }

  const fellBack = (from: Target, to: Target) => {
    event(Names.event.fallback, { from: from.id, to: to.id, reason: vocabulary.labels.word(lastError) })
    if (meters !== undefined) guard.run("metrics", () => meters.fellBack(info.route, from, to, lastError))
  }

  const attempt = (attemptInfo: AttemptInfo): AttemptObserver => {
    const { target } = attemptInfo
    const previous = tried.at(-1)
    // A retry may land on another target too, once the first one is no longer eligible.
    if (previous !== undefined && previous.id !== target.id) fellBack(previous, target)
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
        lastError = record.errorType
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
      if (started !== undefined) {
        const model = tried.find(({ id }) => id === record.servedBy)?.model
        guard.run("traces", () => Spans.endCall(started.span, vocabulary, record, model))
      }
      if (meters !== undefined) guard.run("metrics", () => meters.callEnded(record))
    }
  }
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
