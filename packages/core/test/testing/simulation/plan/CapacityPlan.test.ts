import { CapacityPlan, PlanPage, PlanTable } from "@spillway/core/testing"
import type { PlanRecord } from "@spillway/core/testing/PlanRecord"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { cellName, cellOf, occurrences } from "../../../../src/testing/simulation/plan/internal/week.ts"

const minute = 60_000
const monday = Date.UTC(2026, 2, 2)

const record = (at: number, attempts: ReadonlyArray<Partial<PlanRecord["attempts"][number]>>): PlanRecord => ({
  at,
  outcome: "ok",
  attempts: attempts.map((attempt) => ({ target: "a", startedAt: 0, ms: 1000, outcome: "won", ...attempt }))
})

const plan = (records: ReadonlyArray<PlanRecord>, options?: CapacityPlan.Options) => {
  const planner = CapacityPlan.make(options)
  for (const each of records) planner.line(JSON.stringify(each))
  return planner.plan()
}

const attempts = fc.record({
  target: fc.constantFrom("a", "b", "c"),
  startedAt: fc.integer({ min: 0, max: 90_000 }),
  ms: fc.integer({ min: 0, max: 400_000 }),
  outcome: fc.constantFrom("won" as const, "failed" as const, "lost" as const),
  facts: fc.option(fc.record({ inputTokens: fc.nat(5000), outputTokens: fc.nat(900) }), { nil: null }),
  costUsd: fc.option(
    fc.integer({ min: 0, max: 64 }).map((n) => n / 64),
    { nil: null }
  )
})
const records = fc.array(
  fc.record({
    at: fc.integer({ min: monday, max: monday + 9 * 86_400_000 }),
    outcome: fc.constantFrom("ok" as const, "error" as const),
    attempts: fc.array(attempts, { maxLength: 3 })
  }),
  { maxLength: 40 }
)

/** By definition, a list at a time. */
const naive = (all: ReadonlyArray<PlanRecord>, target: string) => {
  const own = all.flatMap(({ at, attempts }) =>
    attempts.filter((each) => each.target === target).map((each) => ({ ...each, from: at + each.startedAt }))
  )
  const minutes = new Map<number, { requests: number; tokens: number; busy: number }>()
  const at = (m: number) => {
    const known = minutes.get(m) ?? { requests: 0, tokens: 0, busy: 0 }
    minutes.set(m, known)
    return known
  }
  for (const { from, ms, facts } of own) {
    const started = at(Math.floor(from / minute))
    started.requests++
    started.tokens += (facts?.inputTokens ?? 0) + (facts?.outputTokens ?? 0)
    for (let m = Math.floor(from / minute); m * minute < from + ms; m++) {
      at(m).busy += Math.min(from + ms, (m + 1) * minute) - Math.max(from, m * minute)
    }
  }
  const cell = new Date(0)
  const week = new Map<number, number>()
  for (const { from } of own) {
    cell.setTime(from)
    const hour = ((cell.getUTCDay() + 6) % 7) * 24 + cell.getUTCHours()
    week.set(hour, (week.get(hour) ?? 0) + 1)
  }
  const peak = (read: (m: { requests: number; tokens: number; busy: number }) => number) =>
    Math.max(0, ...[...minutes.values()].map(read))
  return {
    own,
    week,
    requests: peak((m) => m.requests),
    tokens: peak((m) => m.tokens),
    busy: peak((m) => m.busy) / minute
  }
}

