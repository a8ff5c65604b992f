/**
 * The two spans of a routed call. The call's span (INTERNAL) says what the caller got, in `spillway.*` only. Each attempt
 * below it (CLIENT) is the convention's inference span and the only one with usage: a backend that sums spans counts every
 * token once. Only a failure sets the status; it is named by its type and never by its message.
 */
import {
  type Attributes,
  isSpanContextValid,
  type Context as OtelContextValue,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace
} from "@opentelemetry/api"
import type { AttemptFacts, AttemptRecord, DecisionRecord } from "@spillway/core/Decision"
import type { Target } from "@spillway/core/Target"
import type { AttemptInfo, CallInfo } from "@spillway/core/Telemetry"
import * as Names from "../Names.ts"
import type { Labels } from "./Labels.ts"

/** A started span with the context that makes others its children. */
export interface Started {
  readonly span: Span
  readonly context: OtelContextValue
}

/** What attribute names and words a span may use. */
export interface Vocabulary {
  readonly attribute: Names.Convention["attribute"]
  readonly labels: Labels
}

export const startCall = (tracer: Tracer, info: CallInfo, parent: OtelContextValue): Started | undefined =>
  start(tracer, `spillway ${Names.operation} ${info.route}`, SpanKind.INTERNAL, parent, {
    [Names.attribute.route]: info.route,
    [Names.attribute.strategy]: info.strategy
  })

export const startAttempt = (
  tracer: Tracer,
  { attribute }: Vocabulary,
  info: AttemptInfo,
  streamed: boolean,
  parent: OtelContextValue
): Started | undefined => {
  const { target } = info
  const attributes: Attributes = {
    [attribute.operation]: Names.operation,
    [attribute.provider]: target.provider,
    [attribute.requestModel]: target.model,
    [Names.attribute.target]: target.id,
    [Names.attribute.attemptIndex]: info.index,
    [Names.attribute.attemptReason]: info.reason
  }
  if (streamed) attributes[attribute.requestStream] = true
  const server = serverOf(target)
  if (server !== undefined) {
    attributes[attribute.serverAddress] = server.address
    if (server.port !== undefined) attributes[attribute.serverPort] = server.port
  }
  return start(tracer, `${Names.operation} ${target.model}`, SpanKind.CLIENT, parent, attributes)
}

export const endCall = (
  span: Span,
  { attribute, labels }: Vocabulary,
  record: DecisionRecord,
  model: string | undefined,
  cache: Names.CacheOutcome
) => {
  if (span.isRecording()) {
    const attributes: Attributes = {
      [Names.attribute.outcome]: record.outcome,
      [Names.attribute.degraded]: record.degraded,
      [Names.attribute.attempts]: record.attempts.length,
      [Names.attribute.cacheOutcome]: cache
    }
    if (record.queuedMs > 0) attributes[Names.attribute.queueWait] = record.queuedMs / 1000
    set(attributes, Names.attribute.selectedTarget, record.servedBy)
    set(attributes, Names.attribute.selectedModel, model)
    set(attributes, Names.attribute.timeToFirstChunk, inSeconds(record.firstContentMs))
    set(attributes, Names.attribute.inputTokens, total(record, "inputTokens"))
    set(attributes, Names.attribute.outputTokens, total(record, "outputTokens"))
    setCost(attributes, record.costUsd)
    span.setAttributes(attributes)
    if (record.outcome === "error") fail(span, attribute.errorType, labels.word(record.errorType))
  }
  span.end()
}

export const endAttempt = (span: Span, { attribute, labels }: Vocabulary, record: AttemptRecord) => {
  if (span.isRecording()) {
    const facts = record.facts ?? {}
    const attributes: Attributes = { [Names.attribute.attemptOutcome]: Names.attemptOutcome[record.outcome] }
    set(attributes, attribute.timeToFirstChunk, inSeconds(record.firstContentMs))
    set(attributes, attribute.responseId, facts.responseId)
    set(attributes, attribute.responseModel, facts.responseModel)
    set(attributes, attribute.finishReasons, finishReasons(record, facts))
    set(attributes, attribute.inputTokens, facts.inputTokens)
    set(attributes, attribute.outputTokens, facts.outputTokens)
    set(attributes, attribute.cacheReadTokens, facts.cacheReadTokens)
    set(attributes, attribute.cacheWriteTokens, facts.cacheWriteTokens)
    set(attributes, attribute.reasoningTokens, facts.reasoningTokens)
    setCost(attributes, record.costUsd)
    set(attributes, Names.attribute.costSource, record.costSource)
    span.setAttributes(attributes)
    if (record.outcome === "failed") fail(span, attribute.errorType, labels.word(record.errorType))
  }
  span.end()
}

/** Adds an event if anybody will see it. */
export const event = (span: Span, name: string, attributes?: Attributes) => {
  if (span.isRecording()) span.addEvent(name, attributes)
}

// Attributes go in at creation, where a sampler sees them.
const start = (
  tracer: Tracer,
  name: string,
  kind: SpanKind,
  parent: OtelContextValue,
  attributes: Attributes
): Started | undefined => {
  const span = tracer.startSpan(name, { kind, attributes }, parent)
  return isSpanContextValid(span.spanContext()) ? { span, context: trace.setSpan(parent, span) } : undefined
}

const fail = (span: Span, errorAttribute: string, errorType: string) => {
  span.setAttribute(errorAttribute, errorType)
  span.setStatus({ code: SpanStatusCode.ERROR, message: errorType })
}

// Exporters write `undefined` as the word "undefined".
const set = (attributes: Attributes, name: string, value: string | number | Array<string> | undefined) => {
  if (value !== undefined) attributes[name] = value
}

// What is not known is no 0.
const setCost = (attributes: Attributes, usd: number | undefined) => {
  if (usd === undefined) return
  attributes[Names.attribute.costAmount] = usd
  attributes[Names.attribute.costCurrency] = Names.currency
}

const inSeconds = (ms: number | undefined) => (ms === undefined ? undefined : ms / 1000)

// An answer that broke off after it had begun has no reason of its own; the convention's word for that is `error`.
const finishReasons = (record: AttemptRecord, facts: AttemptFacts): Array<string> | undefined => {
  if (facts.finishReason !== undefined) return [facts.finishReason]
  return record.outcome === "failed" && record.firstContentMs !== undefined ? ["error"] : undefined
}

const total = (record: DecisionRecord, field: "inputTokens" | "outputTokens"): number | undefined => {
  let sum: number | undefined
  for (const { facts } of record.attempts) {
    const tokens = facts?.[field]
    if (tokens !== undefined) sum = (sum ?? 0) + tokens
  }
  return sum
}

// A client is whatever the application put there; a `ProviderModel` says where its requests go.
const serverOf = ({ client }: Target): { readonly address: string; readonly port: number | undefined } | undefined => {
  const server: unknown =
    typeof client === "object" && client !== null && "server" in client ? client.server : undefined
  if (typeof server !== "object" || server === null || !("address" in server)) return undefined
  if (typeof server.address !== "string") return undefined
  const port = "port" in server && typeof server.port === "number" ? server.port : undefined
  return { address: server.address, port }
}
