/**
 * Every name this package writes, in one table: the GenAI semantic conventions in two versions, and the `spillway.*`
 * names beside them. Dashboards and rules read it too, so a renamed metric is renamed once.
 *
 * Source: OpenTelemetry semantic conventions 1.41 (`docs/gen-ai`), the last release that holds the GenAI text; and the
 * repository `semantic-conventions-genai`, unreleased, where inference metrics got names of their own (#374, #440,
 * #521). The strings are copied: the npm package deprecates them and weighs 0.8 MB.
 */

/** `"1.41"`: released names. `"latest"`: the unreleased ones of `semantic-conventions-genai`; they may still change. */
export type Semconv = "1.41" | "latest"

/** The variable by which an operator asks for the newest names. */
export const optInVariable = "OTEL_SEMCONV_STABILITY_OPT_IN"

/** What the text of `OTEL_SEMCONV_STABILITY_OPT_IN` (a comma list) asks for. Default `"1.41"`. */
export const semconvFrom = (optIn: string | undefined): Semconv =>
  optIn?.split(",").some((word) => word.trim() === "gen_ai_latest_experimental") === true ? "latest" : "1.41"

/** Scope name of spans and metrics. */
export const scope = "@spillway/otel"

/** The value of `gen_ai.operation.name`. */
export const operation = "chat"

/** What a label becomes when its value is not known from the configuration. */
export const otherLabel = "_other"

/** The value of `error.type` when nothing better is known. */
export const otherError = "_OTHER"

const attributes = {
  operation: "gen_ai.operation.name",
  provider: "gen_ai.provider.name",
  requestModel: "gen_ai.request.model",
  requestStream: "gen_ai.request.stream",
  responseId: "gen_ai.response.id",
  responseModel: "gen_ai.response.model",
  finishReasons: "gen_ai.response.finish_reasons",
  timeToFirstChunk: "gen_ai.response.time_to_first_chunk",
  inputTokens: "gen_ai.usage.input_tokens",
  outputTokens: "gen_ai.usage.output_tokens",
  cacheReadTokens: "gen_ai.usage.cache_read.input_tokens",
  cacheWriteTokens: "gen_ai.usage.cache_creation.input_tokens",
  reasoningTokens: "gen_ai.usage.reasoning.output_tokens",
  tokenType: "gen_ai.token.type",
  tokenModality: "gen_ai.token.modality",
  errorType: "error.type",
  serverAddress: "server.address",
  serverPort: "server.port"
}

/** 1.41 has one token histogram with a type label; the newer text has counters for sums and histograms for percentiles. */
export type TokenMetrics =
  | { readonly _tag: "Typed"; readonly usage: string }
  | {
      readonly _tag: "Split"
      readonly input: string
      readonly output: string
      readonly cacheRead: string
      readonly cacheWrite: string
      readonly reasoning: string
      readonly inputPerOperation: string
      readonly outputPerOperation: string
    }

/** One version of the conventions. */
export interface Convention {
  /** `undefined` while the version has no published schema. */
  readonly schemaUrl: string | undefined
  readonly attribute: Readonly<typeof attributes>
  readonly duration: string
  readonly timeToFirstChunk: string
  readonly tokens: TokenMetrics
}

export const conventions: Readonly<Record<Semconv, Convention>> = {
  "1.41": {
    schemaUrl: "https://opentelemetry.io/schemas/1.41.0",
    attribute: attributes,
    duration: "gen_ai.client.operation.duration",
    timeToFirstChunk: "gen_ai.client.operation.time_to_first_chunk",
    tokens: { _tag: "Typed", usage: "gen_ai.client.token.usage" }
  },
  latest: {
    schemaUrl: undefined,
    attribute: { ...attributes, cacheWriteTokens: "gen_ai.usage.cache_write.input_tokens" },
    duration: "gen_ai.client.inference.duration",
    timeToFirstChunk: "gen_ai.client.inference.time_to_first_chunk",
    tokens: {
      _tag: "Split",
      input: "gen_ai.client.inference.usage.input_tokens",
      output: "gen_ai.client.inference.usage.output_tokens",
      cacheRead: "gen_ai.client.inference.usage.cache_read.input_tokens",
      cacheWrite: "gen_ai.client.inference.usage.cache_write.input_tokens",
      reasoning: "gen_ai.client.inference.usage.reasoning.output_tokens",
      inputPerOperation: "gen_ai.client.inference.operation.input_tokens",
      outputPerOperation: "gen_ai.client.inference.operation.output_tokens"
    }
  }
}

