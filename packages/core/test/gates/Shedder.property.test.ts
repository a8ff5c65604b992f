import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import * as AdmissionControl from "../../src/gates/AdmissionControl.ts"
import * as ClientThrottle from "../../src/gates/ClientThrottle.ts"
import * as Shedder from "../../src/gates/Shedder.ts"
import type { AttemptReason, Cost, Priority } from "../../src/model/Cost.ts"
import { type Gate, type GateSnapshot, isReject } from "../../src/model/Gate.ts"
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
import { type Chosen, Log, SelectionModel } from "./ShedderModel.ts"
import { tags } from "./support.ts"

/** What a gate has to do, said by a log that forgets nothing. */
interface Model {
  readonly chosen: SelectionModel
  /** The share of all requests to refuse now; steps change here. */
  share(now: number): number
  /** The same, for someone who only looks. */
  look(now: number): number
  /** Does this request take part at all? */
  readonly takesPart: (cost: Cost) => boolean
  attempted(now: number): void
  ended(outcome: Outcome | Unused, at: number, now: number): void
  events(): ReadonlyArray<string>
  facts(now: number): Record<string, number | string>
  restart(now: number, fresh: boolean): void
}

const failed = failure("Overloaded")

const commands = fc.array(
  fc.record({
    do: fc.constantFrom("ask", "ask", "ask", "settle", "settle", "settle", "again", "restart"),
    // At times the clock steps back.
    wait: fc.oneof(
      { weight: 12, arbitrary: fc.nat(40) },
      { weight: 1, arbitrary: fc.nat(1500) },
      { weight: 1, arbitrary: fc.integer({ min: -100, max: -1 }) }
    ),
    which: fc.nat(4),
    priority: fc.constantFrom<Priority>("P0", "P1", "P2", "P3", "P3"),
    reason: fc.constantFrom<AttemptReason>("primary", "primary", "primary", "retry", "failover", "hedge"),
    outcome: fc.oneof(
      { weight: 5, arbitrary: fc.constantFrom<Outcome | Unused>(success, slow, failed, failed) },
      {
        weight: 2,
        arbitrary: fc.constantFrom<Outcome | Unused>(ignored, unused, rateLimited(50), misconfigured("Auth"))
      }
    )
  }),
  { maxLength: 80, size: "max" }
)

const chosen: fc.Arbitrary<Chosen> = fc.record({
  window: fc.constantFrom(100, 1000),
  buckets: fc.constantFrom(1, 5, 10),
  order: fc.constantFrom("lowestFirst", "all"),
  choice: fc.constantFrom("bernoulli", "stratified"),
  exempt: fc.constantFrom<ReadonlyArray<Priority>>([], ["P0"], ["P0", "P2"])
})

type Commands = typeof commands extends fc.Arbitrary<infer A> ? A : never

