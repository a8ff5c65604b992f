import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import * as Breaker from "../../src/gates/Breaker.ts"
import { type GateEvent, type GateSnapshot, isReject, type Measured } from "../../src/model/Gate.ts"
import {
  failure,
  ignored,
  misconfigured,
  type Outcome,
  rateLimited,
  slow,
  success,
  type Unused,
  unused
} from "../../src/model/Outcome.ts"
import { BreakerModel, policyOf, type Rule, type Rules } from "./BreakerModel.ts"
import { one, tags } from "./support.ts"

const among = fc.oneof(
  fc.record({ last: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ window: fc.constantFrom(100, 1000), buckets: fc.constantFrom(1, 5, 10) })
)
const share = { rate: fc.constantFrom(0, 0.3, 0.5, 1), minCalls: fc.integer({ min: 1, max: 4 }), among }
const limit = fc.constantFrom(undefined, 20, 60)
const rule: fc.Arbitrary<Rule> = fc.oneof(
  fc.record({ is: fc.constant("inARow" as const), n: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ is: fc.constant("failed" as const), ...share }),
  fc.record({ is: fc.constant("slow" as const), ...share, firstContent: limit, perToken: limit })
)
const rules: fc.Arbitrary<Rules> = fc.record({
  trip: fc.array(rule, { minLength: 1, maxLength: 3 }),
  openFor: fc.constantFrom(50, 100, 400),
  maxOpenFor: fc.constantFrom(400, 1000),
  maxHint: fc.constant(2000),
  probes: fc.integer({ min: 1, max: 3 }),
  successesToClose: fc.constantFrom(1, 1, 2, 3),
  probeLease: fc.constantFrom(150, 700, 5000, 5000),
  rampFor: fc.constantFrom(0, 2000, 4000, 20_000),
  aggression: fc.constantFrom(0.5, 1, 2)
})

const outcome = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<Outcome | Unused>(success, success, slow, failure("Overloaded")) },
  { weight: 2, arbitrary: fc.constantFrom<Outcome | Unused>(ignored, unused, rateLimited(50), misconfigured("Auth")) },
  { weight: 1, arbitrary: fc.nat(3000).map((retryAfter) => failure("Overloaded", { retryAfter })) }
)
const measured: fc.Arbitrary<Measured | undefined> = fc.option(
  fc.record({
    ms: fc.integer({ min: 40, max: 400 }),
    firstContentMs: fc.constantFrom(undefined, 0, 20, 21, 40),
    inputTokens: fc.constant(undefined),
    outputTokens: fc.constantFrom(undefined, 0, 1, 4, 10),
    limits: fc.constant(undefined)
  }),
  { nil: undefined }
)
/** Mostly moments; at times long enough for a lease, an open period or a ramp; at times back. */
const wait = fc.oneof(
  { weight: 5, arbitrary: fc.nat(60) },
  { weight: 3, arbitrary: fc.nat(400) },
  { weight: 1, arbitrary: fc.nat(1500) },
  { weight: 1, arbitrary: fc.integer({ min: -300, max: 0 }) }
)
const acts = ["admit", "admit", "admit", "admit", "settle", "settle", "settle", "settle"] as const
const command = fc.record({
  do: fc.oneof(
    { weight: 40, arbitrary: fc.constantFrom(...acts) },
    { weight: 2, arbitrary: fc.constant("again" as const) },
    { weight: 1, arbitrary: fc.constantFrom("isolate" as const, "clear" as const, "clear" as const) },
    { weight: 1, arbitrary: fc.constant("restart" as const) }
  ),
  wait,
  which: fc.nat(5),
  clock: fc.integer({ min: -5000, max: 5000 }),
  outcome,
  measured
})
const commands = fc.array(command, { maxLength: 90, size: "max" })

const optionsOf = (rules: Rules): Breaker.Options => ({ ...rules, trip: policyOf(rules.trip) })
const chance = () => {
  let n = 0
  const rng = () => ((n++ * 37) % 101) / 101
  return { rng, draws: () => n }
}

