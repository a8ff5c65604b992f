import { assert, describe, it, layer } from "@effect/vitest"
import * as IoRedis from "@spillway/core/redis/IoRedis"
import * as RateLimit from "@spillway/core/redis/RateLimit"
import { Effect, Exit, Fiber, Logger, Metric, Scheduler } from "effect"
import { Redis } from "effect/persistence"
import fc from "fast-check"
import * as Gcra from "../../src/redis/internal/gcra.ts"
import * as Server from "./RedisServer.ts"

/** The server and a connection of the code under test. A loaded machine must not look like an absent Redis. */
const patient = { timeout: "5 seconds" } as const
const withRedis = <A, E>(
  body: (server: Server.RedisServer["Service"]) => Effect.Effect<A, E, Redis.Redis>,
  lines: Array<string> = []
) =>
  Effect.gen(function* () {
    const server = yield* Server.make()
    return yield* body(server).pipe(Effect.provide(IoRedis.layer({ url: server.url })))
  }).pipe(
    Effect.scoped,
    Effect.provide(Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])),
    Effect.provideService(Metric.MetricRegistry, new Map())
  )

/** The rule itself, in exact integers (microseconds), written down apart from the script. */
class Oracle {
  tat = 0n
  readonly interval: bigint
  readonly burst: bigint
  constructor(interval: number, burst: number) {
    this.interval = BigInt(interval)
    this.burst = BigInt(burst)
  }
  consume(now: bigint, units: number) {
    const depth = this.interval * this.burst
    const cost = BigInt(units)
    if (this.tat > now + depth) this.tat = now + depth // the clock was set back
    const from = this.tat > now ? this.tat : now
    const wait = from + cost * this.interval - depth - now
    const allowed = wait <= 0n
    const tat = allowed ? from + cost * this.interval : from
    if (allowed) this.tat = tat
    const remaining = (now + depth - tat) / this.interval
    return [allowed ? 1 : 0, Number(remaining), allowed ? 0 : cost > this.burst ? -1 : Number(wait)]
  }
  refund(now: bigint, units: number) {
    this.tat -= BigInt(units) * this.interval
    if (this.tat <= now) this.tat = 0n // nothing is owed
  }
}

/** The same scripts with the time as two more arguments, and an hour more to live, because real time hardly passes. */
const timed = (lua: string, at: number) =>
  lua.replace("redis.call('TIME')", `{ARGV[${at}], ARGV[${at + 1}]}`).replaceAll("'PX', ", "'PX', 3600000 + ")
const consumeAt = Redis.script(
  (...params: [key: string, t: number, burst: number, cost: number, s: number, us: number]) => params,
  {
    lua: timed(Gcra.consume.lua, 4),
    numberOfKeys: 1
  }
).withReturnType<[number, number, number, string]>()
const refundAt = Redis.script((...params: [key: string, t: number, units: number, s: number, us: number]) => params, {
  lua: timed(Gcra.refund.lua, 3),
  numberOfKeys: 1
}).withReturnType<number>()

const command = fc.record({
  kind: fc.constantFrom("consume", "consume", "consume", "refund" as const),
  units: fc.integer({ min: 1, max: 6 }),
  /** Microseconds since the command before; now and then the server's clock is set back. */
  after: fc.oneof(
    { weight: 10, arbitrary: fc.integer({ min: 0, max: 3_000_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: -100_000_000, max: 0 }) }
  )
})

