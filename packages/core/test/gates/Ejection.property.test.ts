import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import * as Ejection from "../../src/gates/Ejection.ts"
import type { Rules } from "../../src/gates/internal/ejectionOptions.ts"
import { isReject } from "../../src/model/Gate.ts"
import {
  failure,
  ignored,
  type Outcome,
  rateLimited,
  slow,
  success,
  type Unused,
  unused
} from "../../src/model/Outcome.ts"
import { EjectionModel, type Told } from "./EjectionModel.ts"
import { one } from "./support.ts"

const rules: fc.Arbitrary<Rules> = fc.record({
  consecutive: fc.constantFrom(1, 2, 3, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY),
  successRate: fc.option(
    fc.record({
      stdevFactor: fc.constantFrom(0.3, 0.9, 1.9),
      minHosts: fc.integer({ min: 1, max: 4 }),
      minRequests: fc.integer({ min: 1, max: 3 })
    }),
    { nil: undefined }
  ),
  failurePercentage: fc.option(
    fc.record({
      threshold: fc.constantFrom(0, 0.5, 0.85, 1),
      minHosts: fc.integer({ min: 1, max: 3 }),
      minRequests: fc.integer({ min: 1, max: 3 })
    }),
    { nil: undefined }
  ),
  interval: fc.constantFrom(60, 200, 500),
  baseEjection: fc.constantFrom(60, 100, 250),
  maxEjection: fc.constantFrom(250, 600, 1000),
  jitter: fc.constantFrom(0, 0.1, 1),
  maxEjectedShare: fc.constantFrom(0, 0.25, 0.29, 0.5, 0.67, 1),
  minAvailable: fc.constantFrom(0, 1, 1, 1, 2),
  enforcing: fc.constantFrom(0, 0.5, 1, 1, 1),
  panicBelow: fc.constantFrom(0, 0.5, 0.7, 1)
})

const options = ({ consecutive, failurePercentage, successRate, ...rest }: Rules): Ejection.Options => ({
  ...rest,
  consecutive: consecutive === Number.POSITIVE_INFINITY ? false : consecutive,
  successRate: successRate ?? false,
  failurePercentage: failurePercentage ?? false
})

const command = fc.record({
  do: fc.constantFrom("attempt", "attempt", "attempt", "attempt", "admit", "settle", "again", "flip", "clear"),
  member: fc.oneof(fc.nat(2), fc.nat(11)),
  wait: fc.oneof(
    { weight: 12, arbitrary: fc.constant(0) },
    { weight: 8, arbitrary: fc.nat(40) },
    { weight: 1, arbitrary: fc.nat(1500) }
  ),
  which: fc.nat(10),
  outcome: fc.oneof(
    {
      weight: 8,
      arbitrary: fc.constantFrom<Outcome | Unused>(failure("Overloaded"), failure("Network"), success, slow)
    },
    { weight: 1, arbitrary: fc.constantFrom<Outcome | Unused>(ignored, unused, rateLimited()) }
  )
})

const inOrder = (told: ReadonlyArray<Told>): ReadonlyArray<Told> =>
  told.slice().sort((a, b) => `${a.target}${a._tag}`.localeCompare(`${b.target}${b._tag}`))

/** `assert.strictEqual` builds its message first, which is most of the time of so many comparisons. */
const same = (actual: unknown, expected: unknown): void => {
  if (actual !== expected) assert.strictEqual(actual, expected)
}

/** What the runs went through, so that a property over nothing is noticed. */
const seen = { Consecutive: 0, SuccessRate: 0, FailurePercentage: 0, returned: 0, panic: 0, refused: 0, atCap: 0 }

