/**
 * A model of the AI SDK as a `ProviderModel`: one call of `doGenerate` or `doStream`, no retry. An interruption fires the
 * call's `AbortSignal`, and so does letting go of a stream.
 */
import type { JSONObject, LanguageModelV3, LanguageModelV4 } from "@ai-sdk/provider"
import { InvalidOption } from "@spillway/core/InvalidOption"
import type { CallLimits, ModelOptions, ProviderModel, StreamPart } from "@spillway/core/ProviderModel"
import type { Capability } from "@spillway/core/Target"
import * as Arr from "effect/Array"
import type * as AiError from "effect/ai/AiError"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import { type CallSettings, CurrentCallSettings } from "../../CallSettings.ts"
import * as ProviderError from "../errors/ProviderError.ts"
import { record } from "../json.ts"
import type { Version } from "./Files.ts"
import * as FromAnswer from "./FromAnswer.ts"
import * as FromError from "./FromError.ts"
import { FromStream } from "./FromStream.ts"
import * as ToOptions from "./ToOptions.ts"
import { CurrentVendorOptions } from "./VendorOptions.ts"

export interface Config {
  readonly settings: CallSettings
  readonly capabilities: ReadonlySet<Capability>
  readonly providerOptions: Readonly<Record<string, JSONObject>> | undefined
}

/** Throws `InvalidOption` for what is no model, or one of another specification. */
export const versionOf = (model: unknown): Version => {
  const version = record(model)?.["specificationVersion"]
  if (version === "v3" || version === "v4") return version
  const hint =
    typeof model === "string"
      ? 'Give the model itself: openai("gpt-5.2"), not its id'
      : "Models of AI SDK 5 (v2) and before: update the provider's package to the one for AI SDK 6 or 7"
  throw new InvalidOption("AiSdk: model", `a language model of specificationVersion "v3" or "v4"`, version, hint)
}

export const make = (model: LanguageModelV3 | LanguageModelV4, config: Config): ProviderModel => {
  const version = versionOf(model)
  // `openai.responses` keeps what is its own under `openai`.
  const vendor = model.provider.split(".", 1)[0] || "aiSdk"
  // One shape for both: `ToOptions` writes what `version` reads.
  const ask = model as LanguageModelV4

  const prepare = (
    options: ModelOptions,
    limits: CallLimits | undefined,
    where: ProviderError.Where
  ): Effect.Effect<ToOptions.Output & { readonly clock: Clock.Clock }, AiError.AiError> =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const settings = { ...config.settings, ...(yield* CurrentCallSettings) }
      const providerOptions = { ...config.providerOptions, ...(yield* CurrentVendorOptions) }
      const asked = ToOptions.from({ version, vendor, options, settings, limits, providerOptions })
      if ("verdict" in asked) {
        return yield* ProviderError.make(where, asked, { now: clock.currentTimeMillisUnsafe() })
      }
      return { ...asked, clock }
    })

  return {
    provider: vendor,
    model: model.modelId,
    capabilities: config.capabilities,
    generate: Effect.fnUntraced(function* (options, limits) {
      const where = whereOf(vendor, "generate")
      const { clock, options: asked, warnings } = yield* prepare(options, limits, where)
      const now = () => clock.currentTimeMillisUnsafe()
      const result = yield* Effect.tryPromise({
        try: async (abortSignal) => ask.doGenerate({ ...asked, abortSignal }),
        catch: (error) => FromError.thrown(where, error, { now: now(), afterOutput: false })
      })
      const parts = FromAnswer.from(result, { vendor, model: model.modelId, warnings })
      return Array.isArray(parts) ? parts : yield* ProviderError.make(where, parts, { now: now() })
    }),
    stream: (options, limits) =>
      Stream.unwrap(
        Effect.gen(function* () {
          const where = whereOf(vendor, "stream")
          const { clock, options: asked, warnings } = yield* prepare(options, limits, where)
          const answer = new FromStream({ vendor, model: model.modelId, warnings })
          const context = () => ({ now: clock.currentTimeMillisUnsafe(), afterOutput: answer.hasContent })
          // Its own, and not the one of the promise: it has to fire after the promise too.
          const controller = yield* Effect.acquireRelease(
            Effect.sync(() => new AbortController()),
            (controller) => Effect.sync(() => controller.abort())
          )
          const { stream } = yield* Effect.tryPromise({
            try: async (signal) => {
              signal.addEventListener("abort", () => controller.abort(), { once: true })
              return ask.doStream({ ...asked, abortSignal: controller.signal })
            },
            catch: (error) => FromError.thrown(where, error, context())
          })
          const given = Stream.fromReadableStream({
            evaluate: () => stream,
            onError: (error) => FromError.thrown(where, error, context())
          })
          return parts(given, answer, () => {
            const { broken } = answer
            if (broken === undefined) return undefined
            return broken.kind === "fault"
              ? ProviderError.make(where, broken.fault, context())
              : FromError.inStream(where, broken.error, context())
          })
        })
      )
  }
}

/** Keys are inside the model: there is none to cut out of what it says. */
const whereOf = (vendor: string, method: ProviderError.Where["method"]): ProviderError.Where => ({
  module: "AiSdk",
  method,
  provider: vendor,
  secret: undefined
})

/** Nothing is read after the finish part: what goes wrong then does not matter. */
const parts = (
  given: Stream.Stream<unknown, AiError.AiError>,
  answer: FromStream,
  failure: () => AiError.AiError | undefined
): Stream.Stream<StreamPart, AiError.AiError> =>
  Stream.transformPull(given, (pull) => {
    type Step = Pull.Pull<Arr.NonEmptyReadonlyArray<StreamPart>, AiError.AiError, void>
    const stop = Effect.suspend((): Pull.Pull<never, AiError.AiError, void> => {
      const error = failure()
      return error === undefined ? Cause.done() : Effect.fail(error)
    })
    const step: Step = Effect.suspend(() =>
      answer.ended
        ? stop
        : Pull.matchEffect(pull, {
            onSuccess: (chunks) => {
              const parts = chunks.flatMap((chunk) => answer.feed(chunk))
              return Arr.isArrayNonEmpty(parts) ? Effect.succeed(parts) : step
            },
            onFailure: (cause: Cause.Cause<AiError.AiError>) => Effect.failCause(cause),
            onDone: () => {
              answer.end()
              return step
            }
          })
    )
    return Effect.succeed(step)
  })