layer(Server.layer, { excludeTestServices: true })("the script", (it) => {
  const connected = <A, E>(body: Effect.Effect<A, E, Redis.Redis | Server.RedisServer>) =>
    Server.RedisServer.use((server) => Effect.provide(body, IoRedis.layer({ url: server.url })))

  it.effect("decides as the formula does, for any sequence of commands and any clock", () =>
    connected(
      Effect.gen(function* () {
        const redis = yield* Redis.Redis
        let run = 0
        yield* Effect.promise(() =>
          fc.assert(
            fc.asyncProperty(
              fc.integer({ min: 1, max: 2_500_000 }),
              fc.integer({ min: 1, max: 5 }),
              fc.array(command, { minLength: 1, maxLength: 40 }),
              async (interval, burst, commands) => {
                const key = `{spillway:limit:formula-${run++}}`
                const oracle = new Oracle(interval, burst)
                let now = 1_790_000_000_000_000
                for (const { after, kind, units } of commands) {
                  now += after
                  const time = [Math.floor(now / 1_000_000), now % 1_000_000] as const
                  if (kind === "refund") {
                    await Effect.runPromise(redis.eval(refundAt)(key, interval, units, ...time))
                    oracle.refund(BigInt(now), units)
                  } else {
                    const [allowed, remaining, retry] = await Effect.runPromise(
                      redis.eval(consumeAt)(key, interval, burst, units, ...time)
                    )
                    assert.deepStrictEqual([allowed, remaining, retry], oracle.consume(BigInt(now), units))
                  }
                }
              }
            ),
            { numRuns: 60 }
          )
        )
      })
    )
  )

  it.effect("decides as the formula does on the server's own clock, and always sets an expiry", () =>
    connected(
      Effect.gen(function* () {
        const redis = yield* Redis.Redis
        const server = yield* Server.RedisServer
        const key = "{spillway:limit:clock}"
        const oracle = new Oracle(1500, 4)
        const seen = new Set<number>()
        for (const { kind, units } of fc.sample(command, { numRuns: 600, seed: 7 })) {
          if (kind === "refund") {
            // The oracle has to know when: a consume that is never admitted tells the time and changes nothing.
            yield* redis.eval(Gcra.refund)(key, 1500, units)
            const [, , , now] = yield* redis.eval(Gcra.consume)(key, 1500, 4, 99)
            oracle.refund(BigInt(now), units)
          } else {
            const [allowed, remaining, retry, now] = yield* redis.eval(Gcra.consume)(key, 1500, 4, units)
            assert.deepStrictEqual([allowed, remaining, retry], oracle.consume(BigInt(now), units))
            seen.add(allowed)
          }
          const ttl = yield* Effect.promise(() => server.raw.pttl(key))
          // -2: gone. Never -1: there for ever. Four units of 1.5 ms are 6 ms at most.
          assert.isTrue(ttl === -2 || (ttl >= 0 && ttl <= 6), `pttl ${ttl}`)
        }
        assert.strictEqual(seen.size, 2)
      })
    )
  )

  it.effect("gives the published answers", () =>
    connected(
      Effect.gen(function* () {
        const redis = yield* Redis.Redis
        // throttled (Go), rate_test.go: one per second, limit 5; (time in s, quantity) -> limited, remaining, retry in s.
        const vectors = [
          [0, 6, true, 5, -1],
          [0, 1, false, 4, 0],
          [0, 1, false, 3, 0],
          [0, 1, false, 2, 0],
          [0, 1, false, 1, 0],
          [0, 1, false, 0, 0],
          [0, 1, true, 0, 1],
          [3, 1, false, 2, 0]
        ] as const
        for (const [at, units, limited, remaining, retry] of vectors) {
          const answer = yield* redis.eval(consumeAt)("{spillway:limit:v}", 1_000_000, 5, units, 1_790_000_000 + at, 0)
          assert.deepStrictEqual(answer.slice(0, 3), [limited ? 0 : 1, remaining, retry < 0 ? -1 : retry * 1_000_000])
        }
      })
    )
  )
})

describe("the rule for one process", () => {
  it("decides as the script does", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2500 }),
        fc.integer({ min: 1, max: 5 }),
        fc.array(command, { minLength: 1, maxLength: 60 }),
        (interval, burst, commands) => {
          const local = Gcra.local({ intervalMs: interval, burst, maxCost: burst })
          const oracle = new Oracle(interval, burst)
          let now = 1000
          for (const { after, kind, units } of commands) {
            now += Math.abs(Math.trunc(after / 1000))
            if (kind === "refund") {
              local.refund(now, units)
              oracle.refund(BigInt(now), units)
            } else {
              const { allowed, remaining, retryAfterMs } = local.consume(now, units)
              const retry = retryAfterMs === Number.POSITIVE_INFINITY ? -1 : retryAfterMs
              assert.deepStrictEqual([allowed ? 1 : 0, remaining, retry], oracle.consume(BigInt(now), units))
            }
          }
        }
      )
    )
  })

  it("a share admits, one at a time, what only the whole limit's burst could", () => {
    const local = Gcra.local({ intervalMs: 100, burst: 2, maxCost: 5 })
    assert.isTrue(local.consume(0, 5).allowed)
    assert.deepStrictEqual(local.consume(0, 5), { allowed: false, remaining: 0, retryAfterMs: 500 })
    assert.deepStrictEqual(local.consume(0, 1), { allowed: false, remaining: 0, retryAfterMs: 400 })
    assert.strictEqual(local.consume(0, 6).retryAfterMs, Number.POSITIVE_INFINITY)
    assert.isTrue(local.consume(500, 5).allowed)
  })
})

