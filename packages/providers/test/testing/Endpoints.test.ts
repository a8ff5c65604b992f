import { assert, describe, it } from "@effect/vitest"
import { Behaviour, FakeAnswer, type FakeProvider } from "@spillway/providers/testing"
import { chat, idle, sendTo, withFake } from "./client.ts"
import { askIn } from "./dialects/Client.ts"
import { converse } from "./dialects/Converse.ts"
import { clients } from "./dialects/clients.ts"

const ok = Behaviour.answer({ text: "a b" })

const post = async (url: string, body: object, headers: Record<string, string> = {}) => {
  const reply = await sendTo(url, "POST", JSON.stringify(body), { headers }).done
  return { ...reply, json: JSON.parse(reply.body) }
}

const get = (fake: FakeProvider.FakeProvider, path: string, headers: Record<string, string> = {}) =>
  sendTo(fake.urls.bedrock + path, "GET", undefined, { headers }).done

describe("FakeProvider: Azure", () => {
  it.effect("has OpenAI's dialects under its own paths, key and request id", () =>
    withFake(
      { m: ok },
      async (fake) => {
        const headers = { "api-key": "sk-right" }
        const origin = fake.urls.bedrock
        const ask = { messages: [{ role: "user", content: "Q" }] }
        const replies = [
          await post(`${fake.urls.azure}/chat/completions`, { ...ask, model: "m" }, headers),
          await post(`${fake.urls.azure}/responses`, { input: "Q", model: "m" }, headers),
          await post(`${fake.urls.azure}/embeddings`, { input: "Q", model: "m" }, headers),
          await post(`${origin}/openai/deployments/m/chat/completions?api-version=2026-01-01`, ask, headers),
          await post(`${origin}/openai/deployments/m/embeddings?api-version=2026-01-01`, { input: "Q" }, headers)
        ]
        assert.deepStrictEqual(
          replies.map(({ json, status }) => [status, json.object]),
          [
            [200, "chat.completion"],
            [200, "response"],
            [200, "list"],
            [200, "chat.completion"],
            [200, "list"]
          ]
        )
        for (const reply of replies) assert.isNotEmpty(reply.headers["apim-request-id"])
        assert.deepStrictEqual(
          fake.requests.map(({ dialect, model }) => [dialect, model]),
          ["chat", "responses", "embeddings", "chat", "embeddings"].map((dialect) => [dialect, "m"])
        )
        const path = `${origin}/openai/deployments/other/chat/completions`
        const unknown = await post(`${path}?api-version=1`, ask, headers)
        assert.deepStrictEqual([unknown.status, unknown.json.error.code], [404, "DeploymentNotFound"])
        assert.strictEqual((await post(path, ask, headers)).status, 400)
        const wrong = await post(`${path}?api-version=1`, ask)
        assert.deepStrictEqual([wrong.status, wrong.json.error.code], [401, "401"])
      },
      { apiKey: "sk-right" }
    )
  )
})

