/** A router over models of several vendors, and calls through it as an application makes them. */
import { type Decision, Defaults, type Price, RoutedModel } from "@spillway/core"
import { SmoothWeightedRoundRobin } from "@spillway/strategies"
import { Context, Effect, Layer, Result, Schema, Stream } from "effect"
import { type AiError, LanguageModel, type Prompt, Tool, Toolkit } from "effect/ai"
import { type Heard, heard, type Shown } from "./Heard.ts"
import type { Deployment } from "./Vendors.ts"

export const Kit = Toolkit.make(
  Tool.make("Weather", {
    description: "Weather by city",
    parameters: Schema.Struct({ city: Schema.String }),
    success: Schema.Struct({ degrees: Schema.Finite })
  })
)

export interface Options {
  /** Best first, each in a tier of its own; `together`: all in one tier, in turn. */
  readonly targets: ReadonlyArray<Deployment>
  readonly together?: boolean
  readonly onBreak?: RoutedModel.Options["onBreak"]
  readonly timeouts?: { readonly attempt?: number; readonly firstContent?: number; readonly idle?: number }
  readonly gates?: Defaults.Options["gates"]
  readonly retry?: Defaults.Options["retry"]
  readonly degradation?: Defaults.Options["degradation"]
  /** Context windows, in the order of `targets`. */
  readonly windows?: ReadonlyArray<number | undefined>
  readonly prices?: ReadonlyArray<Price.Price>
}

export interface Ask {
  readonly streamed?: boolean
  /** Milliseconds; default 5 minutes. */
  readonly deadline?: number
  /** Default: the question alone. */
  readonly prompt?: Prompt.RawInput
  /** Runs `Kit` with this handler. */
  readonly weather?: (city: string) => Effect.Effect<{ readonly degrees: number }>
  /** Told each part of a stream as it comes. */
  readonly onPart?: (part: Shown) => Effect.Effect<void>
}

export interface Routed {
  readonly ask: (question: string, options?: Ask) => Effect.Effect<Heard>
  /** Those of the calls that have ended. */
  readonly records: ReadonlyArray<Decision.DecisionRecord>
  /** Who was asked and how it ended for each, of all calls: `chat-0 RateLimited`. */
  readonly history: () => ReadonlyArray<string>
  readonly router: RoutedModel.ModelRouter
  /** What the router still holds. */
  readonly held: Effect.Effect<ReadonlyArray<string>>
}

/** No configured limit of these tests lets a call last longer, on a busy machine either. */
const longest = "20 seconds"

export const make = Effect.fnUntraced(function* (options: Options) {
  const { targets, together = false } = options
  const ids = targets.map(({ name }) => name)
  const context = yield* Layer.build(
    RoutedModel.layer({
      targets: targets.map(({ client, name }, i) => {
        const contextWindow = options.windows?.[i]
        const price = options.prices?.[i]
        return {
          id: name,
          client,
          ...(contextWindow === undefined ? {} : { contextWindow }),
          ...(price === undefined ? {} : { price })
        }
      }),
      ...(together ? {} : { tiers: ids.map((id) => [id]) }),
      timeouts: { attempt: 10_000, firstContent: 10_000, idle: 10_000, ...options.timeouts },
      onBreak: options.onBreak ?? "fail"
    }).pipe(
      Layer.provide([
        SmoothWeightedRoundRobin.layer({ randomStart: false }),
        Defaults.make({
          gates: { breaker: false, cooldown: { withoutHint: 20 }, ...options.gates },
          retry: { transient: { base: 1 }, throttled: { base: 1 }, ...options.retry },
          degradation: { minStay: 1, rampFor: 1, ...options.degradation }
        })
      ])
    )
  )
  const router = Context.get(context, RoutedModel.CurrentRouter)
  const records: Array<Decision.DecisionRecord> = []
  yield* Effect.forkScoped(
    Stream.runForEach(router.decisions, (record) => Effect.sync(() => records.push(record))),
    { startImmediately: true }
  )

  const ask = (question: string, { deadline, onPart, prompt = question, streamed = true, weather }: Ask = {}) => {
    const parts: Array<Shown> = []
    const take = (part: unknown) => {
      parts.push(part as Shown)
      return onPart?.(part as Shown) ?? Effect.void
    }
    const plain = streamed
      ? Stream.runForEach(LanguageModel.streamText({ prompt }), take)
      : Effect.flatMap(LanguageModel.generateText({ prompt }), ({ content }) => Effect.forEach(content, take))
    const withTools = (layer: ReturnType<typeof handlers>) =>
      streamed
        ? Stream.runForEach(Stream.provide(LanguageModel.streamText({ prompt, toolkit: Kit }), layer), take)
        : Effect.flatMap(Effect.provide(LanguageModel.generateText({ prompt, toolkit: Kit }), layer), ({ content }) =>
            Effect.forEach(content, take)
          )
    const run: Effect.Effect<unknown, AiError.AiError, LanguageModel.LanguageModel> =
      weather === undefined ? plain : withTools(handlers(weather))
    const limited = deadline === undefined ? run : Effect.provideService(run, RoutedModel.CurrentRequest, { deadline })
    return Effect.result(limited).pipe(
      Effect.map((result) => heard(parts, Result.isFailure(result) ? result.failure : undefined)),
      Effect.timeout(longest),
      Effect.orDie,
      Effect.provide(context)
    )
  }
  const held = Effect.map(router.status, ({ admission, targets }) => [
    ...targets.flatMap(({ gates, id, inFlight }) => [
      ...(inFlight === 0 ? [] : [`${id} has ${inFlight} in flight`]),
      ...(gates["bulkhead"]?.["inFlight"] === 0 ? [] : [`a permit of ${id} is lost`])
    ]),
    ...(admission.size === 0 ? [] : [`${admission.size} wait`])
  ])
  const history = () =>
    records.flatMap(({ attempts }) =>
      attempts.map(({ errorType, notes, outcome, target }) => [target, errorType ?? outcome, ...notes].join(" "))
    )
  return { ask, records, history, router, held } satisfies Routed
})

const handlers = (weather: NonNullable<Ask["weather"]>) => Kit.toLayer({ Weather: ({ city }) => weather(city) })
