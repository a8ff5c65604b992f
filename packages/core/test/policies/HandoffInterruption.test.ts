/**
 * The op-budget sweep around the moment of the hand-off: a fiber that yields after every few operations meets the limit, and
 * is interrupted (cancelled, closed) after 0, 1, 2, … yields. Whatever comes between what: work is alive iff it is a running
 * task or somebody waits for it, and every task ends once.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Scheduler, Scope, Stream } from "effect"
import * as Handoff from "../../src/policies/Handoff.ts"
import * as ManualClock from "../router/support/ManualClock.ts"

type Service = Handoff.Handoff["Service"]
type Answer = { readonly _tag: "Done" | "Started" } | Handoff.Accepted

/** What a work did. */
interface Seen {
  started: number
  ended: number
}

const watched = <A, E>(seen: Seen, work: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.acquireUseRelease(
    Effect.sync(() => seen.started++),
    () => work,
    () => Effect.sync(() => seen.ended++)
  )

const yields = (n: number) => Effect.repeat(Effect.yieldNow, { times: n })

const work =
  (effect: Effect.Effect<unknown, unknown>) =>
  (handoff: Service, seen: Seen): Effect.Effect<Answer, unknown> =>
    handoff.run(watched(seen, effect))

/** A stream, read to its end if it is started. */
const streamed =
  (parts: ReadonlyArray<Effect.Effect<string, unknown>>) =>
  (handoff: Service, seen: Seen): Effect.Effect<Answer, unknown> =>
    Effect.scoped(
      Effect.gen(function* () {
        const source = Stream.unwrap(
          Effect.as(
            Effect.acquireRelease(
              Effect.sync(() => seen.started++),
              () => Effect.sync(() => seen.ended++)
            ),
            Stream.mapEffect(Stream.rechunk(Stream.fromIterable(parts), 1), (part) => part)
          )
        )
        const handed = yield* handoff.stream(source, { isContent: (part) => part !== "#" })
        if (handed._tag === "Started") yield* Stream.runDrain(handed.stream)
        return handed
      })
    )

const part = (text: string, wait: Effect.Effect<unknown, unknown> = Effect.void) => Effect.as(wait, text)

const scenarios: Record<string, (handoff: Service, seen: Seen) => Effect.Effect<Answer, unknown>> = {
  "work that hangs": work(Effect.never),
  "work that ends at the limit": work(Effect.sleep(500)),
  "work that fails at the limit": work(Effect.andThen(Effect.sleep(500), Effect.fail("no"))),
  "work that ends a little later than the limit": work(Effect.andThen(Effect.sleep(500), yields(2))),
  "work that is busy": work(yields(8)),
  "work that is slow to stop": work(Effect.onInterrupt(Effect.never, () => yields(4))),
  "work that does not listen": work(Effect.uninterruptible(yields(6))),
  "a stream that hangs": streamed([part("#"), Effect.never]),
  "a stream that begins at the limit": streamed([part("#"), part("a", Effect.sleep(500)), part("b", yields(2))]),
  "a stream that fails at the limit": streamed([part("#", Effect.sleep(500)), Effect.fail("no")]),
  "a stream that is busy": streamed([part("#", yields(2)), part("#", yields(2)), part("a", yields(2)), part("b")])
}

/** Operations before a yield, and yields before the limit: small budgets leave more places for it to fall into. */
const budgets = Array.from({ length: 62 }, (_, i) => ({ ops: i + 3, befores: i < 12 ? [0, 1, 2, 4] : [1] })).filter(
  ({ ops }) => ops <= 16 || ops % 8 === 0
)

/** A service on a clock of its own, and a caller that is on its way into it. */
const world = (scenario: (handoff: Service, seen: Seen) => Effect.Effect<Answer, unknown>, ops: number) =>
  Effect.gen(function* () {
    const time = ManualClock.make()
    const ids: Array<string> = []
    const seen: Seen = { started: 0, ended: 0 }
    const scope = yield* Scope.make()
    const handoff = yield* Handoff.make({
      newTaskId: () => {
        ids.push(`task ${ids.length}`)
        return `task ${ids.length - 1}`
      }
    }).pipe(Scope.provide(scope), Effect.provideService(Clock.Clock, time))
    const caller = yield* Effect.forkChild(scenario(handoff, seen), { startImmediately: true }).pipe(
      Effect.provideService(Scheduler.MaxOpsBeforeYield, ops),
      Effect.provideService(Clock.Clock, time)
    )
    return { time, ids, seen, scope, handoff, caller }
  })

/** One sentence per broken rule, for a caller that has ended. Ends every task. */
const problems = (
  { caller, handoff, ids, seen }: Effect.Success<ReturnType<typeof world>>,
  mayBeCancelled: boolean
): Effect.Effect<Array<string>> =>
  Effect.gen(function* () {
    const found: Array<string> = []
    const exit = caller.pollUnsafe()
    if (exit === undefined) return ["the caller has not ended"]
    const answer = Exit.isSuccess(exit) ? exit.value : undefined
    if (answer?._tag === "Accepted" && answer.taskId !== ids[0]) found.push("was given an id that is not its task's")
    if (answer !== undefined && answer._tag !== "Accepted" && ids.length > 0) found.push("was answered and handed off")
    if (Exit.isFailure(exit) && !Exit.hasInterrupts(exit) && ids.length > 0) found.push("failed and was handed off")
    if (ids.length > 1) found.push(`became ${ids.length} tasks`)
    if (seen.started > 1) found.push(`ran ${seen.started} times`)
    const running = Effect.map(handoff.snapshot, (snapshot) => snapshot.running)
    // Work that is on its way into something or out of it arrives there.
    for (let i = 0; i < 500 && (i < 10 || seen.started - seen.ended !== (yield* running)); i++) yield* Effect.yieldNow
    if (seen.started - seen.ended !== (yield* running)) {
      found.push(`began ${seen.started} times, ended ${seen.ended} times, ${yield* running} tasks run`)
    }
    for (const id of ids) {
      const status = yield* Effect.orDie(handoff.poll(id))
      if (status._tag === "Cancelled" && !mayBeCancelled) found.push("its caller's end was its own")
    }
    for (const id of ids) {
      const before = yield* Effect.orDie(handoff.poll(id))
      const won = yield* Effect.orDie(handoff.cancel(id))
      const after = yield* Effect.orDie(handoff.poll(id))
      if (
        won !== (before._tag === "Running") ||
        (after._tag === "Cancelled") !== (won || before._tag === "Cancelled")
      ) {
        found.push(`was ${before._tag}, cancel said ${won}, is ${after._tag}`)
      }
    }
    if (seen.started !== seen.ended) found.push(`is open: began ${seen.started} times, ended ${seen.ended} times`)
    const { cancelled, evicted, failed, running: stillRunning, stopping, succeeded, waiting } = yield* handoff.snapshot
    if (waiting + stillRunning + stopping + evicted !== 0) {
      found.push(`${waiting} wait, ${stillRunning} run, ${stopping} stop, ${evicted} are lost`)
    }
    if (succeeded + failed + cancelled !== ids.length) found.push("tasks and ends are not as many")
    return found
  })

/** How often each answer was seen: a sweep that never meets the hand-off shows nothing. */
type Tally = Record<string, number>
const count = (tally: Tally, { caller, ids }: Effect.Success<ReturnType<typeof world>>) => {
  const exit = caller.pollUnsafe()
  const answer = exit !== undefined && Exit.isSuccess(exit) ? exit.value._tag : "Interrupted"
  const key = ids.length > 0 ? `${answer}, a task` : answer
  tally[key] = (tally[key] ?? 0) + 1
}

describe("around the moment of the hand-off nothing is lost and nothing ends twice", () => {
  for (const [name, scenario] of Object.entries(scenarios)) {
    it.effect(
      `when the caller of ${name} is interrupted`,
      () =>
        Effect.gen(function* () {
          const found: Array<string> = []
          const tally: Tally = {}
          for (const { befores, ops } of budgets) {
            for (const before of befores) {
              for (let after = 0; after <= 12 && found.length === 0; after++) {
                const here = yield* world(scenario, ops)
                for (let i = 0; i < before; i++) yield* Effect.yieldNow
                here.time.advance(500)
                for (let i = 0; i < after; i++) yield* Effect.yieldNow
                yield* Fiber.interrupt(here.caller)
                count(tally, here)
                for (const problem of yield* problems(here, false)) {
                  found.push(`${ops} operations, ${before} + ${after} yields: ${problem}`)
                }
                yield* Scope.close(here.scope, Exit.void)
              }
            }
          }
          assert.deepStrictEqual(found, [])
          assert.isAbove(tally["Interrupted"] ?? 0, 0)
          if (name.includes("hangs")) assert.isAbove(tally["Accepted, a task"] ?? 0, 0)
        }),
      { timeout: 120_000 }
    )

    it.effect(
      `when ${name} is cancelled`,
      () =>
        Effect.gen(function* () {
          const found: Array<string> = []
          for (const { ops } of budgets) {
            for (let after = 0; after <= 12 && found.length === 0; after++) {
              const here = yield* world(scenario, ops)
              here.time.advance(500)
              const results: Array<boolean> = []
              for (let i = 0; i < 60 && here.ids.length === 0; i++) yield* Effect.yieldNow
              for (let i = 0; i < after; i++) yield* Effect.yieldNow
              // Two at once: one of them, or the work itself, ends the task.
              const [id] = here.ids
              if (id !== undefined) {
                const cancel = Effect.map(handoffCancel(here.handoff, id), (won) => results.push(won))
                yield* Effect.all([cancel, cancel], { concurrency: 2 }).pipe(
                  Effect.provideService(Scheduler.MaxOpsBeforeYield, ops)
                )
                const status = yield* Effect.orDie(here.handoff.poll(id))
                const wins = results.filter((won) => won).length
                if (wins !== (status._tag === "Cancelled" ? 1 : 0)) found.push(`${wins} won, it is ${status._tag}`)
              }
              yield* Fiber.interrupt(here.caller)
              for (const problem of yield* problems(here, true)) {
                found.push(`${ops} operations, ${after} yields: ${problem}`)
              }
              yield* Scope.close(here.scope, Exit.void)
            }
          }
          assert.deepStrictEqual(found, [])
        }),
      { timeout: 120_000 }
    )

    it.effect(
      `when the service of ${name} is closed`,
      () =>
        Effect.gen(function* () {
          const found: Array<string> = []
          for (const { ops } of budgets) {
            for (let after = 0; after <= 12 && found.length === 0; after++) {
              const here = yield* world(scenario, ops)
              yield* Effect.yieldNow
              here.time.advance(500)
              for (let i = 0; i < after; i++) yield* Effect.yieldNow
              yield* Scope.close(here.scope, Exit.void)
              // A stream that has begun is its reader's.
              for (let i = 0; i < 100 && here.caller.pollUnsafe() === undefined; i++) {
                yield* Effect.yieldNow
                here.time.advance(100)
              }
              const alive = here.seen.started - here.seen.ended
              if (alive !== 0)
                found.push(`${ops} operations, ${after} yields: ${alive} left when the service was closed`)
              for (const problem of yield* problems(here, true)) {
                found.push(`${ops} operations, ${after} yields: ${problem}`)
              }
            }
          }
          assert.deepStrictEqual(found, [])
        }),
      { timeout: 120_000 }
    )
  }
})

const handoffCancel = (handoff: Service, id: string) => Effect.orDie(handoff.cancel(id))
