// One of several processes that work on one queue until they are killed. Runs against the build.
import * as IoRedis from "@spillway/core/redis/IoRedis"
import * as PriorityQueue from "@spillway/core/redis/PriorityQueue"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const { url, name, lease, concurrency } = JSON.parse(process.argv[2])

const program = Effect.gen(function* () {
  const queue = yield* PriorityQueue.make({
    name,
    schema: Schema.Struct({ n: Schema.Int }),
    maxAttempts: 50,
    timeout: "10 seconds",
    onEvent: (event) => process.send({ event: event._tag, id: event.id, operation: event.operation })
  })
  return yield* queue.work({ concurrency, lease, poll: 100 }, (job) =>
    Effect.gen(function* () {
      process.send({ event: "Ran", id: job.id })
      // A process that stops for longer than its lease, heartbeats and all (a long pause of the collector, a suspended
      // machine), and then goes on as if nothing had been: the first run of every 50th job.
      if (job.body.n % 50 === 7 && job.attempt === 1) {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, lease * 1.5)
      } else {
        yield* Effect.sleep(job.body.n % 13)
      }
    })
  )
})

// Nobody listens any more: the test is over.
process.on("disconnect", () => process.exit())

Effect.runFork(Effect.provide(program, IoRedis.layer({ url, commandTimeout: "10 seconds" })))
