/**
 * A router is a model: `LanguageModel` of `effect/ai`, answered by whichever target the router picks. An application
 * changes one layer and no calls.
 *
 * It routes below tool handling: the attempt is the wire only, so tool handlers run once, whatever fails over.
 */

import * as Arr from "effect/Array"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { AttemptFacts } from "../model/Decision.ts"
import { InvalidOption } from "../model/InvalidOption.ts"
import {
  isContent,
  isEnd,
  isIrrevocable,
  type ModelOptions,
  type Part,
  type ProviderModel,
  type StreamPart
} from "../model/ProviderModel.ts"
import type { RouteError } from "../model/RouteError.ts"
import * as RouteRequest from "../model/RouteRequest.ts"
import type { TargetSpec } from "../model/Target.ts"
import * as CacheKey from "../policies/CacheKey.ts"
import * as BreakPolicy from "./BreakPolicy.ts"
import type * as DefaultPipeline from "./DefaultPipeline.ts"
import type * as Pipeline from "./Pipeline.ts"
import * as Router from "./Router.ts"

/** A router whose targets are language models. */
export type ModelRouter<Id extends string = string> = Router.Router<Id, ProviderModel>

/** The router behind the `LanguageModel` of `layer`: for `status`, `explain`, `decisions` and the hand controls. */
export class CurrentRouter extends Context.Service<CurrentRouter, ModelRouter>()(
  "@spillway/core/router/RoutedModel/CurrentRouter"
) {}

/**
 * What calls say about themselves: priority, deadline, constraints. Set it for one call with
 * `Effect.provideService(CurrentRequest, { priority: "P0" })`.
 */
export const CurrentRequest = Context.Reference<RouteRequest.Options>(
  "@spillway/core/router/RoutedModel/CurrentRequest",
  {
    defaultValue: () => ({})
  }
)

export interface Options {
  /**
   * What a stream does when its target breaks after the first content. `restart` sends a `response-metadata` part with
   * `metadata.spillway.restarted` and then the whole answer again (`isRestart` finds it); `buffered` sends nothing before
   * the answer is complete. A tool call that was handed over is never repeated: after it `restart` fails too. Default `fail`.
   */
  readonly onBreak?: "fail" | "restart" | "buffered"
  /**
   * Names every call's answer by what it depends on: tenant, prompt, tools, tool choice, response format and `settings`, so
   * that equal calls are answered from the cache and share one run. `settings` is whatever else changes the answer, read
   * for each call: with `@spillway/providers` it is `CallSettings.CurrentCallSettings`. A call that names its answer itself
   * (`cacheKey`) is left alone. Default: only those are cached.
   */
  readonly cache?: { readonly settings: Effect.Effect<unknown> }
}

/** The part after which a consumer forgets what it has: the answer begins anew. */
export const isRestart = (part: { readonly type: string; readonly metadata?: unknown }): boolean =>
  part.type === "response-metadata" &&
  (part.metadata as { readonly spillway?: { readonly restarted?: boolean } } | undefined)?.spillway?.restarted === true

/** The `LanguageModel` service over a router. */
export const make = <Id extends string>(
  router: ModelRouter<Id>,
  options: Options = {}
): Effect.Effect<LanguageModel.LanguageModel> => {
  const onBreak = breakPolicies[options.onBreak ?? "fail"]
  if (onBreak === undefined) {
    throw new InvalidOption("RoutedModel: onBreak", `one of "fail", "restart", "buffered"`, options.onBreak)
  }
  return LanguageModel.make({
    generateText: (call) =>
      Effect.flatMap(requestOf(call, "generate", options), (request) =>
        router
          .route(request, (attempt) =>
            Effect.map(attempt.client.generate(call, limitsOf(attempt)), (parts) => {
              attempt.report(factsOf(parts))
              return markAnswer(parts, attempt)
            })
          )
          .pipe(Effect.catchTag("RouteError", (error) => Effect.fail(toAiError(error, "generateText"))))
      ),
    streamText: (call) =>
      Stream.unwrap(
        Effect.map(requestOf(call, "stream", options), (request) =>
          router
            .stream(
              request,
              (attempt) =>
                Stream.mapArray(attempt.client.stream(call, limitsOf(attempt)), (parts) => {
                  const facts = factsOf(parts)
                  if (facts !== noFacts) attempt.report(facts)
                  return markParts(parts, attempt)
                }),
              { isContent, isEnd, isIrrevocable, onBreak }
            )
            .pipe(Stream.catchTag("RouteError", (error) => Stream.fail(toAiError(error, "streamText"))))
        )
      )
  })
}