/** Attributes of our own, on spans. */
export const attribute = {
  route: "spillway.route",
  strategy: "spillway.strategy",
  outcome: "spillway.outcome",
  degraded: "spillway.degraded",
  attempts: "spillway.attempts",
  cacheOutcome: "spillway.cache.outcome",
  queueWait: "spillway.queue.wait",
  selectedTarget: "spillway.selected.target",
  selectedModel: "spillway.selected.model",
  timeToFirstChunk: "spillway.time_to_first_chunk",
  inputTokens: "spillway.usage.input_tokens",
  outputTokens: "spillway.usage.output_tokens",
  costAmount: "spillway.cost.amount",
  costCurrency: "spillway.cost.currency",
  costSource: "spillway.cost.source",
  target: "spillway.target",
  attemptIndex: "spillway.attempt.index",
  attemptReason: "spillway.attempt.reason",
  attemptOutcome: "spillway.attempt.outcome"
} as const

/** Prices and records of core are in US dollars. */
export const currency = "USD"

/** Values of `spillway.attempt.outcome`, by core's word: `lost_race` is the slower copy of a hedged call. */
export const attemptOutcome = {
  won: "won",
  failed: "failed",
  lost: "lost_race",
  cancelled: "cancelled"
} as const

/**
 * Values of `spillway.cache.outcome`. `miss`: the call named its answer, and no cache had it. `coalesced`: it shared the run
 * of another call. `bypass`: it named none.
 */
export type CacheOutcome = "hit" | "miss" | "stale" | "coalesced" | "bypass"

/** Events on the span of a call. */
export const event = {
  targetSkipped: "spillway.target.skipped",
  fallback: "spillway.fallback",
  firstChunk: "spillway.first_chunk"
} as const

/** Metrics of our own. */
export const metric = {
  calls: "spillway.calls",
  callDuration: "spillway.call.duration",
  callTimeToFirstChunk: "spillway.call.time_to_first_chunk",
  callsActive: "spillway.calls.active",
  callAttempts: "spillway.call.attempts",
  attempts: "spillway.attempts",
  fallbacks: "spillway.fallbacks",
  queueDepth: "spillway.queue.depth",
  queueCapacity: "spillway.queue.capacity",
  queueWaitDuration: "spillway.queue.wait.duration",
  queueRejected: "spillway.queue.rejected",
  cacheRequests: "spillway.cache.requests",
  cost: "spillway.cost",
  breakerState: "spillway.breaker.state",
  breakerTransitions: "spillway.breaker.transitions",
  routeTargetOpen: "spillway.route.target_open",
  dropped: "spillway.telemetry.dropped"
} as const

/** Bucket bounds. Seconds, unless said otherwise. */
const seconds = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
export const buckets = {
  /** As the conventions advise. */
  seconds,
  /** Two more: a long answer must not end in the last, open bucket. */
  callSeconds: [...seconds, 163.84, 327.68],
  /** Tokens, as the conventions advise. */
  tokens: Array.from({ length: 14 }, (_, i) => 4 ** i),
  /** Attempts per call. */
  attempts: [1, 2, 3, 4, 5, 8]
}

/**
 * The words `error.type` and `reason` are made of: those of core's classifier, of `RouteError`, of the gates and of the
 * admission queue. A word of somebody else's classifier or gate is written too, if it looks like one, up to a bound; then
 * `_OTHER`.
 */
export const words: ReadonlyArray<string> = [
  ...["RateLimited", "Overloaded", "Network", "Protocol", "Auth", "QuotaExhausted", "ContentFilter", "InvalidRequest"],
  ...["ContextLength", "InvalidOutput", "TimeoutAttempt", "TimeoutHeaders", "TimeoutFirstContent", "TimeoutIdle"],
  ...[
    "Truncated",
    "ModelNotFound",
    "Defect",
    "NoCandidate",
    "DeadlineExceeded",
    "AttemptsExhausted",
    "RetryBudgetExhausted"
  ],
  ...["NotIdempotent", "StreamBroken", "Refused"],
  ...["BreakerOpen", "BreakerProbing", "BulkheadFull", "CoolingDown", "Misconfigured", "Isolated", "Draining"],
  ...["RequestsLimited", "TokensLimited", "InputTokensLimited", "OutputTokensLimited", "BudgetExhausted", "NeverFits"],
  ...["Ramping", "Shed", "Reserved", "Ejected", "QueueFull", "QueueTimeout", "Evicted"],
  ...["Capability", "Region", "Context", "NotAllowed", "Tried", otherError]
]
