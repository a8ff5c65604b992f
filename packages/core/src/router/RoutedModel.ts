/**
 * A router is a model: `LanguageModel` of `effect/ai`, answered by whichever target the router picks. An application
 * changes one layer and no calls.
 *
 * It routes below tool handling: the attempt is the wire only, so tool handlers run once, whatever fails over.
 */

import * as Arr from "effect/Array"
import type * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { withEstimate } from "../model/Cost.ts"
import { InvalidOption } from "../model/InvalidOption.ts"
import * as PromptPrefix from "../model/PromptPrefix.ts"
import {
  type CallLimits,
  isContent,
  isEnd,
  isIrrevocable,
  type ModelOptions,
  type Part,
  type ProviderModel,
  type StreamPart
} from "../model/ProviderModel.ts"
import * as RouteRequest from "../model/RouteRequest.ts"
import type { Capability, TargetSpec } from "../model/Target.ts"
import { CurrentTargetSource, type TargetSourceError } from "../model/TargetSource.ts"
import * as CacheKey from "../policies/CacheKey.ts"
import { CurrentTokenizer, count as countTokens, type Tokenizer } from "../policies/Tokenizer.ts"
import type * as DefaultPipeline from "./DefaultPipeline.ts"
import { factsOf, noFacts } from "./internal/AnswerFacts.ts"
import * as CallNeeds from "./internal/CallNeeds.ts"
import * as ModelBreaks from "./internal/ModelBreaks.ts"
import * as ModelClient from "./internal/ModelClient.ts"
import * as Prefill from "./internal/Prefill.ts"
import * as PromptTexts from "./internal/PromptTexts.ts"
import * as ToAiError from "./internal/ToAiError.ts"
import type * as Pipeline from "./Pipeline.ts"
import * as Router from "./Router.ts"

export { isContinuation, isRestart } from "./internal/Markers.ts"
export { toAiError } from "./internal/ToAiError.ts"

/** A router whose targets are language models. */
export type ModelRouter<Id extends string = string> = Router.Router<Id, ProviderModel>

/** The router behind the `LanguageModel` of `layer`: for `status`, `explain`, `decisions` and the hand controls. */
export class CurrentRouter extends Context.Service<CurrentRouter, ModelRouter>()(
  "@spillway/core/router/RoutedModel/CurrentRouter"
) {}

/**
 * What calls say about themselves: priority, deadline, constraints. Set it for one call with
 * `Effect.provideService(CurrentRequest, { priority: "P0" })`. Where some targets claim `vision` and others do not, a call
 * with an image in its prompt needs it by itself; so it is with tools and `tools`.
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
   * the answer is complete. A tool call that was handed over is never repeated: after it `restart` fails too.
   *
   * `continue` asks the next target to go on where the text stopped, with the text so far as the assistant's last message,
   * when that target has the capability `prefill`; a `response-metadata` part with `metadata.spillway.continued` stands at
   * the seam (`isContinuation` finds it), and model and usage of the answer are those of the last attempt. Where nobody can
   * go on, or the prefill is refused, it is a `restart`: behind anything but text and reasoning, in an answer that is to be
   * JSON, and behind more than `BreakPolicy.maxCharacters` of text. Default `fail`.
   */
  readonly onBreak?: ModelBreaks.OnBreak
  /**
   * Names every call's answer by what it depends on: tenant, prompt, tools, tool choice, response format and `settings`, so
   * that equal calls are answered from the cache and share one run. `settings` is whatever else changes the answer, read
   * for each call: with `@spillway/providers` it is `CallSettings.CurrentCallSettings`. A call that names its answer itself
   * (`cacheKey`) is left alone. Default: only those are cached.
   */
  readonly cache?: { readonly settings: Effect.Effect<unknown> }
}

/** The `LanguageModel` service over a router. */
export const make = <Id extends string>(
  router: ModelRouter<Id>,
  options: Options = {}
): Effect.Effect<LanguageModel.LanguageModel> => {
  const model = provider(router, options)
  return LanguageModel.make({ generateText: (call) => model.generate(call), streamText: (call) => model.stream(call) })
}

/** How a router names itself where it stands for one model. */
export interface Identity {
  /** Default `"spillway"`. */
  readonly provider?: string
  /** Default `"router"`. */
  readonly model?: string
  /** Default: all. The router keeps what a call needs by itself, target by target. */
  readonly capabilities?: Iterable<Capability>
}

/**
 * A router as a `ProviderModel`, below tool handling: a target of another router, or behind a bridge. `CurrentRequest` of
 * the caller counts; a cap of the caller's makes that of the request smaller, never larger. An error of a target says which
 * one in `metadata.spillway.target`, where its reason has metadata.
 */