describe("CapacityPlan", () => {
  it("counts what a naive model counts, in whatever order records come", () => {
    fc.assert(
      fc.property(records, fc.nat(), (all, turn) => {
        const rotated = [...all.slice(turn % (all.length + 1)), ...all.slice(0, turn % (all.length + 1))]
        const made = plan(rotated)
        assert.strictEqual(made.records, all.length)
        for (const target of new Set(all.flatMap((each) => each.attempts.map((attempt) => attempt.target)))) {
          const expected = naive(all, target)
          const got = made.targets.find((each) => each.target === target)
          assert.isDefined(got)
          if (got === undefined) return
          assert.strictEqual(got.total.attempts, expected.own.length)
          assert.strictEqual(got.total.failures, expected.own.filter(({ outcome }) => outcome === "failed").length)
          assert.strictEqual(got.peaks.requestsPerMinute.peakMinute, expected.requests)
          assert.strictEqual(got.peaks.tokensPerMinute.peakMinute, expected.tokens)
          assert.closeTo(got.peaks.maxInFlight.peakMinute, expected.busy, 1e-9)
          assert.strictEqual(got.week.length, 168)
          for (const { hour, attempts } of got.week) assert.strictEqual(attempts, expected.week.get(hour) ?? 0)
          const costs = expected.own.flatMap(({ costUsd }) => (typeof costUsd === "number" ? [costUsd] : []))
          assert.strictEqual(got.total.costUsd, costs.length === 0 ? undefined : costs.reduce((a, b) => a + b))
          const latencies = expected.own.filter(({ outcome }) => outcome === "won").map(({ ms }) => ms)
          latencies.sort((a, b) => a - b)
          const p95 = latencies[Math.ceil(0.95 * latencies.length) - 1]
          if (p95 === undefined) assert.isUndefined(got.total.p95Ms)
          else assert.closeTo(got.total.p95Ms ?? -1, p95, Math.max(1, p95 * 0.025))
        }
      }),
      { numRuns: 100 }
    )
  })

  it("says which hours leave too little free, and by how much", () => {
    const busy = Array.from({ length: 8 }, (_, i) => record(monday + 9 * 60 * minute + i * 1000, [{ ms: 10 }]))
    const calm = Array.from({ length: 7 }, (_, i) => record(monday + 33 * 60 * minute + i * 1000, [{ ms: 10 }]))
    const [a] = plan([...busy, ...calm], { limits: { targets: { a: { requestsPerMinute: 10 } } } }).targets
    assert.deepStrictEqual(
      a?.broken.map(({ hour, resource, peak }) => [cellName(hour), resource, peak]),
      [["Mon 09:00", "requestsPerMinute", 8]]
    )
    assert.closeTo(a?.broken[0]?.over ?? 0, 8 / 7 - 1, 1e-12)
    assert.strictEqual(a?.utilisation.requestsPerMinute, 0.8)
    // 8 / 0.7 = 11.4
    assert.strictEqual(a?.recommended.requestsPerMinute, 12)
  })

  it("gives weights by what targets bear, and says that 30 % does not outlast the loss of half", () => {
    const limits = {
      targets: { a: { requestsPerMinute: 50 }, b: { requestsPerMinute: 30 }, c: { requestsPerMinute: 20 } }
    }
    const all = ["a", "b", "c"].map((target) => record(monday, [{ target }]))
    const made = plan(all, { limits })
    assert.deepStrictEqual(
      made.targets.map(({ weight }) => weight),
      [50, 30, 20]
    )
    assert.strictEqual(made.nMinusOne?.heaviest, "a")
    assert.isFalse(made.nMinusOne?.holds)
    // resilience: at 70 % of all, the rest would run at 1.40, 1.00, 0.875.
    const full = plan(
      Array.from({ length: 70 }, (_, i) => record(monday + i, [{ target: "abc"[i % 3] ?? "a" }])),
      { limits }
    )
    const others = full.nMinusOne?.losses.map(({ othersFull }) => othersFull ?? 0) ?? []
    for (const [i, expected] of [1.4, 1, 0.875].entries()) assert.closeTo(others[i] ?? 0, expected, 1e-12)
    assert.isTrue(plan(all, { limits: { ...limits, headroom: 0.5 } }).nMinusOne?.holds)
  })

  it("takes the p99 minute over all minutes, idle ones too", () => {
    // 200 minutes: 10 calls in one, 5 in another, 1 in the last; rank 198 of 200 is 1.
    const at = (m: number, n: number) => Array.from({ length: n }, () => record(monday + m * minute, [{ ms: 1 }]))
    const [a] = plan([...at(0, 10), ...at(50, 5), ...at(199, 1)]).targets
    assert.strictEqual(a?.peaks.requestsPerMinute.p99Minute, 1)
  })

  it("counts bad lines, shows the first few with their numbers, and goes on", () => {
    const planner = CapacityPlan.make()
    const bad = [
      "{",
      "null",
      "[]",
      '{"at":"secret prompt"}',
      '{"at":-1,"outcome":"ok"}',
      '{"at":1,"outcome":"secret prompt"}',
      "x".repeat(1e5)
    ]
    planner.line(JSON.stringify(record(monday, [{}])))
    planner.line("")
    for (const line of bad) planner.line(line)
    planner.badLine("longer than 5 characters")
    const made = planner.plan()
    assert.strictEqual(made.records, 1)
    assert.strictEqual(made.badLines, bad.length + 1)
    assert.deepStrictEqual(
      made.badExamples.map(({ line }) => line),
      [3, 4, 5, 6, 7]
    )
    assert.isTrue(made.badExamples.every(({ reason }) => reason.length <= 200))
    assert.notInclude(JSON.stringify(made.badExamples), "secret")
  })

  it("plans nothing from nothing", () => {
    const made = plan([])
    assert.strictEqual(made.from, undefined)
    assert.match(PlanTable.render(made), /nothing to plan/)
    assert.match(PlanPage.render(made), /nothing to plan/)
    assert.notMatch(PlanPage.render(plan([record(monday, [{ ms: 0 }])])), /NaN|Infinity/)
  })

  it("is bounded in targets, ids and days", () => {
    const ids = Array.from({ length: 20 }, (_, i) => ({ target: `${i}${"x".repeat(5000)}`, ms: 1 }))
    const made = plan([record(monday, ids)], { maxTargets: 5 })
    assert.strictEqual(made.targets.length, 6)
    assert.isTrue(made.targets.every(({ target }) => target.length <= 120))
    assert.strictEqual(made.targets.find(({ target }) => target === CapacityPlan.others)?.total.attempts, 15)
    const days = Array.from({ length: 10 }, (_, i) => record(monday + i * 86_400_000, [{}]))
    const short = plan(days, { maxDays: 6 })
    assert.strictEqual(short.crowdedOut + (short.targets[0]?.total.attempts ?? 0), 10)
    assert.strictEqual(short.targets[0]?.total.attempts, 3)
  })

  it("refuses options that are wrong", () => {
    const wrong = (options: unknown) => () => CapacityPlan.make(options as CapacityPlan.Options)
    assert.throws(wrong({ utcOffset: 1 }), /made of limits, utcOffsetMinutes/)
    assert.throws(wrong({ utcOffsetMinutes: 900 }), /utcOffsetMinutes must be an integer in \[-840, 840\], got 900/)
    assert.throws(wrong({ limits: { headroom: 1, targets: {} } }), /headroom must be below 1/)
  })

  it("shifts the week by the offset, not the moments it names", () => {
    const [a] = plan([record(monday, [{}])], { utcOffsetMinutes: -60 }).targets
    assert.strictEqual(a?.week.find(({ attempts }) => attempts === 1)?.hour, 167)
    assert.strictEqual(a?.peaks.requestsPerMinute.peakAt, monday)
  })
})