const agree = <P extends { settled: boolean }>(make: () => Gate<P>, model: Model, commands: Commands) => {
  const chance = (n: number) => ((n * 37) % 101) / 101
  let draws = 0
  let modelDraws = 0
  let gate = make()
  let rejected = 0
  let sure = 0
  let held: Array<{ permit: P; at: number; part: number; priority: Priority; old: boolean; takesPart: boolean }> = []
  const done: Array<P> = []
  let clock = 1000
  /** The latest moment the gate was told of. */
  let now = Number.NEGATIVE_INFINITY
  for (const command of commands) {
    clock += command.wait
    if (command.do === "ask") {
      now = Math.max(now, clock)
      const { priority, reason } = command
      const cost = { requests: 1, tokens: 0, priority, reason }
      const takesPart = model.takesPart(cost)
      const certain = takesPart && model.chosen.part(model.look(now), now, priority) === 1
      assert.strictEqual(gate.peek(clock, cost)?.reason, certain ? "Shed" : undefined)
      if (certain) sure++
      const share = model.share(now)
      model.attempted(now)
      const part = takesPart ? model.chosen.part(share, now, priority) : 0
      const refused = takesPart && model.chosen.refuses(part, now, priority, () => chance(modelDraws++))
      const answer = gate.admit(clock, cost, () => chance(draws++))
      assert.strictEqual(isReject(answer), refused)
      assert.strictEqual(draws, modelDraws)
      if (isReject(answer)) rejected++
      else held.push({ permit: answer, at: now, part, priority, old: false, takesPart })
    } else if (command.do === "settle") {
      const [one] = held.splice(command.which, 1)
      if (one === undefined) {
        clock -= command.wait
        continue
      }
      now = Math.max(now, clock)
      // What another life of the gate has counted cannot be taken back.
      model.ended(command.outcome, one.old ? Number.NEGATIVE_INFINITY : one.at, now)
      if (command.outcome._tag === "Unused" && !one.old && one.takesPart) {
        model.chosen.undo(one.part, one.at, now, one.priority)
      }
      model.share(now)
      assert.deepStrictEqual(tags(gate.settle(one.permit, command.outcome, clock)), model.events())
      done.push(one.permit)
    } else if (command.do === "again") {
      const permit = done[command.which]
      clock -= command.wait
      if (permit === undefined) continue
      assert.deepStrictEqual(gate.settle(permit, command.outcome, clock), [])
    } else {
      now = Math.max(now, clock)
      const snapshot = JSON.parse(JSON.stringify(gate.snapshot(clock))) as GateSnapshot
      // In a new process, or over the head of a gate whose permits are out.
      const fresh = command.which < 2
      if (fresh) gate = make()
      gate.restore(snapshot, now)
      model.restart(now, fresh)
      clock = now
      held = fresh ? [] : held.map((one) => ({ ...one, old: true }))
    }
    const snapshot = gate.snapshot(clock)
    const facts: Record<string, number | string> = { ...model.facts(now), ...model.chosen.facts(now), rejected }
    // A million of these comparisons: an assertion for each takes longer than everything else.
    const keys = new Set([...Object.keys(snapshot), ...Object.keys(facts)])
    for (const key of keys)
      if (!same(snapshot[key], facts[key])) assert.fail(`${key} is ${snapshot[key]} instead of ${facts[key]}`)
  }
  return { rejected, certain: sure, asked: done.length + held.length + rejected }
}

const same = (a: unknown, b: unknown): boolean =>
  typeof a === "number" && typeof b === "number" ? Math.abs(a - b) <= 1e-9 : a === b

interface Steps extends Chosen {
  readonly minSamples: number
  readonly hold: number
  readonly steps: ReadonlyArray<Shedder.Step>
}

class StepModel implements Model {
  readonly rules: Steps
  readonly chosen: SelectionModel
  log: Log
  /** Since when each change holds: the last one is in force. */
  changes: Array<{ at: number; step: number }> = [{ at: Number.NEGATIVE_INFINITY, step: 0 }]
  told = 0
  pending: ReadonlyArray<string> = []

  constructor(rules: Steps) {
    this.rules = rules
    this.chosen = new SelectionModel(rules)
    this.log = new Log(rules)
  }

  readonly takesPart = (cost: Cost) => cost.reason === "primary"

  private last() {
    return this.changes.at(-1) ?? { at: 0, step: 0 }
  }

  private step(now: number): number {
    const bad = this.log.count("bad", now)
    const n = bad + this.log.count("good", now)
    const enough = n >= this.rules.minSamples
    const { at, step } = this.last()
    const numbered = this.rules.steps.map((rule, i) => ({ ...rule, number: i + 1 })).reverse()
    const rise = numbered.find(({ above, number }) => number > step && enough && bad / n > above)
    if (rise !== undefined) return rise.number
    if (step > 0 && now - at < this.rules.hold) return step
    return numbered.find(({ clearBelow, number }) => number <= step && enough && bad / n > clearBelow)?.number ?? 0
  }

  look(now: number) {
    return this.rules.steps[this.step(now) - 1]?.reject ?? 0
  }

  share(now: number) {
    const step = this.step(now)
    if (step !== this.last().step) this.changes.push({ at: now, step })
    return this.look(now)
  }

  attempted() {}

