import { assert, describe, it } from "@effect/vitest"
import { Behaviour } from "@spillway/providers/testing"
import { crc32, frame } from "../../src/testing/internal/wire/EventFrame.ts"
import { withFake } from "./client.ts"
import { askIn, type Client } from "./dialects/Client.ts"
import { converse } from "./dialects/Converse.ts"
import { gemini } from "./dialects/Gemini.ts"
import { messages } from "./dialects/Messages.ts"
import { responses } from "./dialects/Responses.ts"
import { framesOf } from "./frames.ts"

const thinking = Behaviour.reasoning(1, Behaviour.answer({ text: "a b" }))
const tool = Behaviour.toolCall("t", { a: 1 })

const namesOf = (client: Client, script: Behaviour.Behaviour, test: (names: ReadonlyArray<string>) => void) =>
  withFake({ m: script }, async (fake) => {
    const events = client.events(await askIn(client, fake, { stream: true }))
    test(events.map(({ name = "" }) => name))
  })

describe("the events of Responses", () => {
  it.effect("open, fill and close each item, and end with the whole response", () =>
    namesOf(responses, thinking, (names) =>
      assert.deepStrictEqual(
        names.map((name) => name.replace("response.", "")),
        [
          "created",
          "in_progress",
          "output_item.added",
          "reasoning_summary_part.added",
          "reasoning_summary_text.delta",
          "reasoning_summary_text.done",
          "reasoning_summary_part.done",
          "output_item.done",
          "output_item.added",
          "content_part.added",
          "output_text.delta",
          "output_text.delta",
          "output_text.done",
          "content_part.done",
          "output_item.done",
          "completed"
        ]
      )
    )
  )

  it.effect("are numbered, name their items, and give encrypted reasoning only to who asks", () =>
    withFake({ m: Behaviour.reasoning(1, tool) }, async (fake) => {
      const reply = await askIn(responses, fake, { stream: true })
      const events = responses.events(reply)
      assert.deepStrictEqual(
        events.map(({ data }) => data.sequence_number),
        events.map((_event, i) => i)
      )
      assert.isTrue(events.every(({ name, data }) => name === data.type))
      const call = events.find(({ data }) => data.item?.type === "function_call" && data.item.status === "completed")
      assert.deepStrictEqual(call?.data.item, {
        id: "fc_0_0",
        type: "function_call",
        status: "completed",
        call_id: "call_0_0",
        name: "t",
        arguments: '{"a":1}'
      })
      assert.notInclude(reply.body, "[DONE]")
      assert.include(reply.body, "encrypted_content")
      assert.strictEqual(reply.headers["x-request-id"], "req-0")
      const plain = await askIn(responses, fake, { stream: true, fields: { include: [] } })
      assert.notInclude(plain.body, "encrypted_content")
    })
  )

  it.effect("take a string for input, count the instructions, and fail as a response where told", () =>
    withFake({ m: Behaviour.answer(), f: Behaviour.errorIn200({ shape: "failed", after: 1 }) }, async (fake) => {
      const reply = await askIn(responses, fake, { fields: { input: "one two", instructions: "Be brief." } })
      assert.strictEqual(responses.whole(JSON.parse(reply.body)).usage.input, 4)
      assert.strictEqual(fake.requests[0]?.question, "one two")
      const failed = responses.events(await askIn(responses, fake, { model: "f", stream: true })).at(-1)
      assert.strictEqual(failed?.name, "response.failed")
      assert.deepInclude(failed?.data.response, {
        status: "failed",
        error: { code: "overloaded", message: "The server is overloaded." }
      })
    })
  )
})

describe("the events of Messages", () => {
  it.effect("start and stop each block, sign the thinking, and end with message_stop", () =>
    namesOf(messages, thinking, (names) =>
      assert.deepStrictEqual(names, [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop"
      ])
    )
  )

  it.effect("stream a call as partial JSON, and give the usage at both ends", () =>
    withFake({ m: tool }, async (fake) => {
      const reply = await askIn(messages, fake, { stream: true })
      const events = messages.events(reply)
      assert.isTrue(events.every(({ name, data }) => name === data.type))
      assert.deepInclude(events[0]?.data.message.usage, { input_tokens: 1, output_tokens: 1 })
      const block = { type: "tool_use", id: "toolu_0_0", name: "t", input: {} }
      assert.deepStrictEqual(events[1]?.data, { type: "content_block_start", content_block: block, index: 0 })
      assert.deepStrictEqual(events[2]?.data.delta, { type: "input_json_delta", partial_json: '{"a"' })
      const end = events.find(({ name }) => name === "message_delta")?.data
      assert.deepStrictEqual([end.delta.stop_reason, end.usage.output_tokens], ["tool_use", 3])
      assert.strictEqual(reply.headers["request-id"], "req_0")
    })
  )

  it.effect("withoutDone ends without message_stop", () =>
    namesOf(messages, Behaviour.withoutDone(), (names) => assert.strictEqual(names.at(-1), "message_delta"))
  )

  it.effect("want a version and a cap; the newer version refuses sampling", () =>
    withFake({ m: Behaviour.answer() }, async (fake) => {
      const url = { ...messages, headers: {} }
      const cases = [
        [await askIn(url, fake), 400, "anthropic-version: header is required"],
        [await askIn(messages, fake, { fields: { max_tokens: undefined } }), 400, "max_tokens: Field required"],
        [
          await askIn(messages, fake, { fields: { top_p: 1 }, headers: { "anthropic-version": "2026-10-21" } }),
          400,
          "top_p: not supported by version 2026-10-21"
        ]
      ] as const
      for (const [reply, status, message] of cases) {
        assert.strictEqual(reply.status, status)
        assert.strictEqual(JSON.parse(reply.body).error.message, message)
      }
      assert.strictEqual((await askIn(messages, fake, { fields: { top_p: 1 } })).status, 200)
      const newer = { "anthropic-version": "2026-10-21" }
      assert.strictEqual((await askIn(messages, fake, { headers: newer })).status, 200)
    })
  )
})

