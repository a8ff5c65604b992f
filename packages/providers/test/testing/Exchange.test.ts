import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Exchange } from "../../src/testing/internal/Exchange.ts"
import { type Entry, RequestBook } from "../../src/testing/internal/RequestBook.ts"

/** Serves one request with `reply`; gives the order of what the exchange did. */
const order = (reply: (exchange: Exchange, entry: Entry) => Promise<void> | void) =>
  Effect.gen(function* () {
    const did: Array<string> = []
    const entry = new RequestBook(1).arrived({
      path: "/",
      dialect: "other",
      model: "m",
      streamed: false,
      at: 0,
      headers: {},
      authorized: true,
      question: ""
    })
    const server = yield* Effect.acquireRelease(
      Effect.callback<http.Server>((resume) => {
        const listening = http
          .createServer((_request, response) => {
            const end = response.end.bind(response)
            response.end = ((data: string) => {
              did.push("last bytes")
              return end(data)
            }) as typeof response.end
            const exchange = new Exchange(response, entry, (outcome) => did.push(outcome))
            exchange.whenDone(() => did.push("released"))
            void reply(exchange, entry)
          })
          .listen(0, "127.0.0.1", () => resume(Effect.succeed(listening)))
      }),
      (open) => Effect.callback<void>((resume) => void open.close(() => resume(Effect.void)))
    )
    const { port } = server.address() as AddressInfo
    yield* Effect.callback<void>((resume) => {
      http
        .get({ port, host: "127.0.0.1", agent: false }, (response) => {
          response.resume()
          response.once("end", () => resume(Effect.void))
        })
        .on("error", () => resume(Effect.void))
    })
    return { did, entry }
  })

describe("Exchange", () => {
  it.effect("gives slots back before the last bytes of a whole reply", () =>
    Effect.gen(function* () {
      const { did, entry } = yield* order((exchange) => exchange.reply("answered", 200, {}, "x"))
      assert.deepStrictEqual(did, ["released", "answered", "last bytes"])
      assert.strictEqual(entry.status, 200)
    })
  )

  it.effect("gives slots back before the last bytes of a stream", () =>
    Effect.gen(function* () {
      const { did } = yield* order(async (exchange) => {
        exchange.head(200, {})
        await exchange.write("x")
        exchange.end("answered", "y")
      })
      assert.deepStrictEqual(did, ["released", "answered", "last bytes"])
    })
  )

  it.effect("ends once: what comes later changes nothing", () =>
    Effect.gen(function* () {
      const { did } = yield* order((exchange) => {
        exchange.settle("error")
        exchange.settle("stalled")
        exchange.reply("answered", 200, {}, "x")
        exchange.abandon()
      })
      assert.deepStrictEqual(did, ["released", "error", "last bytes"])
    })
  )

  it.effect("never waits less than it is told, and not at all for what is past", () =>
    Effect.gen(function* () {
      const early: Array<number> = []
      yield* order(async (exchange) => {
        for (let i = 0; i < 20; i++) {
          const due = performance.now() + i / 4
          assert.isTrue(await exchange.until(due))
          if (performance.now() < due) early.push(due)
        }
        assert.isTrue(await exchange.until(0))
        exchange.reply("answered", 200, {}, "")
      })
      assert.deepStrictEqual(early, [])
    })
  )
})
