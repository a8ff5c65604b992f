/** What holds in every dialect whatever a server sends: parts that can be decoded and one finish, or one typed error. */
import { assert, describe, it } from "@effect/vitest"
import type { ProviderModel, StreamPart } from "@spillway/core/ProviderModel"
import { Cause, Effect, Exit, Redacted, Schema, Stream } from "effect"
import { AiError, Response } from "effect/ai"
import type { HttpClient } from "effect/http"
import * as fc from "fast-check"
import * as Anthropic from "../src/Anthropic.ts"
import * as Bedrock from "../src/Bedrock.ts"
import * as Gemini from "../src/Gemini.ts"
import * as OpenAiResponses from "../src/OpenAiResponses.ts"
import { answering } from "./support/Answering.ts"
import { generate, options } from "./support/Calls.ts"
import { assertBlocksMatch } from "./support/DecoderLaws.ts"
import * as EventStream from "./support/EventStream.ts"
import { type Event, type Json, streams, wholes, written } from "./support/OddAnswers.ts"

const numRuns = Number(process.env["ADVERSARY_RUNS"] ?? 100)

const decodePart = Schema.decodeUnknownExit(Response.AllParts())

/** An answer, or one `AiError`: never a defect, never parts that nobody can read. */
const assertHolds = (exit: Exit.Exit<void, AiError.AiError>, parts: ReadonlyArray<{ readonly type: string }>) => {
  for (const part of parts) {
    // Parameters as deep as the fuzz makes them are too much for any schema.
    if (part.type === "tool-call" || part.type === "tool-result") continue
    const read = decodePart(part)
    assert.isTrue(Exit.isSuccess(read), JSON.stringify(part).slice(0, 400))
  }
  const finishes = parts.filter(({ type }) => type === "finish").length
  if (Exit.isSuccess(exit)) {
    assert.strictEqual(finishes, 1)
    assert.strictEqual(parts.at(-1)?.type, "finish")
  } else {
    assert.isFalse(Cause.hasDies(exit.cause), Cause.pretty(exit.cause))
    const failures = exit.cause.reasons.filter(Cause.isFailReason)
    assert.strictEqual(failures.length, 1)
    assert.instanceOf(failures[0]?.error, AiError.AiError)
    assert.strictEqual(finishes, 0)
  }
  for (const part of parts) {
    if (part.type === "tool-call") assert.isObject((part as StreamPart & { readonly type: "tool-call" }).params)
  }
  assert.notProperty({}, "polluted")
}

const runStream = (model: ProviderModel) =>
  Effect.gen(function* () {
    const parts: Array<StreamPart> = []
    const stream = model.stream(yield* options())
    const exit = yield* Effect.exit(Stream.runForEach(stream, (part) => Effect.sync(() => void parts.push(part))))
    assertHolds(exit, parts)
    assertBlocksMatch(parts)
  })

const runWhole = (model: ProviderModel) =>
  Effect.gen(function* () {
    const exit = yield* Effect.exit(generate(model))
    assertHolds(Exit.asVoid(exit), Exit.isSuccess(exit) ? exit.value : [])
  })

interface Dialect {
  readonly name: string
  readonly model: (client: HttpClient.HttpClient) => ProviderModel
  readonly bytes: (events: ReadonlyArray<Event>) => Uint8Array
  readonly events: ReadonlyArray<Event>
  readonly answers: ReadonlyArray<Json>
}

const utf8 = (text: string) => new TextEncoder().encode(text)

const sse = (events: ReadonlyArray<Event>) =>
  utf8(events.map(([name, data]) => `${name === "" ? "" : `event: ${name}\n`}data: ${written(data)}\n\n`).join(""))

const frames = (events: ReadonlyArray<Event>) =>
  EventStream.join(
    ...events.map(([name, data]) => {
      const make = name.endsWith("Exception") ? EventStream.exception : EventStream.event
      return make(name, written(data))
    })
  )

