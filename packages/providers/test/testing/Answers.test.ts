import { assert, describe, it } from "@effect/vitest"
import { Behaviour, FakeAnswer } from "@spillway/providers/testing"
import { begin, chat, choicesOf, contentOf, dataOf, idle, until, withFake } from "./client.ts"

const elapsed = async (run: () => Promise<unknown>) => {
  const before = performance.now()
  await run()
  return performance.now() - before
}

describe("Behaviour.answer", () => {
  it.effect("answers as JSON, byte for byte", () =>
    withFake({ m: Behaviour.answer({ text: "a b c" }) }, async (fake) => {
      const reply = await chat(fake, { question: "one two" })
      assert.strictEqual(reply.status, 200)
      assert.strictEqual(reply.headers["content-type"], "application/json")
      assert.strictEqual(reply.headers["x-request-id"], "req-0")
      assert.strictEqual(reply.headers["content-length"], String(Buffer.byteLength(reply.body)))
      assert.strictEqual(
        reply.body,
        '{"id":"chatcmpl-0","object":"chat.completion","created":1767225600,"model":"m","choices":[{"index":0,' +
          '"message":{"role":"assistant","content":"a b c"},"finish_reason":"stop"}],"usage":{"prompt_tokens":2,' +
          '"completion_tokens":3,"total_tokens":5,"prompt_tokens_details":{"cached_tokens":0},' +
          '"completion_tokens_details":{"reasoning_tokens":0}}}'
      )
    })
  )

  const head = 'data: {"id":"chatcmpl-0","object":"chat.completion.chunk","created":1767225600,"model":"m","choices":'

  it.effect("streams role, content, finish and [DONE], byte for byte", () =>
    withFake({ m: Behaviour.answer({ text: "a b c", chunkTokens: 2 }) }, async (fake) => {
      const reply = await chat(fake, { stream: true })
      assert.strictEqual(reply.headers["content-type"], "text/event-stream; charset=utf-8")
      assert.strictEqual(reply.headers["cache-control"], "no-cache")
      assert.strictEqual(reply.headers["transfer-encoding"], "chunked")
      assert.strictEqual(
        reply.body,
        `${head}[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n` +
          `${head}[{"index":0,"delta":{"content":"a b"},"finish_reason":null}]}\n\n` +
          `${head}[{"index":0,"delta":{"content":" c"},"finish_reason":null}]}\n\n` +
          `${head}[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n` +
          "data: [DONE]\n\n"
      )
    })
  )

  it.effect("sends usage in a chunk without choices where the request asks for it", () =>
    withFake({ m: Behaviour.answer({ text: "a b" }) }, async (fake) => {
      const reply = await chat(fake, { stream: true, stream_options: { include_usage: true } })
      const chunks = dataOf(reply.body)
        .slice(0, -1)
        .map((data) => JSON.parse(data) as { usage: unknown; choices: ReadonlyArray<unknown> })
      assert.deepStrictEqual(
        chunks.map(({ choices, usage }) => [choices.length, usage]),
        [
          [1, null],
          [1, null],
          [1, null],
          [1, null],
          [
            0,
            {
              prompt_tokens: 1,
              completion_tokens: 2,
              total_tokens: 3,
              prompt_tokens_details: { cached_tokens: 0 },
              completion_tokens_details: { reasoning_tokens: 0 }
            }
          ]
        ]
      )
    })
  )

  it.effect("gives each question its own complete answer, streamed or not", () =>
    withFake({ m: Behaviour.answer({ tokens: 20, chunkTokens: 3 }) }, async (fake) => {
      for (const question of ["Who?", "東京 or Paris?", ""]) {
        const streamed = await chat(fake, { question, stream: true })
        assert.strictEqual(contentOf(streamed.body), FakeAnswer.answerTo(question, 20))
        const whole = JSON.parse((await chat(fake, { question })).body) as {
          choices: [{ message: { content: string } }]
          usage: { completion_tokens: number }
        }
        assert.isTrue(FakeAnswer.isCompleteAnswer(question, whole.choices[0].message.content))
        assert.strictEqual(whole.usage.completion_tokens, 20)
      }
    })
  )

  it.effect("keeps to the token limit of the request and finishes with length", () =>
    withFake({ m: Behaviour.answer({ text: "a b c d" }) }, async (fake) => {
      for (const limit of ["max_tokens", "max_completion_tokens"]) {
        const { body } = await chat(fake, { stream: true, [limit]: 2 })
        assert.strictEqual(contentOf(body), "a b")
        assert.strictEqual(choicesOf(body).at(-1)?.finish_reason, "length")
      }
    })
  )

  it.effect("goes on after a prefill", () =>
    withFake({ m: Behaviour.answer() }, async (fake) => {
      const whole = FakeAnswer.answerTo("Q", 16)
      const messages = [
        { role: "user", content: [{ type: "text", text: "Q" }] },
        { role: "assistant", content: whole.slice(0, 25) }
      ]
      const { body } = await chat(fake, { stream: true, messages })
      assert.strictEqual(contentOf(body), whole.slice(25))
    })
  )

  it.effect("finishes with the word it is told, and sends the headers it is told", () =>
    withFake({ m: Behaviour.answer({ finish: "content_filter", headers: { "x-mine": "1" } }) }, async (fake) => {
      const reply = await chat(fake, { stream: true })
      assert.strictEqual(choicesOf(reply.body).at(-1)?.finish_reason, "content_filter")
      assert.strictEqual(reply.headers["x-mine"], "1")
    })
  )

  it.effect("takes its time: latency, first token, and the tokens after it", () =>
    withFake({ m: Behaviour.answer({ tokens: 5, latency: 20, firstToken: 20, perToken: 5 }) }, async (fake) => {
      assert.isAtLeast(await elapsed(() => chat(fake)), 60)
      assert.isAtLeast(await elapsed(() => chat(fake, { stream: true })), 60)
    })
  )

  it.effect("slowFirstToken sends the role at once and the content late", () =>
    withFake({ m: Behaviour.slowFirstToken("1 hour") }, async (fake) => {
      const sent = begin(fake, { stream: true })
      const text = await sent.untilBody((body) => body.endsWith("\n\n"))
      assert.deepStrictEqual(
        choicesOf(text).map((choice) => choice.delta),
        [{ role: "assistant", content: "" }]
      )
      sent.abort()
      await idle(fake)
    })
  )

  it.effect("names the option that is wrong", () =>
    withFake({}, async () => {
      assert.throws(() => Behaviour.answer({ tokens: 0 }), /Behaviour.answer: tokens must be an integer >= 1, got 0/)
      assert.throws(() => Behaviour.answer({ perToken: -1 }), /Behaviour.answer: perToken must be a duration >= 0/)
      assert.throws(() => Behaviour.splitBytes(0), /Behaviour.splitBytes: bytes/)
      assert.throws(() => Behaviour.reasoning(1.5), /Behaviour.reasoning: tokens/)
      assert.throws(
        () => Behaviour.keepAlive({ every: 0, for: 1 }),
        /Behaviour.keepAlive: every must be a duration > 0/
      )
    })
  )
})

