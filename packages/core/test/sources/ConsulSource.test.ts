import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import type { TargetUpdate } from "../../src/model/TargetSource.ts"
import * as ConsulSource from "../../src/sources/ConsulSource.ts"
import { instance, options } from "./ConsulServer.ts"
import { follow, messageOf, setOf } from "./support.ts"

describe("a service of Consul", () => {
  type Reply = { readonly status?: number; readonly index?: number; readonly body?: unknown } | "hang"

  const start = (reply: (asked: URL, times: number) => Reply, more: Partial<ConsulSource.Options<string>> = {}) =>
    Effect.gen(function* () {
      const times: Array<number> = []
      const indexes: Array<string | null> = []
      const client = HttpClient.make((request, url) =>
        Effect.clockWith((clock) => {
          times.push(clock.currentTimeMillisUnsafe())
          indexes.push(url.searchParams.get("index"))
          const answer = reply(url, times.length)
          if (answer === "hang") return Effect.never
          const { body = [instance("a")], index, status = 200 } = answer
          const headers: Record<string, string> = index === undefined ? {} : { "x-consul-index": `${index}` }
          return Effect.succeed(
            HttpClientResponse.fromWeb(request, new Response(JSON.stringify(body), { status, headers }))
          )
        })
      )
      const source = yield* Effect.provideService(ConsulSource.make(options(more)), HttpClient.HttpClient, client)
      return { ...(yield* follow(source)), times, indexes }
    })

  it.effect("asks at most once a second, although answers come at once", () =>
    Effect.gen(function* () {
      const { rest, times } = yield* start((_url, n) => ({ index: n }))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(
        times,
        Array.from({ length: 11 }, (_, i) => i * 1000)
      )
      assert.lengthOf(yield* rest, 1)
    })
  )

  it.effect("polls, every 5 seconds, a Consul that gives no index or a senseless one", () =>
    Effect.gen(function* () {
      for (const index of [undefined, 0, -5, Number.NaN]) {
        const { indexes, times } = yield* start(() => (index === undefined ? {} : { index }))
        const begin = times[0] ?? 0
        yield* TestClock.adjust("20 seconds")
        assert.deepStrictEqual(
          times.map((time) => time - begin),
          [0, 5000, 10_000, 15_000, 20_000]
        )
        assert.deepStrictEqual(new Set(indexes), new Set([null]))
      }
    })
  )

  it.effect("forgets an index that went backwards", () =>
    Effect.gen(function* () {
      const given = [50, 40, 41]
      const { indexes } = yield* start((_url, n) => (n > 3 ? "hang" : { index: given[n - 1] ?? 0 }))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(indexes, [null, "50", null, "41"])
    })
  )

  it.effect("tries again later and later, with jitter, from the start; and never later than a minute", () =>
    Effect.gen(function* () {
      const { indexes, next, rest, times } = yield* start((_url, n) => (n === 1 ? { index: 9 } : { status: 503 }))
      yield* next
      yield* TestClock.adjust("1 second")
      assert.strictEqual(messageOf(yield* next), "Consul llm: it answers with HTTP 503")
      yield* TestClock.adjust("10 minutes")
      const pauses = times.slice(2).map((time, i) => time - (times[i + 1] ?? 0))
      pauses.forEach((pause, i) => {
        const longest = Math.min(60_000, 1000 * 2 ** i)
        assert.isTrue(pause >= longest / 2 && pause <= longest + 1, `pause ${i}: ${pause}`)
      })
      assert.isAtLeast(pauses.length, 14)
      assert.isAbove(new Set(pauses.slice(7).map(Math.round)).size, 3)
      assert.deepStrictEqual(indexes.slice(0, 4), [null, "9", null, null])
      assert.deepStrictEqual(yield* rest, [])
    })
  )

  it.effect("is patient for the wait, a sixteenth more and the timeout", () =>
    Effect.gen(function* () {
      const { next, rest } = yield* start((_url, n) => (n === 1 ? { index: 9 } : "hang"), { wait: "160 seconds" })
      yield* next
      yield* TestClock.adjust("180999 millis")
      assert.deepStrictEqual(yield* rest, [])
      yield* TestClock.adjust("2 millis")
      assert.strictEqual(messageOf(yield* next), "Consul llm: it does not answer in time")
    })
  )

  it.effect("lists who passes, and by the other weight who warns where that is wanted", () =>
    Effect.gen(function* () {
      const body = [
        instance("passing"),
        instance("warning", { status: "warning", weights: { Passing: 10, Warning: 3 } }),
        instance("silenced", { status: "warning", weights: { Passing: 10, Warning: 0 } }),
        instance("critical", { status: "critical" }),
        instance("maintenance", { status: "maintenance" })
      ]
      const reply = (_url: URL, n: number): Reply => (n > 1 ? "hang" : { index: 1, body })
      const weights = (update: TargetUpdate<string>) => setOf(update).targets.map(({ id, weight }) => [id, weight])
      assert.deepStrictEqual(weights(yield* (yield* start(reply)).next), [["passing", 10]])
      assert.deepStrictEqual(weights(yield* (yield* start(reply, { passingOnly: false })).next), [
        ["passing", 10],
        ["warning", 3]
      ])
    })
  )

  it.effect("with nobody who takes calls is a problem, or an empty set where the application says so", () =>
    Effect.gen(function* () {
      const reply = (_url: URL, n: number): Reply => (n > 1 ? "hang" : { index: 1, body: [] })
      assert.strictEqual(messageOf(yield* (yield* start(reply)).next), "Consul llm: no instance takes calls")
      const { next } = yield* start(reply, { onNotFound: "empty" })
      assert.deepStrictEqual(yield* next, { _tag: "Targets", set: { targets: [] } })
    })
  )

  it.effect("reads what an older or a newer agent says", () =>
    Effect.gen(function* () {
      const old = {
        Node: { Node: "n1", Address: "10.9.9.9" },
        Service: { ID: "x", Service: "llm", Tags: null, Port: 80, Meta: null, Novelty: { a: 1 } },
        Checks: null
      }
      const { next } = yield* start((_url, n) => (n > 1 ? "hang" : { index: 1, body: [old] }))
      assert.deepStrictEqual(setOf(yield* next).targets, [{ weight: 1, id: "x", client: "10.9.9.9:80" }])
    })
  )

  it.effect("needs options that make sense, and repeats no token", () =>
    Effect.gen(function* () {
      const wrong = (more: object) =>
        start(() => "hang", more).pipe(Effect.catchDefect((defect) => Effect.succeed(String(defect))))
      const token = yield* wrong({ token: "secret" })
      assert.include(token, "ConsulSource: token must be Redacted.make(token)")
      assert.notInclude(String(token), "secret")
      const url = yield* wrong({ url: "http://me:secret@consul:8500" })
      assert.include(url, "ConsulSource: url must be http://host:port")
      assert.notInclude(String(url), "secret")
      assert.include(yield* wrong({ wait: "11 minutes" }), "ConsulSource: wait must be at most 10 minutes")
      assert.include(yield* wrong({ service: "" }), "ConsulSource: service must be a non-empty string")
      assert.include(yield* wrong({ passing: true }), "ConsulSource must be made of service, url")
    })
  )
})
