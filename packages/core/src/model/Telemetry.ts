/**
 * The port through which a router tells what it does, while it does it. `@spillway/otel` implements it; without an
 * implementation it costs one comparison with `undefined` per call.
 *
 * Implementations are synchronous and must not throw; one that throws is reported once and never changes a call.
 */
import * as Context from "effect/Context"
import type { AttemptReason } from "./Cost.ts"
import type { AttemptRecord, DecisionRecord } from "./Decision.ts"
import type { GateEvent } from "./Gate.ts"
import type { RouteRequest } from "./RouteRequest.ts"
import type { Target } from "./Target.ts"

export interface Telemetry {
  /**
   * Called when a router is made: register the label sets, so that every counter starts at 0. Called again when its targets
   * have changed, with those there are then; and when a target that left is done with its last attempt, with it in `left`.
   */
  readonly attach?: (info: {
    readonly route: string
    readonly strategy: string
    readonly targets: ReadonlyArray<Target>
    /** No longer there: nothing more will be heard of them. */
    readonly left?: ReadonlyArray<Target>
    /** Who waits for a target now. For gauges, at any time: changes nothing. */
    readonly queue?: () => QueueView
  }) => void
  /**
   * A call enters. `context` is the caller's fiber context: where a parent span is found.
   * `undefined` when nobody listens: the router asks nothing more about this call.
   */
  readonly call: (info: CallInfo, context: Context.Context<never>) => CallObserver | undefined
  /** A gate changed: a breaker opened, a target was parked. */
  readonly event?: (target: Target, event: GateEvent) => void
  /** The router as a whole changed: it began to shed load, it left a tier. */
  readonly routerEvent?: (route: string, event: GateEvent) => void
}

/** The admission queue, as far as it is measured. Counters are since the router was made. */
export interface QueueView {
  readonly size: number
  readonly maxQueued: number
  /** Not let in, by reason: `QueueFull`, … */
  readonly refused: Readonly<Record<string, number>>
  /** Let in and made to leave, by reason: `QueueTimeout`, `Evicted`, … */
  readonly dropped: Readonly<Record<string, number>>
}

export interface CallInfo {
  readonly route: string
  readonly strategy: string
  readonly request: RouteRequest
  readonly streamed: boolean
}

export interface CallObserver {
  readonly attempt: (info: AttemptInfo) => AttemptObserver | undefined
  /** A target was passed over: `reason` is a gate's or a constraint's word. */
  readonly skipped?: (target: Target, reason: string) => void
  /** Once, after the last part of a stream. */
  readonly end: (record: DecisionRecord) => void
}

export interface AttemptInfo {
  readonly target: Target
  readonly index: number
  readonly reason: AttemptReason
}

export interface AttemptObserver {
  /** Put into the context the attempt runs with, so that spans below it nest. */
  readonly context?: Context.Context<never>
  /** Wraps the start of a call made with Promises, so that an ambient context is set. */
  readonly run?: <A>(body: () => A) => A
  readonly firstContent?: () => void
  /** Once, when the attempt's permit is given back. */
  readonly end: (record: AttemptRecord) => void
}

/** `undefined` by default: no telemetry. */
export const CurrentTelemetry = Context.Reference<Telemetry | undefined>("@spillway/core/model/Telemetry", {
  defaultValue: () => undefined
})
