/**
 * A router is an embedding model: `EmbeddingModel` of `effect/ai`, answered by whichever target the router picks.
 *
 * Vectors of two models do not compare, so a fallback to "any other embedding model" would poison an index without an error.
 * All targets of one router have to be of one `space` (`ProviderEmbedding`): the same model at several vendors, accounts or
 * regions. What the call says about itself is `RoutedModel.CurrentRequest`, as for language models.
 */
import * as EmbeddingModel from "effect/ai/EmbeddingModel"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { withEstimate } from "../model/Cost.ts"
import { InvalidOption, integer } from "../model/InvalidOption.ts"
import type { Embedded, ProviderEmbedding } from "../model/ProviderEmbedding.ts"
import * as RouteRequest from "../model/RouteRequest.ts"
import type { TargetSpec } from "../model/Target.ts"
import * as TokenEstimate from "../model/TokenEstimate.ts"
import type * as DefaultPipeline from "./DefaultPipeline.ts"
import * as ToAiError from "./internal/ToAiError.ts"
import type * as Pipeline from "./Pipeline.ts"
import { CurrentRequest } from "./RoutedModel.ts"
import * as Router from "./Router.ts"

/** A router whose targets are embedding models. */
export type EmbeddingRouter<Id extends string = string> = Router.Router<Id, ProviderEmbedding>

/** The router behind the `EmbeddingModel` of `layer`: for `status`, `explain`, `decisions` and the hand controls. */
export class CurrentRouter extends Context.Service<CurrentRouter, EmbeddingRouter>()(
  "@spillway/core/router/RoutedEmbedding/CurrentRouter"
) {}

export interface Options {
  /**
   * The most texts of one request; more are asked for in several, one after the other, each routed by itself. Integer >= 1.
   * Set it to the smallest limit of the targets' vendors. Default: all texts in one request.
   */
  readonly maxTexts?: number
}

/**
 * The `EmbeddingModel` service over a router that exists already. Whether its targets are of one space shows call by call: an
 * attempt at one of another space than that of the first is a defect, `InvalidOption`. `layer` sees it at once.
 */
export const make = <Id extends string>(
  router: EmbeddingRouter<Id>,
  options: Options = {}
): Effect.Effect<EmbeddingModel.EmbeddingModel> => over(router, options, undefined)

/**
 * `EmbeddingModel` and the router behind it, from the options of `Router.make`. Targets of different spaces are a defect,
 * `InvalidOption`. Every time the layer is built is another router: build it once per process.
 */
export const layer = <
  const Specs extends ReadonlyArray<TargetSpec<string, ProviderEmbedding>>,
  P extends Pipeline.AnyPart = DefaultPipeline.Parts
>(
  options: Router.Options<Specs, P> & Options
): Layer.Layer<EmbeddingModel.EmbeddingModel | CurrentRouter, never, Router.Services | Pipeline.Services<P>> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const space = spaceOf(options.targets)
      const router = yield* Router.make(options)
      const model = yield* over(router, options, space)
      return Context.make(EmbeddingModel.EmbeddingModel, model).pipe(
        // Ids are literals to the compiler only; behind the service any id of the options is taken, others are defects.
        Context.add(CurrentRouter, router as unknown as EmbeddingRouter)
      )
    })
  )

/** The one space of all targets; `undefined` where there are none, which is the router's to say. Throws `InvalidOption`. */
const spaceOf = (targets: ReadonlyArray<TargetSpec<string, ProviderEmbedding>>): string | undefined => {
  const first = targets[0]?.client.space
  targets.forEach(({ client }, i) => {
    if (client.space !== first) throw otherSpace(`targets[${i}].client.space`, first, client.space)
  })
  return first
}

const otherSpace = (where: string, space: string | undefined, other: string) =>
  new InvalidOption(
    `RoutedEmbedding: ${where}`,
    `${JSON.stringify(space)}, as that of the first target`,
    other,
    "Vectors of two spaces do not compare"
  )

const over = <Id extends string>(
  router: EmbeddingRouter<Id>,
  { maxTexts }: Options,
  known: string | undefined
): Effect.Effect<EmbeddingModel.EmbeddingModel> => {
  if (maxTexts !== undefined) integer("RoutedEmbedding: maxTexts", maxTexts)
  let space = known
  const ask = (attempt: Router.Attempt<Id, ProviderEmbedding>, texts: ReadonlyArray<string>) => {
    const { client, target } = attempt
    space ??= client.space
    if (client.space !== space) return Effect.die(otherSpace(`space of target ${target.id}`, space, client.space))
    const embedded = Effect.mapError(client.embed(texts), (error) => ToAiError.from(target.id, error))
    return Effect.tap(embedded, ({ inputTokens }) =>
      // There is no output: with the input known, so is the cost.
      Effect.sync(() => attempt.report(inputTokens === undefined ? {} : { inputTokens, outputTokens: 0 }))
    )
  }
  return EmbeddingModel.make({
    embedMany: ({ inputs }) =>
      Effect.withFiber((fiber) => {
        const batches = batchesOf(inputs, maxTexts ?? inputs.length)
        const request = fiber.getRef(CurrentRequest)
        return Effect.forEach(batches, (texts, i) =>
          router
            .route(RouteRequest.from(requestOf(request, texts, batches.length === 1 ? undefined : i)), (attempt) =>
              ask(attempt, texts)
            )
            .pipe(Effect.catchTag("RouteError", (error) => Effect.fail(ToAiError.toAiError(error, "embedMany"))))
        )
      }).pipe(Effect.map(together)),
    // Calls of one text share a request only when they say the same about themselves.
    batchKey: (context) => Context.get(context, CurrentRequest)
  })
}

const batchesOf = (texts: ReadonlyArray<string>, size: number): ReadonlyArray<ReadonlyArray<string>> => {
  const batches: Array<ReadonlyArray<string>> = []
  for (let at = 0; at < texts.length; at += size) batches.push(texts.slice(at, at + size))
  return batches
}

/** With a count of the texts that is made when a gate first asks; a batch of several has an answer, and a key, of its own. */
const requestOf = (
  options: RouteRequest.Options,
  texts: ReadonlyArray<string>,
  batch: number | undefined
): RouteRequest.Options | RouteRequest.RouteRequest => {
  const own =
    batch === undefined || options.cacheKey === undefined
      ? options
      : { ...options, cacheKey: `${options.cacheKey}#${batch}` }
  if (own.estimatedTokens !== undefined) return own
  const request = RouteRequest.from(own)
  const count = () => Math.ceil(texts.reduce((sum, text) => sum + TokenEstimate.text(text), 0))
  return { ...request, cost: withEstimate(request.cost, 0, count) }
}

/** In the order of the texts. Tokens are unknown where those of one batch are. */
const together = (answers: ReadonlyArray<Embedded>): EmbeddingModel.ProviderResponse => {
  let inputTokens: number | undefined = 0
  for (const answer of answers) {
    inputTokens =
      inputTokens === undefined || answer.inputTokens === undefined ? undefined : inputTokens + answer.inputTokens
  }
  return { results: answers.flatMap(({ vectors }) => vectors), usage: { inputTokens } }
}
