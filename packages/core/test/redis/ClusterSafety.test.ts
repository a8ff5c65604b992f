import { assert, describe, it } from "@effect/vitest"
import * as IoRedis from "@spillway/core/redis/IoRedis"
import * as PriorityQueue from "@spillway/core/redis/PriorityQueue"
import * as RateLimit from "@spillway/core/redis/RateLimit"
import { Effect, Schema } from "effect"
import { Redis } from "effect/persistence"
import fc from "fast-check"
import * as Gcra from "../../src/redis/internal/gcra.ts"
import * as Scripts from "../../src/redis/internal/queueScripts.ts"
import * as Server from "./RedisServer.ts"

/** CRC16-CCITT (XMODEM), as in the Redis Cluster specification, appendix A. */
const crc16 = (bytes: Uint8Array) => {
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021
    crc &= 0xffff
  }
  return crc
}

/** The part between the first brace and the next closing one, when there is anything, else the whole key. */
const slot = (key: string) => {
  const open = key.indexOf("{")
  const close = open < 0 ? -1 : key.indexOf("}", open + 1)
  const tag = close > open + 1 ? key.slice(open + 1, close) : key
  return crc16(new TextEncoder().encode(tag)) % 16_384
}

const name = fc.string({ minLength: 1, unit: "grapheme" }).filter((text) => !/[{}]/.test(text))

/** KEYS of a script for these parameters, as Effect sends them. */
const keysOf = <const Params extends ReadonlyArray<unknown>>(
  script: {
    readonly params: (...params: Params) => ReadonlyArray<unknown>
    readonly numberOfKeys: (...params: Params) => number
  },
  ...params: NoInfer<Params>
) =>
  script
    .params(...params)
    .slice(0, script.numberOfKeys(...params))
    .map(String)

describe("on a cluster", () => {
  it("the slot function is the published one", () => {
    // Redis Cluster specification: CRC16("123456789") = 0x31C3; {user1000}.following and .followers share a slot.
    assert.strictEqual(crc16(new TextEncoder().encode("123456789")), 0x31c3)
    assert.strictEqual(slot("{user1000}.following"), slot("{user1000}.followers"))
    assert.notStrictEqual(slot("foo{}{bar}"), slot("bar"))
    assert.strictEqual(slot("foo{bar}{zap}"), slot("bar"))
  })

  it("the keys of each script are in one slot, whatever the name", () => {
    fc.assert(
      fc.property(name, (text) => {
        const keys = Scripts.keysOf(text)
        const wake = Scripts.wakeChannel(text)
        const limit = `{spillway:limit:${text}}`
        const all = [
          keysOf(Gcra.consume, limit, 1, 1, 1),
          keysOf(Gcra.refund, limit, 1, 1),
          keysOf(Scripts.enqueue, keys, "id", "body", 0, 0, 0, 1, wake),
          keysOf(Scripts.claim, keys, 1, 1, 1, 1),
          keysOf(Scripts.ack, keys, "id", "token"),
          keysOf(Scripts.nack, keys, "id", "token", 0, 1, 0, 1, wake),
          keysOf(Scripts.extend, keys, "id", "token", 1),
          keysOf(Scripts.kill, keys, "id", "token", 1),
          keysOf(Scripts.deadLetters, keys, 1),
          keysOf(Scripts.undertake, keys, "id", 1, wake),
          keysOf(Scripts.stats, keys)
        ]
        for (const each of all) {
          assert.isAtLeast(each.length, 1)
          assert.strictEqual(new Set(each.map(slot)).size, 1, each.join(" "))
        }
      })
    )
  })

  // A node in cluster mode refuses a script whose keys are in several slots, and one that touches keys it did not name in another.
  it.live("a node in cluster mode runs every script", () =>
    Effect.gen(function* () {
      const server = yield* Server.make({ args: ["--cluster-enabled", "yes"] })
      yield* Effect.promise(() => server.raw.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383"))
      yield* Server.until(
        Effect.promise(() => server.raw.call("CLUSTER", "INFO")),
        (info) => String(info).includes("cluster_state:ok")
      )
      yield* Effect.gen(function* () {
        const redis = yield* Redis.Redis
        const split = yield* Effect.flip(redis.send("MSET", "a", "1", "b", "2"))
        assert.include(String(split.cause), "CROSSSLOT")
        const limit = yield* RateLimit.make({ name: "a", requestsPerMinute: 60, burst: 1, timeout: "5 seconds" })
        assert.strictEqual((yield* limit.consume()).source, "redis")
        yield* limit.refund(1)
        assert.isTrue((yield* limit.consume()).allowed)
        const queue = yield* PriorityQueue.make({ name: "b", schema: Schema.String, max: 2, maxAttempts: 1 })
        for (const [id, priority] of [
          ["x", "P3"],
          ["y", "P1"],
          ["z", "P0"]
        ] as const) {
          yield* queue.enqueue(id, id, priority)
        }
        const [z, y] = yield* queue.claim(2)
        assert.isTrue(yield* queue.extend("z", z?.token ?? "", "1 minute"))
        assert.isTrue(yield* queue.ack("z", z?.token ?? ""))
        assert.isTrue(yield* queue.nack("y", y?.token ?? ""))
        assert.lengthOf(yield* queue.deadLetters(), 1)
        assert.isTrue(yield* queue.revive("y"))
        const [again] = yield* queue.claim(1)
        assert.isTrue(yield* queue.release("y", again?.token ?? ""))
        const stats = yield* queue.stats
        assert.deepStrictEqual([stats.acked, stats.shed, stats.ready], [1, 1, 1])
      }).pipe(Effect.provide(IoRedis.layer({ url: server.url })))
    })
  )
})
