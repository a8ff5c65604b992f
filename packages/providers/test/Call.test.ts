import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import type { ProviderModel } from "@spillway/core/ProviderModel"
import { Effect } from "effect"
import { LanguageModel } from "effect/ai"
import { HttpClient } from "effect/http"
import * as CallSettings from "../src/CallSettings.ts"
import * as OpenAi from "../src/OpenAi.ts"
import * as OpenAiCompatible from "../src/OpenAiCompatible.ts"
import { collect, generate, key, options } from "./support/Calls.ts"
import { clients, delta, done, finish, http, raw, undiciClient } from "./support/Sockets.ts"

const secret = "sk-very-secret-key"

const modelOver = (client: HttpClient.HttpClient, baseUrl: string, more: Partial<OpenAiCompatible.Options> = {}) =>
  OpenAiCompatible.model({ model: "m", baseUrl, apiKey: key, ...more }, client)

const answer = { id: "c1", model: "m", choices: [{ index: 0, message: { content: "hi" }, finish_reason: "stop" }] }

/** What both calls fail with. */
const failures = (model: ProviderModel) => Effect.all([Effect.flip(generate(model)), Effect.flip(collect(model))])

describe.each(clients)("headers of a call over %s", (_name, client) => {
  it.live("a call's own headers win over the model's, but not over its keys", () =>
    Effect.gen(function* () {
      const received: Array<Record<string, unknown>> = []
      const server = yield* http((response, request) => {
        received.push(request.headers)
        const streamed = request.headers.accept !== "application/json"
        response.end(streamed ? delta("Hello") + finish + done : JSON.stringify(answer))
      })
      const model = modelOver(yield* client, server.url, { headers: { "x-tenant": "of the model", "x-model": "m" } })
      const own = { headers: { Authorization: "Bearer other", "X-Tenant": "of the call", "x-call": "c" } }
      yield* generate(model).pipe(CallSettings.with(own))
      yield* collect(model).pipe(CallSettings.with(own))
      yield* generate(model)
      for (const [i, tenant, call] of [
        [0, "of the call", "c"],
        [1, "of the call", "c"],
        [2, "of the model", undefined]
      ] as const) {
        assert.strictEqual(received[i]?.["authorization"], `Bearer ${secret}`)
        assert.strictEqual(received[i]?.["x-tenant"], tenant)
        assert.strictEqual(received[i]?.["x-model"], "m")
        assert.strictEqual(received[i]?.["x-call"], call)
      }
    })
  )

  it.live("a call's header that cannot be sent is the caller's mistake, and its value stays hidden", () =>
    Effect.gen(function* () {
      const server = yield* http((response) => void response.end())
      const model = modelOver(yield* client, server.url)
      for (const [name, value] of [
        ["x-a", "hidden\r\nx-b: c"],
        ["x-a", "hidden\u2028"],
        ["x a", "hidden"],
        ["", "hidden"],
        ["content-length", "6"],
        ["Transfer-Encoding", "hidden"],
        ["connection", "hidden"]
      ] as const) {
        const settings = CallSettings.with({ headers: { [name]: value } })
        for (const error of yield* settings(failures(model))) {
          assert.strictEqual(error.reason._tag, "InvalidRequestError", name)
          assert.notInclude(inspect(error, { depth: 20 }), "hidden")
        }
      }
      assert.strictEqual(server.accepted(), 0)
    })
  )
})

describe("probe", () => {
  it.live("asks for the vendor's list of models, and fails as a call does", () =>
    Effect.gen(function* () {
      const asked: Array<unknown> = []
      let status = 200
      const server = yield* http((response, request) => {
        asked.push([request.method, request.url, request.headers.authorization, request.headers["content-type"]])
        response.writeHead(status).end(status === 200 ? "{}" : `{"error":{"message":"no ${secret}"}}`)
      })
      const model = OpenAi.model({ model: "m", baseUrl: `${server.url}/v1`, apiKey: key }, yield* undiciClient)
      const { probe } = model
      assert.isDefined(probe)
      if (probe === undefined) return
      yield* probe
      assert.deepStrictEqual(asked, [["GET", "/v1/models", `Bearer ${secret}`, undefined]])
      for (const [code, tag] of [
        [401, "AuthenticationError"],
        [429, "RateLimitError"],
        [503, "InternalProviderError"]
      ] as const) {
        status = code
        const error = yield* Effect.flip(probe)
        assert.strictEqual(error.reason._tag, tag)
        assert.notInclude(inspect(error, { depth: 20 }), secret)
      }
      const gone = yield* Effect.scoped(http(() => {}))
      const unreachable = OpenAi.model({ model: "m", baseUrl: gone.url, apiKey: key }).probe
      if (unreachable !== undefined) assert.strictEqual((yield* Effect.flip(unreachable)).reason._tag, "NetworkError")
    })
  )
})

describe("limits of a call", () => {
  it.live("the smaller cap on output counts, the router's or the caller's", () =>
    Effect.gen(function* () {
      const bodies: Array<string> = []
      const server = yield* raw((socket, text) => {
        bodies.push(text.slice(text.indexOf("\r\n\r\n") + 4))
        const body = JSON.stringify(answer)
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
      })
      const settings = { maxTokens: 300 }
      const model = modelOver(yield* undiciClient, server.url, { settings })
      const given = yield* options()
      for (const [own, limit] of [
        [undefined, undefined],
        [undefined, 200],
        [undefined, 400],
        [100, 200],
        [500, 200]
      ] as const) {
        const limits = limit === undefined ? undefined : { maxOutputTokens: limit }
        yield* model.generate(given, limits).pipe(CallSettings.with(own === undefined ? {} : { maxTokens: own }))
      }
      const sent = bodies.map((body) => (JSON.parse(body) as Record<string, unknown>)["max_tokens"])
      assert.deepStrictEqual(sent, [300, 200, 300, 100, 200])
    })
  )

  it.live("LanguageModel works over the pool", () =>
    Effect.gen(function* () {
      const server = yield* http((response) => void response.end(JSON.stringify(answer)))
      const { text } = yield* LanguageModel.generateText({ prompt: "hi" }).pipe(
        Effect.provide(OpenAi.layer({ model: "m", baseUrl: server.url, apiKey: key })),
        Effect.provideServiceEffect(HttpClient.HttpClient, undiciClient)
      )
      assert.strictEqual(text, "hi")
    })
  )
})