const key = Redacted.make("sk-very-secret-key")

const response = {
  id: "resp_1",
  object: "response",
  created_at: 1_763_800_000,
  model: "m-1",
  status: "completed",
  error: null,
  incomplete_details: { reason: "max_output_tokens" },
  output: [
    { type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: "Hm" }], encrypted_content: "sealed" },
    {
      type: "message",
      id: "msg_1",
      role: "assistant",
      status: "completed",
      content: [
        {
          type: "output_text",
          text: "Hello",
          annotations: [{ type: "url_citation", url: "https://a.example/", title: "A" }]
        },
        { type: "refusal", refusal: "No" }
      ]
    },
    { type: "function_call", id: "fc_1", call_id: "call_1", name: "F", arguments: '{"a":1}', status: "completed" },
    { type: "image_generation_call", id: "ig_1", result: "AAAA", output_format: "png" },
    { type: "web_search_call", id: "ws_1", status: "completed" }
  ],
  usage: { input_tokens: 5, input_tokens_details: { cached_tokens: 1 }, output_tokens: 4, total_tokens: 9 }
}

const responses: Dialect = {
  name: "responses",
  model: (client) => OpenAiResponses.model({ model: "m-1", apiKey: key }, client),
  bytes: sse,
  answers: [response],
  events: [
    ["", { type: "response.created", response: { ...response, status: "in_progress", output: [] } }],
    ["", { type: "response.output_item.added", output_index: 0, item: { type: "reasoning", id: "rs_1" } }],
    ["", { type: "response.reasoning_summary_text.delta", item_id: "rs_1", output_index: 0, delta: "Hm" }],
    ["", { type: "response.reasoning_text.delta", item_id: "rs_1", output_index: 0, delta: "raw" }],
    ["", { type: "response.output_item.done", output_index: 0, item: response.output[0] as Json }],
    ["", { type: "response.output_text.delta", item_id: "msg_1", output_index: 1, delta: "Hel" }],
    ["", { type: "response.refusal.delta", item_id: "msg_1", output_index: 1, delta: "No" }],
    ["", { type: "response.output_item.done", output_index: 1, item: response.output[1] as Json }],
    ["", { type: "response.output_item.added", output_index: 2, item: response.output[2] as Json }],
    ["", { type: "response.function_call_arguments.delta", item_id: "fc_1", output_index: 2, delta: '{"a"' }],
    ["", { type: "response.function_call_arguments.done", item_id: "fc_1", output_index: 2, arguments: '{"a":1}' }],
    ["", { type: "response.output_item.done", output_index: 2, item: response.output[2] as Json }],
    ["", { type: "response.output_item.done", output_index: 4, item: response.output[4] as Json }],
    ["", { type: "response.completed", response }]
  ]
}

const candidate = (parts: ReadonlyArray<Json>, more: { readonly [key: string]: Json } = {}): Json => ({
  candidates: [{ index: 0, content: { role: "model", parts }, ...more }],
  responseId: "r1",
  modelVersion: "gemini-3-flash",
  usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 2, thoughtsTokenCount: 1, cachedContentTokenCount: 1 }
})

const call: Json = { functionCall: { id: "c1", name: "F", args: { a: 1 } }, thoughtSignature: "c2ln" }

const gemini: Dialect = {
  name: "gemini",
  model: (client) => Gemini.model({ model: "gemini-3-flash", apiKey: key }, client),
  bytes: sse,
  answers: [
    candidate([{ text: "Hm", thought: true }, { text: "Hi", thoughtSignature: "c2ln" }, call], {
      finishReason: "STOP"
    }),
    { promptFeedback: { blockReason: "SAFETY" } },
    { error: { code: 429, message: "m", status: "RESOURCE_EXHAUSTED", details: [{ retryDelay: "1s" }] } },
    [candidate([{ text: "Hi" }]), candidate([], { finishReason: "STOP" })]
  ],
  events: [
    ["", candidate([{ text: "Hm", thought: true }])],
    [
      "",
      candidate([{ text: "Hi", thoughtSignature: "c2ln" }, { inlineData: { mimeType: "image/png", data: "AAAA" } }])
    ],
    ["", candidate([{ executableCode: { code: "1", language: "PYTHON" } }, call])],
    [
      "",
      candidate([{ text: "" }], {
        finishReason: "STOP",
        groundingMetadata: { groundingChunks: [{ web: { uri: "https://a.example/", title: "A" } }] },
        citationMetadata: { citationSources: [{ uri: "https://b.example/" }] }
      })
    ]
  ]
}