describe("the events of Gemini", () => {
  it.effect("are whole responses framed with CRLF, each with the usage so far", () =>
    withFake({ m: thinking }, async (fake) => {
      const reply = await askIn(gemini, fake, { stream: true })
      assert.notMatch(reply.body, /[^\r]\n/)
      assert.notInclude(reply.body, "[DONE]")
      const events = gemini.events(reply).map(({ data }) => data)
      assert.isTrue(events.every(({ responseId, modelVersion }) => responseId === "resp-0" && modelVersion === "m"))
      assert.deepStrictEqual(
        events.map(({ usageMetadata: { candidatesTokenCount, thoughtsTokenCount = 0 } }) => [
          thoughtsTokenCount,
          candidatesTokenCount
        ]),
        [
          [0, 0],
          [1, 0],
          [1, 1],
          [1, 2],
          [1, 2]
        ]
      )
      assert.deepStrictEqual(
        events.map(({ candidates: [{ finishReason }] }) => finishReason),
        [undefined, undefined, undefined, undefined, "STOP"]
      )
      assert.isUndefined(events[0].candidates[0].content.parts)
    })
  )

  it.effect("have a call in one part, the first one signed; a broken one is a finish of its own", () =>
    withFake(
      { m: Behaviour.toolCall("t", { a: 1 }, Behaviour.toolCall("u", {})), broken: Behaviour.toolCall("t", "{") },
      async (fake) => {
        for (const stream of [false, true]) {
          const reply = await askIn(gemini, fake, { stream })
          const answers = stream ? gemini.events(reply).map(({ data }) => data) : [JSON.parse(reply.body)]
          const parts = answers.flatMap(({ candidates }) => candidates[0].content.parts ?? [])
          const calls = parts.filter(({ functionCall }) => functionCall !== undefined)
          assert.deepStrictEqual(
            calls.map(({ functionCall, thoughtSignature }) => [functionCall, thoughtSignature !== undefined]),
            [
              [{ name: "t", args: { a: 1 } }, true],
              [{ name: "u", args: {} }, false]
            ]
          )
          const broken = await askIn(gemini, fake, { model: "broken", stream })
          assert.include(broken.body, '"finishReason":"MALFORMED_FUNCTION_CALL"')
          assert.notInclude(broken.body, 'functionCall":')
        }
      }
    )
  )
})

describe("the frames of Converse", () => {
  it("have the sums of the specification", () => {
    assert.strictEqual(crc32(Buffer.from("123456789")), 0xcbf43926) // the check value of CRC-32
    // A frame without headers and payload, byte for byte.
    assert.strictEqual(frame({}, "").toString("hex"), "000000100000000005c248eb7d98c8ff")
    const one = frame({ ":a": "é" }, "{}")
    assert.deepStrictEqual(framesOf(one), [{ headers: { ":a": "é" }, payload: "{}" }])
    one.writeUInt8(one.readUInt8(20) ^ 1, 20)
    assert.throws(() => framesOf(one), /the sum is wrong/)
  })

  it.effect("name their events; only tools have a start", () =>
    namesOf(converse, thinking, (names) =>
      assert.deepStrictEqual(names, [
        "messageStart",
        "contentBlockDelta",
        "contentBlockDelta",
        "contentBlockStop",
        "contentBlockDelta",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata"
      ])
    )
  )

  it.effect("carry JSON events and exceptions, and the metadata may be missing", () =>
    withFake(
      { m: Behaviour.withoutDone(tool), e: Behaviour.errorIn200({ error: { message: "Busy." } }) },
      async (fake) => {
        const reply = await askIn(converse, fake, { stream: true })
        assert.strictEqual(reply.headers["content-type"], "application/vnd.amazon.eventstream")
        assert.match(String(reply.headers["x-amzn-requestid"]), /^[0-9a-f-]{36}$/)
        const frames = framesOf(Buffer.concat(reply.pieces))
        assert.deepStrictEqual(frames[1]?.headers, {
          ":event-type": "contentBlockStart",
          ":content-type": "application/json",
          ":message-type": "event"
        })
        assert.strictEqual(
          frames[1]?.payload,
          '{"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"tooluse_0_0","name":"t"}},"p":"abcdefgh"}'
        )
        assert.strictEqual(frames.at(-1)?.headers[":event-type"], "messageStop")
        const failed = await askIn(converse, fake, { model: "e", stream: true })
        assert.deepStrictEqual(framesOf(Buffer.concat(failed.pieces)), [
          {
            headers: {
              ":exception-type": "serviceUnavailableException",
              ":content-type": "application/json",
              ":message-type": "exception"
            },
            payload: '{"message":"Busy."}'
          }
        ])
      }
    )
  )

  it.effect("come only to a conversation that begins with the user and alternates", () =>
    withFake({ m: Behaviour.answer() }, async (fake) => {
      const user = { role: "user", content: [{ text: "a" }] }
      const assistant = { role: "assistant", content: [{ text: "b" }] }
      for (const [list, status] of [
        [[assistant], 400],
        [[user, user], 400],
        [[user, assistant, user], 200]
      ] as const) {
        assert.strictEqual((await askIn(converse, fake, { fields: { messages: list } })).status, status)
      }
    })
  )
})