describe("FakeProvider: embeddings", () => {
  it.effect("gives each text its own vector, as numbers and in base64, as long as asked for", () =>
    withFake({ m: ok }, async (fake) => {
      const url = `${fake.urls.openai}/embeddings`
      const { json } = await post(url, { model: "m", input: ["one two", "three"], dimensions: 4 })
      assert.deepStrictEqual(
        json.data.map(({ embedding }: { embedding: unknown }) => embedding),
        [FakeAnswer.embeddingOf("one two", 4), FakeAnswer.embeddingOf("three", 4)]
      )
      assert.deepStrictEqual(json.usage, { prompt_tokens: 3, total_tokens: 3 })
      const encoded = await post(url, { model: "m", input: "three", dimensions: 4, encoding_format: "base64" })
      const bytes = Buffer.from(encoded.json.data[0].embedding, "base64")
      assert.deepStrictEqual(
        Array.from({ length: 4 }, (_, i) => bytes.readFloatLE(4 * i)),
        json.data[1].embedding
      )
      const tokens = await post(url, { model: "m", input: [1, 2, 3] })
      assert.strictEqual(tokens.json.data.length, 1)
      assert.strictEqual(tokens.json.data[0].embedding.length, 16)
      assert.deepInclude(fake.requests[0], { dialect: "embeddings", question: "three", streamed: false })
    })
  )

  it("vectors have length 1, and the same text has the same one", () => {
    const vector = FakeAnswer.embeddingOf("text", 32)
    assert.approximately(Math.hypot(...vector), 1, 1e-6)
    assert.deepStrictEqual(vector, FakeAnswer.embeddingOf("text", 32))
    assert.notDeepEqual(vector, FakeAnswer.embeddingOf("texts", 32))
  })

  it.effect("speaks Gemini, one and a batch", () =>
    withFake({ m: ok }, async (fake) => {
      const request = { content: { parts: [{ text: "one" }] }, outputDimensionality: 3 }
      const one = await post(`${fake.urls.gemini}/models/m:embedContent`, request)
      assert.deepStrictEqual(one.json.embedding.values, FakeAnswer.embeddingOf("one", 3))
      const batch = await post(`${fake.urls.gemini}/models/m:batchEmbedContents`, { requests: [request, request] })
      assert.deepStrictEqual(batch.json.embeddings, [one.json.embedding, one.json.embedding])
    })
  )

  it.effect("does what the script says: errors, cuts, policy", () =>
    withFake(
      {
        m: Behaviour.sequence([Behaviour.status(503), Behaviour.cutAfter(1), Behaviour.contentFiltered()]),
        g: Behaviour.contentFiltered()
      },
      async (fake) => {
        const url = `${fake.urls.openai}/embeddings`
        const body = JSON.stringify({ model: "m", input: "x" })
        assert.strictEqual((await sendTo(url, "POST", body).done).status, 503)
        assert.strictEqual((await sendTo(url, "POST", body).done).error, "ECONNRESET")
        assert.strictEqual((await sendTo(url, "POST", body).done).status, 400)
        const refused = await post(`${fake.urls.gemini}/models/g:embedContent`, {})
        assert.deepStrictEqual([refused.status, refused.json.error.status], [400, "INVALID_ARGUMENT"])
      }
    )
  )
})