describe("the page and the table of a plan", () => {
  const hostile = `<b>"&'\u001b[31m`
  const made = plan(
    [
      record(monday, [
        { target: hostile, costUsd: 0.5 },
        { target: "other", outcome: "failed" }
      ])
    ],
    { limits: { targets: { other: { requestsPerMinute: 1 } } } }
  )

  it("draw 168 cells for each target, for all, and for the cost", () => {
    const cells = PlanPage.render(made).match(/<rect class="cell( none)?" [^>]*><title>/g) ?? []
    assert.strictEqual(cells.length, 168 * 3 + 168)
  })

  it("name every target without letting its name act", () => {
    const html = PlanPage.render(made)
    assert.notMatch(html, /<b>"|<script|https?:/)
    assert.notInclude(html, "\u001b")
    assert.include(html, "&lt;b&gt;&quot;&amp;&#39;")
    const text = PlanTable.render(made)
    assert.notInclude(text, "\u001b")
    assert.include(text, "other")
    assert.match(text, /!/)
  })
})

describe("the week", () => {
  it("knows the hour of any minute as Date does, and how often each hour came", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e8 }), fc.integer({ min: 0, max: 30_000 }), (first, length) => {
        const date = new Date(first * minute)
        assert.strictEqual(cellOf(first), ((date.getUTCDay() + 6) % 7) * 24 + date.getUTCHours())
        const counts = occurrences(first, first + length)
        const hours = Math.floor((first + length) / 60) - Math.floor(first / 60) + 1
        assert.strictEqual(
          counts.reduce((a, b) => a + b, 0),
          hours
        )
        assert.isTrue(Math.max(...counts) - Math.min(...counts) <= 1 && (counts[cellOf(first)] ?? 0) > 0)
      })
    )
  })
})
