import { SimulationJson, SimulationPage, SimulationTable } from "@spillway/core/testing"
import type { Scenario } from "@spillway/core/testing/Scenario"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { count, millis, percent } from "../../../../src/testing/simulation/report/internal/format.ts"
import { ticks, timeTicks } from "../../../../src/testing/simulation/report/internal/scale.ts"
import { width } from "../../../../src/testing/simulation/report/internal/textTable.ts"
import { resultOf } from "./results.ts"

const hostile = `</title><img src=x onerror="alert('1')">&\u001b[31m\u202e`
const scenario = (provider: string): Scenario => ({
  name: "s",
  duration: "10 minutes",
  traffic: [{ name: "c", arrivals: { kind: "poisson", perSecond: 1 } }],
  providers: {
    [provider]: {
      latency: { firstContent: 1 },
      events: [{ kind: "outage", from: "4 minutes", lasting: "2 minutes" }]
    }
  }
})
const pair = [resultOf({ contender: "first" }), resultOf({ contender: "second", seed: 2, targets: ["large", "other"] })]

/** Names of elements in their order, as a browser would find them. */
const tags = (html: string) => [...html.matchAll(/<\/?([a-z]+)/g)].map(([, name]) => name).join(" ")

const named = (name: string) => [
  resultOf({
    contender: name,
    scenario: name,
    classes: [name, "second class"],
    targets: [name, "second target"],
    buckets: 6
  }),
  resultOf({
    contender: "other",
    scenario: name,
    classes: [name, "second class"],
    targets: [name, "second target"],
    buckets: 6
  })
]

describe("SimulationPage", () => {
  it("shows every contender, class, target and outage", () => {
    const html = SimulationPage.render(pair, { scenario: scenario("large") })
    for (const name of ["first", "second", "chat", "batch", "large", "middle", "small", "other"])
      assert.include(html, name)
    assert.include(html, "large, outage: 4 min – 6 min")
  })

  it("has the same elements whatever names say", () => {
    const plain = tags(SimulationPage.render(named("plain"), { scenario: scenario("plain") }))
    const check = (name: string) =>
      assert.isTrue(tags(SimulationPage.render(named(name), { scenario: scenario(name) })) === plain)
    check(hostile)
    const letters = fc.string({ minLength: 1, maxLength: 12, unit: fc.constantFrom(..."<>/&\"'=!-ab \u0000\ud800") })
    fc.assert(fc.property(letters, check), { numRuns: 15 })
  })

  it("needs nothing from elsewhere and runs nothing", () => {
    const html = SimulationPage.render(named(hostile))
    assert.notMatch(html, /<script|https?:|url\(|@import|<img/)
    assert.notInclude(html, "\u001b")
    assert.include(html, "default-src &#39;none&#39;")
  })

  it("gives the same bytes for the same results", () => {
    assert.strictEqual(SimulationPage.render(pair), SimulationPage.render(structuredClone(pair)))
  })

  it("keeps all marks inside their axes", () => {
    const html = SimulationPage.render(pair, { scenario: scenario("large") })
    const paths = [...html.matchAll(/<path class="[^"]*" d="([^"]*)"/g)].map(([, d]) => d ?? "")
    // Two lines, two quantiles, shares by target, one line: per contender.
    assert.strictEqual(paths.length, 2 * (3 + 2 + 1) + 3 + 2)
    for (const path of paths) {
      for (const [, command, x, y] of path.matchAll(/([MLVH])([\d.-]+)(?: ([\d.-]+))?/g)) {
        const [at, up] = command === "V" ? [0, Number(x)] : command === "H" ? [Number(x), 0] : [Number(x), Number(y)]
        assert.isTrue(at >= 0 && at <= 1000 && up >= 0 && up <= 240, `${command}${x} ${y}`)
      }
    }
  })

  it("leaves a gap where nothing is known", () => {
    const result = resultOf({ buckets: 4 })
    const [a, b] = [3000, 2000]
    const html = SimulationPage.render([{ ...result, series: { ...result.series, p95: [a, null, b, null] } }])
    const path = /<path class="line c0" d="([^"]*)"/.exec(html)?.[1] ?? ""
    assert.strictEqual(path.match(/M/g)?.length, 2)
  })

  it("gathers targets beyond the palette, and survives no results and no calls", () => {
    const targets = Array.from({ length: 30 }, (_, i) => `t${i}`)
    assert.include(SimulationPage.render([resultOf({ targets })]), "23 others")
    assert.include(SimulationPage.render([]), "No results")
    const empty = SimulationPage.render([resultOf({ buckets: 0, targets: ["a"] })])
    assert.notMatch(empty, /NaN|Infinity|undefined/)
  })
})