describe("Behaviour.keepAlive", () => {
  it.effect("sends a comment every so often before a stream, then the answer", () =>
    withFake({ m: Behaviour.keepAlive({ every: 5, for: 22 }, Behaviour.answer({ text: "a" })) }, async (fake) => {
      const { body } = await chat(fake, { stream: true })
      assert.strictEqual(body.slice(0, body.indexOf("data:")), ": keep-alive\n\n".repeat(4))
      assert.strictEqual(contentOf(body), "a")
    })
  )

  it.effect("sends blank lines before JSON", () =>
    withFake({ m: Behaviour.keepAlive({ every: 5, for: 15 }, Behaviour.answer({ text: "a" })) }, async (fake) => {
      const { body, headers } = await chat(fake)
      assert.strictEqual(body.slice(0, body.indexOf("{")), "\n\n\n")
      assert.strictEqual(headers["content-type"], "application/json")
      assert.strictEqual((JSON.parse(body) as { object: string }).object, "chat.completion")
      assert.strictEqual(fake.requests[0]?.outcome, "answered")
    })
  )

  it.effect("queues for ever, with a comment of your own, until the client has had enough", () =>
    withFake({ m: Behaviour.keepAlive({ every: 1, for: "Infinity", comment: "PROCESSING" }) }, async (fake) => {
      const sent = begin(fake, { stream: true })
      const text = await sent.untilBody((body) => body.length >= 3 * 14)
      assert.match(text, /^(: PROCESSING\n\n){3,}/)
      sent.abort()
      await idle(fake)
      assert.strictEqual(fake.requests[0]?.outcome, "client-closed")
    })
  )
})