/** Numbers may differ by what adding and subtracting a clock costs. */
const assertSame = (is: GateSnapshot, was: Record<string, string | number | boolean>) => {
  const near = (a: unknown, b: unknown) => typeof a === "number" && typeof b === "number" && Math.abs(a - b) <= 1e-6
  const keys = Object.keys(was)
  if (Object.keys(is).length === keys.length && keys.every((key) => is[key] === was[key] || near(is[key], was[key])))
    return
  assert.deepStrictEqual(is, was as GateSnapshot)
}

describe("Breaker", () => {
  it("does what its rules say, written out over full histories", () => {
    const met = new Map<string, number>()
    const meet = (what: string | undefined) => what !== undefined && met.set(what, (met.get(what) ?? 0) + 1)
    fc.assert(
      fc.property(rules, fc.constantFrom(false, false, true), commands, (rules, metricsOnly, commands) => {
        const options = { ...optionsOf(rules), metricsOnly }
        const { draws, rng } = chance()
        const modelled = chance()
        let gate = Breaker.make(options)
        const model = new BreakerModel(rules)
        let held: Array<{ readonly real: Breaker.Permit; readonly modelled: number | undefined }> = []
        let done: ReadonlyArray<Breaker.Permit> = []
        let now = 0
        const hear = (events: ReadonlyArray<GateEvent>, wanted: ReadonlyArray<GateEvent>) => {
          assert.deepStrictEqual(tags(events), tags(wanted))
          events.forEach((event, i) => {
            meet(event._tag)
            const until = wanted[i]?.until
            if (until === undefined) assert.isUndefined(event.until)
            else assert.approximately(event.until ?? Number.NaN, until, 1e-6)
          })
        }
        for (const command of commands) {
          now += command.wait
          const expected = model.copy().admit(now, () => 0)
          const verdict = gate.peek(now, one)
          assert.strictEqual(verdict?.reason, "refused" in expected && !metricsOnly ? expected.refused : undefined)
          if (command.do === "admit") {
            const answer = gate.admit(now, one, rng)
            const wanted = model.admit(now, modelled.rng)
            if (!("refused" in wanted)) {
              if (isReject(answer)) assert.fail(`refused: ${answer.reason}`)
              assert.strictEqual(answer.note, wanted.note)
              meet(answer.note)
              held.push({ real: answer, modelled: wanted.permit })
            } else if (metricsOnly) {
              if (isReject(answer)) assert.fail(`refused: ${answer.reason}`)
              assert.strictEqual(answer.note, "WouldReject")
              meet(answer.note)
              held.push({ real: answer, modelled: undefined })
            } else {
              if (!isReject(answer)) assert.fail("admitted")
              assert.strictEqual(answer.reason, wanted.refused)
              meet(answer.reason)
              assert.strictEqual(answer.soft, wanted.refused === "Ramping" ? true : undefined)
              if (verdict !== undefined) assert.strictEqual(answer, verdict)
              if (wanted.until === undefined) assert.isUndefined(answer.retryAt)
              else
                assert.isTrue(answer.retryAt === wanted.until || Math.abs((answer.retryAt ?? 0) - wanted.until) < 1e-6)
            }
          } else if (command.do === "settle") {
            const [permit] = held.splice(command.which, 1)
            if (permit === undefined) continue
            const before = gate.snapshot(now)
            const settle = () => gate.settle(permit.real, command.outcome, now, command.measured)
            if (permit.modelled === undefined) hear(settle(), model.passBy(now))
            else {
              model.catchUp(model.see(now))
              const late = model.isLate(permit.modelled)
              hear(settle(), model.settle(permit.modelled, command.outcome, now, command.measured))
              // The law of the fence: nothing of another generation changes this one; a hint may lengthen what is open.
              if (late) {
                const after = gate.snapshot(now)
                assert.isAtLeast(Number(after["retryInMs"]), Number(before["retryInMs"]))
                const { openMs, retryInMs } = after
                assert.deepStrictEqual(after, { ...before, openMs, retryInMs } as GateSnapshot)
              }
            }
            done = [...done, permit.real]
          } else if (command.do === "again") {
            const permit = done[command.which]
            if (permit !== undefined) assert.deepStrictEqual(gate.settle(permit, command.outcome, now), [])
          } else if (command.do === "isolate") {
            gate.isolate(now)
            model.isolate(now)
          } else if (command.do === "clear") {
            gate.clear(now)
            model.clear(now)
          } else {
            const snapshot = gate.snapshot(now)
            const later = now + command.clock
            gate = Breaker.make(options)
            gate.restore(JSON.parse(JSON.stringify(snapshot)), later)
            assertSame(gate.snapshot(later), snapshot)
            model.restart(now, later)
            now = later
            held = []
            done = []
          }
          const snapshot = gate.snapshot(now)
          meet(typeof snapshot["openedBy"] === "string" ? snapshot["openedBy"].replaceAll(/[\d.]+/g, "") : undefined)
          assertSame(snapshot, { ...model.look(now), trip: options.trip?.name ?? "" })
          assert.strictEqual(draws(), modelled.draws())
          // At most so many probes at once in each generation.
          const probes = held.filter(({ real }) => real.note === "Probe").map(({ real }) => real.generation)
          for (const generation of probes) {
            assert.isAtMost(probes.filter((other) => other === generation).length, rules.probes)
          }
        }
      }),
      { numRuns: 1200 }
    )
    // A sequence that never gets anywhere would prove nothing.
    for (const what of [
      ...["BreakerOpened", "BreakerHalfOpened", "BreakerClosed", "BreakerIsolated", "StaleOutcome"],
      ...["BreakerOpen", "BreakerProbing", "Isolated", "Ramping", "Probe", "Ramp", "WouldReject"],
      ...[" failures in a row", " failure", " % failed of the last , at least ", " % failed in  s, at least "],
      ...[" % slow of the last , at least ", " % slow in  s, at least ", "a failed probe", "a probe that never ended"]
    ]) {
      assert.isAtLeast(met.get(what) ?? 0, 20, `${what}, of ${JSON.stringify([...met])}`)
    }
  })

  it("goes the same way when it never refuses as when it does, step by step", () => {
    fc.assert(
      fc.property(rules, commands, (rules, commands) => {
        const options = optionsOf(rules)
        const [strict, lenient] = [Breaker.make(options), Breaker.make({ ...options, metricsOnly: true })]
        const [first, second] = [chance(), chance()]
        const held: Array<{ readonly strict: Breaker.Permit | undefined; readonly lenient: Breaker.Permit }> = []
        const heard: Array<GateEvent> = []
        const heardToo: Array<GateEvent> = []
        let now = 0
        for (const command of commands) {
          now += command.wait
          if (command.do === "admit") {
            assert.isUndefined(lenient.peek(now, one))
            const answer = strict.admit(now, one, first.rng)
            const permit = lenient.admit(now, one, second.rng)
            if (isReject(permit)) assert.fail(`refused: ${permit.reason}`)
            assert.strictEqual(permit.note, isReject(answer) ? "WouldReject" : answer.note)
            held.push({ strict: isReject(answer) ? undefined : answer, lenient: permit })
          } else if (command.do === "settle") {
            const [permit] = held.splice(command.which, 1)
            if (permit === undefined) continue
            heardToo.push(...lenient.settle(permit.lenient, command.outcome, now, command.measured))
            if (permit.strict !== undefined) {
              heard.push(...strict.settle(permit.strict, command.outcome, now, command.measured))
            }
          } else if (command.do === "isolate") {
            strict.isolate(now)
            lenient.isolate(now)
          } else if (command.do === "clear") {
            strict.clear(now)
            lenient.clear(now)
          }
          assert.deepStrictEqual(lenient.snapshot(now), strict.snapshot(now))
          assert.strictEqual(second.draws(), first.draws())
          // Events come with the next settle, of which the lenient one has more.
          assert.deepStrictEqual(heardToo.slice(0, heard.length), heard)
        }
      }),
      { numRuns: 1000 }
    )
  })
})
