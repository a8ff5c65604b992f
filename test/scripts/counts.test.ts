import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { inTree, runScript } from "./support.ts"

/** A vitest report of files, each with the states of its tests. */
const report = (...files: ReadonlyArray<{ readonly status: string; readonly tests: ReadonlyArray<string> }>) =>
  JSON.stringify({
    testResults: files.map(({ status, tests }) => ({ status, assertionResults: tests.map((status) => ({ status })) }))
  })

const passing = { status: "passed", tests: ["passed", "passed"] }
const failing = { status: "failed", tests: ["passed", "failed"] }
const broken = { status: "failed", tests: [] }

const count = (text: string, ...steps: ReadonlyArray<string>) =>
  inTree({ "report.json": text }, (folder) => {
    const { status, stdout } = runScript("counts", [join(folder, "report.json"), ...steps])
    return { status, lines: stdout.trimEnd().split("\n") }
  })

describe("counts", () => {
  it("takes the counts from the runner's report", () => {
    assert.deepStrictEqual(count(report(passing, passing)), { status: 0, lines: ["4 passed, 0 failed"] })
    assert.deepStrictEqual(count(report(passing, failing), "npm test"), { status: 1, lines: ["3 passed, 1 failed"] })
  })

  it("counts a file that could not be loaded as one failure", () =>
    assert.deepStrictEqual(count(report(passing, broken), "npm test"), { status: 1, lines: ["2 passed, 1 failed"] }))

  it("counts each failed step", () =>
    assert.deepStrictEqual(count(report(passing), "layers", "examples"), { status: 1, lines: ["2 passed, 2 failed"] }))

  it("counts a test run that failed without a failed test", () =>
    assert.deepStrictEqual(count(report(passing), "npm test"), { status: 1, lines: ["2 passed, 1 failed"] }))

  it("fails without a report, and without a test", () => {
    assert.deepStrictEqual(
      inTree({}, (folder) => runScript("counts", [join(folder, "none.json"), "npm test"]).stdout),
      "0 passed, 1 failed\n"
    )
    assert.strictEqual(count(report()).status, 1)
  })

  it("says how many tests were skipped, in a line of its own", () =>
    assert.deepStrictEqual(count(report({ status: "passed", tests: ["passed", "skipped"] })), {
      status: 0,
      lines: ["1 skipped", "1 passed, 0 failed"]
    }))
})
