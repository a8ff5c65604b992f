// One of several processes that use up one limit. Runs against the build; says "ready", starts at "go", ends after `ms`.
import * as IoRedis from "@spillway/core/redis/IoRedis"
import * as RateLimit from "@spillway/core/redis/RateLimit"
import * as Effect from "effect/Effect"

const { url, ms, ...options } = JSON.parse(process.argv[2])
const go = new Promise((resolve) => process.once("message", resolve))

const program = Effect.gen(function* () {
  const limit = yield* RateLimit.make(options)
  process.send({ ready: true })
  yield* Effect.promise(() => go)
  let admitted = 0
  let refused = 0
  let elsewhere = 0
  // Four fibers, so that a process has several questions under way at once.
  const hammer = Effect.gen(function* () {
    const end = performance.now() + ms
    while (performance.now() < end) {
      const decision = yield* limit.consume()
      if (decision.source !== "redis") elsewhere++
      else if (decision.allowed) admitted++
      else refused++
    }
  })
  yield* Effect.all([hammer, hammer, hammer, hammer], { concurrency: "unbounded" })
  return { admitted, refused, elsewhere }
})

process.send(await Effect.runPromise(Effect.provide(program, IoRedis.layer({ url }))))
process.disconnect()
