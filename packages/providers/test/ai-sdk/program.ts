/**
 * A program of somebody who uses the AI SDK, for `supported.test.ts` to run under a Node that the AI SDK supports: a model of
 * `@ai-sdk/openai-compatible` and one of ours behind a router, the real `generateText` and `streamText` in front of it.
 */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import { APICallError } from "@ai-sdk/provider"
import { generateText, jsonSchema, Output, stepCountIs, streamText, tool } from "ai"
import * as AiSdk from "../../src/ai-sdk/AiSdk.ts"
import * as OpenAiCompatible from "../../src/OpenAiCompatible.ts"
import * as Behaviour from "../../src/testing/Behaviour.ts"
import * as FakeAnswer from "../../src/testing/FakeAnswer.ts"
import * as FakeProvider from "../../src/testing/FakeProvider.ts"
import { over } from "./routed.ts"

const prompt = "Name a river."
const calls = { maxRetries: 0 }

const fake = await FakeProvider.start({
  models: { theirs: Behaviour.answer(), ours: Behaviour.answer() },
  apiKey: "sk-1"
})
const vendor = createOpenAICompatible({ name: "fake", baseURL: fake.url, apiKey: "sk-1", includeUsage: true })
const { close, held, model } = over(fake, {
  theirs: AiSdk.fromModel(vendor("theirs")),
  ours: OpenAiCompatible.model({ model: "ours", baseUrl: fake.url, headers: { authorization: "Bearer sk-1" } })
})
const served = (metadata: Record<string, Record<string, unknown>> | undefined) => metadata?.["spillway"]?.["servedBy"]

const whole = await generateText({ model, prompt, ...calls })

fake.script("theirs", Behaviour.reasoning(3))
const streamed = streamText({ model, prompt, ...calls })
let text = ""
for await (const delta of streamed.textStream) text += delta

let runs = 0
const weather = tool({
  inputSchema: jsonSchema<{ city: string }>({ type: "object", properties: { city: { type: "string" } } }),
  execute: ({ city }) => ({ degrees: city.length + runs++ })
})
fake.script("theirs", Behaviour.sequence([Behaviour.toolCall("weather", { city: "Oslo" }), Behaviour.status(503)]))
const tools = await generateText({ model, prompt, tools: { weather }, stopWhen: stepCountIs(3), ...calls })

fake.script("theirs", Behaviour.answer({ text: '{"name":"Oslo"}' }))
const schema = jsonSchema<{ name: string }>({
  type: "object",
  properties: { name: { type: "string" } },
  required: ["name"],
  additionalProperties: false
})
const object = await generateText({ model, prompt, output: Output.object({ schema }), ...calls })

fake.script("theirs", Behaviour.cutAfter(1))
fake.clear()
const cut = await streamText({ model, prompt, ...calls }).text
const askedTheirs = fake.count("theirs")

fake.script("theirs", Behaviour.stallAfter(4))
const controller = new AbortController()
const types: Array<string> = []
for await (const part of streamText({ model, prompt, abortSignal: controller.signal, ...calls }).fullStream) {
  types.push(part.type)
  if (part.type === "text-delta") controller.abort()
}
await fake.whenIdle()

for (const name of ["theirs", "ours"]) fake.script(name, Behaviour.status(400))
const error = await generateText({ model, prompt, maxRetries: 2 }).then(String, (error: unknown) => error)

console.log(
  JSON.stringify({
    node: process.versions.node,
    whole: FakeAnswer.isCompleteAnswer(prompt, whole.text) && served(whole.providerMetadata) === "theirs",
    usage: whole.usage.outputTokens,
    streamed: FakeAnswer.isCompleteAnswer(prompt, text) && ((await streamed.reasoningText) ?? "") !== "",
    tools: [runs, tools.steps.length, served(tools.providerMetadata)],
    object: object.output,
    cut: FakeAnswer.isCompleteAnswer(prompt, cut) && askedTheirs > 0,
    abort: [types.includes("abort"), held()],
    error: APICallError.isInstance(error) && !error.isRetryable ? error.statusCode : String(error)
  })
)
await close()
