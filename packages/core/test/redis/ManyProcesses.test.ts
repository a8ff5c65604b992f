import type { ChildProcess } from "node:child_process"
import { assert, describe, it } from "@effect/vitest"
import * as IoRedis from "@spillway/core/redis/IoRedis"
import * as PriorityQueue from "@spillway/core/redis/PriorityQueue"
import { Effect, Schema } from "effect"
import * as Processes from "./Processes.ts"
import * as Server from "./RedisServer.ts"

describe("many processes", () => {
  it.live("four processes admit, together, what the rule of one limit admits", () =>
    Effect.gen(function* () {
      const server = yield* Server.make()
      const burst = 20
      const perMinute = 12_000
      const options = { name: "shared", requestsPerMinute: perMinute, burst, timeout: 5000, url: server.url, ms: 2000 }
      const results: Array<{ admitted: number; refused: number; elsewhere: number }> = []
      let ready = 0
      const children = yield* Effect.forEach([1, 2, 3, 4], () =>
        Processes.start("limit", options, (message) => {
          if ((message as { ready?: true }).ready === true) ready++
          else results.push(message as (typeof results)[number])
        })
      )
      const micros = Effect.map(
        Effect.promise(() => server.raw.time()),
        ([seconds, rest]) => Number(seconds) * 1e6 + Number(rest)
      )
      yield* Server.until(
        Effect.sync(() => ready),
        (n) => n === 4,
        20
      )
      const began = yield* micros
      for (const child of children) child.send("go")
      yield* Server.until(
        Effect.sync(() => results.length),
        (n) => n === 4,
        20
      )
      const elapsed = (yield* micros) - began
      const sum = (of: (result: (typeof results)[number]) => number) => results.reduce((n, result) => n + of(result), 0)
      const admitted = sum((result) => result.admitted)
      // burst at once, then one per interval of 5 ms.
      const lawful = burst + Math.floor(elapsed / 5000)
      const over = admitted / lawful - 1
      console.log(
        `limit: ${admitted} admitted, ${sum((r) => r.refused)} refused in ${Math.round(elapsed / 1000)} ms; the law allows ${lawful} (${(over * 100).toFixed(2)} % over)`
      )
      assert.strictEqual(
        sum((result) => result.elsewhere),
        0
      )
      assert.isBelow(over, 0.01)
      // And no less: the processes asked all the time for 2 s.
      assert.isAtLeast(admitted, 0.9 * (burst + 400))
      assert.isTrue(results.every((result) => result.admitted > 0))
    })
  )

  it.live(
    "2,000 jobs, 8 processes, some of them killed: each job is acknowledged once, none is lost",
    () =>
      Effect.gen(function* () {
        const server = yield* Server.make()
        const seed = 20_261_122
        const random = Processes.seeded(seed)
        const total = 2000
        const lease = 500
        const name = "crash"
        const acks = new Map<string, number>()
        const runs = new Map<string, number>()
        const staleAcks: Array<string> = []
        const hear = (message: unknown) => {
          const { event, id, operation } = message as { event: string; id: string; operation?: string }
          if (event === "Acked") acks.set(id, (acks.get(id) ?? 0) + 1)
          if (event === "Ran") runs.set(id, (runs.get(id) ?? 0) + 1)
          if (event === "StaleLease" && operation === "ack") staleAcks.push(id)
        }
        const body = Effect.gen(function* () {
          const jobs = yield* PriorityQueue.make({
            name,
            schema: Schema.Struct({ n: Schema.Int }),
            timeout: "10 seconds"
          })
          const classes = ["P0", "P1", "P2", "P3"] as const
          yield* Effect.forEach(
            Array.from({ length: total }, (_, n) => n),
            (n) => jobs.enqueue(`job-${n}`, { n }, classes[n % 4] ?? "P0"),
            { concurrency: 50 }
          )
          const start = Processes.start("queue", { url: server.url, name, lease, concurrency: 4 }, hear)
          const workers: Array<ChildProcess> = []
          for (let i = 0; i < 8; i++) workers.push(yield* start)
          let kills = 0
          let next = 60
          yield* Server.until(
            Effect.gen(function* () {
              const stats = yield* jobs.stats
              if (stats.acked >= next && stats.acked < total - 100) {
                const victim = Math.floor(random() * workers.length)
                const child = workers[victim]
                if (child !== undefined) yield* Processes.kill(child)
                kills++
                workers[victim] = yield* start
                next = stats.acked + 60 + Math.floor(random() * 120)
              }
              return stats
            }),
            (stats) => stats.acked + stats.dead >= total,
            100
          )
          // What the living have still to say.
          const stats = yield* jobs.stats
          for (const child of workers) yield* Processes.kill(child)
          return { kills, stats }
        })
        const { kills, stats } = yield* body.pipe(
          Effect.provide(IoRedis.layer({ url: server.url, commandTimeout: "10 seconds" }))
        )
        const executions = [...runs.values()].reduce((a, b) => a + b, 0)
        console.log(
          `queue (seed ${seed}): ${stats.acked} acked, ${kills} kills, ${executions} executions, ${stats.redelivered} redeliveries, ${staleAcks.length} fenced acks, ${stats.stale} fenced operations, ${stats.dead} dead`
        )
        assert.deepStrictEqual([stats.acked, stats.dead, stats.ready, stats.delayed, stats.leased], [total, 0, 0, 0, 0])
        assert.isTrue(
          [...acks.values()].every((count) => count === 1),
          "a job was acknowledged twice"
        )
        // A process may be killed between its ack and its telling so.
        assert.isAtLeast(acks.size, total - 4 * (kills + 8))
        assert.strictEqual(runs.size, total)
        const left = yield* Effect.promise(() => server.raw.hlen(`{pq:${name}}:job`))
        assert.strictEqual(left, 0)
        assert.isAtLeast(kills, 8)
        assert.isAbove(stats.redelivered, 0)
        assert.isAbove(staleAcks.length + stats.stale, 0)
      }),
    120_000
  )
})
