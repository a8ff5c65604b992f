/** Shadow traffic: what the primary must never notice, and what is told of the copies. */
import { assert, describe, it } from "@effect/vitest"
import { DefaultPipeline, type Defaults, InvalidOption, Pipeline, type RouteRequest, Router } from "@spillway/core"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Shadow from "../../src/router/middleware/Shadow.ts"
import { invalidRequest, services } from "./fixture.ts"

type Event = Shadow.Compared | Shadow.Dropped

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const routerOf = <P extends Pipeline.AnyPart>(pipeline: Pipeline.Pipeline<P>, defaults: Defaults.Options = {}) =>
  // Services that live as long as the test: a cache that is closed answers nothing.
  Effect.flatMap(Layer.build(services(defaults)), (context) =>
    Router.make({ targets: [{ id: "a", client: "client of a" }], pipeline }).pipe(Effect.provideContext(context))
  )

const shadowed = (options: Partial<Shadow.Options> = {}) =>
  Effect.gen(function* () {
    const events: Array<Event> = []
    const requests: Array<RouteRequest.RouteRequest> = []
    const told = (event: Event) => events.push(event)
    const send: Shadow.Send = (request) => Effect.sync(() => requests.push(request))
    const part = Pipeline.request("shadow", Shadow.make({ share: 1, send, told, ...options }))
    const router = yield* routerOf(Pipeline.append(DefaultPipeline.pipeline, part))
    const inFlight = Effect.map(router.status, ({ targets }) => targets.map(({ inFlight }) => inFlight))
    return { events, inFlight, requests, router }
  })

const answer =
  (ms = 0) =>
  () =>
    Effect.as(Effect.sleep(ms), "answer")
/** Lets fibers that were begun run on; nobody waits for time. */
const settle = Effect.repeat(Effect.yieldNow, { times: 20 })

