/** A router whose targets change while calls run: what stays is kept, what goes ends in peace, what is wrong changes nothing. */
import { assert, describe, it } from "@effect/vitest"
import {
  Defaults,
  type Ejection,
  Gates,
  type RouteRequest,
  Router,
  Strategy,
  type Target,
  TargetSource,
  Telemetry
} from "@spillway/core"
import { Deferred, Effect, Exit, Fiber, Layer, Queue, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { inOrder, overloaded } from "./fixture.ts"

type Spec = Target.TargetSpec<string, string>

const spec = (id: string, over: Partial<Spec> = {}): Spec => ({ id, client: `client of ${id}`, ...over })
const setOf = (...ids: ReadonlyArray<string>) => ({ targets: ids.map((id) => spec(id)) })

interface Told {
  readonly attached: Array<{ readonly targets: ReadonlyArray<string>; readonly left: ReadonlyArray<string> }>
  readonly events: Array<{ readonly _tag: string; readonly [key: string]: unknown }>
}

const make = (
  set: TargetSource.TargetSet<string>,
  options: Router.DynamicOptions & {
    readonly defaults?: Defaults.Options
    readonly strategy?: Strategy.Strategy<string>
  } = {}
) =>
  Effect.gen(function* () {
    const { defaults = {}, strategy = inOrder, ...others } = options
    const told: Told = { attached: [], events: [] }
    const telemetry: Telemetry.Telemetry = {
      call: () => undefined,
      attach: ({ left = [], targets }) =>
        void told.attached.push({ targets: targets.map(({ id }) => id), left: left.map(({ id }) => id) }),
      routerEvent: (_route, event) => void told.events.push({ ...event })
    }
    const router = yield* Router.makeDynamic<string>({ slowStart: false, ...others, ...set }).pipe(
      Effect.provide(Layer.merge(Defaults.make(defaults), Layer.succeed(Strategy.CurrentStrategy, strategy))),
      Effect.provideService(Telemetry.CurrentTelemetry, telemetry)
    )
    const ask = (request?: RouteRequest.Options) =>
      router.route(request, (attempt) => Effect.succeed(attempt.target.id))
    /** A call that runs until told, and the client it was handed. */
    const hold = (request?: RouteRequest.Options) =>
      Effect.gen(function* () {
        const end = yield* Deferred.make<void>()
        const fiber = yield* Effect.forkChild(
          router.route(request, (attempt) => Effect.as(Deferred.await(end), `${attempt.target.id} ${attempt.client}`)),
          { startImmediately: true }
        )
        return { fiber, end: Effect.andThen(Deferred.succeed(end, undefined), Fiber.join(fiber)) }
      })
    const statusOf = (id: string) => Effect.map(router.status, ({ targets }) => targets.find((one) => one.id === id))
    return { router, ask, hold, statusOf, told }
  })

const fail = (router: Router.DynamicRouter<string>) => Effect.exit(router.route({}, () => Effect.fail(overloaded)))

describe("targets that stay", () => {
  it.effect("keep their numbers, and the report says who came, went, changed and stayed", () =>
    Effect.gen(function* () {
      const { ask, router, statusOf, told } = yield* make(setOf("a", "b", "c"))
      for (let i = 0; i < 5; i++) yield* ask()
      const report = yield* router.reload({ targets: [spec("a"), spec("b", { weight: 2 }), spec("d")] })
      assert.deepStrictEqual(report, { added: ["d"], removed: ["c"], changed: ["b"], kept: ["a"] })
      assert.strictEqual((yield* statusOf("a"))?.answered, 5)
      assert.strictEqual((yield* statusOf("b"))?.weight, 2)
      assert.deepStrictEqual(told.events, [
        { _tag: "TargetsChanged", gate: "targets", added: ["d"], changed: ["b"], removed: ["c"] }
      ])
      assert.deepStrictEqual(told.attached.at(-1), { targets: ["a", "b", "d"], left: [] })
    })
  )

  it.effect("keep an open breaker and hand controls, also when their limits change", () =>
    Effect.gen(function* () {
      const { ask, router, statusOf } = yield* make(setOf("a", "b"), {
        defaults: { retry: { maxAttempts: 1 } }
      })
      while ((yield* statusOf("a"))?.state === "up") yield* fail(router)
      assert.strictEqual((yield* statusOf("a"))?.state, "BreakerOpen")
      yield* router.isolate("b")
      yield* router.reload({ targets: [spec("a", { limits: { maxInFlight: 3 } }), spec("b"), spec("c")] })
      assert.strictEqual((yield* statusOf("a"))?.state, "BreakerOpen")
      assert.strictEqual((yield* statusOf("b"))?.state, "isolated")
      assert.strictEqual(yield* ask(), "c")
    })
  )

  it.effect("count attempts that began under the old limits against the new ones, and give them back", () =>
    Effect.gen(function* () {
      const { ask, hold, router, statusOf } = yield* make({
        targets: [spec("a", { limits: { maxInFlight: 2 } }), spec("b")]
      })
      const held = [yield* hold(), yield* hold()]
      for (const maxInFlight of [3, 2, 1, 2]) {
        yield* router.reload({ targets: [spec("a", { limits: { maxInFlight } }), spec("b")] })
        assert.strictEqual((yield* statusOf("a"))?.gates["bulkhead"]?.["inFlight"], 2)
      }
      assert.strictEqual(yield* ask(), "b")
      for (const { end } of held) yield* end
      assert.strictEqual((yield* statusOf("a"))?.gates["bulkhead"]?.["inFlight"], 0)
      assert.strictEqual((yield* statusOf("a"))?.inFlight, 0)
      assert.strictEqual(yield* ask(), "a")
    })
  )

  it.effect("hand the new client to the next attempt, and leave the old one to those that run", () =>
    Effect.gen(function* () {
      const { hold, router } = yield* make(setOf("a"))
      const before = yield* hold()
      yield* router.reload({ targets: [spec("a", { client: "another" })] })
      const after = yield* hold()
      assert.deepStrictEqual([yield* before.end, yield* after.end], ["a client of a", "a another"])
    })
  )

  it.effect("move between tiers; degradation begins anew only with another number of tiers", () =>
    Effect.gen(function* () {
      const targets = setOf("a", "b").targets
      const { ask, router } = yield* make({ targets, tiers: [["a"], ["b"]] })
      yield* router.isolate("a")
      assert.strictEqual(yield* ask(), "b")
      const tiers = Effect.map(router.status, (status) => status.tiers.map(({ state }) => state))
      assert.deepStrictEqual(yield* tiers, ["left", "home"])
      yield* router.reload({ targets: [spec("a", { weight: 3 }), spec("b")], tiers: [["a"], ["b"]] })
      assert.deepStrictEqual(yield* tiers, ["left", "home"])
      yield* router.reload({ targets })
      assert.deepStrictEqual(yield* tiers, ["home"])
      yield* router.restore("a")
      yield* router.reload({ targets, tiers: [["b"], ["a"]] })
      assert.strictEqual(yield* ask(), "b")
    })
  )
})

describe("targets that go", () => {
  it.effect("finish their streams, are picked no more, and are forgotten afterwards", () =>
    Effect.gen(function* () {
      const { ask, router, statusOf, told } = yield* make(setOf("a", "b"))
      const parts = yield* Queue.unbounded<number>()
      const stream = router.stream({}, () => Stream.take(Stream.fromQueue(parts), 3))
      const reading = yield* Effect.forkChild(Stream.runCollect(stream), { startImmediately: true })
      yield* Queue.offer(parts, 1)
      yield* router.reload(setOf("b"))
      assert.strictEqual((yield* statusOf("a"))?.state, "leaving")
      assert.strictEqual(yield* ask(), "b")
      assert.deepStrictEqual(
        (yield* router.explain()).candidates.map(({ target }) => target),
        ["b"]
      )
      yield* Queue.offerAll(parts, [2, 3])
      assert.deepStrictEqual(Array.from(yield* Fiber.join(reading)), [1, 2, 3])
      assert.isUndefined(yield* statusOf("a"))
      assert.deepStrictEqual(told.attached.at(-1), { targets: ["b"], left: ["a"] })
    })
  )

  it.effect("are taken up with all they had when they come back before their last attempt has ended", () =>
    Effect.gen(function* () {
      const { ask, hold, router, statusOf, told } = yield* make({
        targets: [spec("a", { limits: { maxInFlight: 2 } }), spec("b")]
      })
      yield* ask()
      const held = yield* hold()
      for (let i = 0; i < 3; i++) {
        yield* router.reload(setOf("b"))
        yield* router.reload({ targets: [spec("a", { limits: { maxInFlight: 1 } }), spec("b")] })
      }
      assert.strictEqual((yield* statusOf("a"))?.answered, 1)
      assert.strictEqual((yield* statusOf("a"))?.inFlight, 1)
      assert.strictEqual(yield* ask(), "b")
      assert.strictEqual(yield* held.end, "a client of a")
      assert.strictEqual(yield* ask(), "a")
      assert.isFalse(told.attached.some(({ left }) => left.length > 0))
    })
  )

  it.effect("leave nothing behind: 500 sets of targets that were never seen before", () =>
    Effect.gen(function* () {
      let group = 0
      const gatesOf = Gates.make({ ejection: { consecutive: 2 } })
      const counted: Gates.GatesOf = Object.assign((target: Target.Target) => gatesOf(target), {
        forTargets: (targets: ReadonlyArray<Target.Target>) => {
          const made = gatesOf.forTargets?.(targets) ?? gatesOf
          return (target: Target.Target) =>
            made(target).map((gate) => {
              if (gate.name !== "ejection") return gate
              group++
              const inSet = (gate as Ejection.Ejection).inSet
              return {
                ...gate,
                inSet: (isInSet: boolean) => {
                  group += isInSet ? 1 : -1
                  inSet?.(isInSet)
                }
              }
            })
        }
      })
      const scopes = { open: 0, made: 0 }
      const strategy: Strategy.Strategy = {
        name: "scoped",
        make: (candidates, before) =>
          Effect.gen(function* () {
            scopes.open++
            scopes.made++
            yield* Effect.addFinalizer(() => Effect.sync(() => scopes.open--))
            return yield* inOrder.make(candidates, before)
          })
      }
      const scope = yield* Scope.make()
      const router = yield* Router.makeDynamic<string>({ ...setOf("first"), slowStart: false }).pipe(
        Effect.provide([
          Defaults.layer,
          Layer.succeed(Gates.Gates, counted),
          Layer.succeed(Strategy.CurrentStrategy, strategy)
        ]),
        Scope.provide(scope)
      )
      for (let i = 0; i < 500; i++) {
        yield* router.reload(setOf(`x${i}`, `y${i}`))
        assert.strictEqual(yield* router.route({}, ({ target }) => Effect.succeed(target.id)), `x${i}`)
      }
      assert.strictEqual(group, 2)
      assert.deepStrictEqual(scopes, { open: 1, made: 501 })
      assert.strictEqual((yield* router.status).targets.length, 2)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(scopes.open, 0)
    })
  )

  it.effect("end a call that waits for nobody else: pinned, and the one that is asked again", () =>
    Effect.gen(function* () {
      const { hold, router } = yield* make(
        { targets: [spec("a", { limits: { maxInFlight: 1 } }), spec("b")] },
        { defaults: { admission: { maxWait: "1 hour" } } }
      )
      const held = yield* hold()
      const pinned = yield* Effect.forkChild(
        Effect.flip(router.route({ needs: { pinnedTo: "a" } }, () => Effect.succeed("never"))),
        { startImmediately: true }
      )
      assert.isUndefined(pinned.pollUnsafe())
      yield* router.reload(setOf("b"))
      const error = yield* Fiber.join(pinned)
      assert.strictEqual(error.reason._tag, "NoCandidate")
      yield* held.end
    })
  )
})

describe("targets that come", () => {
  it.effect("serve whoever waits, at once", () =>
    Effect.gen(function* () {
      const { hold, router } = yield* make({ targets: [spec("a", { limits: { maxInFlight: 1 } })] })
      const held = yield* hold()
      const waiting = yield* Effect.forkChild(
        router.route({}, ({ target }) => Effect.succeed(target.id)),
        { startImmediately: true }
      )
      assert.isUndefined(waiting.pollUnsafe())
      yield* router.reload({ targets: [spec("a", { limits: { maxInFlight: 1 } }), spec("new")] })
      assert.strictEqual(yield* Fiber.join(waiting), "new")
      yield* held.end
    })
  )

  it.effect("get a tenth of their share at first, and all of it after the window; n = 4,000, five sigma", () =>
    Effect.gen(function* () {
      const random: Strategy.Strategy = {
        name: "random",
        make: (candidates) =>
          Effect.succeed({
            pick: (_request, eligible, _now, rng) => {
              const open = candidates.filter(eligible)
              return open[Math.floor(rng() * open.length)]
            }
          })
      }
      const { ask, router } = yield* make(setOf("a"), { slowStart: { window: "30 seconds" }, strategy: random })
      yield* TestClock.adjust("1 minute")
      yield* router.reload(setOf("a", "b"))
      const share = Effect.map(
        Effect.forEach(Array.from({ length: 4000 }), () => ask()),
        (ids) => ids.filter((id) => id === "b").length / ids.length
      )
      // Eligible with a chance of 0.1, then one of two.
      assert.closeTo(yield* share, 0.05, 5 * Math.sqrt((0.05 * 0.95) / 4000))
      yield* TestClock.adjust("30 seconds")
      assert.closeTo(yield* share, 0.5, 5 * Math.sqrt(0.25 / 4000))
    })
  )
})

describe("a set that is wrong", () => {
  it.effect("changes nothing, and says what is wrong", () =>
    Effect.gen(function* () {
      const { ask, router, told } = yield* make(setOf("a", "b"), {
        defaults: { gates: { accounts: { known: { requestsPerMinute: { limit: 100 } } }, ejection: {} } }
      })
      const before = router.targets()
      const wrong: ReadonlyArray<TargetSource.TargetSet<string>> = [
        { targets: [] },
        setOf("a", "a"),
        { targets: [spec("a", { weight: 0 })] },
        { ...setOf("a", "c"), tiers: [["a"], ["typo"]] },
        { targets: [spec("new"), spec("a", { weight: 7, account: "unknown" })] }
      ]
      for (const set of wrong) {
        const error = yield* Effect.flip(router.reload(set))
        assert.strictEqual(error.name, "InvalidOption")
        assert.strictEqual(router.targets(), before)
      }
      assert.deepStrictEqual(told.events, [])
      assert.strictEqual(yield* ask(), "a")
      // Nothing of the attempts is left in the group either.
      yield* router.reload(setOf("new", "a"))
      assert.strictEqual(yield* ask(), "new")
    })
  )

  it.effect("may be empty where that is allowed", () =>
    Effect.gen(function* () {
      const { ask, router } = yield* make(setOf("a"), { allowEmpty: true })
      yield* router.reload({ targets: [] })
      assert.strictEqual((yield* Effect.flip(ask())).reason._tag, "NoCandidate")
      yield* router.reload(setOf("b"))
      assert.strictEqual(yield* ask(), "b")
    })
  )
})

describe("a strategy that takes its time", () => {
  const slow: Strategy.Strategy = {
    name: "slow",
    make: (candidates, before) => Effect.delay(inOrder.make(candidates, before), candidates.length > 1 ? "1 second" : 0)
  }

  it.effect("leaves the old set in use until it is ready; sets follow one another and the last one stays", () =>
    Effect.gen(function* () {
      const { ask, router } = yield* make(setOf("a"), { strategy: slow })
      const reloads = [setOf("b", "c"), setOf("d", "e"), setOf("f", "g")].map((set) => router.reload(set))
      const fibers = yield* Effect.forEach(reloads, (reload) => Effect.forkChild(reload, { startImmediately: true }))
      const seen: Array<string> = []
      for (let i = 0; i < 4; i++) {
        seen.push(yield* ask())
        yield* TestClock.adjust("1 second")
      }
      assert.deepStrictEqual(seen, ["a", "b", "d", "f"])
      const added = (yield* Fiber.joinAll(fibers)).map((report) => report.added)
      assert.deepStrictEqual(added, [
        ["b", "c"],
        ["d", "e"],
        ["f", "g"]
      ])
    })
  )

  it.effect("may be interrupted: as if nothing had been said, and the next one is taken", () =>
    Effect.gen(function* () {
      const { ask, hold, router, statusOf } = yield* make(setOf("a"), { strategy: slow })
      const held = yield* hold()
      const reload = router.reload({ targets: [spec("a", { limits: { maxInFlight: 1 }, weight: 9 }), spec("b")] })
      const fiber = yield* Effect.forkChild(reload, { startImmediately: true })
      const during = yield* hold({ deadline: "1 minute" })
      yield* Fiber.interrupt(fiber)
      assert.strictEqual((yield* statusOf("a"))?.weight, 1)
      assert.strictEqual(yield* ask(), "a")
      yield* router.reload(setOf("b"))
      assert.strictEqual(yield* ask(), "b")
      yield* held.end
      yield* Fiber.interrupt(during.fiber)
      assert.isUndefined(yield* statusOf("a"))
    })
  )
})

describe("a source", () => {
  const open = <C>(source: TargetSource.TargetSource<C>, options: Router.SourceOptions = {}) =>
    Router.fromSource(source, options).pipe(
      Effect.provide(Layer.merge(Defaults.layer, Layer.succeed(Strategy.CurrentStrategy, inOrder)))
    )
  const who = (router: Router.DynamicRouter<string>) => router.targets().map(({ id }) => id)

  it.effect("is waited for, then followed; problems and wrong sets keep the last one and are told", () =>
    Effect.gen(function* () {
      const events: Array<unknown> = []
      const updates = yield* Queue.unbounded<TargetSource.TargetUpdate<string>>()
      const source = TargetSource.fromUpdates("test", Stream.fromQueue(updates))
      const opening = yield* Effect.forkChild(
        open(source).pipe(
          Effect.provideService(Telemetry.CurrentTelemetry, {
            call: () => undefined,
            routerEvent: (_route, event) => void events.push(event)
          })
        ),
        { startImmediately: true }
      )
      assert.isUndefined(opening.pollUnsafe())
      yield* Queue.offer(updates, TargetSource.targets(setOf("a")))
      const router = yield* Fiber.join(opening)
      const say = (update: TargetSource.TargetUpdate<string>) =>
        Effect.andThen(Queue.offer(updates, update), TestClock.adjust("1 millis"))
      yield* say(TargetSource.problem("targets.json: not JSON"))
      yield* say(TargetSource.targets({ targets: [] }))
      assert.deepStrictEqual(who(router), ["a"])
      yield* say(TargetSource.targets(setOf("a", "b")))
      assert.deepStrictEqual(who(router), ["a", "b"])
      assert.deepStrictEqual(events, [
        { _tag: "TargetSourceFailed", gate: "targets", source: "test", message: "targets.json: not JSON" },
        {
          _tag: "TargetSourceFailed",
          gate: "targets",
          source: "test",
          message: "Targets from test: targets must be a list of at least one target, got a list of 0"
        },
        { _tag: "TargetsChanged", gate: "targets", added: ["b"], changed: [], removed: [] }
      ])
    })
  )

  it.effect("that begins with a problem, a wrong set or nothing is no router, unless it is waited for", () =>
    Effect.gen(function* () {
      const bad = TargetSource.fromUpdates<string>("bad", Stream.make(TargetSource.problem("gone")))
      assert.strictEqual((yield* Effect.flip(open(bad))).message, "No targets from bad: gone")
      const empty = yield* Effect.flip(open(TargetSource.make<string>({ targets: [] })))
      assert.include(empty.problem, "a list of at least one target")
      const never = TargetSource.fromUpdates<string>("none", Stream.empty)
      assert.strictEqual((yield* Effect.flip(open(never))).problem, "it ended without a set")
      const late = TargetSource.fromUpdates<string>(
        "late",
        Stream.make<Array<TargetSource.TargetUpdate<string>>>(
          TargetSource.problem("not yet"),
          TargetSource.targets(setOf("a"))
        )
      )
      assert.deepStrictEqual(who(yield* open(late, { waitForTargets: true })), ["a"])
    })
  )

  it.effect("turns what a stream fails with into a problem", () =>
    Effect.gen(function* () {
      const stream = Stream.concat(Stream.make(setOf("a")), Stream.fail(new Error("broken")))
      const updates = yield* Stream.runCollect(TargetSource.fromStream("stream", stream).changes)
      assert.deepStrictEqual(Array.from(updates), [TargetSource.targets(setOf("a")), TargetSource.problem("broken")])
    })
  )
})