describe("RateLimit", () => {
  it.live("admits a burst, then says when to come back", () =>
    withRedis(() =>
      Effect.gen(function* () {
        const limit = yield* RateLimit.make({ name: "a", requestsPerMinute: 60, burst: 2, ...patient })
        const first = yield* limit.consume()
        assert.deepStrictEqual(first, { allowed: true, remaining: 1, retryAfterMs: 0, source: "redis" })
        assert.strictEqual((yield* limit.consume()).remaining, 0)
        const refused = yield* limit.consume()
        assert.isFalse(refused.allowed)
        assert.isTrue(refused.retryAfterMs > 0 && refused.retryAfterMs <= 1000)
        assert.strictEqual((yield* limit.consume(3)).retryAfterMs, Number.POSITIVE_INFINITY)
        yield* limit.refund(1)
        assert.isTrue((yield* limit.consume()).allowed)
      })
    )
  )

  it.live("two limits of one name share; names and braces do not mix", () =>
    withRedis((server) =>
      Effect.gen(function* () {
        const make = (name: string) => RateLimit.make({ name, requestsPerMinute: 1, burst: 1, ...patient })
        const [a, same, b] = yield* Effect.all([make("x"), make("x"), make("y")])
        assert.isTrue((yield* a.consume()).allowed)
        assert.isFalse((yield* same.consume()).allowed)
        assert.isTrue((yield* b.consume()).allowed)
        const keys = yield* Effect.promise(() => server.raw.keys("*"))
        assert.deepStrictEqual(keys.sort(), ["{spillway:limit:x}", "{spillway:limit:y}"])
        assert.isTrue(Exit.hasDies(yield* Effect.exit(make("x}"))))
      })
    )
  )

  it.live("take waits for its turn, in order, and no longer than it must", () =>
    withRedis(() =>
      Effect.gen(function* () {
        const limit = yield* RateLimit.make({ name: "t", requestsPerMinute: 60_000 / 40, burst: 1, ...patient })
        const order: Array<number> = []
        const started = performance.now()
        yield* Effect.forEach(
          [0, 1, 2, 3, 4, 5],
          (n) =>
            Effect.andThen(
              limit.take(),
              Effect.sync(() => order.push(n))
            ),
          { concurrency: "unbounded" }
        )
        const ms = performance.now() - started
        assert.deepStrictEqual(order, [0, 1, 2, 3, 4, 5])
        assert.isTrue(ms >= 199 && ms < 5000, `${ms} ms for five intervals of 40 ms`)
      })
    )
  )

  it.live("take fails at once when the wait would be too long, for those in line, too", () =>
    withRedis(() =>
      Effect.gen(function* () {
        const limit = yield* RateLimit.make({ name: "t", requestsPerMinute: 6, burst: 1, ...patient })
        assert.isTrue((yield* limit.take()).allowed)
        const started = performance.now()
        const error = yield* Effect.flip(limit.take(1, "5 seconds"))
        assert.strictEqual(error._tag, "RateLimitExceeded")
        assert.isTrue(error.retryAfterMs > 9000 && error.retryAfterMs <= 10_000)
        assert.strictEqual(error.limit, "t")
        assert.strictEqual((yield* Effect.flip(limit.take(2))).retryAfterMs, Number.POSITIVE_INFINITY)
        const patientOne = yield* Effect.forkChild(limit.take(1, "1 minute"), { startImmediately: true })
        yield* Effect.flip(limit.take(1, "9 seconds"))
        yield* Fiber.interrupt(patientOne)
        assert.isBelow(performance.now() - started, 5000)
      })
    )
  )

  it.live("a waiter that is interrupted takes nothing and lets the next one go on", () =>
    withRedis(() =>
      Effect.gen(function* () {
        const limit = yield* RateLimit.make({ name: "t", requestsPerMinute: 60_000 / 300, burst: 1, ...patient })
        yield* limit.take()
        const first = yield* Effect.forkChild(limit.take(), { startImmediately: true })
        const second = yield* Effect.forkChild(limit.take(), { startImmediately: true })
        yield* Fiber.interrupt(first)
        assert.isTrue((yield* Fiber.join(second)).allowed)
        assert.isFalse((yield* limit.consume()).allowed)
      })
    )
  )

  it.live("an interruption while Redis is asked gives the units back, whenever it comes", () =>
    withRedis(() =>
      Effect.gen(function* () {
        const limit = yield* RateLimit.make({ name: "i", requestsPerMinute: 0.001, burst: 1000, ...patient })
        let kept = 0
        const interruptAfter = Effect.fnUntraced(function* (spins: number, take: Effect.Effect<unknown, unknown>) {
          const fiber = yield* Effect.forkChild(take, { startImmediately: true })
          for (let i = 0; i < spins; i++) yield* Effect.yieldNow
          yield* Fiber.interrupt(fiber)
          return yield* Fiber.await(fiber)
        })
        for (let spins = 0; spins < 100; spins++) {
          for (const take of [limit.take(), limit.take(1, "1 minute")]) {
            if (Exit.isSuccess(yield* interruptAfter(spins, take))) kept++
          }
        }
        // A fiber that yields after every few operations can be interrupted between any two of them.
        for (const operations of [3, 4, 5, 7, 11, 64]) {
          for (let spins = 0; spins < 40; spins++) {
            const acquired = Effect.acquireUseRelease(
              limit.take(),
              () => Effect.void,
              (_, exit) => {
                if (Exit.isFailure(exit)) return limit.refund(1)
                kept++
                return Effect.void
              }
            )
            yield* interruptAfter(spins, Effect.provideService(acquired, Scheduler.MaxOpsBeforeYield, operations))
          }
        }
        assert.strictEqual((yield* limit.consume()).remaining, 999 - kept)
        assert.isTrue(kept > 0 && kept < 440, `${kept} of 440 came in time`)
      })
    )
  )

  for (const [name, options, message] of [
    ["an empty name", { name: "" }, /^RateLimit: name must be a non-empty string without braces/],
    ["braces", { name: "a{b}" }, /^RateLimit: name must be a non-empty string without braces, got "a\{b\}"/],
    ["a rate of 0", { requestsPerMinute: 0 }, /^RateLimit: requestsPerMinute must be a finite number > 0, got 0/],
    ["a burst of 0", { burst: 0 }, /^RateLimit: burst must be an integer >= 1, got 0/],
    ["a timeout of 0", { timeout: 0 }, /^RateLimit: timeout must be a duration > 0/],
    ["no replicas", { onLoss: { mode: "localShare", replicas: 0 } }, /^RateLimit: onLoss.replicas must be an integer/],
    ["an unknown mode", { onLoss: { mode: "hope" as "failOpen" } }, /^RateLimit: onLoss.mode must be "failOpen"/],
    ["a breaker without losses", { breaker: { losses: 0 } }, /^RateLimit: breaker.losses must be an integer >= 1/]
  ] as const) {
    it.live(`refuses ${name}`, () =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(RateLimit.make({ name: "n", requestsPerMinute: 1, ...options }))
        assert.isTrue(Exit.hasDies(exit))
        const error = Exit.isFailure(exit) ? exit.cause.reasons[0] : undefined
        assert.match(String(error?._tag === "Die" && error.defect).replace(/^InvalidOption: /, ""), message)
      }).pipe(Effect.provideService(Redis.Redis, unused))
    )
  }
})

