import { assert, describe, it } from "@effect/vitest"
import { Behaviour } from "@spillway/providers/testing"
import { withFake } from "./client.ts"
import { askIn } from "./dialects/Client.ts"
import { converse } from "./dialects/Converse.ts"
import { clients } from "./dialects/clients.ts"
import { gemini } from "./dialects/Gemini.ts"
import { messages } from "./dialects/Messages.ts"

const ok = Behaviour.answer({ text: "a b" })

describe("FakeProvider: keys", () => {
  for (const client of clients) {
    it.effect(`${client.name}: asks for its key where the vendor's client puts it, and keeps it out of the log`, () =>
      withFake(
        { m: ok },
        async (fake) => {
          const elsewhere = client.name === "gemini" ? "x-api-key" : "x-goog-api-key"
          for (const headers of [{}, { [elsewhere]: "sk-right" }]) {
            assert.strictEqual((await askIn(client, fake, { headers })).status, client.denied)
          }
          const wrong = await askIn(client, fake, { headers: client.key("sk-wrong") })
          assert.strictEqual(wrong.status, client.name === "gemini" ? 400 : client.denied)
          assert.notInclude(wrong.body, "sk-")
          assert.strictEqual((await askIn(client, fake, { headers: client.key("sk-right") })).status, 200)
          assert.deepStrictEqual(
            fake.requests.map((entry) => entry.authorized),
            [false, false, false, true]
          )
          assert.notInclude(JSON.stringify(fake.requests), "sk-")
          assert.strictEqual(fake.requests.at(-1)?.headers[Object.keys(client.key(""))[0] ?? ""], "<redacted>")
        },
        { apiKey: "sk-right" }
      )
    )
  }

  it.effect("gemini: a wrong key is a 400 with a reason, none is a 403", () =>
    withFake(
      { m: ok },
      async (fake) => {
        const wrong = await askIn(gemini, fake, { headers: gemini.key("no") })
        assert.strictEqual(wrong.status, 400)
        assert.strictEqual(JSON.parse(wrong.body).error.details[0].reason, "API_KEY_INVALID")
        const none = await askIn(gemini, fake)
        assert.deepStrictEqual([none.status, JSON.parse(none.body).error.status], [403, "PERMISSION_DENIED"])
      },
      { apiKey: "yes" }
    )
  )

  it.effect("messages: takes Bearer, too", () =>
    withFake(
      { m: ok },
      async (fake) => {
        assert.strictEqual((await askIn(messages, fake, { headers: { authorization: "Bearer yes" } })).status, 200)
      },
      { apiKey: "yes" }
    )
  )

  const scope = "AKIDEXAMPLE/20261122/us-east-1/bedrock/aws4_request"
  const signed = (overrides: { scope?: string; names?: string; signature?: string; date?: string } = {}) => ({
    authorization:
      `AWS4-HMAC-SHA256 Credential=${overrides.scope ?? scope}, SignedHeaders=${overrides.names ?? "host;x-amz-date"}, ` +
      `Signature=${overrides.signature ?? "ab".repeat(32)}`,
    "x-amz-date": overrides.date ?? "20261122T101112Z",
    "x-amz-security-token": "sk-session"
  })

  it.effect("converse: takes a well-formed signature, and none that is not", () =>
    withFake(
      { m: ok },
      async (fake) => {
        for (const [headers, status] of [
          [signed(), 200],
          [signed({ scope: scope.replace("bedrock", "s3") }), 403],
          [signed({ scope: scope.replace("22", "21") }), 403],
          [signed({ names: "host" }), 403],
          [signed({ names: "x-amz-date" }), 403],
          [signed({ signature: "abc" }), 403],
          [signed({ date: "2026-11-22" }), 403]
        ] as const) {
          const reply = await askIn(converse, fake, { headers })
          assert.strictEqual(reply.status, status)
          if (status === 403) assert.match(String(reply.headers["x-amzn-errortype"]), /^UnrecognizedClientException:/)
        }
        assert.notInclude(JSON.stringify(fake.requests), "sk-session")
        assert.notInclude(JSON.stringify(fake.requests), "AKIDEXAMPLE")
      },
      { apiKey: "key" }
    )
  )
})