describe("Ejection, for groups of 1 to 12", () => {
  it("does what its rules say, written out over full logs, within its cap and never to the last one", () => {
    fc.assert(
      fc.property(
        rules,
        fc.integer({ min: 1, max: 12 }),
        fc.array(command, { maxLength: 100, size: "max" }),
        (rules, size, commands) => {
          const up = Array.from({ length: size }, () => true)
          const chance = (n: number) => ((n * 37) % 101) / 101
          let draws = 0
          let modelDraws = 0
          const rng = () => chance(draws++)
          const draw = () => chance(modelDraws++)
          const group = Ejection.make(options(rules))
          const gates = up.map((_, i) => group.gateFor({ id: String(i), available: () => up[i] === true }))
          const model = new EjectionModel(rules, size, (i) => up[i] === true)
          const held: Array<{ readonly member: number; readonly permit: Ejection.Permit; readonly age: number }> = []
          const done: Array<{ readonly member: number; readonly permit: Ejection.Permit }> = []
          let now = 0

          const gateOf = (member: number) => gates[member] ?? assert.fail(`no member ${member}`)
          const admit = (member: number) => {
            const peeked = gateOf(member).peek(now, one)
            const wanted = model.admit(member, now, draw)
            const answer = gateOf(member).admit(now, one, rng)
            if (isReject(answer)) {
              assert.strictEqual(answer.reason, "Ejected")
              assert.deepStrictEqual(answer, peeked)
              if (!("refusedUntil" in wanted)) assert.fail(`member ${member} refused`)
              assert.approximately(answer.retryAt ?? Number.NaN, wanted.refusedUntil, 1e-6)
              seen.refused++
              return undefined
            }
            same(peeked, undefined)
            if ("refusedUntil" in wanted) assert.fail(`member ${member} admitted`)
            same(answer.note, wanted.panic ? "Panic" : undefined)
            if (wanted.panic) seen.panic++
            return { member, permit: answer, age: wanted.age }
          }
          const settle = (
            { age, member, permit }: { member: number; permit: Ejection.Permit; age: number },
            outcome: Outcome | Unused
          ) => {
            const events = gateOf(member).settle(permit, outcome, now) as ReadonlyArray<Ejection.EjectionEvent>
            const wanted = inOrder(model.settle(member, age, outcome, now))
            const told = inOrder(events)
            done.push({ member, permit })
            if (told.length === 0 && wanted.length === 0) return
            assert.deepStrictEqual(
              told.map(({ _tag, target }) => [_tag, target]),
              wanted.map(({ _tag, target }) => [_tag, target])
            )
            told.forEach(({ until }, i) => {
              assert.approximately(until ?? 0, wanted[i]?.until ?? 0, 1e-6)
            })
            for (const { cause } of events) seen[cause ?? "returned"]++
          }

          for (const [step, command] of commands.entries()) {
            now += command.wait
            const member = command.member % size
            const before = group.ejected(now)
            if (command.do === "attempt") {
              const attempt = admit(member)
              if (attempt !== undefined) settle(attempt, command.outcome)
            } else if (command.do === "admit") {
              const attempt = admit(member)
              if (attempt !== undefined) held.push(attempt)
            } else if (command.do === "settle") {
              const [attempt] = held.splice(command.which, 1)
              if (attempt !== undefined) settle(attempt, command.outcome)
            } else if (command.do === "again") {
              const old = done[command.which]
              if (old !== undefined)
                assert.deepStrictEqual(gateOf(old.member).settle(old.permit, command.outcome, now), [])
            } else if (command.do === "flip") {
              up[member] = up[member] !== true
            } else {
              gateOf(member).clear(now)
              model.clear(member, now)
            }

            const outNow = gates.filter((gate) => gate.snapshot(now).state === "ejected").length
            same(group.ejected(now), outNow)
            same(outNow, model.out(now))
            same(group.panicking(now), model.panic(now))
            same(outNow <= Math.max(1, Math.floor(rules.maxEjectedShare * size + 1e-9)), true)
            if (outNow > 1 && outNow === Math.floor(rules.maxEjectedShare * size)) seen.atCap++
            if (outNow > before && command.do !== "flip") {
              const working = gates.filter((gate, i) => gate.snapshot(now).state === "available" && up[i] === true)
              assert.isAtLeast(working.length, rules.minAvailable)
            }
            // Everyone at times, the one concerned always: a full comparison of twelve is most of the time this takes.
            gates.forEach((gate, i) => {
              if (i !== member && step % 8 !== 0) return
              const { consecutive, ejections, failures, state, successes } = gate.snapshot(now)
              const { bad, good, run } = model.counts(i)
              same(`${successes} ${failures} ${consecutive}`, `${good} ${bad} ${run}`)
              same(ejections, model.subjects[i]?.inARow)
              same(gate.peek(now, one) === undefined, model.refusedUntil(i, now) === undefined)
              same(state === "ejected", model.until(i, now) !== undefined)
            })
            same(draws, modelDraws)
          }
        }
      ),
      { numRuns: 1200 }
    )
    for (const [what, times] of Object.entries(seen)) assert.isAbove(times, 40, what)
  })
})
