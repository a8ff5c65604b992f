import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import * as IoRedis from "@spillway/core/redis/IoRedis"
import { Cause, Config, ConfigProvider, Effect, Exit, Fiber, Layer, Logger, Queue, Redacted } from "effect"
import { Redis } from "effect/persistence"
import { Redis as Client } from "ioredis"
import * as Server from "./RedisServer.ts"

/** Collects what is logged. */
const recorded = (lines: Array<string>) =>
  Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])

/** Runs `body` while console.error and console.warn are recorded. */
const quiet = <A, E, R>(lines: Array<string>, body: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const { error, warn } = console
      console.error = console.warn = (...args: Array<unknown>) => void lines.push(args.map(String).join(" "))
      return { error, warn }
    }),
    () => body,
    (saved) => Effect.sync(() => void Object.assign(console, saved))
  )

const clients = (server: Server.RedisServer["Service"]) =>
  Effect.promise(
    async () =>
      String(await server.raw.client("LIST"))
        .trim()
        .split("\n").length
  )

const ping = Redis.Redis.use((redis) => redis.send<string>("PING"))

describe("IoRedis", () => {
  it.live("sends commands, runs scripts, hears messages, and closes what it opened", () =>
    Effect.gen(function* () {
      const server = yield* Server.make()
      const add = Redis.script((key: string, n: number) => [key, n], {
        lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])",
        numberOfKeys: 1
      }).withReturnType<number>()
      yield* Effect.gen(function* () {
        const redis = yield* Redis.Redis
        assert.strictEqual(yield* ping, "PONG")
        assert.strictEqual(yield* redis.eval(add)("n", 2), 2)
        yield* Effect.promise(() => server.raw.script("FLUSH"))
        assert.strictEqual(yield* redis.eval(add)("n", 3), 5)
        const messages = yield* redis.subscribe("news")
        yield* redis.send("PUBLISH", "news", "hello")
        assert.deepStrictEqual(yield* Queue.take(messages), { channel: "news", message: "hello" })
        const connection = yield* redis.reserve
        yield* redis.send("RPUSH", "list", "a")
        assert.deepStrictEqual(yield* connection.send("BLPOP", "list", "1"), ["list", "a"])
        assert.isAtLeast(yield* clients(server), 4)
      }).pipe(Effect.scoped, Effect.provide(IoRedis.layer({ url: server.url })))
      yield* Server.until(clients(server), (n) => n === 1)
    })
  )

  it.live("starts without a server, fails at once, logs twice, and is connected when the server comes", () =>
    Effect.gen(function* () {
      const printed: Array<string> = []
      const logged: Array<string> = []
      const server = yield* Server.make()
      yield* server.kill
      const body = Effect.gen(function* () {
        // One more connection, which must be as quiet.
        yield* Redis.Redis.use((redis) => redis.subscribe("news"))
        const started = performance.now()
        for (let i = 0; i < 100; i++) assert.strictEqual((yield* Effect.flip(ping))._tag, "RedisError")
        assert.isBelow(performance.now() - started, 1000)
        // Long enough for several attempts to reconnect.
        yield* Effect.exit(ping).pipe(Effect.delay(10), Effect.repeat({ times: 60 }))
        yield* server.start
        assert.strictEqual(
          yield* Server.until(
            Effect.orElseSucceed(ping, () => ""),
            (reply) => reply === "PONG"
          ),
          "PONG"
        )
      })
      yield* quiet(printed, body.pipe(Effect.provide(IoRedis.layer({ url: server.url })))).pipe(
        Effect.provide(recorded(logged))
      )
      assert.deepStrictEqual(printed, [])
      assert.lengthOf(logged, 2)
      assert.match(logged[0] ?? "", /^Redis is away \(.*ECONNREFUSED/)
      assert.strictEqual(logged[1], "Redis is back")
    })
  )

  it.live("fails a command in flight when the connection goes, and does not send it again", () =>
    Effect.gen(function* () {
      const server = yield* Server.make()
      yield* Effect.gen(function* () {
        const redis = yield* Redis.Redis
        yield* ping
        yield* server.freeze
        const fiber = yield* Effect.forkChild(Effect.flip(redis.send("INCR", "n")), { startImmediately: true })
        yield* server.kill
        yield* server.start
        assert.strictEqual((yield* Fiber.join(fiber))._tag, "RedisError")
        yield* Server.until(
          Effect.orElseSucceed(ping, () => ""),
          (reply) => reply === "PONG"
        )
        assert.isNull(yield* Effect.promise(() => server.raw.get("n")))
      }).pipe(Effect.provide(IoRedis.layer({ url: server.url })), Effect.provide(recorded([])))
    })
  )

  it.live("a silent server fails a command after commandTimeout", () =>
    Effect.gen(function* () {
      const server = yield* Server.make()
      yield* Effect.gen(function* () {
        yield* ping
        yield* server.freeze
        const started = performance.now()
        yield* Effect.flip(ping)
        const ms = performance.now() - started
        assert.isAtLeast(ms, 90)
        assert.isBelow(ms, 1000)
        yield* server.thaw
      }).pipe(Effect.provide(IoRedis.layer({ url: server.url, commandTimeout: 100 })))
    })
  )

  it.live("a subscription outlives the server", () =>
    Effect.gen(function* () {
      const server = yield* Server.make()
      yield* Effect.gen(function* () {
        const redis = yield* Redis.Redis
        const messages = yield* redis.subscribe("news")
        yield* server.kill
        yield* server.start
        // Until the subscriber is there again, a message reaches nobody.
        yield* Server.until(
          Effect.promise(() => server.raw.publish("news", "back")),
          (receivers) => receivers === 1
        )
        assert.strictEqual((yield* Queue.take(messages)).message, "back")
      }).pipe(Effect.scoped, Effect.provide(IoRedis.layer({ url: server.url })), Effect.provide(recorded([])))
    })
  )

  it.live("errors repeat neither arguments nor the password", () =>
    Effect.gen(function* () {
      const server = yield* Server.make({ password: "open-sesame" })
      const url = server.url.replace("redis://", "redis://:wrong-sesame@")
      const logged: Array<string> = []
      const texts: Array<string> = []
      const note = (exit: Exit.Exit<unknown, Redis.RedisError>) => {
        assert.isTrue(Exit.isFailure(exit))
        if (Exit.isFailure(exit)) texts.push(Cause.pretty(exit.cause), inspect(exit.cause, { depth: 9 }))
      }
      yield* Effect.exit(ping).pipe(
        Effect.map(note),
        Effect.provide(IoRedis.layer({ url: Redacted.make(url) })),
        Effect.provide(recorded(logged))
      )
      yield* Effect.gen(function* () {
        const redis = yield* Redis.Redis
        note(yield* Effect.exit(redis.send("NOSUCH", "prompt-of-a-user")))
        note(yield* Effect.exit(redis.send("INCR", "prompt-of-a-user", "open-sesame")))
      }).pipe(Effect.provide(IoRedis.layer({ url: server.url, password: Redacted.make("open-sesame") })))
      for (const text of [...texts, ...logged]) assert.notMatch(text, /sesame|prompt-of/)
      assert.lengthOf(texts, 6)
    }).pipe(Effect.scoped)
  )

  it.live("an address that is none is a defect that does not show it", () =>
    Effect.gen(function* () {
      for (const url of ["localhost:6379", "http://:s3cret@h", "redis://:s3cret@h:port"]) {
        const exit = yield* Effect.exit(Effect.provide(ping, IoRedis.layer({ url })))
        assert.isTrue(Exit.hasDies(exit))
        assert.include(String(exit), "IoRedis.layer: url must be redis://")
        assert.notInclude(String(exit), "s3cret")
      }
    })
  )

  it.live("takes its settings from a Config", () =>
    Effect.gen(function* () {
      const server = yield* Server.make()
      const layer = IoRedis.layerConfig({ url: Config.Redacted("REDIS_URL") }).pipe(
        Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ REDIS_URL: server.url })))
      )
      assert.strictEqual(yield* Effect.provide(ping, layer), "PONG")
      const none = IoRedis.layerConfig({ url: Config.Redacted("REDIS_URL") }).pipe(
        Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({})))
      )
      assert.strictEqual((yield* Effect.flip(Effect.provide(ping, none)))._tag, "ConfigError")
    })
  )

  it.live(
    "a password of its own goes before the one in the url, whatever is in it; host and port do without a url",
    () =>
      Effect.gen(function* () {
        const password = "p%40:/ä s'@"
        const server = yield* Server.make({ password })
        const options = { password: Redacted.make(password), connectWait: "10 seconds" } as const
        const { port } = new URL(server.url)
        for (const layer of [
          IoRedis.layer({ ...options, url: server.url }),
          IoRedis.layer({ ...options, url: `redis://default:old@127.0.0.1:${port}/1` }),
          IoRedis.layer({ ...options, options: { host: "127.0.0.1", port: Number(port) } })
        ]) {
          assert.strictEqual(yield* Effect.provide(ping, layer), "PONG")
        }
      })
  )

  it.live("a client of the application is used and left open", () =>
    Effect.gen(function* () {
      const server = yield* Server.make()
      const client = yield* Effect.acquireRelease(
        Effect.sync(() => new Client(server.url)),
        (own) => Effect.sync(() => own.disconnect())
      )
      const before = client.listenerCount("error")
      assert.strictEqual(yield* Effect.provide(ping, IoRedis.layer({ client })), "PONG")
      assert.strictEqual(yield* Effect.promise(() => client.ping()), "PONG")
      assert.strictEqual(client.listenerCount("error"), before)
    })
  )
})