const converse: Dialect = {
  name: "converse",
  model: (client) => Bedrock.model({ model: "anthropic.claude-x-v1:0", region: "eu-central-1", apiKey: key }, client),
  bytes: frames,
  answers: [
    {
      output: {
        message: {
          role: "assistant",
          content: [
            { reasoningContent: { reasoningText: { text: "Hm", signature: "c2ln" } } },
            { reasoningContent: { redactedContent: "AAAA" } },
            {
              citationsContent: {
                content: [{ text: "Hi" }],
                citations: [{ location: { web: { url: "https://a.example/" } } }]
              }
            },
            { text: "Hello" },
            { toolUse: { toolUseId: "t1", name: "F", input: { a: 1 } } },
            { toolUse: { toolUseId: "t2", name: "S", type: "server_tool_use", input: {} } },
            { toolResult: { toolUseId: "t2", status: "success", content: [{ text: "ok" }] } }
          ]
        }
      },
      stopReason: "tool_use",
      usage: { inputTokens: 1, outputTokens: 2, cacheReadInputTokens: 3, cacheWriteInputTokens: 4 },
      metrics: { latencyMs: 5 }
    },
    { message: "m", __type: "ThrottlingException" }
  ],
  events: [
    ["messageStart", { role: "assistant" }],
    ["contentBlockDelta", { contentBlockIndex: 0, delta: { reasoningContent: { text: "Hm" } } }],
    ["contentBlockDelta", { contentBlockIndex: 0, delta: { reasoningContent: { signature: "c2ln" } } }],
    ["contentBlockStop", { contentBlockIndex: 0 }],
    ["contentBlockDelta", { contentBlockIndex: 1, delta: { text: "Hi" } }],
    ["contentBlockStop", { contentBlockIndex: 1 }],
    ["contentBlockStart", { contentBlockIndex: 2, start: { toolUse: { toolUseId: "t1", name: "F" } } }],
    ["contentBlockDelta", { contentBlockIndex: 2, delta: { toolUse: { input: '{"a":' } } }],
    ["contentBlockDelta", { contentBlockIndex: 2, delta: { toolUse: { input: "1}" } } }],
    ["contentBlockStop", { contentBlockIndex: 2 }],
    ["messageStop", { stopReason: "tool_use" }],
    ["metadata", { usage: { inputTokens: 1, outputTokens: 2 }, metrics: { latencyMs: 5 } }],
    ["throttlingException", { message: "m" }]
  ]
}

const message = {
  type: "message",
  id: "msg_1",
  model: "claude-x",
  role: "assistant",
  content: [
    { type: "thinking", thinking: "Hm", signature: "c2ln" },
    { type: "redacted_thinking", data: "AAAA" },
    {
      type: "text",
      text: "Hi",
      citations: [{ type: "web_search_result_location", url: "https://a.example/", title: "A" }]
    },
    { type: "server_tool_use", id: "s1", name: "web_search", input: { query: "q" } },
    { type: "web_search_tool_result", tool_use_id: "s1", content: [] },
    { type: "tool_use", id: "t1", name: "F", input: { a: 1 } }
  ],
  stop_reason: "tool_use",
  stop_sequence: null,
  usage: { input_tokens: 1, cache_read_input_tokens: 2, cache_creation_input_tokens: 3, output_tokens: 4 }
}

