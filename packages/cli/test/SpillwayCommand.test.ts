import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { run, start } from "./support/run.ts"

const calls = (perSecond: number, duration: string) => ({
  name: "calls",
  duration,
  traffic: [{ name: "chat", arrivals: { kind: "poisson", perSecond } }],
  providers: { a: { latency: { firstContent: 300 } }, b: { latency: { firstContent: 500 } } },
  contenders: [{ kind: "plain" }, { kind: "plain", name: "in turn", pick: "roundRobin" }]
})

describe("spillway simulate", () => {
  let folder: string
  const file = (name: string, content: unknown) => {
    const path = join(folder, name)
    writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content))
    return path
  }
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "spillway-cli-"))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it("prints the first contender, quietly, the same bytes each time", async () => {
    const path = file("calls.jsonc", `// how many\n${JSON.stringify(calls(20, "1 minute"))}`)
    const [one, two] = [await run(["simulate", path]), await run(["simulate", path])]
    assert.strictEqual(one.stderr, "")
    assert.strictEqual(one.code, 0)
    assert.match(one.stdout, /^calls: plain\n/)
    assert.strictEqual(one.stdout, two.stdout)
  })

  it("compares all contenders, with a page and JSON of the same figures", async () => {
    const path = file("compare.json", calls(20, "1 minute"))
    const [html, json] = [join(folder, "out.html"), join(folder, "out.json")]
    const ended = await run(["simulate", "compare", path, "--html", html, "--json", json, "--seed", "7"])
    assert.deepStrictEqual([ended.code, ended.stderr], [0, ""])
    const { results } = JSON.parse(readFileSync(json, "utf8"))
    assert.deepStrictEqual(
      results.map(({ contender, seed }: { contender: string; seed: number }) => [contender, seed]),
      [
        ["plain", 7],
        ["in turn", 7]
      ]
    )
    const page = readFileSync(html, "utf8")
    for (const text of [ended.stdout, page]) {
      assert.include(text, "in turn")
      assert.include(text, results[0].overall.offered.toLocaleString("en-US"))
    }
  })

  it("makes a smaller world with --scale", async () => {
    const path = file("large.json", calls(100, "1 minute"))
    const offered = async (scale: string) =>
      JSON.parse((await run(["simulate", path, "--json", "-", "--scale", scale])).stdout).results[0].overall.offered
    // Poisson with a mean of 600: five deviations.
    assert.closeTo(await offered("0.1"), 600, 5 * Math.sqrt(600))
  })

  it("says what is wrong with a file: where, what is allowed, what there is", async () => {
    const wrong = { ...calls(1, "1 minute"), zzz: 1, duration: "soon", contenders: [{ strategy: 3 }] }
    const bad = await run(["simulate", file("bad.json", wrong)])
    assert.strictEqual(bad.code, 1)
    assert.strictEqual(bad.stdout, "")
    assert.match(bad.stderr, /bad\.json: duration: .*a duration, such as "30 seconds".*, got "soon"/)
    assert.match(bad.stderr, /bad\.json: zzz: /)
    assert.match(bad.stderr, /contenders\[0\]/)
    assert.notMatch(bad.stderr, / at .*\.js:/)

    const unknown = { ...calls(1, "1 minute"), contenders: [{ strategy: "best" }] }
    const strategy = await run(["simulate", file("unknown.json", unknown)])
    assert.match(strategy.stderr, /contenders\[0\]\.strategy: one of .*power-of-two, .*; got "best"/)

    const text = await run(["simulate", file("text.json", '{\n "name": ,}')])
    assert.match(text.stderr, /text\.json: line 2, column \d+: ValueExpected/)
    assert.match((await run(["simulate", join(folder, "none.json")])).stderr, /none\.json: no such file/)

    const range = await run(["simulate", file("range.json", { ...calls(-1, "1 minute") })])
    assert.deepStrictEqual([range.code, range.stdout], [1, ""])
    assert.match(range.stderr, /range\.json: .*perSecond/)
    assert.notMatch(range.stderr, /this is a bug| at .*\.js:/)
  })

  it("takes a module with contenders of one's own", async () => {
    const { contenders: _, ...scenario } = calls(5, "1 minute")
    const contender = { _tag: "Plain", name: "mine", targets: [{ id: "a" }] }
    const module = file("own.mjs", `export default ${JSON.stringify({ scenario, contenders: [contender] })}`)
    assert.match((await run(["simulate", module])).stdout, /^calls: mine\n/)
    assert.match((await run(["simulate", file("none.mjs", "export default 1")])).stderr, /default export must be/)
  })

  it("stops at once when it is interrupted", async () => {
    const { contenders: _, ...scenario } = calls(2000, "30 days")
    const contender = { _tag: "Plain", name: "mine", targets: [{ id: "a" }] }
    const loaded = 'process.stderr.write("loaded")'
    const module = file(
      "long.mjs",
      `${loaded}\nexport default ${JSON.stringify({ scenario, contenders: [contender] })}`
    )
    const { child, ended } = start(["simulate", module])
    await new Promise((resolve) => child.stderr?.once("data", resolve))
    child.kill("SIGINT")
    const { code, stdout } = await ended
    assert.deepStrictEqual([code, stdout], [130, ""])
  })

  it("explains itself", async () => {
    const { code, stdout } = await run(["simulate", "--help"])
    assert.strictEqual(code, 0)
    for (const word of ["--html", "--json", "--seed", "--scale", "compare", "plan", "power-of-two"])
      assert.include(stdout, word)
  })

  it("plans from records of a file or of standard input", async () => {
    const attempt = { target: "a", startedAt: 0, ms: 1000, outcome: "won" }
    const record = (i: number) => JSON.stringify({ at: Date.UTC(2026, 2, 2) + i, outcome: "ok", attempts: [attempt] })
    const text = `${Array.from({ length: 9 }, (_, i) => record(i)).join("\n")}\n{oops\n`
    const limits = file("limits.json", { headroom: 0.3, targets: { a: { requestsPerMinute: 10 } } })
    const ended = await run([
      "simulate",
      "plan",
      file("records.jsonl", text),
      "--limits",
      limits,
      "--html",
      join(folder, "plan.html")
    ])
    assert.deepStrictEqual([ended.code, ended.stderr], [0, ""])
    assert.match(ended.stdout, /line 10: not JSON/)
    assert.match(ended.stdout, /Mon 00:00 +requests a minute +9 +7 +28\.6 %/)
    assert.include(readFileSync(join(folder, "plan.html"), "utf8"), "Capacity plan")
    const piped = await run(["simulate", "plan", "-", "--json", "-"], text)
    assert.strictEqual(JSON.parse(piped.stdout).targets[0].total.attempts, 9)

    const wrong = file("wrong.json", { targets: { a: { rpm: 1 } } })
    assert.match((await run(["simulate", "plan", "-", "--limits", wrong])).stderr, /wrong\.json: targets\.a\.rpm: /)
  })
})
