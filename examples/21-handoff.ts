// What becomes of a call that takes longer than anybody waits, and how is its answer had later?
//
// One target; calls say themselves how long they take. Time is virtual, except in the last part.
import { createRouter } from "@spillway/core/createRouter"
import * as Defaults from "@spillway/core/Defaults"
import * as Handoff from "@spillway/core/Handoff"
import * as Router from "@spillway/core/Router"
import * as PowerOfTwo from "@spillway/strategies/PowerOfTwo"
import { Effect, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"

const targets = [{ id: "main", client: "https://main.example" }] as const
// #region options
const options: Handoff.Options = { after: "500 millis", asyncMax: "10 minutes", ttl: "1 hour" }
const services = Layer.mergeAll(Defaults.layer, PowerOfTwo.layer(), Handoff.layer(options))
// #endregion

/** Virtual time goes on for so long while `effect` runs. */
const during = <A, E, R>(ms: number, effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Effect.forkChild(effect, { startImmediately: true }), (fiber) =>
    Effect.andThen(TestClock.adjust(ms), Fiber.join(fiber))
  )

const program = Effect.gen(function* () {
  const router = yield* Router.make({ targets })
  const handoff = yield* Handoff.Handoff
  const inFlight = Effect.map(router.status, ({ targets }) => targets[0]?.inFlight)
  // #region run
  const report = (ms: number) => Effect.delay(Effect.succeed(`a report of ${ms} ms`), ms)
  /** The answer, or the id under which it can be had later. */
  const ask = (ms: number) => handoff.run(router.route({ deadline: "10 minutes" }, () => report(ms)))
  // #endregion
  for (const ms of [200, 500]) {
    const handed = yield* during(500, ask(ms))
    console.log(handed._tag === "Done" ? `answered: ${handed.value}` : "accepted")
  }
  const long = yield* during(500, ask(3000))
  if (long._tag === "Done") return
  // #region poll
  const before = yield* handoff.poll(long.taskId)
  console.log(`${before._tag} for ${before.elapsedMs} ms`)
  const after = yield* during(2500, handoff.await(long.taskId))
  if (after._tag === "Succeeded") console.log(`${after._tag} after ${after.elapsedMs} ms: ${after.value}`)
  // #endregion
  const another = yield* during(500, ask(60_000))
  if (another._tag === "Done") return
  console.log(`in flight behind it: ${yield* inFlight}`)
  console.log(`cancelled: ${yield* handoff.cancel(another.taskId)}, in flight: ${yield* inFlight}`)
  // A stream is handed off when its first part is late; one that has begun is read to its end.
  // #region stream
  const words = (ms: number) => Stream.concat(Stream.fromEffect(report(ms)), Stream.fromEffect(report(2000)))
  const read = (ms: number) => handoff.stream(router.stream({}, () => words(ms)))
  // #endregion
  console.log(`a stream that begins at once: ${(yield* during(500, read(100)))._tag}`)
  console.log(`one that does not: ${(yield* during(500, read(3000)))._tag}`)
})
await Effect.runPromise(program.pipe(Effect.provide(services), Effect.scoped, Effect.provide(TestClock.layer())))

// #region promises
const plain = createRouter({ targets, strategy: PowerOfTwo.make(), handoff: { after: "50 millis" } })
let finish = (_report: string): void => {}
const handed = await plain.handOff(() => new Promise<string>((resolve) => (finish = resolve)))
if (handed._tag === "Accepted") {
  finish("a report, at last")
  const ended = await plain.tasks.wait(handed.taskId)
  if (ended._tag === "Succeeded") console.log(`without Effect: ${handed._tag}, then ${ended.value}`)
}
// #endregion
await plain.close()

// Expect:
//   answered: a report of 200 ms
//   answered: a report of 500 ms
//   Running for 500 ms
//   Succeeded after 3000 ms: a report of 3000 ms
//   in flight behind it: 1
//   cancelled: true, in flight: 0
//   a stream that begins at once: Started
//   one that does not: Accepted
//   without Effect: Accepted, then a report, at last