/** What the call says about itself, with a name for its answer where one was asked for and can be made. */
const requestOf = (
  call: ModelOptions,
  operation: "generate" | "stream",
  { cache }: Options
): Effect.Effect<RouteRequest.Options> =>
  Effect.withFiber((fiber) => {
    const request = fiber.getRef(CurrentRequest)
    if (cache === undefined || request.cacheKey !== undefined) return Effect.succeed(request)
    return Effect.flatMap(cache.settings, (settings) =>
      CacheKey.make({
        ...call,
        tenant: request.tenant,
        route: "",
        operation,
        settings: [settings, request.maxOutputTokens]
      })
    ).pipe(
      Effect.map((cacheKey) => ({ ...request, cacheKey })),
      // What cannot be written down is not cached.
      Effect.catchTag("NotKeyable", () => Effect.succeed(request))
    )
  })

/**
 * `LanguageModel` and the router behind it, from the options of `Router.make`. Every time the layer is built is another
 * router with breakers and budgets of its own: build it once per process, in a `ManagedRuntime` or the application's layer.
 */
export const layer = <
  const Specs extends ReadonlyArray<TargetSpec<string, ProviderModel>>,
  P extends Pipeline.AnyPart = DefaultPipeline.Parts
>(
  options: Router.Options<Specs, P> & Options
): Layer.Layer<LanguageModel.LanguageModel | CurrentRouter, never, Router.Services | Pipeline.Services<P>> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const router = yield* Router.make(options)
      const model = yield* make(router, options)
      return Context.make(LanguageModel.LanguageModel, model).pipe(
        // Ids are literals to the compiler only; behind the service any id of the options is taken, others are defects.
        Context.add(CurrentRouter, router as unknown as ModelRouter)
      )
    })
  )

/** Where an answer comes from; `undefined` for parts that no router has seen. */
export const originOf = (parts: ReadonlyArray<{ readonly type: string; readonly metadata?: unknown }>) => {
  for (const part of parts) {
    if (part.type !== "response-metadata") continue
    const { spillway } = (part.metadata ?? {}) as { readonly spillway?: Partial<Origin> }
    if (spillway?.servedBy !== undefined) return { servedBy: spillway.servedBy, degraded: spillway.degraded === true }
  }
  return undefined
}

/** The target that answered, and whether a better tier was left out. */
export interface Origin {
  readonly servedBy: string
  readonly degraded: boolean
}

const marked = <P extends { readonly type: string; readonly metadata?: unknown }>(
  part: P,
  attempt: Router.Attempt
): P => {
  const metadata = part.metadata as { readonly spillway?: object } | undefined
  const origin: Origin = { servedBy: attempt.target.id, degraded: attempt.degraded }
  return { ...part, metadata: { ...metadata, spillway: { ...metadata?.spillway, ...origin } } }
}

/** A whole answer always says where it comes from, whether or not the provider sent metadata. */
const markAnswer = (parts: Array<Part>, attempt: Router.Attempt): Array<Part> => {
  const at = parts.findIndex(({ type }) => type === "response-metadata")
  if (at < 0) return [marked({ type: "response-metadata" } as Part, attempt), ...parts]
  return parts.map((part, i) => (i === at ? marked(part, attempt) : part))
}

