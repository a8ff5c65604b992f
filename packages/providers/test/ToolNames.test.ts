import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { LanguageModel, type Prompt, Tool, Toolkit } from "effect/ai"
import { FetchHttpClient } from "effect/http"
import * as OpenAiCompatible from "../src/OpenAiCompatible.ts"
import { key } from "./support/Calls.ts"
import { chunk, stream as sse } from "./support/Fixtures.ts"
import { type Handler, reply, replySse, serve } from "./support/Server.ts"

const tool = (name: string) =>
  Tool.make(name, { parameters: Schema.Struct({ at: Schema.String }), success: Schema.String })
const Read = tool("files.read")
const Slash = tool("files/read")
const Taken = tool("files_read")
const long = `server.${"x".repeat(80)}`
const toolkit = Toolkit.make(Read, Slash, Taken, tool(long))

const call = (name: string) => ({ id: "c1", type: "function", function: { name, arguments: `{"at":"/"}` } })
const answered = (name: string): Handler =>
  reply(200, { choices: [{ message: { content: null, tool_calls: [call(name)] }, finish_reason: "tool_calls" }] })

const model = (url: string) => OpenAiCompatible.layer({ model: "m", baseUrl: url, apiKey: key })

const ask = (url: string, prompt: Prompt.RawInput, toolChoice?: { readonly tool: "files.read" }) =>
  LanguageModel.generateText({
    prompt,
    toolkit,
    disableToolCallResolution: true,
    ...(toolChoice === undefined ? {} : { toolChoice })
  }).pipe(Effect.provide(model(url)), Effect.provide(FetchHttpClient.layer))

const namesOf = (body: Record<string, unknown>) =>
  (body["tools"] as ReadonlyArray<{ readonly function: { readonly name: string } }>).map((tool) => tool.function.name)

describe("tools whose names vendors do not take", () => {
  it.effect("have names on the wire that they do, each its own, and their own in the answer", () =>
    Effect.gen(function* () {
      const server = yield* serve(answered("files_read_2"))
      const answer = yield* ask(server.url, "Read", { tool: "files.read" })
      const body = server.received[0]?.body ?? {}
      assert.deepStrictEqual(namesOf(body), ["files_read_2", "files_read_3", "files_read", `server_${"x".repeat(57)}`])
      assert.deepStrictEqual(body["tool_choice"], { type: "function", function: { name: "files_read_2" } })
      assert.deepStrictEqual(
        answer.toolCalls.map(({ name, params }) => [name, params]),
        [["files.read", { at: "/" }]]
      )
    })
  )

  it.effect("are called by the same names in a history, also when they are not offered any more", () =>
    Effect.gen(function* () {
      const server = yield* serve(answered("files_read"))
      yield* ask(server.url, [
        { role: "user", content: "Read" },
        {
          role: "assistant",
          content: [
            { type: "tool-call", id: "a", name: "files.read", params: { at: "/a" }, providerExecuted: false },
            { type: "tool-call", id: "b", name: "gone.tool", params: {}, providerExecuted: false }
          ]
        },
        {
          role: "tool",
          content: [
            { type: "tool-result", id: "a", name: "files.read", result: "x", isFailure: false },
            { type: "tool-result", id: "b", name: "gone.tool", result: "y", isFailure: false }
          ]
        }
      ] as unknown as Prompt.RawInput)
      const messages = (server.received[0]?.body["messages"] ?? []) as ReadonlyArray<{
        readonly tool_calls?: ReadonlyArray<{ readonly function: { readonly name: string } }>
      }>
      assert.deepStrictEqual(
        messages.flatMap(({ tool_calls }) => tool_calls ?? []).map((call) => call.function.name),
        ["files_read_2", "gone_tool"]
      )
    })
  )

  it.effect("have their own names in the pieces of a stream too", () =>
    Effect.gen(function* () {
      const server = yield* serve(
        replySse(sse(chunk({ tool_calls: [{ index: 0, ...call("files_read_2") }] }), chunk({}, "tool_calls"), "[DONE]"))
      )
      const parts = yield* LanguageModel.streamText({ prompt: "Read", toolkit, disableToolCallResolution: true }).pipe(
        Stream.runCollect,
        Effect.provide(model(server.url)),
        Effect.provide(FetchHttpClient.layer)
      )
      const names = parts.flatMap((part) =>
        part.type === "tool-call" || part.type === "tool-params-start" ? [[part.type, part.name]] : []
      )
      assert.deepStrictEqual(names, [
        ["tool-params-start", "files.read"],
        ["tool-call", "files.read"]
      ])
    })
  )
})
