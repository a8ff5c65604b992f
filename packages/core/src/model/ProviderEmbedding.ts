/**
 * What a provider package gives a router that embeds texts: one embedding model, asked for many texts at once.
 *
 * Vectors of two models do not compare, whatever their length: a router may only move a call to a target of the same `space`.
 */
import type * as AiError from "effect/ai/AiError"
import type * as Effect from "effect/Effect"
import type { Capability } from "./Target.ts"

export interface Embedded {
  /** One per text, in the order of the texts. */
  readonly vectors: Array<Array<number>>
  /** `undefined` when the wire did not say. */
  readonly inputTokens: number | undefined
}

export interface ProviderEmbedding {
  /** Telemetry flavour: `openai`, `gcp.gemini`, … */
  readonly provider: string
  /** As the vendor spells it. */
  readonly model: string
  /** Vectors of equal spaces compare, e.g. the model's own name and the dimensions that were asked for. */
  readonly space: string
  readonly capabilities: ReadonlySet<Capability>
  /** Where the requests go, for `server.address` and `server.port` of spans. */
  readonly server?: { readonly address: string; readonly port: number }
  /** One HTTP request, no retry inside. Fails when a vector is missing. */
  readonly embed: (texts: ReadonlyArray<string>) => Effect.Effect<Embedded, AiError.AiError>
}