describe("Shadow", () => {
  it.effect("sends a copy once the primary has answered, and tells how both went, never what they said", () =>
    Effect.gen(function* () {
      const { events, router } = yield* shadowed({ send: () => Effect.as(Effect.sleep(300), "a secret") })
      const fiber = yield* fork(router.route({ tenant: "t" }, answer(200)))
      yield* TestClock.adjust(200)
      assert.strictEqual(yield* Fiber.join(fiber), "answer")
      yield* TestClock.adjust(300)
      assert.deepStrictEqual(events, [
        {
          _tag: "Compared",
          route: "default",
          primary: { outcome: "ok", ms: 200, error: undefined },
          copy: { outcome: "ok", ms: 300, error: undefined },
          judged: undefined
        }
      ])
    })
  )

  for (const when of ["after", "beside"] as const) {
    const copies = {
      hangs: () => Effect.never,
      fails: () => Effect.fail(invalidRequest),
      dies: () => Effect.die("bug"),
      throws: () => {
        throw new Error("bug")
      },
      "interrupts itself": () => Effect.interrupt,
      "does not listen to interruption": () => Effect.uninterruptible(Effect.sleep(1000))
    }
    for (const [what, send] of Object.entries(copies)) {
      it.effect(`neither delays nor fails nor ends a call when its copy ${what} (${when})`, () =>
        Effect.gen(function* () {
          const { events, inFlight, router } = yield* shadowed({ send, when, deadline: 500 })
          const fiber = yield* fork(router.route({}, answer(100)))
          yield* TestClock.adjust(100)
          assert.deepStrictEqual(fiber.pollUnsafe(), Exit.succeed("answer"))
          yield* TestClock.adjust(2000)
          assert.lengthOf(events, 1)
          assert.deepStrictEqual(yield* inFlight, [0])
        })
      )
    }
  }

  it.effect("runs beside the primary, and outlives a caller who goes away", () =>
    Effect.gen(function* () {
      const { events, router } = yield* shadowed({ send: () => Effect.sleep(300), when: "beside" })
      const fiber = yield* fork(router.route({}, answer(200)))
      yield* TestClock.adjust(100)
      yield* Fiber.interrupt(fiber)
      assert.isEmpty(events)
      yield* TestClock.adjust(200)
      const [event] = events
      assert.strictEqual(event?._tag === "Compared" ? event.primary.outcome : undefined, "interrupted")
      assert.strictEqual(event?._tag === "Compared" ? event.copy.outcome : undefined, "ok")
    })
  )

  it.effect("copies no call after the fact that failed or was given up", () =>
    Effect.gen(function* () {
      const { requests, router } = yield* shadowed()
      yield* Effect.exit(router.route({}, () => Effect.fail(invalidRequest)))
      const fiber = yield* fork(router.route({}, answer(100)))
      yield* settle
      yield* Fiber.interrupt(fiber)
      yield* settle
      assert.isEmpty(requests)
    })
  )

  it.effect("has at most `maxInFlight` copies under way and drops the others", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      let running = 0
      let most = 0
      const send = () =>
        Effect.suspend(() => {
          most = Math.max(most, ++running)
          return Effect.ensuring(
            Deferred.await(gate),
            Effect.sync(() => running--)
          )
        })
      const { events, router } = yield* shadowed({ send, maxInFlight: 3 })
      for (let n = 0; n < 10; n++) yield* router.route({}, () => Effect.succeed(n))
      yield* settle
      assert.strictEqual(most, 3)
      assert.strictEqual(events.filter(({ _tag }) => _tag === "Dropped").length, 7)
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      yield* router.route({}, () => Effect.succeed("one more"))
      yield* settle
      assert.strictEqual(events.filter(({ _tag }) => _tag === "Compared").length, 4)
      assert.strictEqual(running, 0)
    })
  )

  it.effect("ends its copies with the router, and begins none afterwards", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      let ended = 0
      const send = () =>
        Effect.onInterrupt(Effect.never, () =>
          Effect.sync(() => {
            ended++
          })
        )
      const { router } = yield* shadowed({ send }).pipe(Scope.provide(scope))
      yield* router.route({}, answer())
      yield* settle
      assert.strictEqual(ended, 0)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(ended, 1)
      yield* Effect.exit(router.route({}, answer()))
      yield* settle
      assert.strictEqual(ended, 1)
    })
  )

  it.effect("leaves alone what must not be sent twice, what is pinned, and what the share does not want", () =>
    Effect.gen(function* () {
      const all = yield* shadowed()
      yield* all.router.route({ idempotent: false }, answer())
      yield* all.router.route({ needs: { pinnedTo: "a" } }, answer())
      const none = yield* shadowed({ share: 0 })
      yield* none.router.route({}, answer())
      yield* settle
      assert.isEmpty([...all.requests, ...none.requests])
    })
  )

  it.effect("copies its share: 1,000 calls at 0.2, five sigma", () =>
    Effect.gen(function* () {
      const { requests, router } = yield* shadowed({ share: 0.2, maxInFlight: 10_000 })
      for (let n = 0; n < 1000; n++) yield* router.route({}, () => Effect.void)
      yield* settle
      assert.isBelow(Math.abs(requests.length - 200), 5 * Math.sqrt(1000 * 0.2 * 0.8))
    })
  )

  it.effect("makes the copy's request cheap, late and uncached", () =>
    Effect.gen(function* () {
      const { requests, router } = yield* shadowed({ deadline: "5 seconds" })
      const estimatedTokens = { input: 100, output: 20 }
      yield* router.route({ priority: "P0", cacheKey: "k", tenant: "t", estimatedTokens }, answer())
      yield* settle
      const [copy] = requests
      assert.deepInclude(copy, { priority: "P3", deadlineMs: 5000, cacheKey: undefined, tenant: "t", patient: false })
      assert.deepInclude(copy?.cost, { tokens: 120, outputTokens: 20, priority: "P3", reason: "primary" })
    })
  )

  it.effect("sends no copy of a cached answer", () =>
    Effect.gen(function* () {
      const events: Array<Event> = []
      const shadow = Shadow.make({ share: 1, send: () => Effect.void, told: (event) => events.push(event) })
      // Outside of the cache, where it sees hits too.
      const pipeline = Pipeline.prepend(DefaultPipeline.pipeline, Pipeline.request("shadow", shadow))
      const router = yield* routerOf(pipeline, { cache: { ttl: "1 hour" } })
      for (let n = 0; n < 3; n++) yield* router.route({ cacheKey: "k" }, answer())
      yield* settle
      assert.lengthOf(events, 1)
    })
  )

  it.effect("does what the call says, where it says so, and copies no copy", () =>
    Effect.gen(function* () {
      const { events, requests, router } = yield* shadowed({ when: "beside" })
      const asked: Array<string> = []
      const call = router.route({}, ({ request }) => Effect.sync(() => asked.push(request.priority)))
      // The same router: without a stop this would never end.
      yield* Effect.provideService(call, Shadow.CurrentCopy, (request) =>
        router.route(request, ({ request }) => Effect.sync(() => asked.push(request.priority)))
      )
      yield* settle
      assert.deepStrictEqual(asked, ["P1", "P3"])
      assert.isEmpty(requests)
      assert.lengthOf(events, 1)
    })
  )

  it.effect("runs a copy with the router's services and scope, not with the caller's", () =>
    Effect.gen(function* () {
      const Whose = Context.Reference<string>("test/Whose", { defaultValue: () => "the router's" })
      const seen: Array<unknown> = []
      const send = () =>
        Effect.withFiber((fiber) =>
          Effect.sync(() =>
            seen.push(fiber.getRef(Whose), Context.getOrUndefined(fiber.context, Scope.Scope) === callers)
          )
        )
      const callers = yield* Scope.make()
      const { router } = yield* shadowed({ send })
      yield* router
        .route({}, answer())
        .pipe(Effect.provideService(Whose, "the caller's"), Effect.provideService(Scope.Scope, callers))
      yield* settle
      assert.deepStrictEqual(seen, ["the router's", false])
    })
  )

  it.effect("hands both answers to `judge` alone, and survives what it throws", () =>
    Effect.gen(function* () {
      const judge = (primary: unknown, copy: unknown) => {
        if (copy === "bug") throw new Error("bug in judge")
        return { same: primary === copy }
      }
      let said: unknown = "answer"
      const { events, router } = yield* shadowed({ judge, send: () => Effect.sync(() => said) })
      yield* router.route({}, answer())
      yield* settle
      said = "bug"
      const { warn } = console
      let warnings = 0
      console.warn = () => warnings++
      yield* Effect.ensuring(
        Effect.andThen(router.route({}, answer()), settle),
        Effect.sync(() => {
          console.warn = warn
        })
      )
      assert.deepStrictEqual(
        events.map((event) => (event._tag === "Compared" ? event.judged : undefined)),
        [{ same: true }]
      )
      assert.strictEqual(warnings, 1)
    })
  )

  for (const when of ["after", "beside"] as const) {
    it.effect(`copies streams, and hands every part on (${when})`, () =>
      Effect.gen(function* () {
        const { events, inFlight, requests, router } = yield* shadowed({ when })
        const parts = yield* Stream.runCollect(router.stream({}, () => Stream.make(1, 2, 3)))
        yield* settle
        assert.deepStrictEqual([...parts], [1, 2, 3])
        assert.lengthOf(requests, 1)
        assert.deepStrictEqual(
          events.map((event) => (event._tag === "Compared" ? event.primary.outcome : undefined)),
          ["ok"]
        )
        const first = yield* Stream.runCollect(
          Stream.take(
            router.stream({}, () => Stream.make(1, 2, 3).pipe(Stream.rechunk(1))),
            1
          )
        )
        yield* settle
        assert.deepStrictEqual([...first], [1])
        assert.lengthOf(requests, when === "after" ? 1 : 2)
        assert.deepStrictEqual(yield* inFlight, [0])
      })
    )
  }

  it("refuses options that are none", () => {
    const bad: ReadonlyArray<object> = [
      ...[{ share: 2 }, {}, { share: 1, maxInFlight: 0 }, { share: 1, when: "before" }, { share: 1, deadline: 0 }],
      { share: 1, rate: 1 }
    ]
    for (const options of bad) assert.throws(() => Shadow.make(options as Shadow.Options), InvalidOption.InvalidOption)
  })
})
