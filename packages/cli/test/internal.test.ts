import { Contender } from "@spillway/core/testing"
import type { Scenario } from "@spillway/core/testing/Scenario"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { splitter } from "../src/internal/lines.ts"
import * as Progress from "../src/internal/progress.ts"
import * as Scale from "../src/internal/scale.ts"
import { strategies } from "../src/StrategyTable.ts"

describe("lines", () => {
  it("come out as they went in, wherever the chunks are cut", () => {
    const text = fc.array(
      fc.string({ unit: fc.constantFrom(...'aé漢🙂\r"{'), maxLength: 9 }).map((line) => line.replace(/\r+$/, "")),
      { minLength: 1 }
    )
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 7 }), (lines, size) => {
        const bytes = new TextEncoder().encode(lines.join("\n"))
        const seen: Array<string> = []
        const split = splitter({ line: (line) => seen.push(line), badLine: () => assert.fail("none is too long") })
        for (let at = 0; at < bytes.length; at += size) split.push(bytes.slice(at, at + size))
        split.end()
        // A last line break ends a line and begins none.
        assert.deepStrictEqual(seen, lines.at(-1) === "" ? lines.slice(0, -1) : lines)
      }),
      { numRuns: 200 }
    )
  })

  it("that are too long are counted and forgotten, the next one is read", () => {
    const seen: Array<string> = []
    const split = splitter({ line: (line) => seen.push(line), badLine: (reason) => seen.push(`! ${reason}`) }, 10)
    const push = (text: string) => split.push(new TextEncoder().encode(text))
    push("a\r\n")
    for (let i = 0; i < 100; i++) push("xxxxxxx")
    push("\nb\n12345678901\n")
    push("c")
    split.end()
    assert.deepStrictEqual(seen, ["a", "! longer than 10 characters", "b", "! longer than 10 characters", "c"])
  })
})

describe("progress", () => {
  const stream = (isTTY: boolean) => {
    const written: Array<string> = []
    return { isTTY, columns: 100, written, write: (text: string) => written.push(text) }
  }

  it("is silent where nobody watches", () => {
    const quiet = stream(false)
    const progress = Progress.make(quiet, 1000, () => 0)
    progress.report(0.5, "a")
    progress.clear()
    assert.deepStrictEqual(quiet.written, [])
  })

  it("says share, speed and what is left, at most ten times a second, within the width", () => {
    let now = 0
    const terminal = stream(true)
    const progress = Progress.make(terminal, 100_000, () => now)
    progress.report(0, "plain")
    for (now = 10; now <= 1000; now += 10) progress.report(0.25, "plain\u001b[2J")
    assert.isAtMost(terminal.written.length, 11)
    const last = terminal.written.at(-1) ?? ""
    assert.match(last, / 25 % {2}plain\?\[2J {2}\d+ × real time {2}\d s left/)
    assert.isAtMost(last.length, 100 + 4)
  })
})

describe("scale", () => {
  it("makes traffic and limits smaller by as much, and keeps at least one of what is counted", () => {
    const scenario: Scenario = {
      name: "s",
      duration: "1 minute",
      traffic: [
        { name: "a", arrivals: { kind: "bursts", perSecond: 10, burstPerSecond: 100, every: 10, lasting: 1 } },
        { name: "b", arrivals: { kind: "callers", count: 5 } },
        { name: "c", arrivals: { kind: "times", at: Array.from({ length: 100 }, (_, i) => i) } }
      ],
      providers: { p: { latency: { firstContent: 1 }, capacity: { concurrency: 30, requestsPerMinute: 600 } } }
    }
    const { traffic, providers } = Scale.scenario(scenario, 0.1)
    const [a, b, c] = traffic.map(({ arrivals }) => arrivals)
    assert.deepInclude(a, { perSecond: 1, burstPerSecond: 10 })
    assert.deepInclude(b, { count: 1 })
    assert.strictEqual(c?.kind === "times" ? c.at.length : 0, 10)
    assert.deepStrictEqual(providers["p"]?.capacity, { concurrency: 3, requestsPerMinute: 60 })
    assert.strictEqual(Scale.scenario(scenario, 1), scenario)
  })

  it("makes the limits that a router keeps smaller too", () => {
    const strategy = strategies.get("power-of-two")?.(undefined)
    assert.isDefined(strategy)
    if (strategy === undefined) return
    const router = Contender.router({
      strategy,
      targets: [{ id: "a", limits: { maxInFlight: 4, requestsPerMinute: 60 } }]
    })
    const scaled = Scale.contender(router, 0.1)
    assert.deepStrictEqual(scaled._tag === "Router" ? scaled.targets[0]?.limits : undefined, {
      maxInFlight: 1,
      requestsPerMinute: 6
    })
  })
})

describe("the table of strategies", () => {
  it("makes each strategy by its name, with and without options", () => {
    for (const [name, make] of strategies) {
      assert.match(name, /^[a-z0-9]+(-[a-z0-9]+)*$/)
      assert.isString(make(undefined).name)
      assert.isString(make({}).name)
    }
  })
})