/** Never asked: options are checked before. */
const unused: Redis.Redis["Service"] = {
  send: () => Effect.die("asked"),
  eval: () => () => Effect.die("asked"),
  subscribe: () => Effect.die("asked"),
  reserve: Effect.die("asked")
}

describe("RateLimit without Redis", () => {
  it.live("decides by its share within its bound when the server dies, and heals by itself on the same port", () => {
    const lines: Array<string> = []
    return withRedis(
      (server) =>
        Effect.gen(function* () {
          const limit = yield* RateLimit.make({ name: "k", requestsPerMinute: 600, burst: 10 })
          yield* Server.until(limit.consume(), (decision) => decision.source === "redis")
          assert.strictEqual((yield* limit.status).mode, "redis")
          const before = yield* limit.status
          yield* server.kill
          const decisions: Array<RateLimit.Decision> = []
          const started = performance.now()
          for (let i = 0; i < 2000; i++) decisions.push(yield* limit.consume())
          const ms = performance.now() - started
          // Two thousand bounds of 50 ms would be 100 s.
          assert.isBelow(ms, 10_000)
          assert.isTrue(decisions.every((decision) => decision.source === "localShare"))
          // 10 at once and 10 per second: no request that fits is refused, none that does not is admitted.
          const admitted = decisions.filter((decision) => decision.allowed).length
          assert.isTrue(admitted >= 10 && admitted <= 10 + Math.floor(ms / 100), `${admitted} admitted in ${ms} ms`)
          const status = yield* limit.status
          assert.strictEqual(status.mode, "localShare")
          assert.isTrue(status.losses - before.losses >= 3 && status.losses - before.losses < 20)
          assert.strictEqual(status.decisionsWithoutRedis - before.decisionsWithoutRedis, 2000)
          assert.strictEqual(yield* counter("spillway.redis.decisions_without"), status.decisionsWithoutRedis)
          assert.strictEqual(yield* counter("spillway.redis.losses"), status.losses)
          yield* server.start
          yield* Server.until(limit.consume(), (decision) => decision.source === "redis")
          assert.strictEqual((yield* limit.status).mode, "redis")
        }),
      lines
    ).pipe(
      Effect.tap(() =>
        Effect.sync(() => {
          assert.strictEqual(lines.filter((line) => line.startsWith("Redis is away")).length, 1)
          assert.isAtMost(lines.length, 6, lines.join("\n"))
        })
      )
    )
  })

  it.live("a frozen server costs its bound a few times, then nothing; thawed, it decides again", () =>
    withRedis((server) =>
      Effect.gen(function* () {
        const limit = yield* RateLimit.make({
          name: "f",
          requestsPerMinute: 60,
          onLoss: { mode: "failOpen" },
          breaker: { losses: 3, retryEvery: "3 seconds" }
        })
        yield* Server.until(limit.consume(), (decision) => decision.source === "redis")
        const { losses } = yield* limit.status
        yield* server.freeze
        const times: Array<number> = []
        for (let i = 0; i < 203; i++) {
          const started = performance.now()
          assert.strictEqual((yield* limit.consume()).source, "failOpen")
          times.push(performance.now() - started)
        }
        const slow = times.filter((ms) => ms > 40)
        // Another loss or two may have been counted before on a machine under load.
        assert.isTrue(slow.length >= 1 && slow.length <= 4, `${slow.length} slow decisions`)
        assert.isBelow(Math.max(...times), 1000)
        assert.isAtMost((yield* limit.status).losses - losses, 3)
        assert.strictEqual((yield* limit.status).lastLoss, "timeout")
        yield* server.thaw
        yield* Server.until(limit.consume(), (decision) => decision.source === "redis")
      })
    )
  )

  it.live("failClosed refuses, says when to ask again, and take waits for Redis", () =>
    withRedis((server) =>
      Effect.gen(function* () {
        const limit = yield* RateLimit.make({
          name: "c",
          requestsPerMinute: 6000,
          onLoss: { mode: "failClosed" },
          breaker: { losses: 1, retryEvery: "200 millis" }
        })
        yield* server.kill
        const refused = yield* limit.consume()
        assert.isFalse(refused.allowed)
        assert.strictEqual(refused.source, "failClosed")
        assert.isTrue(refused.retryAfterMs >= 50 && refused.retryAfterMs <= 200)
        assert.strictEqual((yield* Effect.flip(limit.take(1, 20)))._tag, "RateLimitExceeded")
        const waiter = yield* Effect.forkChild(limit.take(1, "20 seconds"), { startImmediately: true })
        yield* server.start
        assert.strictEqual((yield* Fiber.join(waiter)).source, "redis")
      })
    )
  )

  it.live("localShare divides the limit by the replicas", () =>
    withRedis((server) =>
      Effect.gen(function* () {
        const limit = yield* RateLimit.make({
          name: "s",
          requestsPerMinute: 1,
          burst: 9,
          onLoss: { mode: "localShare", replicas: 3 }
        })
        yield* server.kill
        const decisions = yield* Effect.forEach(Array.from({ length: 9 }), () => limit.consume())
        assert.deepStrictEqual(
          decisions.map((decision) => decision.allowed),
          [true, true, true, false, false, false, false, false, false]
        )
        // One per three minutes now.
        const last = decisions[8]?.retryAfterMs ?? 0
        assert.isTrue(last > 170_000 && last <= 180_000)
        yield* limit.refund(1, "localShare")
        assert.isTrue((yield* limit.consume()).allowed)
      })
    )
  )

  it.live("a refund of units that Redis never gave does not reach Redis", () =>
    withRedis(() =>
      Effect.gen(function* () {
        const limit = yield* RateLimit.make({ name: "r", requestsPerMinute: 1, burst: 1, ...patient })
        yield* limit.consume()
        yield* limit.refund(1, "localShare")
        yield* limit.refund(1, "failOpen")
        assert.isFalse((yield* limit.consume()).allowed)
      })
    )
  )
})

const counter = (id: string) =>
  Effect.map(Metric.snapshot, (all) => {
    const found = all.find((metric) => metric.id === id)
    return found?.type === "Counter" ? Number(found.state.count) : Number.NaN
  })