  ended(outcome: Outcome | Unused, _at: number, now: number) {
    const good = outcome._tag === "Success" || outcome._tag === "Slow"
    const bad = outcome._tag === "Failure"
    if (good || bad) this.log.entries.push({ at: now, what: good ? "good" : "bad", amount: 1 })
  }

  events() {
    const events = this.changes
      .slice(this.told + 1)
      .map(({ step }, i) =>
        step === 0 ? "ShedEnded" : this.changes[this.told + i]?.step === 0 ? "ShedStarted" : "ShedStepChanged"
      )
    this.told = this.changes.length - 1
    const all = [...this.pending, ...events]
    this.pending = []
    return all
  }

  facts(now: number) {
    const failures = this.log.count("bad", now)
    const samples = failures + this.log.count("good", now)
    const step = this.step(now)
    const since = step === this.last().step ? this.last().at : now
    return {
      state: step === 0 ? "open" : "shedding",
      step,
      rejectShare: this.look(now),
      errorRate: samples === 0 ? 0 : failures / samples,
      samples,
      failures,
      holdInMs: step === 0 ? 0 : Math.max(0, since + this.rules.hold - now)
    }
  }

  restart(now: number, fresh: boolean) {
    const { holdInMs, step } = this.facts(now)
    // What was not told is lost with the old process.
    this.pending = fresh ? [] : this.events()
    this.changes = [{ at: now + holdInMs - this.rules.hold, step }]
    this.told = 0
    this.log.compress(now)
    this.chosen.restart(now)
  }
}

class ThrottleModel implements Model {
  readonly rules: Chosen & { readonly k: number; readonly protection: number; readonly maxReject: number }
  readonly chosen: SelectionModel
  log: Log

  constructor(rules: ThrottleModel["rules"]) {
    this.rules = rules
    this.chosen = new SelectionModel(rules)
    this.log = new Log(rules)
  }

  readonly takesPart = () => true

  look(now: number) {
    const { k, maxReject, protection } = this.rules
    const requests = this.log.count("request", now)
    const spare = k * this.log.count("accept", now) + protection
    return requests <= spare ? 0 : Math.min(maxReject, (requests - spare) / (requests + 1))
  }

  share(now: number) {
    return this.look(now)
  }

  attempted(now: number) {
    this.log.entries.push({ at: now, what: "request", amount: 1 })
  }

  ended(outcome: Outcome | Unused, at: number, now: number) {
    if (outcome._tag === "Success" || outcome._tag === "Slow") {
      this.log.entries.push({ at: now, what: "accept", amount: 1 })
    }
    const saysNothing = ["Unused", "Ignored", "Misconfigured"].includes(outcome._tag)
    if (saysNothing && now - at < this.rules.window) {
      this.log.entries.push({ at: now, what: "request", amount: -1 })
    }
  }

  events() {
    return []
  }

  facts(now: number) {
    const rejectShare = this.look(now)
    const requests = this.log.count("request", now)
    const accepts = this.log.count("accept", now)
    return { state: rejectShare > 0 ? "throttling" : "open", rejectShare, requests, accepts }
  }

  restart(now: number) {
    this.log.compress(now)
    this.chosen.restart(now)
  }
}

class CurveModel implements Model {
  readonly rules: Chosen &
    Pick<Required<AdmissionControl.Options>, "successRate" | "aggression" | "maxReject"> & {
      readonly minRequestsPerSecond: number
    }
  readonly chosen: SelectionModel
  log: Log

  constructor(rules: CurveModel["rules"]) {
    this.rules = rules
    this.chosen = new SelectionModel(rules)
    this.log = new Log(rules)
  }

  readonly takesPart = () => true

  look(now: number) {
    const { aggression, maxReject, minRequestsPerSecond, successRate, window } = this.rules
    const s = this.log.count("good", now)
    const n = s + this.log.count("bad", now)
    if (n === 0 || n < (minRequestsPerSecond * window) / 1000 || s / n >= successRate - 1e-9) return 0
    return Math.min(maxReject, Math.exp(Math.log((n - s / successRate) / (n + 1)) / aggression))
  }

