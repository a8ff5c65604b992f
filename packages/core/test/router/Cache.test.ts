/** The cache as a router's calls meet it: where answers come from, what is told, and what happens to those who share. */
import { assert, describe, it } from "@effect/vitest"
import { BreakPolicy, Cache, createRouter, ResponseCache, type RouteError, Router } from "@spillway/core"
import { Effect, Exit, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { inOrder, inVirtualTime, invalidRequest, overloaded, services } from "./fixture.ts"
import * as Piped from "./support/Piped.ts"
import { fork } from "./support/Piped.ts"
import * as Provider from "./support/Provider.ts"
import { fail, isContent, isEnd, type Part, parts, script, wait } from "./support/Provider.ts"

/** A model that counts how often it was asked, and says so. */
const model = (ms = 0) => {
  let asked = 0
  return {
    asked: () => asked,
    call: (attempt: Router.Attempt<string, unknown>) =>
      Effect.delay(
        Effect.sync(() => `${attempt.target.id} ${++asked}`),
        ms
      )
  }
}

/** What a caller is told of an answer. */
const told = ({ attempts, degraded, servedBy, source, value }: Router.Answer<string>) =>
  [value, source, servedBy, degraded, attempts] as const

describe("a call that names its answer", () => {
  it.effect("is answered by the model once, then from the cache, and says which", () =>
    Effect.gen(function* () {
      const made = yield* Piped.make()
      const { asked, call } = model()
      const ask = made.router.answer({ cacheKey: "river" }, call)
      assert.deepStrictEqual(told(yield* ask), ["a 1", "model", "a", false, 1])
      assert.deepStrictEqual(told(yield* ask), ["a 1", "cache", "a", false, 0])
      assert.strictEqual(yield* made.router.route({ cacheKey: "river" }, call), "a 1")
      assert.strictEqual(asked(), 1)
      assert.deepStrictEqual(yield* made.outcomes, ["ok model a", "ok cache ", "ok cache "])
      assert.deepStrictEqual(made.problems(), [])
    })
  )
  it.effect("cut", () =>
    Effect.gen(function* () {
      const made = yield* Piped.make()
      const provider = Provider.make({ a: [script([parts("start"), parts("text"), wait(10), parts("text"), wait(10), parts("finish")])] })
      const read = made.router.stream({ cacheKey: "river" }, provider.open, { isContent, isEnd })
      const x = yield* inVirtualTime(Stream.runCollect(Stream.take(read, 2)), "1 second")
      console.log(x.length, yield* made.cache.snapshot)
      const y = yield* inVirtualTime(Stream.runCollect(read), "1 second")
      console.log(y.length)
      const z = yield* inVirtualTime(Stream.runCollect(read), "1 second")
      console.log(z.length, provider.opened.length, yield* made.outcomes)
    })
  )
})
