/**
 * Amazon Bedrock by its Converse dialect: models of many makers in one way of speaking.
 *
 * A call shows who asks by a Bedrock API key or by a signature (`aws/SigV4`). What a model takes beside the common settings
 * (thinking, `top_k`, …) goes through `additionalModelRequestFields`. There is no seed and no penalty; the structured output
 * of models that take no JSON Schema is asked for in words. There is no place that answers at no cost, so no probe.
 *
 * Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
 */
import { InvalidOption } from "@spillway/core/InvalidOption"
import type { Capability } from "@spillway/core/Target"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type { JsonObject } from "effect/Schema"
import type { Signer } from "./aws/Signer.ts"
import type { CallSettings } from "./CallSettings.ts"
import * as ConverseDialect from "./internal/converse/ConverseDialect.ts"
import { known } from "./internal/engine/Config.ts"
import * as Checks from "./internal/engine/OptionChecks.ts"
import * as Ways from "./internal/engine/Ways.ts"

export interface Options {
  /** Id of a model, of an inference profile (`eu.anthropic.…`), or an ARN. */
  readonly model: string
  /** `eu-central-1`, … : where the call goes, and part of its signature. */
  readonly region: string
  /** A Bedrock API key. Either this or `signer`. */
  readonly apiKey?: Redacted.Redacted<string> | undefined
  /** Signs each request, e.g. `SigV4.make({ credentials })`. Either this or `apiKey`. */
  readonly signer?: Signer | undefined
  /** Default `https://bedrock-runtime.{region}.amazonaws.com`. For private endpoints and other partitions. */
  readonly baseUrl?: string | undefined
  /** What the model takes beside Converse's own fields, as its maker spells it; sent as it is. */
  readonly additionalModelRequestFields?: JsonObject | undefined
  /**
   * Further such fields for the `reasoningEffort` of a call, e.g. `(effort) => ({ reasoning_effort: effort })`. Makers differ
   * too much for a default: the effort is left out without this.
   */
  readonly effort?: ((effort: NonNullable<CallSettings["reasoningEffort"]>) => JsonObject | undefined) | undefined
  /** A guardrail of the account. `streamProcessingMode` `async` is faster and lets words through before they are judged. */
  readonly guardrail?:
    | {
        readonly identifier: string
        /** A number, or `DRAFT`. */
        readonly version: string
        readonly trace?: "enabled" | "disabled" | "enabled_full" | undefined
        readonly streamProcessingMode?: "sync" | "async" | undefined
      }
    | undefined
  /** `performanceConfig`; `optimized` exists for few models. Default: as the vendor does, which is `standard`. */
  readonly latency?: "standard" | "optimized" | undefined
  /** Default: as the vendor does. Not every model has every tier. */
  readonly serviceTier?: "default" | "priority" | "flex" | "reserved" | (string & {}) | undefined
  /**
   * Marks what should be cached: all up to the end of the tools, of the system text, of the last user message. Default:
   * nothing, for a model without such a cache refuses the mark. `ttl` only where the model has the choice.
   */
  readonly cachePoints?:
    | { readonly after: ReadonlyArray<"tools" | "system" | "messages">; readonly ttl?: "5m" | "1h" | undefined }
    | undefined
  /** Sent with every request; `Redacted` values are hidden wherever headers are printed. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted<string>>> | undefined
  /** What calls do not say themselves. `userId` goes into `requestMetadata`, where it fits. */
  readonly settings?: CallSettings | undefined
  /**
   * What this model can do. Default: tools, vision, reasoning, streaming. With `json-schema`, a schema is sent as one and
   * not in words.
   */
  readonly capabilities?: Iterable<Capability> | undefined
}

/** `Options` whose key, signer and region may come from configuration. */
export type ConfigOptions = Omit<Options, "apiKey" | "signer" | "region"> & {
  /** Default `AWS_REGION`. */
  readonly region?: string | Config.Config<string> | undefined
  /** Default `AWS_BEARER_TOKEN_BEDROCK`, unless there is a signer. */
  readonly apiKey?: Config.Config<Redacted.Redacted<string>> | undefined
  /** E.g. `SigV4.config`. */
  readonly signer?: Signer | Config.Config<Signer> | undefined
}