  share(now: number) {
    return this.look(now)
  }

  attempted() {}

  ended(outcome: Outcome | Unused, _at: number, now: number) {
    const good = outcome._tag === "Success" || outcome._tag === "Slow"
    const bad = outcome._tag === "Failure"
    if (good || bad) this.log.entries.push({ at: now, what: good ? "good" : "bad", amount: 1 })
  }

  events() {
    return []
  }

  facts(now: number) {
    const rejectShare = this.look(now)
    const failures = this.log.count("bad", now)
    const samples = failures + this.log.count("good", now)
    const errorRate = samples === 0 ? 0 : failures / samples
    return { state: rejectShare > 0 ? "shedding" : "open", rejectShare, errorRate, samples, failures }
  }

  restart(now: number) {
    this.log.compress(now)
    this.chosen.restart(now)
  }
}

describe("load shedding, against rules written out over full logs", () => {
  /** A property whose gates never refuse would prove nothing. */
  const total = { rejected: 0, certain: 0, asked: 0 }
  const note = (one: typeof total) => {
    total.rejected += one.rejected
    total.certain += one.certain
    total.asked += one.asked
  }
  const enough = () => {
    assert.isAbove(total.rejected, 0.02 * total.asked)
    assert.isBelow(total.rejected, 0.9 * total.asked)
    assert.isAbove(total.certain, 0.005 * total.asked)
    Object.assign(total, { rejected: 0, certain: 0, asked: 0 })
  }

  it("Shedder does what its rules say", () => {
    const steps = fc.constantFrom<ReadonlyArray<Shedder.Step>>(
      [{ above: 0.05, clearBelow: 0.03, reject: 0.1 }],
      [{ above: 0.3, clearBelow: 0.3, reject: 0.5 }],
      [
        { above: 0.2, clearBelow: 0.1, reject: 0.25 },
        { above: 0.5, clearBelow: 0.4, reject: 0.75 }
      ],
      [
        { above: 0, clearBelow: 0, reject: 0.1 },
        { above: 0.3, clearBelow: 0.2, reject: 0.4 },
        { above: 0.6, clearBelow: 0.1, reject: 0.9 }
      ]
    )
    const rules = fc
      .tuple(chosen, fc.record({ minSamples: fc.integer({ min: 1, max: 6 }), hold: fc.constantFrom(30, 300), steps }))
      .map(([a, b]): Steps => ({ ...a, ...b }))
    fc.assert(
      fc.property(rules, commands, (rules, commands) => {
        note(agree(() => Shedder.make(rules), new StepModel(rules), commands))
      }),
      { numRuns: 1000 }
    )
    enough()
  })

  it("ClientThrottle does what its rules say", () => {
    const rules = fc
      .tuple(
        chosen,
        fc.record({
          k: fc.constantFrom(1, 1.5, 2),
          protection: fc.constantFrom(0, 0, 3),
          maxReject: fc.constantFrom(0, 0.6, 0.99)
        })
      )
      .map(([a, b]) => ({ ...a, ...b }))
    fc.assert(
      fc.property(rules, commands, (rules, commands) => {
        note(agree(() => ClientThrottle.make(rules), new ThrottleModel(rules), commands))
      }),
      { numRuns: 1000 }
    )
    enough()
  })

  it("AdmissionControl does what its rules say", () => {
    const rules = fc
      .tuple(
        chosen,
        fc.record({
          successRate: fc.constantFrom(0.5, 0.9, 0.95, 1),
          aggression: fc.constantFrom(1, 2, 5),
          maxReject: fc.constantFrom(0, 0.5, 0.8),
          minRequestsPerSecond: fc.constantFrom(0, 0, 10)
        })
      )
      .map(([a, b]) => ({ ...a, ...b }))
    fc.assert(
      fc.property(rules, commands, (rules, commands) => {
        note(agree(() => AdmissionControl.make(rules), new CurveModel(rules), commands))
      }),
      { numRuns: 1000 }
    )
    enough()
  })
})
