// What does a trace of a routed call look like?
//
// `@spillway/otel` writes a span per call and a span per attempt below it. The SDK and the exporter are the
// application's; this one keeps the spans in memory and prints them as a tree.
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base"
import { Defaults, RoutedModel } from "@spillway/core"
import { OtelTelemetry } from "@spillway/otel"
import { OpenAiCompatible } from "@spillway/providers"
import { Behaviour, FakeProvider } from "@spillway/providers/testing"
import { SmoothWeightedRoundRobin } from "@spillway/strategies"
import { Effect, Layer } from "effect"
import { LanguageModel } from "effect/ai"

const exporter = new InMemorySpanExporter()
const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })

// `first` is down for its first request.
const fake = await FakeProvider.start({
  models: { first: Behaviour.sequence([Behaviour.status(503), Behaviour.answer()]), second: Behaviour.answer() }
})
const model = (name: string) => OpenAiCompatible.model({ model: name, baseUrl: fake.url })

const Chat = RoutedModel.layer({
  route: "chat-page", // names the spans
  targets: [
    { id: "eu", client: model("first") },
    { id: "us", client: model("second") }
  ]
}).pipe(
  Layer.provide([
    SmoothWeightedRoundRobin.layer({ randomStart: false }),
    Defaults.layer,
    OtelTelemetry.layer({ tracerProvider })
  ])
)

const ask = LanguageModel.generateText({ prompt: "Name a river." })
await Effect.runPromise(Effect.provide(Effect.andThen(ask, ask), Chat))
await fake.close()

const spans = exporter.getFinishedSpans()
const names = ["spillway.outcome", "spillway.attempts", "spillway.target", "error.type", "gen_ai.usage.output_tokens"]
const print = (parent: string | undefined, indent: string) => {
  for (const span of spans.filter((span) => span.parentSpanContext?.spanId === parent)) {
    const facts = names.flatMap((name) => (name in span.attributes ? [`${name}=${span.attributes[name]}`] : []))
    console.log(`${indent}${span.name}  ${facts.join("  ")}`)
    for (const event of span.events) console.log(`${indent}  * ${event.name} ${JSON.stringify(event.attributes)}`)
    print(span.spanContext().spanId, `${indent}    `)
  }
}
print(undefined, "")

// Expect:
//   spillway chat chat-page  spillway.outcome=ok  spillway.attempts=2
//     * spillway.fallback {"from":"eu","to":"us","reason":"Overloaded"}
//       chat first  spillway.target=eu  error.type=Overloaded
//       chat second  spillway.target=us  gen_ai.usage.output_tokens=16
//   spillway chat chat-page  spillway.outcome=ok  spillway.attempts=1
//       chat second  spillway.target=us  gen_ai.usage.output_tokens=16
