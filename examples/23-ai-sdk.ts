// How do I keep `generateText` of the AI SDK and have a router answer it?
//
// Both ways at once: a router stands where the AI SDK wants a model, and one of the router's targets is a model of the AI SDK.
// The tool runs once, whatever fails over below it.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import { createRouter } from "@spillway/core"
import { OpenAiCompatible } from "@spillway/providers"
import { AiSdk } from "@spillway/providers/ai-sdk"
import { Behaviour, FakeAnswer, FakeProvider } from "@spillway/providers/testing"
import { WeightedLeastConnections } from "@spillway/strategies"
import { generateText, jsonSchema, stepCountIs, streamText, tool } from "ai"

// `theirs` calls the tool, and is busy when it should say what comes of it. `ours` takes over.
const [busy, text] = [Behaviour.status(503), Behaviour.answer({ tokens: 6 })]
const asksForWeather = Behaviour.toolCall("weather", { city: "Oslo" })
const theirs = Behaviour.sequence([asksForWeather, busy, busy])
const fake = await FakeProvider.start({ models: { theirs, ours: text } })
const vendor = createOpenAICompatible({ name: "vendor", baseURL: fake.url })

// #region router
const router = createRouter({
  targets: [
    { id: "theirs", client: AiSdk.fromModel(vendor("theirs")) },
    { id: "ours", client: OpenAiCompatible.model({ model: "ours", baseUrl: fake.url }) }
  ],
  tiers: [["theirs"], ["ours"]],
  strategy: WeightedLeastConnections.make()
})
const model = AiSdk.fromRouter(router)
// #endregion

const prompt = "What is the weather in Oslo?"
let runs = 0
const weather = tool({
  inputSchema: jsonSchema<{ city: string }>({ type: "object", properties: { city: { type: "string" } } }),
  execute: ({ city }) => {
    runs++
    return { city, degrees: 4 }
  }
})

// #region call
const answer = await generateText({
  model,
  prompt,
  tools: { weather },
  stopWhen: stepCountIs(2),
  maxRetries: 0, // the router retries
  providerOptions: { spillway: { priority: "P0", deadline: "10 seconds" } }
})
const { servedBy, degraded } = answer.providerMetadata?.["spillway"] ?? {}
// #endregion
for (const [n, step] of answer.steps.entries()) {
  console.log(`step ${n + 1} by ${String(step.providerMetadata?.["spillway"]?.["servedBy"])}: ${step.finishReason}`)
}
console.log(`the answer is from ${String(servedBy)}, degraded: ${String(degraded)}; the tool ran ${runs} time(s)`)

fake.script("theirs", Behaviour.silent)
const controller = new AbortController()
const waiting = generateText({ model, prompt, maxRetries: 0, abortSignal: controller.signal })
const left = waiting.then(String, (error: Error) => error.name)
await fake.when(() => fake.inFlight() === 1)
controller.abort()
console.log(`the caller leaves: ${await left}`)
await fake.whenIdle()
console.log(`in flight: ${router.status().targets.reduce((sum, target) => sum + target.inFlight, 0)}`)

fake.script("theirs", text)
const whole = await streamText({ model, prompt, maxRetries: 0 }).text
console.log(FakeAnswer.isCompleteAnswer(prompt, whole) ? "streamed whole" : "cut short")
await router.close()
await fake.close()

// Expect:
//   step 1 by theirs: tool-calls
//   step 2 by ours: stop
//   the answer is from ours, degraded: true; the tool ran 1 time(s)
//   the caller leaves: AbortError
//   in flight: 0
//   streamed whole
