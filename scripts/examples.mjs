// Runs every numbered example and compares what it prints with what it says it prints.
//   node scripts/examples.mjs [--in folder] [NN ...]    all, or those whose name begins so; after `tsc -b`
//
// An example is `examples/NN-name.ts`, at most 80 lines, runs without a key, and ends with a comment block:
//   // Expect:
//   //   all three targets answered
//   //   /p50 \d+ ms/
// Each line is a piece of standard output, or a /pattern/, in this order.
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { checkOptions, run, seconds } from "./tools.mjs"

const limits = { lines: 80, seconds: 60 }
const { top, names: wanted } = checkOptions()

/** The lines of the comment block that begins with `// Expect:`. */
const expectations = (source) => {
  const lines = source.trimEnd().split("\n")
  const start = lines.findLastIndex((line) => line.startsWith("// Expect:"))
  if (start === -1) return []
  const block = lines.slice(start)
  if (!block.every((line) => line.startsWith("//"))) return []
  return block.map((line) => line.replace(/^\/\/( Expect:)?/, "").trim()).filter((line) => line !== "")
}

/** The first expectation that does not follow the ones before it. */
const firstMissing = (output, expected) => {
  let at = 0
  return expected.find((line) => {
    const pattern = /^\/(.+)\/([a-z]*)$/.exec(line)
    const rest = output.slice(at)
    const found = pattern === null ? undefined : new RegExp(pattern[1], pattern[2]).exec(rest)
    const index = pattern === null ? rest.indexOf(line) : (found?.index ?? -1)
    if (index !== -1) at += index + (found?.[0].length ?? line.length)
    return index === -1
  })
}

/** Without keys: what an example needs of a provider it brings along. */
const keyless = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => /_(API_)?(KEY|TOKEN)$/.test(name))
    .map((name) => [name, undefined])
)

/** What is wrong with one example; undefined when it does what it says. */
const problemOf = async (name) => {
  const source = readFileSync(join(top, "examples", name), "utf8")
  const lines = source.trimEnd().split("\n").length
  if (lines > limits.lines) return `${lines} lines, more than ${limits.lines}`
  const expected = expectations(source)
  if (expected.length === 0) return "does not end with a `// Expect:` block"
  const built = join(top, "examples/dist", name.replace(/\.ts$/, ".js"))
  if (!existsSync(built)) return "is not built; run `npx tsc -b`"
  const options = { stdio: ["ignore", "pipe", "pipe"], env: keyless, timeout: limits.seconds * 1000 }
  const { code, signal, stdout, stderr } = await run(process.execPath, [built], options)
  const printed = `\n${stdout}${stderr}`.trimEnd().replaceAll("\n", "\n    ")
  if (signal === "SIGKILL") return `did not end within ${limits.seconds} s${printed}`
  if (code !== 0) return `ended with ${signal ?? `exit status ${code}`}${printed}`
  const missing = firstMissing(stdout, expected)
  return missing === undefined ? undefined : `did not print, in its place: ${missing}${printed}`
}

const names = readdirSync(join(top, "examples"))
  .filter((name) => /^\d\d-.*\.ts$/.test(name))
  .filter((name) => wanted.length === 0 || wanted.some((start) => name.startsWith(start)))
  .sort()
let failed = 0
for (const name of names) {
  const began = performance.now()
  const problem = await problemOf(name)
  if (problem !== undefined) failed++
  console.log(
    `${problem === undefined ? "ok    " : "FAILED"} ${name} (${seconds(began)})${problem ? `: ${problem}` : ""}`
  )
}
console.log(`examples: ${names.length - failed} passed, ${failed} failed${names.length === 0 ? "; found none" : ""}`)
process.exit(failed > 0 || names.length === 0 ? 1 : 0)
