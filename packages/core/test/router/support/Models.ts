/** Models that answer with their id, or with the failure that a test gives them; routed through `RoutedModel`. */
import { type ProviderModel, RoutedModel, type Target } from "@spillway/core"
import { Effect, Layer, Stream } from "effect"
import { type AiError, LanguageModel, type Prompt } from "effect/ai"
import { inVirtualTime, services } from "../fixture.ts"

export interface Spec {
  readonly id: string
  /** What it fails with; changed by a test while it runs. */
  readonly fails?: () => AiError.AiError | undefined
  readonly claims?: ReadonlyArray<Target.Capability>
}

const finish = {
  type: "finish",
  reason: "stop",
  usage: {
    inputTokens: { uncached: 1, total: 1, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 1, text: 1, reasoning: 0 }
  }
} as const

export const model = ({ claims, fails, id }: Spec, asked: Array<string> = []): ProviderModel.ProviderModel => {
  const answer = <A>(parts: ReadonlyArray<A>): Effect.Effect<Array<A>, AiError.AiError> =>
    Effect.suspend(() => {
      asked.push(id)
      const error = fails?.()
      return error === undefined ? Effect.succeed([...parts]) : Effect.fail(error)
    })
  return {
    provider: "test",
    model: "test",
    capabilities: new Set(claims ?? []),
    generate: () => answer<ProviderModel.Part>([{ type: "text", text: id }, finish]),
    stream: () =>
      Stream.fromIterableEffect(
        answer<ProviderModel.StreamPart>([
          { type: "text-start", id: "0" },
          { type: "text-delta", id: "0", delta: id },
          { type: "text-end", id: "0" },
          finish
        ])
      )
  }
}

/** Both ways to ask, over one router: each gives the text, or fails with an `AiError`. */
export const setup = Effect.fnUntraced(function* (specs: ReadonlyArray<Spec>) {
  const asked: Array<string> = []
  const targets = specs.map((spec) => ({ id: spec.id, client: model(spec, asked) }))
  const context = yield* Layer.build(
    RoutedModel.layer({ targets }).pipe(
      Layer.provide(services({ retry: { transient: { base: "1 millis", cap: "1 millis" } } }))
    )
  )
  const generate = (prompt: Prompt.RawInput = "hi") =>
    Effect.map(LanguageModel.generateText({ prompt }), ({ text }) => text).pipe(Effect.provide(context))
  const stream = (prompt: Prompt.RawInput = "hi") =>
    Effect.map(Stream.runCollect(LanguageModel.streamText({ prompt })), (parts) =>
      parts.map((part) => (part.type === "text-delta" ? part.delta : "")).join("")
    ).pipe(Effect.provide(context))
  return { asked, context, generate, stream }
})

/** What a call failed with, and how long it took; virtual time goes on for a second. */
export const failed = <A, R>(call: Effect.Effect<A, AiError.AiError, R>) =>
  inVirtualTime(
    Effect.gen(function* () {
      const clock = yield* Effect.clockWith(Effect.succeed)
      const from = clock.currentTimeMillisUnsafe()
      const error = yield* Effect.flip(call)
      return { error, ms: clock.currentTimeMillisUnsafe() - from }
    }),
    "1 second"
  )

export const spillwayOf = ({ reason }: AiError.AiError): Readonly<Record<string, unknown>> =>
  ("metadata" in reason ? (reason.metadata["spillway"] as Record<string, unknown> | undefined) : undefined) ?? {}