const names: Record<keyof Options, true> = {
  ...{ model: true, region: true, apiKey: true, signer: true, baseUrl: true, additionalModelRequestFields: true },
  ...{ effort: true, guardrail: true, latency: true, serviceTier: true, cachePoints: true },
  ...{ headers: true, settings: true, capabilities: true }
}

const check = (options: Options): void => {
  known("Bedrock", options, Object.keys(names))
  const { additionalModelRequestFields: fields, apiKey, cachePoints, guardrail, signer } = options
  Checks.pathName("Bedrock: model", options.model)
  Checks.text("Bedrock: region", options.region ?? "", `a region's name, such as "eu-central-1"`, /^[a-z0-9-]+$/)
  Checks.callable("Bedrock: signer", signer)
  if ((apiKey === undefined) === (signer === undefined)) {
    const got = apiKey === undefined ? "neither" : "both"
    throw new InvalidOption("Bedrock: apiKey", "given, or signer, and not both", Symbol(got))
  }
  if (fields !== undefined && !Checks.isObject(fields)) {
    throw new InvalidOption("Bedrock: additionalModelRequestFields", "an object", fields)
  }
  Checks.callable("Bedrock: effort", options.effort)
  Checks.oneOf("Bedrock: latency", options.latency, ["standard", "optimized"])
  Checks.text("Bedrock: serviceTier", options.serviceTier)
  if (guardrail !== undefined) checkGuardrail(guardrail)
  if (cachePoints !== undefined) {
    Checks.object("Bedrock: cachePoints", cachePoints, ["after", "ttl"])
    Checks.someOf("Bedrock: cachePoints.after", cachePoints.after ?? [], ["tools", "system", "messages"])
    Checks.oneOf("Bedrock: cachePoints.ttl", cachePoints.ttl, ["5m", "1h"])
  }
}

const checkGuardrail = (guardrail: NonNullable<Options["guardrail"]>): void => {
  const option = "Bedrock: guardrail"
  Checks.object(option, guardrail, ["identifier", "version", "trace", "streamProcessingMode"])
  Checks.text(`${option}.identifier`, guardrail.identifier ?? "")
  Checks.text(`${option}.version`, guardrail.version ?? "", `a number as a string, or "DRAFT"`, /^(\d+|DRAFT)$/)
  Checks.oneOf(`${option}.trace`, guardrail.trace, ["enabled", "disabled", "enabled_full"])
  Checks.oneOf(`${option}.streamProcessingMode`, guardrail.streamProcessingMode, ["sync", "async"])
}

const ways = Ways.make((options: Options) => {
  check(options)
  const { additionalModelRequestFields, apiKey, cachePoints, effort, guardrail, region, signer } = options
  return ConverseDialect.make({
    module: "Bedrock",
    model: options.model,
    region,
    signer,
    baseUrl: options.baseUrl ?? `https://bedrock-runtime.${region}.amazonaws.com`,
    apiKey,
    keyRequired: signer === undefined,
    headers: options.headers,
    settings: options.settings,
    capabilities: options.capabilities,
    usually: ["tools", "vision", "reasoning", "streaming"],
    extras: {
      ...{ additionalModelRequestFields, cachePoints, effort, guardrail },
      latency: options.latency,
      serviceTier: options.serviceTier
    }
  })
}, "AWS_BEARER_TOKEN_BEDROCK")

/** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
export const make = ways.make

/** A model over the global `fetch`, for code without Effect. Throws `InvalidOption`. */
export const model = ways.model

/** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = ways.layer

/**
 * `layer` with key or signer, and the region, from configuration.
 *
 * **Example** (Everything from the environment)
 *
 * ```ts
 * Bedrock.layerConfig({ model: "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", signer: SigV4.config })
 * ```
 */
export const layerConfig = (
  options: ConfigOptions
): Layer.Layer<LanguageModel.LanguageModel, Config.ConfigError, HttpClient.HttpClient> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { apiKey, region, signer, ...rest } = options
      const where = typeof region === "string" ? region : yield* region ?? Config.String("AWS_REGION")
      if (signer === undefined) {
        const key = yield* apiKey ?? Config.Redacted("AWS_BEARER_TOKEN_BEDROCK")
        return layer({ ...rest, region: where, apiKey: key })
      }
      return layer({ ...rest, region: where, signer: Config.isConfig(signer) ? yield* signer : signer })
    })
  )
