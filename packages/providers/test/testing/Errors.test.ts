import { assert, describe, it } from "@effect/vitest"
import { Behaviour, RetryAfter } from "@spillway/providers/testing"
import { type Received, withFake } from "./client.ts"
import { askIn, type Client } from "./dialects/Client.ts"
import { clients } from "./dialects/clients.ts"

/** Type (or status word, or exception), code and message, wherever the dialect has them. */
const errorOf = (client: Client, reply: Received) => {
  const json = JSON.parse(reply.body)
  if (client.name === "converse") {
    return {
      type: reply.headers["x-amzn-errortype"]?.toString().replace(/:.*/, ""),
      code: undefined,
      message: json.message
    }
  }
  const { type, status, code, message, details } = json.error
  if (client.name === "messages") {
    assert.strictEqual(json.type, "error")
    assert.strictEqual(json.request_id, reply.headers["request-id"])
  }
  return { type: client.name === "gemini" ? status : type, code: code ?? details?.error_code, message }
}

const types: Readonly<Record<Client["name"], Readonly<Record<number, string>>>> = {
  chat: { 400: "invalid_request_error", 429: "requests", 503: "server_error", 529: "overloaded_error" },
  responses: { 400: "invalid_request_error", 429: "requests", 503: "server_error", 529: "overloaded_error" },
  messages: {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    418: "invalid_request_error",
    429: "rate_limit_error",
    500: "api_error",
    503: "api_error",
    504: "timeout_error",
    529: "overloaded_error"
  },
  gemini: {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    418: "UNKNOWN",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED"
  },
  converse: {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException"
  }
}

const contextWords: Readonly<Record<Client["name"], RegExp>> = {
  chat: /maximum context length is 100 tokens/,
  responses: /maximum context length is 100 tokens/,
  messages: /^prompt is too long: 101 tokens > 100 maximum$/,
  gemini: /^The input token count \(101\) exceeds the maximum/,
  converse: /^Input is too long/
}

for (const client of clients) {
  describe(`${client.name}: errors`, () => {
    it.effect("has its own type for each status, streamed or not", () =>
      withFake({}, async (fake) => {
        for (const [status, type] of Object.entries(types[client.name])) {
          fake.script("m", Behaviour.status(Number(status)))
          for (const stream of [false, true]) {
            const reply = await askIn(client, fake, { stream })
            assert.strictEqual(reply.status, Number(status))
            assert.strictEqual(reply.headers["content-type"], "application/json")
            const error = errorOf(client, reply)
            assert.strictEqual(error.type, type)
            assert.isNotEmpty(error.message)
            if (client.name === "gemini") assert.strictEqual(error.code, Number(status))
          }
        }
        assert.strictEqual(fake.requests.at(-1)?.outcome, "error")
      })
    )

    it.effect("says what the script says, where it has a place for it, and when to come back", () =>
      withFake(
        {
          m: Behaviour.rateLimited({
            error: { type: "my_type", message: "Slow.", code: "my_code" },
            retryAfter: RetryAfter.all([RetryAfter.seconds(3), RetryAfter.text(3), RetryAfter.retryInfo(34.4)])
          }),
          page: Behaviour.status(502, { body: "html" })
        },
        async (fake) => {
          const reply = await askIn(client, fake)
          const error = errorOf(client, reply)
          assert.deepInclude(error, { type: "my_type", message: "Slow. Please try again in 3s." })
          assert.strictEqual(reply.headers["retry-after"], "3")
          assert.strictEqual(reply.body.includes("my_code"), client.name !== "converse")
          assert.strictEqual(reply.body.includes('"retryDelay":"34.4s"'), client.name === "gemini")
          const page = await askIn(client, fake, { model: "page" })
          assert.match(page.body, /^<!doctype html>/)
        }
      )
    )

    it.effect("says in its own words that a prompt is too long", () =>
      withFake({ m: Behaviour.contextTooLong({ window: 100 }) }, async (fake) => {
        const reply = await askIn(client, fake, { stream: true })
        assert.strictEqual(reply.status, 400)
        assert.match(errorOf(client, reply).message, contextWords[client.name])
      })
    )

    it.effect("holds a client to a form", () =>
      withFake(
        {
          m: Behaviour.requestsShape(({ dialect, messages, promptTokens, maxTokens }) =>
            maxTokens === 7 ? undefined : `${dialect} ${messages.length} ${promptTokens} ${maxTokens}`
          )
        },
        async (fake) => {
          const refused = await askIn(client, fake, { question: "one two three", prefill: "four", maxTokens: 8 })
          assert.strictEqual(refused.status, 400)
          assert.strictEqual(errorOf(client, refused).message, `${client.name} 2 4 8`)
          assert.strictEqual((await askIn(client, fake, { maxTokens: 7 })).status, 200)
        }
      )
    )

    it.effect("refuses a model it does not have, a body that is none, and goes on after a script that throws", () =>
      withFake(
        {
          m: Behaviour.choose(() => {
            throw new Error("oops")
          })
        },
        async (fake) => {
          const unknown = await askIn(client, fake, { model: "x" })
          assert.strictEqual(unknown.status, client.name === "converse" ? 400 : 404)
          assert.isNotEmpty(errorOf(client, unknown).message)
          const threw = await askIn(client, fake)
          assert.strictEqual(threw.status, 500)
          assert.match(threw.body, /The script of the fake threw: Error: oops/)
        }
      )
    )

    it.effect("errorIn200 comes inside the stream, before or after content, and as a whole body", () =>
      withFake({}, async (fake) => {
        for (const after of [0, 3]) {
          fake.script("m", Behaviour.errorIn200({ after, status: 429 }, Behaviour.answer({ text: "a b c" })))
          const reply = await askIn(client, fake, { stream: true })
          assert.deepStrictEqual([reply.status, reply.error, fake.requests.at(-1)?.outcome], [200, undefined, "error"])
          const events = client.events(reply)
          assert.strictEqual(client.streamed(after === 0 ? [] : events.slice(0, -1)).text, after === 0 ? "" : "a b")
          if (after === 0) assert.strictEqual(events.length, 1)
          const { data, name } = events.at(-1) ?? assert.fail("there is an event")
          const said = data.error?.type ?? data.error?.status ?? data.code ?? name
          const expected = { ...types[client.name], 429: inBand[client.name] ?? types[client.name][429] }[429]
          assert.strictEqual(said, expected)
          assert.match(JSON.stringify(data), /Rate limit reached/)
        }
        const whole = await askIn(client, fake)
        assert.strictEqual(whole.status, 200)
        const json = JSON.parse(whole.body)
        const word = json.error?.status ?? json.error?.type ?? json.__type
        assert.strictEqual(word, types[client.name][429])
      })
    )
  })
}

/** Where the event says another word than the reply. */
const inBand: Partial<Record<Client["name"], string>> = {
  responses: "rate_limit_exceeded",
  converse: "throttlingException"
}
