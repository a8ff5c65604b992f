/** The dialogue with Consul, over real connections: what its documentation says that it answers, and what it should not. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Queue, Redacted, Schedule, type Scope, Stream } from "effect"
import { FetchHttpClient, type HttpClient } from "effect/http"
import type { TargetUpdate } from "../../src/model/TargetSource.ts"
import * as ConsulSource from "../../src/sources/ConsulSource.ts"
import * as ConsulServer from "./ConsulServer.ts"
import { instance, options } from "./ConsulServer.ts"
import { idsOf, messageOf, setOf } from "./support.ts"

describe("over HTTP", () => {
  const start = (more: Partial<ConsulSource.Options<string>> = {}) =>
    Effect.gen(function* () {
      const consul = yield* ConsulServer.make
      consul.set([instance("a", { address: "10.0.0.1" })])
      const source = yield* ConsulSource.make(
        options({ url: consul.url, minInterval: 1, maxPause: 5, timeout: "5 seconds", ...more })
      )
      const said = yield* Queue.unbounded<TargetUpdate<string>>()
      yield* Effect.forkScoped(Stream.runForEach(source.changes, (update) => Queue.offer(said, update)))
      const next = Effect.timeout(Queue.take(said), "5 seconds")
      const waiting = Effect.suspend(() => (consul.waiting() === 1 ? Effect.void : Effect.fail("not yet"))).pipe(
        Effect.retry(Schedule.spaced("1 millis")),
        Effect.timeout("5 seconds")
      )
      return { consul, next, said, waiting }
    })
  const live = <E>(name: string, test: Effect.Effect<void, E, Scope.Scope | HttpClient.HttpClient>) =>
    it.live(name, () => test.pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer)))

  live(
    "tells of each change as it happens, by one question that is held open",
    Effect.gen(function* () {
      const { consul, next, waiting } = yield* start()
      assert.deepStrictEqual(setOf(yield* next).targets, [{ weight: 10, id: "a", client: "10.0.0.1:8000" }])
      yield* waiting
      consul.set([instance("b"), instance("a", { address: "10.0.0.1" })])
      assert.deepStrictEqual(setOf(yield* next).targets, [
        { weight: 10, id: "a", client: "10.0.0.1:8000" },
        { weight: 10, id: "b", client: "10.1.10.12:8000" }
      ])
      yield* waiting
      assert.deepStrictEqual(
        consul.asked.map(({ params }) => [params.get("index"), params.get("wait")]),
        [
          [null, null],
          ["1", "300000ms"],
          ["2", "300000ms"]
        ]
      )
      assert.deepStrictEqual(
        new Set(consul.asked.map(({ path, token }) => `${path} ${token}`)),
        new Set(["/v1/health/service/llm undefined"])
      )
    })
  )

  live(
    "asks with the token and the parameters given",
    Effect.gen(function* () {
      const { consul, next } = yield* start({
        service: "llm/eu",
        token: Redacted.make("secret-token"),
        tags: ["gpu", "eu"],
        filter: 'Service.Meta.model == "llama"',
        datacenter: "dc2",
        namespace: "team",
        near: "_agent",
        consistency: "stale",
        passingOnly: false
      })
      yield* next
      const [first] = consul.asked
      assert.strictEqual(first?.token, "secret-token")
      assert.strictEqual(first?.path, "/v1/health/service/llm%2Feu")
      assert.deepStrictEqual(
        [...(first?.params ?? [])],
        [
          ["tag", "gpu"],
          ["tag", "eu"],
          ["dc", "dc2"],
          ["ns", "team"],
          ["near", "_agent"],
          ["filter", 'Service.Meta.model == "llama"'],
          ["stale", ""]
        ]
      )
    })
  )

  live(
    "starts again when the index goes backwards",
    Effect.gen(function* () {
      const { consul, next, waiting } = yield* start()
      yield* next
      yield* waiting
      consul.set([instance("a")], 900)
      yield* next
      yield* waiting
      // A restored snapshot: the answer comes with a lower index.
      consul.set([instance("b")], 7)
      assert.deepStrictEqual(idsOf(yield* next), ["b"])
      yield* waiting
      assert.deepStrictEqual(
        consul.asked.map(({ params }) => params.get("index")),
        [null, "1", "900", null, "7"]
      )
    })
  )

  live(
    "keeps the targets and says what is wrong, once, and comes back by itself",
    Effect.gen(function* () {
      const { consul, next, said, waiting } = yield* start()
      yield* next
      yield* waiting
      for (const _ of [1, 2])
        consul.misbehave((_request, response) => void response.writeHead(500).end("No cluster leader"))
      consul.set([instance("a", { address: "10.0.0.1" })])
      assert.strictEqual(messageOf(yield* next), "Consul llm: it answers with HTTP 500 (it may have no leader)")
      assert.deepStrictEqual(idsOf(yield* next), ["a"])
      yield* waiting
      consul.misbehave((_request, response) => void response.end("<html>not Consul</html>"))
      consul.set([instance("c")])
      assert.deepStrictEqual(idsOf(yield* next), ["c"])
      assert.strictEqual(messageOf(yield* next), "Consul llm: its answer is none of the health API")
      assert.deepStrictEqual(idsOf(yield* next), ["c"])
      yield* waiting
      consul.cut()
      assert.strictEqual(messageOf(yield* next), "Consul llm: it cannot be reached")
      assert.deepStrictEqual(idsOf(yield* next), ["c"])
      yield* waiting
      consul.misbehave((_request, response) => {
        response.setHeader("content-length", "1000")
        response.write("[{")
        setImmediate(() => response.destroy())
      })
      consul.set([instance("d")])
      assert.deepStrictEqual(idsOf(yield* next), ["d"])
      assert.strictEqual(messageOf(yield* next), "Consul llm: its answer broke off")
      assert.deepStrictEqual(idsOf(yield* next), ["d"])
      assert.deepStrictEqual(yield* Queue.clear(said), [])
    })
  )

  live(
    "does not wait for ever for an answer",
    Effect.gen(function* () {
      const { consul, next, waiting } = yield* start({ timeout: 30, wait: 16 })
      yield* next
      yield* waiting
      // 16 ms of waiting, 1 ms that the server may add, 30 ms of patience: the server says nothing at all.
      assert.strictEqual(messageOf(yield* next), "Consul llm: it does not answer in time")
      assert.deepStrictEqual(idsOf(yield* next), ["a"])
      assert.isAtLeast(consul.asked.length, 3)
    })
  )

  live(
    "follows no redirect, which would carry the token to a place that nobody chose",
    Effect.gen(function* () {
      const { consul, next, waiting } = yield* start({ token: Redacted.make("secret-token") })
      const elsewhere = yield* ConsulServer.make
      yield* next
      yield* waiting
      consul.misbehave((_request, response) => void response.writeHead(307, { location: elsewhere.url }).end())
      consul.set([instance("b")])
      assert.deepStrictEqual(idsOf(yield* next), ["b"])
      assert.strictEqual(messageOf(yield* next), "Consul llm: it answers with HTTP 307")
      assert.deepStrictEqual(idsOf(yield* next), ["b"])
      assert.deepStrictEqual(elsewhere.asked, [])
    })
  )
})
