/**
 * What every gate must do, whatever it limits: run these for a gate of your own, in any test runner.
 *
 * ```ts
 * for (const law of GateLaws.laws) it(law.name, () => law.check({ make: () => MyGate.make({ limit: 3 }) }))
 * ```
 *
 * A law throws a `LawBroken` when it does not hold. Time and chance are arguments, so nothing waits. Give the gate a
 * capacity well below `maxPermits`, or a leak of a few permits goes unseen.
 */
import type { Gate, GateSnapshot, Millis } from "../model/Gate.ts"
import { isReject } from "../model/Gate.ts"
import * as Outcome from "../model/Outcome.ts"
import { type Bench, capacity, endings, equal, fill, live, type Subject, start } from "./internal/gateBench.ts"
import { LawBroken } from "./LawBroken.ts"
import { rng } from "./Seeded.ts"

export type { Subject }

export interface Law {
  /** What holds, as a sentence about the gate. */
  readonly name: string
  /** Throws `LawBroken` when it does not. */
  readonly check: <P extends object>(subject: Subject<P>) => void
}

/** All laws. */
export const check = <P extends object>(subject: Subject<P>): void => {
  for (const law of laws) law.check(subject)
}

const law = (name: string, body: <P extends object>(bench: Bench<P>) => void): Law => ({
  name,
  check: (subject) =>
    body({
      cost: { requests: 1, tokens: 10 },
      probabilistic: false,
      recovery: 600_000,
      maxPermits: 64,
      seed: 1,
      ...subject,
      fail: (detail) => {
        throw new LawBroken(subject.make().name, name, detail)
      }
    })
})

const unusedRefunds = law("takes an unused permit back as if it had never been given", (bench) => {
  const gate = bench.make()
  const chance = rng(bench.seed)
  const before = capacity(bench, gate, start, chance)
  if (before === 0) bench.fail("a fresh gate admits nothing")
  for (let round = 1; round <= 5 && !bench.probabilistic; round++) {
    const now = capacity(bench, gate, start, chance)
    if (now !== before) bench.fail(`it admitted ${before}, all were handed back unused, then it admitted ${now}`)
  }
})

const comesBack = law("has its whole capacity back some time after any outcome", (bench) => {
  for (const ending of endings) {
    const gate = bench.make()
    const chance = rng(bench.seed)
    const permits = fill(bench, gate, start, chance)
    for (const permit of permits) gate.settle(permit, ending, start + 1)
    const enough = bench.probabilistic ? 1 : permits.length
    let left = 0
    // What a probing or an adaptive gate needs: time, and attempts that succeed.
    for (let now = start, round = 0; round < 100 && left < enough; round++) {
      now += bench.recovery
      left = capacity(bench, gate, now, chance)
      const probe = gate.admit(now, bench.cost, chance)
      if (!isReject(probe)) gate.settle(probe, Outcome.success, now)
    }
    if (left < enough) bench.fail(`of ${permits.length} permits that ended as ${ending._tag}, ${left} can be had again`)
  }
})

const settlesOnce = law("learns nothing from a second settle", (bench) => {
  for (const first of endings) {
    const once = bench.make()
    const again = bench.make()
    const ones = fill(bench, once, start, rng(bench.seed))
    const others = fill(bench, again, start, rng(bench.seed))
    const [one] = ones
    const [other] = others
    if (one === undefined || other === undefined) return bench.fail("a fresh gate admits nothing")
    once.settle(one, first, start + 1)
    again.settle(other, first, start + 1)
    for (const second of [...endings, Outcome.misconfigured("Auth")]) {
      const events = again.settle(other, second, start + 1)
      if (events.length > 0)
        bench.fail(`a second settle (${first._tag}, then ${second._tag}) reports ${events[0]?._tag}`)
    }
    const expected = capacity(bench, once, start + 1, rng(bench.seed))
    const actual = capacity(bench, again, start + 1, rng(bench.seed))
    const what = `settled as ${first._tag} and then again, `
    if (expected !== actual) bench.fail(`${what}it admits ${actual} instead of ${expected}`)
    equal(once.snapshot(start + 1), again.snapshot(start + 1), (detail) => bench.fail(`${what}its snapshot: ${detail}`))
  }
})

const purePeek = law("is not changed by `peek` and `snapshot`", (bench) => {
  const quiet = bench.make()
  const asked = bench.make()
  const answers: Array<boolean | undefined> = []
  const { now } = live(
    bench,
    quiet,
    400,
    () => {},
    (_now, refused) => answers.push(refused)
  )
  let n = 0
  const ask = (now: Millis) => {
    asked.snapshot(now)
    for (let i = 0; i < 3; i++) asked.peek(now, bench.cost)
  }
  live(bench, asked, 400, ask, (_now, refused) => {
    if (refused !== answers[n]) bench.fail(`step ${n} goes another way when \`peek\` was called before it`)
    n++
  })
  equal(quiet.snapshot(now), asked.snapshot(now), bench.fail)
})

const peekAgrees = law("admits what `peek` allows and refuses what `peek` refuses, in the same turn", (bench) => {
  if (bench.probabilistic) return
  const gate = bench.make()
  let peeked: ReturnType<Gate["peek"]>
  let n = 0
  const peek = (now: Millis) => {
    peeked = gate.peek(now, bench.cost)
  }
  live(bench, gate, 1000, peek, (_now, refused) => {
    if (refused === true && peeked === undefined) bench.fail(`step ${n}: peek says yes, admit refuses`)
    if (refused === false && peeked !== undefined) bench.fail(`step ${n}: peek says ${peeked.reason}, admit says yes`)
    n++
  })
})

const futureRetry = law("never says that a time in the past is the time to retry", (bench) => {
  const gate = bench.make()
  const look = (now: Millis) => {
    const verdict = gate.peek(now, bench.cost)
    if (verdict?.retryAt !== undefined && !(verdict.retryAt >= now)) {
      bench.fail(`${verdict.reason} at ${now} says retry at ${verdict.retryAt}`)
    }
  }
  live(bench, gate, 1000, look, look)
})

const survivesRestart = law("is the same after snapshot and restore, on another clock too", (bench) => {
  for (const steps of [0, 1, 3, 10, 30, 100, 300]) {
    const gate = bench.make()
    const { held, now } = live(
      { ...bench, seed: bench.seed + steps },
      gate,
      steps,
      () => {},
      () => {}
    )
    // Permits that are out are not in a snapshot, so that it is made when none is.
    for (const permit of held) gate.settle(permit, Outcome.success, now)
    const snapshot = gate.snapshot(now)
    const later = now + 123_456.25
    const restored = bench.make()
    restored.restore(JSON.parse(JSON.stringify(snapshot)) as GateSnapshot, later)
    const at = `after ${steps} steps, `
    equal(snapshot, restored.snapshot(later), (detail) => bench.fail(`${at}its snapshot: ${detail}`))
    const [was, is] = [gate.peek(now, bench.cost)?.reason ?? "yes", restored.peek(later, bench.cost)?.reason ?? "yes"]
    if (was !== is) bench.fail(`${at}peek says ${is} instead of ${was}`)
  }
})

export const laws: ReadonlyArray<Law> = [
  unusedRefunds,
  comesBack,
  settlesOnce,
  purePeek,
  peekAgrees,
  futureRetry,
  survivesRestart
]
