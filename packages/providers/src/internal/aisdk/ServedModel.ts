/**
 * A `ProviderModel` as a `LanguageModelV4` of the AI SDK. The caller's `AbortSignal` interrupts the call, and what it holds
 * is given back before the promise rejects with the signal's reason.
 *
 * A stream is handed over with its first part: what fails before rejects `doStream`, what fails later is an `error` part.
 */
import type { LanguageModelV4, LanguageModelV4CallOptions } from "@ai-sdk/provider"
import { InvalidOption } from "@spillway/core/InvalidOption"
import type { ProviderModel } from "@spillway/core/ProviderModel"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { CurrentCallSettings } from "../../CallSettings.ts"
import * as FromCall from "./FromCall.ts"
import * as Readable from "./Readable.ts"
import * as ToAnswer from "./ToAnswer.ts"
import * as ToError from "./ToError.ts"
import { CurrentVendorOptions } from "./VendorOptions.ts"

export interface Config {
  readonly provider: string
  readonly modelId: string
  /** References for the calls: tracer, logger, telemetry. */
  readonly context: Context.Context<never>
  /** What the call says for the router, put where it is read; throws `InvalidOption`. */
  readonly request: (call: LanguageModelV4CallOptions) => Context.Context<never>
}

export const make = (model: ProviderModel, config: Config): LanguageModelV4 => {
  const { modelId, provider } = config
  const url = `spillway:${provider}/${modelId}`

  /** Everything that is said around the call, as one context. */
  const prepare = (call: LanguageModelV4CallOptions) => {
    call.abortSignal?.throwIfAborted()
    const { options, settings, warnings } = read(call)
    const outer = Context.get(config.context, CurrentCallSettings)
    const { spillway: _, ...vendors } = call.providerOptions ?? {}
    const context = Context.merge(config.context, config.request(call)).pipe(
      Context.add(CurrentCallSettings, { ...outer, ...settings }),
      Context.add(CurrentVendorOptions, vendors)
    )
    return { options, warnings, context }
  }

  const generate = async (call: LanguageModelV4CallOptions) => {
    const { context, options, warnings } = prepare(call)
    const answer = Effect.useSpan("AiSdk.doGenerate", { kind: "client" }, (span) =>
      Effect.withParentSpan(model.generate({ ...options, span }), span)
    )
    const signal = call.abortSignal
    const exit = await Effect.runPromiseExitWith(context)(answer, signal === undefined ? undefined : { signal })
    if (Exit.isSuccess(exit)) return ToAnswer.whole(exit.value, warnings)
    throw signal?.aborted === true && Cause.hasInterruptsOnly(exit.cause)
      ? signal.reason
      : ToError.from(url, Cause.squash(exit.cause))
  }

  const stream = async (call: LanguageModelV4CallOptions) => {
    const { context, options, warnings } = prepare(call)
    const answer = Stream.unwrap(
      Effect.map(Effect.makeSpanScoped("AiSdk.doStream", { kind: "client" }), (span) =>
        Stream.provideService(model.stream({ ...options, span }), Tracer.ParentSpan, span)
      )
    )
    const iterator = Stream.toAsyncIterableWith(answer, context)[Symbol.asyncIterator]()
    const convert = ToAnswer.stream((error) => ToError.from(url, error))
    return { stream: await Readable.from(iterator, { convert, warnings, signal: call.abortSignal, url }) }
  }

  return { specificationVersion: "v4", provider, modelId, supportedUrls: {}, doGenerate: generate, doStream: stream }
}

/** What a prompt says stays out of the error. */
const read = (call: LanguageModelV4CallOptions): FromCall.Call => {
  try {
    return FromCall.from(call)
  } catch {
    throw new InvalidOption("AiSdk: call", "options of a LanguageModelV4 call", Symbol("something else"))
  }
}