describe("SimulationTable", () => {
  const blocks = (text: string) =>
    text
      .trimEnd()
      .split("\n\n")
      .map((block) => block.split("\n"))
      .filter((lines) => lines[1]?.startsWith("─"))

  it("says of one contender what the JSON says", () => {
    const result = resultOf({ contender: "only" })
    const { results } = JSON.parse(SimulationJson.render([result])) as { results: ReadonlyArray<typeof result> }
    const text = SimulationTable.render([result])
    const [calls] = blocks(text)
    const cells = calls?.find((line) => line.startsWith("all calls"))?.split(/\s{2,}/) ?? []
    const read = results[0]?.overall
    assert.deepStrictEqual(cells.slice(1, 6), [
      count(read?.offered),
      count(read?.answered),
      count(read?.failed),
      count(read?.unfinished),
      percent(read?.availability ?? undefined)
    ])
    assert.strictEqual(cells.at(-1), millis(read?.latency.p99 ?? undefined))
  })

  it("names every contender and target side by side, and the difference to the first", () => {
    const [first, second] = pair
    const text = SimulationTable.render(pair)
    for (const name of ["first", "second", "large", "middle", "small", "other"]) assert.include(text, name)
    const offered = /^offered +(\S+) +(\S+) +(\S+) %$/m.exec(text) ?? []
    assert.deepStrictEqual(offered.slice(1, 3), [count(first?.overall.offered), count(second?.overall.offered)])
    const expected = ((second?.overall.offered ?? 0) / (first?.overall.offered ?? 1) - 1) * 100
    assert.closeTo(Number(offered[3]), expected, Math.abs(expected) / 100)
  })

  it("aligns its columns and sends nothing but letters to the terminal, whatever names say", () => {
    const names = fc.string({ minLength: 1, maxLength: 60, unit: fc.constantFrom(..."ab漢字🙂é\u001b\n\t\u202e") })
    fc.assert(
      fc.property(names, (name) => {
        const text = SimulationTable.render(named(name))
        for (const acting of ["\u001b", "\t", "\u202e"]) assert.notInclude(text, acting)
        for (const [heading = "", rule = "", ...rows] of blocks(text)) {
          for (const row of [heading, ...rows]) assert.isAtMost(width(row), width(rule) + 12)
          const ends = rule.split("  ").map((_, i, all) => width(all.slice(0, i + 1).join("  ")))
          // The first column is names; from then on no figure crosses the gap between columns.
          for (const row of rows) assert.strictEqual(cut(row, ends[0] ?? 0), "  ", row)
        }
      }),
      { numRuns: 50 }
    )
  })

  it("says so when there is nothing", () => {
    assert.strictEqual(SimulationTable.render([]), "No results.\n")
  })
})

/** The two columns after the first `from` ones. */
const cut = (row: string, from: number): string => {
  let at = 0
  let out = ""
  for (const character of row) {
    if (at >= from && at < from + 2) out += character
    at += width(character)
  }
  return out
}

describe("figures", () => {
  it("keeps apart availabilities that differ near 1, and says 100 % only of all", () => {
    assert.deepStrictEqual([0.9995, 0.9999, 0.99995, 1].map(percent), ["99.95 %", "99.99 %", "99.995 %", "100 %"])
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (share) => {
        assert.notStrictEqual(percent(share), "100 %")
      })
    )
  })

  it("puts round lines around any values", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 1e12, noNaN: true }), (max) => {
        const lines = ticks(max)
        assert.isTrue((lines.at(-1) ?? 0) >= max * (1 - 1e-6) && lines.length >= 2 && lines.length <= 6, `${lines}`)
        const times = timeTicks(max)
        assert.isTrue(times.length >= 1 && times.length <= 7 && (times.at(-1) ?? 0) <= max, `${times}`)
      })
    )
  })
})