describe("Behaviour.reasoning", () => {
  it.effect("streams reasoning before content and counts it", () =>
    withFake({ m: Behaviour.reasoning(3, Behaviour.answer({ tokens: 2 })) }, async (fake) => {
      const streamed = choicesOf((await chat(fake, { stream: true })).body)
      assert.deepStrictEqual(
        streamed.map(({ delta }) => Object.keys(delta).join()),
        ["role,content", "reasoning_content", "reasoning_content", "reasoning_content", "content", "content", ""]
      )
      const whole = JSON.parse((await chat(fake)).body) as {
        choices: [{ message: Record<string, string> }]
        usage: { completion_tokens: number; completion_tokens_details: { reasoning_tokens: number } }
      }
      assert.strictEqual(
        whole.choices[0].message["reasoning_content"],
        streamed.map(({ delta }) => delta.reasoning_content ?? "").join("")
      )
      assert.isTrue(FakeAnswer.isCompleteAnswer("Q", whole.choices[0].message["content"] ?? ""))
      assert.strictEqual(whole.usage.completion_tokens, 5)
      assert.strictEqual(whole.usage.completion_tokens_details.reasoning_tokens, 3)
    })
  )

  it.effect("uses the field it is told", () =>
    withFake({ m: Behaviour.reasoning(1, Behaviour.answer(), "reasoning") }, async (fake) => {
      assert.match((await chat(fake)).body, /"reasoning":"#[0-9a-f]{8}"/)
      assert.match((await chat(fake, { stream: true })).body, /"delta":\{"reasoning":"#[0-9a-f]{8}"\}/)
    })
  )
})

describe("Behaviour.toolCall", () => {
  const behaviour = Behaviour.toolCall("weather", { city: "Zürich" }, Behaviour.toolCall("clock", "{broken"))

  it.effect("answers with calls instead of content", () =>
    withFake({ m: behaviour }, async (fake) => {
      const reply = JSON.parse((await chat(fake)).body) as { choices: [{ finish_reason: string; message: unknown }] }
      assert.strictEqual(reply.choices[0].finish_reason, "tool_calls")
      assert.deepStrictEqual(reply.choices[0].message, {
        role: "assistant",
        content: null,
        tool_calls: [
          { id: "call_0_0", type: "function", function: { name: "weather", arguments: '{"city":"Zürich"}' } },
          { id: "call_0_1", type: "function", function: { name: "clock", arguments: "{broken" } }
        ]
      })
    })
  )

  it.effect("streams the name first and the arguments in pieces", () =>
    withFake({ m: behaviour }, async (fake) => {
      const choices = choicesOf((await chat(fake, { stream: true })).body)
      assert.deepStrictEqual(choices[1]?.delta, {
        tool_calls: [
          { index: 0, id: "call_0_0", type: "function", function: { name: "weather", arguments: "" } }
        ] as never
      })
      const pieces = choices.slice(2, 7).map(({ delta }) => delta.tool_calls?.[0]?.function.arguments)
      assert.deepStrictEqual(pieces, ['{"ci', 'ty":', '"Zür', 'ich"', "}"])
      assert.strictEqual(choices.at(-1)?.finish_reason, "tool_calls")
    })
  )
})

describe("Behaviour.withoutDone and splitBytes", () => {
  it.effect("withoutDone ends after the finish reason", () =>
    withFake({ m: Behaviour.withoutDone() }, async (fake) => {
      const { body } = await chat(fake, { stream: true })
      assert.notInclude(body, "[DONE]")
      assert.strictEqual(choicesOf(body).at(-1)?.finish_reason, "stop")
      assert.strictEqual(fake.requests[0]?.outcome, "answered")
    })
  )

  it.effect("splitBytes sends the same bytes in small pieces, also inside characters", () =>
    withFake(
      {
        m: Behaviour.answer({ text: "🌊 東京" }),
        split: Behaviour.splitBytes(7, Behaviour.answer({ text: "🌊 東京" }))
      },
      async (fake) => {
        const whole = await chat(fake, { stream: true })
        const split = await chat(fake, { stream: true, model: "split" })
        assert.strictEqual(
          split.body,
          whole.body.replaceAll('"model":"m"', '"model":"split"').replaceAll("chatcmpl-0", "chatcmpl-1")
        )
        assert.isAbove(split.pieces.length, whole.pieces.length + 20)
      }
    )
  )

  it.effect("waits for a client that does not read, and ends when it leaves", () =>
    withFake({ m: Behaviour.answer({ text: "x".repeat(1_000_000), chunkTokens: 1000 }) }, async (fake) => {
      const sent = begin(fake, { stream: true })
      await until(fake, () => fake.count("m") === 1)
      assert.strictEqual(fake.inFlight("m"), 1)
      sent.abort()
      await idle(fake)
      assert.strictEqual(fake.requests[0]?.outcome, "client-closed")
    })
  )
})