export const provider = <Id extends string>(
  router: ModelRouter<Id>,
  options: Options & Identity = {}
): ProviderModel => {
  const onBreak = ModelBreaks.policies[options.onBreak ?? "fail"]
  if (onBreak === undefined) {
    throw new InvalidOption("RoutedModel: onBreak", `one of "fail", "restart", "continue", "buffered"`, options.onBreak)
  }
  const needs = CallNeeds.make(router)
  return {
    provider: options.provider ?? "spillway",
    model: options.model ?? "router",
    capabilities: new Set(options.capabilities ?? everything),
    generate: (call, limits) =>
      Effect.flatMap(requestOf(call, "generate", options, limits, needs), (request) =>
        router
          .route(request, (attempt) =>
            Effect.map(Effect.mapError(clientOf(attempt).generate(call, limitsOf(attempt)), from(attempt)), (parts) => {
              attempt.report(factsOf(parts))
              return markAnswer(parts, attempt)
            })
          )
          .pipe(Effect.catchTag("RouteError", (error) => Effect.fail(ToAiError.toAiError(error, "generateText"))))
      ),
    stream: (call, limits) =>
      Stream.unwrap(
        Effect.map(requestOf(call, "stream", options, limits, needs), (request) =>
          router
            .stream(
              request,
              (attempt) =>
                Stream.mapArray(streamOf(attempt, call), (parts) => {
                  const facts = factsOf(parts)
                  if (facts !== noFacts) attempt.report(facts)
                  return markParts(parts, attempt)
                }),
              { isContent, isEnd, isIrrevocable, onBreak: ModelBreaks.policyFor(onBreak, call) }
            )
            .pipe(Stream.catchTag("RouteError", (error) => Stream.fail(ToAiError.toAiError(error, "streamText"))))
        )
      )
  }
}

/** Of `Capability`, the ones that a model of language can have. */
const everything = ["tools", "vision", "json-schema", "prefill", "reasoning", "streaming"] as const

const capped = (request: RouteRequest.Options, limits: CallLimits | undefined): RouteRequest.Options => {
  const cap = limits?.maxOutputTokens
  return cap === undefined ? request : { ...request, maxOutputTokens: Math.min(cap, request.maxOutputTokens ?? cap) }
}

/** What the call says about itself, with a name for its answer where one was asked for and can be made. */
const requestOf = (
  call: ModelOptions,
  operation: "generate" | "stream",
  { cache }: Options,
  limits: CallLimits | undefined,
  needs: CallNeeds.CallNeeds
): Effect.Effect<RouteRequest.RouteRequest> =>
  Effect.withFiber((fiber) => {
    const request = needs(capped(fiber.getRef(CurrentRequest), limits), call)
    const tokenizer = fiber.getRef(CurrentTokenizer)
    if (cache === undefined || request.cacheKey !== undefined) {
      return Effect.succeed(estimated(request, call, tokenizer))
    }
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
      Effect.catchTag("NotKeyable", () => Effect.succeed(request)),
      Effect.map((request) => estimated(request, call, tokenizer))
    )
  })

/**
 * With a count of the prompt that is made when a gate first asks, and hashes of its beginning that are made when a strategy
 * does, unless the call says either itself.
 */
const estimated = (
  options: RouteRequest.Options,
  call: ModelOptions,
  tokenizer: Tokenizer
): RouteRequest.RouteRequest => {
  const request = RouteRequest.from(options)
  const promptPrefix = request.promptPrefix ?? PromptPrefix.of(() => PromptTexts.of(call))
  if (options.estimatedTokens !== undefined) return { ...request, promptPrefix }
  const count = () => countTokens(tokenizer, call)
  return { ...request, promptPrefix, cost: withEstimate(request.cost, request.maxOutputTokens, count) }
}

/**
 * `LanguageModel` and the router behind it, from the options of `Router.make`. A `client` that is no model is a defect,
 * `InvalidOption`. Every time the layer is built is another
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
      options.targets.forEach(({ client }, i) => {
        ModelClient.check(`RoutedModel: targets[${i}].client`, client)
      })
      const model = yield* make(router, options)
      return Context.make(LanguageModel.LanguageModel, model).pipe(
        // Ids are literals to the compiler only; behind the service any id of the options is taken, others are defects.
        Context.add(CurrentRouter, router as unknown as ModelRouter)
      )
    })
  )

/**
 * The same over the targets of `CurrentTargetSource`, followed for as long as the layer is in use. A client that is no model
 * shows when it is asked.
 */
export const layerFromSource = <P extends Pipeline.AnyPart = DefaultPipeline.Parts>(
  options: Router.SourceOptions<P> & Options = {}
): Layer.Layer<
  LanguageModel.LanguageModel | CurrentRouter,
  TargetSourceError,
  CurrentTargetSource | Router.Services | Pipeline.Services<P>
> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const router = yield* Router.fromSource(yield* CurrentTargetSource, options)
      const model = yield* make(router, options)
      return Context.make(LanguageModel.LanguageModel, model).pipe(Context.add(CurrentRouter, router))
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
  const attempts = attempt.index + 1
  return { ...part, metadata: { ...metadata, spillway: { ...metadata?.spillway, ...origin, attempts } } }
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

/** Of a router that was made elsewhere the clients show call by call. */
const clientOf = ({ client, target }: Router.Attempt<string, ProviderModel>) =>
  ModelClient.check(`RoutedModel: client of target ${JSON.stringify(target.id)}`, client)

const streamOf = (attempt: Router.Attempt<string, ProviderModel>, call: ModelOptions) => {
  clientOf(attempt)
  return Stream.mapError(Prefill.stream(attempt, call, limitsOf(attempt)), from(attempt))
}

const from =
  ({ target }: Router.Attempt) =>
  (error: AiError.AiError) =>
    ToAiError.from(target.id, error)

const limitsOf = ({ request }: Router.Attempt) =>
  request.maxOutputTokens === undefined ? undefined : { maxOutputTokens: request.maxOutputTokens }
