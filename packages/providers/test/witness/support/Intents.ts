/** What an application wants of a model, written once in the words of `effect/ai`, for every vendor's adapter. */
import { type Effect, Schema, Stream } from "effect"
import { LanguageModel, Prompt, Tool, Toolkit } from "effect/ai"
import * as CallSettings from "../../../src/CallSettings.ts"

const Weather = Tool.make("weather", {
  description: "Weather of a city",
  parameters: Schema.Struct({ city: Schema.String }),
  success: Schema.Struct({ degrees: Schema.Finite })
})

const Clock = Tool.make("clock", { description: "The time of day", success: Schema.String })

const Strict = Weather.annotate(Tool.Strict, true)

/** Parameters that are an empty struct; `clock` has none at all. */
const Ping = Tool.make("ping", { description: "Is it there?", parameters: Schema.Struct({}), success: Schema.String })

const tools = Toolkit.make(Weather, Clock)

export const question = "How warm is it in Oslo?"

/** A picture of one dot. */
export const dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

const ask = (prompt: Prompt.RawInput) => LanguageModel.generateText({ prompt })

const withTools = (toolChoice: LanguageModel.ToolChoice<"weather" | "clock">) =>
  LanguageModel.generateText({ prompt: question, toolkit: tools, toolChoice, disableToolCallResolution: true })

const weatherCall = (id: string, city: string) => ({
  type: "tool-call" as const,
  id,
  name: "weather",
  params: { city },
  providerExecuted: false
})

const weatherResult = (id: string, degrees: number) => ({
  type: "tool-result" as const,
  id,
  name: "weather",
  isFailure: false,
  providerExecuted: false,
  result: { degrees }
})

const image = (data: string | URL) =>
  ask([
    {
      role: "user",
      content: [
        { type: "text", text: "What is this?" },
        { type: "file", mediaType: "image/png", data }
      ]
    }
  ])

const streamed = LanguageModel.streamText({ prompt: question }).pipe(Stream.runDrain)

export const all = {
  "a plain question": ask(question),
  "system text": ask([
    { role: "system", content: "Be brief." },
    { role: "user", content: question }
  ]),
  "several turns": ask([
    { role: "user", content: "Hello" },
    { role: "assistant", content: "Hello. What would you like to know?" },
    { role: "user", content: question }
  ]),
  "sampling, cap, stop and seed": ask(question).pipe(
    CallSettings.with({
      maxTokens: 64,
      temperature: 0.5,
      topP: 0.9,
      topK: 20,
      presencePenalty: 0.25,
      frequencyPenalty: 0.75,
      stop: ["END"],
      seed: 7,
      userId: "user-1"
    })
  ),
  "tools, the model decides": withTools("auto"),
  "tools, one must be called": withTools("required"),
  "tools, this one must be called": withTools({ tool: "weather" }),
  "tools, none may be called": withTools("none"),
  "a strict tool": LanguageModel.generateText({
    prompt: question,
    toolkit: Toolkit.make(Strict),
    disableToolCallResolution: true
  }),
  "a tool with nothing to say to it": LanguageModel.generateText({
    prompt: question,
    toolkit: Toolkit.make(Ping),
    disableToolCallResolution: true
  }),
  "two calls and their results": LanguageModel.generateText({
    prompt: Prompt.make([
      { role: "user", content: "Oslo or Rome?" },
      { role: "assistant", content: [weatherCall("call_a", "Oslo"), weatherCall("call_b", "Rome")] },
      { role: "tool", content: [weatherResult("call_a", 4), weatherResult("call_b", 19)] }
    ]),
    toolkit: Toolkit.make(Weather),
    disableToolCallResolution: true
  }),
  "an answer by a schema": LanguageModel.generateObject({
    prompt: question,
    objectName: "reading",
    schema: Schema.Struct({ city: Schema.String, degrees: Schema.Finite, sky: Schema.Literals(["clear", "grey"]) })
  }),
  "an image in base64": image(dot),
  "an image at an address": image(new URL("https://example.com/dot.png")),
  "little reasoning": ask(question).pipe(CallSettings.with({ reasoningEffort: "low" })),
  "a stream": streamed
} satisfies Record<string, Effect.Effect<unknown, unknown, LanguageModel.LanguageModel>>

export type Intent = keyof typeof all