const block = (index: number, content_block: Json): Event => [
  "content_block_start",
  { type: "content_block_start", index, content_block }
]
const delta = (index: number, delta: Json): Event => [
  "content_block_delta",
  { type: "content_block_delta", index, delta }
]
const stop = (index: number): Event => ["content_block_stop", { type: "content_block_stop", index }]

const messages: Dialect = {
  name: "messages",
  model: (client) => Anthropic.model({ model: "claude-x", apiKey: key }, client),
  bytes: sse,
  answers: [message, { type: "error", error: { type: "overloaded_error", message: "m" }, request_id: "req_1" }],
  events: [
    ["message_start", { type: "message_start", message: { ...message, content: [], stop_reason: null } }],
    block(0, { type: "thinking", thinking: "", signature: "" }),
    delta(0, { type: "thinking_delta", thinking: "Hm" }),
    delta(0, { type: "signature_delta", signature: "c2ln" }),
    stop(0),
    block(1, { type: "text", text: "" }),
    delta(1, { type: "text_delta", text: "Hi" }),
    delta(1, { type: "citations_delta", citation: { url: "https://a.example/", title: "A" } }),
    stop(1),
    block(2, { type: "tool_use", id: "t1", name: "F", input: {} }),
    delta(2, { type: "input_json_delta", partial_json: '{"a":1}' }),
    stop(2),
    ["message_delta", { type: "message_delta", delta: { stop_reason: "tool_use" }, usage: { output_tokens: 4 } }],
    ["message_stop", { type: "message_stop" }],
    ["error", { type: "error", error: { type: "overloaded_error", message: "m" } }]
  ]
}

describe("whatever a server sends", () => {
  for (const dialect of [responses, gemini, converse, messages]) {
    const modelOf = (bytes: Uint8Array) => dialect.model(answering(bytes))

    it.effect(`${dialect.name}: what it should send is an answer`, () =>
      Effect.gen(function* () {
        const well = dialect.events.filter(([name]) => !/error|Exception/.test(name))
        assert.isAbove((yield* Stream.runCollect(modelOf(dialect.bytes(well)).stream(yield* options()))).length, 3)
        assert.isAbove((yield* generate(modelOf(utf8(written(dialect.answers[0] ?? null))))).length, 3)
      })
    )

    it.effect(`${dialect.name}: without its end it is no answer, wherever it stops`, () =>
      Effect.gen(function* () {
        const end = dialect.events.findIndex(([, data]) =>
          /"completed"|"STOP"|stopReason|"stop_reason":"/.test(JSON.stringify(data))
        )
        for (let stop = 0; stop < Math.max(1, end); stop++) {
          const cut = modelOf(dialect.bytes(dialect.events.slice(0, stop)))
          const parts: Array<StreamPart> = []
          const failed = yield* cut.stream(yield* options()).pipe(
            Stream.runForEach((part) => Effect.sync(() => void parts.push(part))),
            Effect.flip
          )
          assert.deepInclude((failed.reason as AiError.InternalProviderError).metadata["spillway"], {
            errorType: "Truncated",
            afterOutput: parts.some(({ type }) => /delta|tool|file/.test(type))
          })
          assert.notInclude(
            parts.map(({ type }) => type),
            "finish"
          )
        }
      })
    )

    it(`${dialect.name}: a stream is an answer or one error`, () =>
      fc.assert(
        fc.asyncProperty(streams(dialect.events), (events) =>
          Effect.runPromise(runStream(modelOf(dialect.bytes(events))))
        ),
        { numRuns }
      ))

    it(`${dialect.name}: a whole answer is an answer or one error`, () =>
      fc.assert(
        fc.asyncProperty(wholes(...dialect.answers), (answer) =>
          Effect.runPromise(runWhole(modelOf(utf8(written(answer)))))
        ),
        { numRuns }
      ))
  }
})
