/** What moves no call, or only to some: prompts that are too long or against a policy. And what failing over costs. */
import { assert } from "@effect/vitest"
import { Trip } from "@spillway/core"
import { Behaviour } from "@spillway/providers/testing"
import { Effect } from "effect"
import { answer, byBackup, type Case, forEachDialect, scenario, usage } from "./Cases.ts"
import { flaw } from "./Heard.ts"

/** Nothing of this says anything about the health of a target. */
const nobodyBlamed = ({ name, routed }: Case) =>
  Effect.map(routed.router.status, ({ targets }) =>
    assert.deepStrictEqual(
      targets.map(({ failed, state }) => [state, failed]),
      targets.map(() => ["up", 0]),
      name
    )
  )

export const refusals = () => {
  scenario("a prompt that is too long goes to a vendor with a larger window, without blame", (vendors) =>
    forEachDialect(
      vendors,
      (_dialect, streamed) => ({
        primary: streamed ? Behaviour.contextTooLong() : Behaviour.status(413),
        windows: [8192, 100_000]
      }),
      (given) =>
        Effect.gen(function* () {
          byBackup(given, yield* given.answered())
          const { backup, primary, routed, name } = given
          assert.deepStrictEqual(routed.history(), [`${primary.name} ContextLength`, `${backup.name} won`], name)
          yield* nobodyBlamed(given)
        })
    )
  )

  scenario("a prompt that is too long is the caller's to know where no window is known to be larger", (vendors) =>
    forEachDialect(
      vendors,
      (_dialect, streamed) => ({
        primary: streamed ? Behaviour.status(413) : Behaviour.contextTooLong(),
        windows: [8192, streamed ? 8192 : undefined]
      }),
      (given) =>
        Effect.gen(function* () {
          const { error, text } = yield* given.ends()
          assert.deepStrictEqual([error?.reason._tag, text], ["InvalidRequestError", ""], given.name)
          assert.deepStrictEqual([given.primary.count(), given.backup.count()], [1, 0], given.name)
          yield* nobodyBlamed(given)
        })
    )
  )

  scenario("a prompt against the policy is told the caller, and taken nowhere else", (vendors) =>
    forEachDialect(vendors, { primary: Behaviour.contentFiltered({}, answer) }, (given) =>
      Effect.gen(function* () {
        const { error, finish, text } = yield* given.ends()
        const refused = given.dialect === "chat" || given.dialect === "responses"
        assert.deepStrictEqual(
          [error?.reason._tag, finish, text],
          refused ? ["ContentPolicyError", undefined, ""] : [undefined, "content-filter", ""],
          given.name
        )
        assert.deepStrictEqual([given.primary.count(), given.backup.count()], [1, 0], given.name)
        yield* nobodyBlamed(given)
      })
    )
  )

  scenario("an answer against the policy ends with that word", (vendors) =>
    forEachDialect(vendors, { primary: Behaviour.contentFiltered({ asFinish: true }, answer) }, (given) =>
      Effect.gen(function* () {
        const heard = yield* given.ends()
        assert.deepStrictEqual([heard.error, heard.finish], [undefined, "content-filter"], given.name)
        assert.strictEqual(given.backup.count(), 0, given.name)
        yield* nobodyBlamed(given)
      })
    )
  )

  const upAndDown = Behaviour.cycle([
    answer,
    Behaviour.status(503),
    Behaviour.resetBeforeHeaders,
    Behaviour.cutAfter(3, answer),
    answer,
    answer
  ])
  scenario("a vendor that is up and down costs no call, and attempts only so many", (vendors) =>
    forEachDialect(
      vendors,
      {
        primary: upAndDown,
        onBreak: "restart",
        gates: { breaker: { trip: Trip.consecutive(2), openFor: 5, maxOpenFor: 10, rampFor: false } }
      },
      ({ answered, backup, name, primary, routed }) =>
        Effect.gen(function* () {
          const calls = 12
          for (let call = 0; call < calls; call++) yield* answered({ streamed: call % 2 === 0 })
          assert.isAtMost(primary.count() + backup.count(), 2 * calls, name)
          assert.strictEqual(routed.records.length, calls, name)
          for (const { attempts } of routed.records) assert.isAtMost(attempts.length, 3, name)
          assert.isAbove(primary.logged().filter(({ outcome }) => outcome === "answered").length, 0, name)
        }),
      [true]
    )
  )

  const prices = [
    { input: 1, output: 2 },
    { input: 30, output: 50 }
  ]
  scenario("the record says whose tokens they were and what they cost", (vendors) =>
    forEachDialect(
      vendors,
      (_dialect, streamed) => ({
        primary: streamed ? Behaviour.cutAfter(3, answer) : Behaviour.status(500),
        onBreak: "restart",
        prices
      }),
      (given) =>
        Effect.gen(function* () {
          const heard = yield* given.answered()
          assert.strictEqual(flaw("What comes next?", heard), "")
          const { backup, name, primary, routed, streamed } = given
          const [record] = routed.records
          const [failed, won] = record?.attempts ?? []
          assert.deepStrictEqual(
            [failed?.target, failed?.outcome, failed?.costUsd],
            [primary.name, "failed", undefined],
            name
          )
          assert.deepStrictEqual([won?.target, won?.outcome, won?.costSource], [backup.name, "won", "local"], name)
          const { inputTokens, outputTokens, responseModel, finishReason } = won?.facts ?? {}
          assert.deepStrictEqual(
            { inputTokens, outputTokens, responseModel, finishReason },
            { inputTokens: usage.input, outputTokens: usage.output, responseModel: backup.name, finishReason: "stop" },
            name
          )
          const usd = (usage.input * 30 + usage.output * 50) / 1e6
          assert.closeTo(won?.costUsd ?? 0, usd, 1e-12, name)
          assert.closeTo(record?.costUsd ?? 0, usd, 1e-12, name)
          const { degraded, outcome, servedBy } = record ?? {}
          assert.deepStrictEqual(
            { degraded, outcome, servedBy, streamed: record?.streamed },
            { degraded: true, outcome: "ok", servedBy: backup.name, streamed },
            name
          )
        })
    )
  )
}