describe("FakeProvider: beside answers", () => {
  it.effect("counts tokens without asking the script", () =>
    withFake({ m: Behaviour.status(503) }, async (fake) => {
      const version = { "anthropic-version": "2023-06-01" }
      const message = { role: "user", content: "one two three" }
      const anthropic = `${fake.urls.anthropic}/messages/count_tokens`
      const body = { model: "m", system: "Be brief.", messages: [message] }
      assert.deepStrictEqual((await post(anthropic, body, version)).json, { input_tokens: 5 })
      const contents = [{ role: "user", parts: [{ text: "one two" }] }]
      const google = `${fake.urls.gemini}/models/m:countTokens`
      assert.deepStrictEqual((await post(google, { contents })).json, { totalTokens: 2 })
      assert.deepStrictEqual((await post(google, { generateContentRequest: { contents } })).json, { totalTokens: 2 })
      const input = { converse: { messages: [{ role: "user", content: [{ text: "one" }] }] } }
      const aws = `${fake.urls.bedrock}/model/m/count-tokens`
      assert.deepStrictEqual((await post(aws, { input })).json, { inputTokens: 1 })
      assert.strictEqual((await post(anthropic, { ...body, model: "x" }, version)).status, 404)
      assert.deepStrictEqual(
        fake.requests.map((entry) => entry.dialect),
        ["messages", "gemini", "gemini", "converse", "messages"]
      )
    })
  )

  it.effect("is healthy without a key until a script says otherwise", () =>
    withFake(
      { m: ok },
      async (fake) => {
        const well = await get(fake, "/health")
        assert.deepStrictEqual([well.status, well.body], [200, '{"status":"ok"}'])
        fake.scriptHealth(Behaviour.sequence([Behaviour.status(503), Behaviour.resetBeforeHeaders, ok]))
        assert.strictEqual((await get(fake, "/health")).status, 503)
        assert.strictEqual((await get(fake, "/health")).error, "ECONNRESET")
        assert.strictEqual((await get(fake, "/health")).status, 200)
        await idle(fake)
        assert.deepInclude(fake.requests[1], { path: "/health", dialect: "other", model: undefined, outcome: "error" })
      },
      { apiKey: "sk" }
    )
  )

  it.effect("can be unhealthy from the start", () =>
    withFake({}, async (fake) => assert.strictEqual((await get(fake, "/health")).status, 503), {
      health: Behaviour.status(503)
    })
  )

  it.effect("lists its models to every client's key, and to none without", () =>
    withFake(
      { m: ok },
      async (fake) => {
        for (const [path, headers, status] of [
          ["/v1/models", { authorization: "Bearer sk" }, 200],
          ["/v1/models", { "x-api-key": "sk" }, 200],
          ["/openai/v1/models", { "api-key": "sk" }, 200],
          ["/v1/models", {}, 401]
        ] as const) {
          assert.strictEqual((await get(fake, path, headers)).status, status)
        }
      },
      { apiKey: "sk" }
    )
  )

  it.effect("tells of one model, Gemini's way too, and of a balance, and counts none of it for a model", () =>
    withFake({ m: Behaviour.status(503) }, async (fake) => {
      const replies = []
      for (const path of ["/v1/models/m", "/v1beta/models/m", "/v1beta/models", "/user/balance"]) {
        const reply = await get(fake, path)
        replies.push([reply.status, Object.keys(JSON.parse(reply.body))[0]])
      }
      assert.deepStrictEqual(replies, [
        [200, "id"],
        [200, "name"],
        [200, "models"],
        [200, "is_available"]
      ])
      assert.strictEqual((await get(fake, "/v1/models/x")).status, 404)
      assert.strictEqual((await get(fake, "/v1beta/models/x")).status, 404)
      assert.deepStrictEqual([fake.count(), fake.count("m"), fake.count("x")], [6, 0, 0])
    })
  )

  it.effect("one script, one count and one limit serve a model in every dialect", () =>
    withFake({ m: Behaviour.cycle([ok, Behaviour.rateLimited()]) }, async (fake) => {
      const seen: Array<number | undefined> = []
      for (const client of clients) seen.push((await askIn(client, fake)).status)
      assert.deepStrictEqual(seen, [200, 429, 200, 429, 200])
      assert.strictEqual(fake.count("m"), 5)
      assert.deepStrictEqual(
        fake.requests.map((entry) => entry.dialect),
        clients.map((client) => client.name)
      )
    })
  )

  it.effect("wants alt=sse of a Gemini stream, a percent-encoded ARN of Converse, and knows no other path", () =>
    withFake({ "arn:aws:bedrock:us-east-1:1:inference-profile/m": ok }, async (fake) => {
      const contents = [{ role: "user", parts: [{ text: "Q" }] }]
      const bare = await post(`${fake.urls.gemini}/models/m:streamGenerateContent`, { contents })
      assert.deepStrictEqual([bare.status, bare.json.error.status], [400, "INVALID_ARGUMENT"])
      const arn = "arn:aws:bedrock:us-east-1:1:inference-profile/m"
      assert.strictEqual((await askIn(converse, fake, { model: arn })).status, 200)
      assert.strictEqual(fake.requests.at(-1)?.model, arn)
      assert.strictEqual((await post(`${fake.urls.bedrock}/model/${arn}/converse`, {})).status, 404)
      assert.strictEqual((await chat(fake, { model: "%E0%A4%A" })).status, 404)
      assert.strictEqual((await post(`${fake.urls.bedrock}/model/%E0%A4%A/converse`, {})).status, 400)
      const text = await sendTo(`${fake.urls.gemini}/models/m:generateContent`, "POST", "no json").done
      assert.deepStrictEqual([text.status, JSON.parse(text.body).error.status], [400, "INVALID_ARGUMENT"])
    })
  )
})
