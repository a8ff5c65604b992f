// How do two processes obey one rate limit, and work through one queue, urgent jobs first?
//
// This program starts a redis-server on a free port, and itself twice more as workers. The limit admits ten requests at
// once, then one every ten seconds; each worker asks for ten. The queue holds eight jobs, the least urgent came first.
import { fork, spawn } from "node:child_process"
import { once } from "node:events"
import { type AddressInfo, createServer } from "node:net"
import { tmpdir } from "node:os"
import { IoRedis, PriorityQueue, RateLimit } from "@spillway/core/redis"
import { Effect, Schema } from "effect"

const order = ["P3", "P3", "P2", "P2", "P1", "P1", "P0", "P0"] as const
const jobs = PriorityQueue.make({ name: "answers", schema: Schema.Struct({ question: Schema.String }) })

const worker = Effect.gen(function* () {
  const limit = yield* RateLimit.make({ name: "account-1", requestsPerMinute: 6, burst: 10, timeout: "1 second" })
  const decisions = yield* Effect.replicateEffect(limit.consume(), 10)
  process.send?.({ admitted: decisions.filter(({ allowed }) => allowed).length })
  yield* Effect.promise(() => once(process, "message")) // both begin together
  const queue = yield* jobs
  const told = (priority: string) => Effect.sync(() => process.send?.({ took: priority }))
  yield* queue.work({}, (job) => Effect.andThen(told(job.priority), Effect.sleep("50 millis")))
})

const supervisor = Effect.fnUntraced(function* (url: string) {
  const queue = yield* jobs
  for (const [n, priority] of order.entries()) yield* queue.enqueue(`job-${n}`, { question: `${n}?` }, priority)
  const workers = [1, 2].map(() => fork(import.meta.filename, [url]))
  const messages = yield* Effect.promise(() => Promise.all(workers.map((worker) => once(worker, "message"))))
  const admitted = messages.map(([{ admitted }]) => admitted)
  console.log(`20 requests from two processes, admitted: ${admitted[0] + admitted[1]}`)

  const took: Array<string> = []
  for (const worker of workers) worker.on("message", (message: { took: string }) => took.push(message.took))
  for (const worker of workers) worker.send("begin")
  const { acked, redelivered } = yield* queue.stats.pipe(
    Effect.delay("50 millis"),
    Effect.repeat({ until: (stats) => stats.acked === order.length })
  )
  console.log(`put into the queue: ${order.join(" ")}`)
  console.log(`taken out of it:    ${took.join(" ")}`)
  console.log(`jobs done: ${acked}, handed out twice: ${redelivered}`)
  for (const worker of workers) worker.disconnect()
  yield* Effect.promise(() => Promise.all(workers.map((worker) => once(worker, "exit"))))
})

const startRedis = async () => {
  const probe = createServer().listen(0, "127.0.0.1")
  await once(probe, "listening")
  const { port } = probe.address() as AddressInfo
  await new Promise((closed) => probe.close(closed))
  const args = ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", tmpdir(), "--save", "", "--appendonly", "no"]
  const server = spawn("redis-server", args)
  await new Promise<void>((ready, failed) => {
    server.once("error", failed) // it is not there
    server.once("exit", failed)
    server.stdout.on("data", (text) => String(text).includes("Ready to accept connections") && ready())
  })
  return { url: `redis://127.0.0.1:${port}`, stop: () => server.kill() }
}

const url = process.argv[2]
if (url !== undefined) {
  const hungUp = new AbortController()
  process.once("disconnect", () => hungUp.abort())
  await Effect.runPromiseExit(Effect.provide(worker, IoRedis.layer({ url })), { signal: hungUp.signal })
} else {
  const redis = await startRedis().catch(() => undefined)
  if (redis === undefined) {
    console.error("This example needs redis-server: apt-get install redis-server, or brew install redis")
    process.exit(1)
  }
  await Effect.runPromise(Effect.provide(supervisor(redis.url), IoRedis.layer({ url: redis.url }))).finally(redis.stop)
}

// Expect:
//   20 requests from two processes, admitted: 10
//   put into the queue: P3 P3 P2 P2 P1 P1 P0 P0
//   /taken out of it:    P0 P0( P[12]){4} P3 P3/
//   jobs done: 8, handed out twice: 0
