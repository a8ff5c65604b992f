/**
 * What a provider package gives a router: one model, asked below tool handling, so that a failover never runs a tool
 * twice. The encoded parts are those of `effect/ai`.
 *
 * This is the one file of core's model that touches `effect/ai`, which is announced as unstable.
 */
import type * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Response from "effect/ai/Response"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { Capability } from "./Target.ts"

/** Prompt, tools, response format: what `LanguageModel.make` hands its hooks. */
export type ModelOptions = LanguageModel.ProviderOptions

/** A part of a whole answer. */
export type Part = Response.PartEncoded

/** A part of a streamed answer. */
export type StreamPart = Response.StreamPartEncoded

/** What the router asks for beside the caller's own settings; the smaller of two caps counts. */
export interface CallLimits {
  /** Integer >= 1. */
  readonly maxOutputTokens?: number
}

export interface ProviderModel {
  /** Telemetry flavour: `deepseek`, `openai`, … */
  readonly provider: string
  /** As the vendor spells it. */
  readonly model: string
  readonly capabilities: ReadonlySet<Capability>
  /** Where the requests go, for `server.address` and `server.port` of spans. */
  readonly server?: { readonly address: string; readonly port: number }
  /** One HTTP request, no retry inside. Ends in exactly one `finish` part, or fails. */
  readonly generate: (options: ModelOptions, limits?: CallLimits) => Effect.Effect<Array<Part>, AiError.AiError>
  /** One HTTP request, no retry inside. Ends with exactly one `finish` part, or fails: a cut stream never ends normally. */
  readonly stream: (options: ModelOptions, limits?: CallLimits) => Stream.Stream<StreamPart, AiError.AiError>
  /** Succeeds when the vendor is there and takes the key. Costs no tokens. Absent where the vendor has no such place. */
  readonly probe?: Effect.Effect<void, AiError.AiError>
}

/**
 * What a provider may tell the router about a streamed attempt before its first content. A provider that tells nothing has
 * `timeouts.firstContent` and no other clock until then. Each may be told any number of times, also when the attempt is over.
 */
export interface AttemptSignals {
  /** The request goes out, and `headers` will be told of. */
  readonly sent: () => void
  /** The headers of an answer with content (status 2xx) are here. */
  readonly headers: () => void
  /** Bytes came that say nothing: comments, pings. Headers are known to be here then. */
  readonly alive: () => void
}

/** Of the attempt that an effect runs in; where no router listens, telling does nothing. */
export const CurrentAttemptSignals = Context.Reference<AttemptSignals>(
  "@spillway/core/model/ProviderModel/AttemptSignals",
  { defaultValue: () => unheard }
)

const unheard: AttemptSignals = { sent: () => {}, headers: () => {}, alive: () => {} }

/** The parts of an `AiError` that a decision needs. */
export interface AiErrorLike {
  readonly _tag: "AiError"
  readonly reason: {
    readonly _tag: string
    readonly retryAfter?: Duration.Duration | undefined
    readonly metadata?: Readonly<Record<string, unknown>> | undefined
  }
}

/** The answer has begun: text, reasoning, a tool call, a file, or its end. What comes before is held back. */
export const isContent = (part: StreamPart): boolean => {
  switch (part.type) {
    case "text-delta":
    case "reasoning-delta":
      return part.delta.length > 0
    case "tool-params-start":
    case "tool-params-delta":
    case "tool-call":
    case "tool-result":
    case "tool-approval-request":
    case "file":
    case "source":
    case "finish":
      return true
    default:
      return false
  }
}

/** The terminal fact: a stream that ends without it was cut. */
export const isEnd = (part: StreamPart): boolean => part.type === "finish"

/** Nothing takes it back: the handler of a tool call may have run by the time the stream breaks. */
export const isIrrevocable = (part: StreamPart): boolean => part.type === "tool-call"