const markParts = (
  parts: Arr.NonEmptyReadonlyArray<StreamPart>,
  attempt: Router.Attempt
): Arr.NonEmptyReadonlyArray<StreamPart> =>
  parts.some(({ type }) => type === "response-metadata")
    ? Arr.map(parts, (part) => (part.type === "response-metadata" ? marked(part, attempt) : part))
    : parts

const limitsOf = ({ request }: Router.Attempt) =>
  request.maxOutputTokens === undefined ? undefined : { maxOutputTokens: request.maxOutputTokens }

const restarted = (broken: BreakPolicy.Broken): StreamPart => ({
  type: "response-metadata",
  metadata: { spillway: { restarted: true, from: broken.target, parts: broken.parts } }
})

const breakPolicies: Record<NonNullable<Options["onBreak"]>, BreakPolicy.BreakPolicy<StreamPart>> = {
  fail: BreakPolicy.fail,
  restart: BreakPolicy.restart(restarted),
  buffered: BreakPolicy.buffered
}

const noFacts: AttemptFacts = {}

/** A name and nothing else: what a server says of itself goes into records and spans. */
const identifier = (value: string | undefined): string | undefined =>
  value !== undefined && /^[\w.:/@+-]{1,128}$/.test(value) ? value : undefined

/** What the parts say about the answer; never its text. */
const factsOf = (parts: ReadonlyArray<Part | StreamPart>): AttemptFacts => {
  let facts = noFacts
  for (const part of parts) {
    if (part.type === "response-metadata") {
      const { limits } = (part.metadata?.["spillway"] ?? {}) as { readonly limits?: AttemptFacts["limits"] }
      facts = { ...facts, responseId: identifier(part.id), responseModel: identifier(part.modelId) }
      if (limits !== undefined) facts = { ...facts, limits }
    }
    if (part.type !== "finish") continue
    const { inputTokens, outputTokens } = part.usage
    facts = {
      ...facts,
      finishReason: part.reason,
      inputTokens: inputTokens.total,
      outputTokens: outputTokens.total,
      cacheReadTokens: inputTokens.cacheRead,
      cacheWriteTokens: inputTokens.cacheWrite,
      reasoningTokens: outputTokens.reasoning
    }
  }
  return facts
}

/**
 * `LanguageModel` fails with `AiError` and nothing else. What the router adds becomes the nearest reason, with the
 * router's reason and the attempts under `metadata.spillway`; an error that no waiting mends (a wrong key) stays as it is.
 */
export const toAiError = (error: RouteError, method: string): AiError.AiError => {
  const refused = error.reason._tag === "Refused"
  if (!refused && AiError.isAiError(error.last) && !error.last.isRetryable) return error.last
  const metadata = {
    spillway: {
      reason: error.reason._tag,
      attempts: error.attempts.map(({ target, errorType, ms }) => ({ target, errorType, ms: Math.round(ms) }))
    }
  }
  return AiError.make({ module: "Spillway", method, reason: reasonOf(error, metadata) })
}

/** `isRetryable` of the reason says whether the same call may be made again. */
const reasonOf = (error: RouteError, metadata: AiError.InternalProviderError["metadata"]) => {
  const description = error.message
  const { reason, retryAfterMs } = error
  // The application's own words, for whoever reads the error.
  if (reason._tag === "Refused") return new AiError.UnknownError({ description, metadata })
  if (reason._tag === "NotIdempotent") return new AiError.UnknownError({ description, metadata })
  if (
    reason._tag === "NoCandidate" &&
    reason.exclusions.every((exclusion) => RouteRequest.violations.has(exclusion.reason))
  ) {
    return new AiError.InvalidRequestError({ description, metadata })
  }
  if (retryAfterMs !== undefined)
    return new AiError.RateLimitError({ retryAfter: Duration.millis(retryAfterMs), metadata })
  if (error.attempts.length > 0 && error.attempts.every(({ errorType }) => errorType === "RateLimited")) {
    return new AiError.RateLimitError({ metadata })
  }
  return new AiError.InternalProviderError({ description, metadata })
}
