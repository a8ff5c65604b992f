// Prints `N passed, N failed` from vitest's JSON report; exit status 1 unless everything passed. The end of .ci/run.
//   node scripts/counts.mjs report.json [name of a step that failed ...]
//
// A file that could not be loaded has no tests in the report and counts as one failure, as does each failed step. The
// step that ran the tests is already counted by its failed tests.
import { existsSync } from "node:fs"
import { readJson } from "./tools.mjs"

const [path, ...steps] = process.argv.slice(2)
const { testResults } = existsSync(path) ? readJson(path) : { testResults: [] }
const tests = testResults.flatMap((file) => file.assertionResults)
const broken = testResults.filter(
  (file) => file.status === "failed" && file.assertionResults.every((test) => test.status !== "failed")
).length
const count = (status) => tests.filter((test) => test.status === status).length
const failedTests = count("failed") + broken
const failedSteps = steps.filter((step) => step !== "npm test" || failedTests === 0).length

const passed = count("passed")
const failed = failedTests + failedSteps
const other = tests.length - passed - count("failed")
if (other > 0) console.log(`${other} skipped`)
if (tests.length === 0 && failed === 0) console.log("no test ran")
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed > 0 || tests.length === 0 ? 1 : 0)
