import { assert, describe, it } from "@effect/vitest"
import { inTree, runScript, type Tree } from "./support.ts"

const expecting = (...lines: ReadonlyArray<string>) =>
  ["// Expect:", ...lines.map((line) => `//   ${line}`), ""].join("\n")

/** Runs one example that prints `one 1`, `two 2`, `three 3`, and ends with these expectations. */
const check = (source: string, built = 'console.log("one 1\\ntwo 2\\nthree 3")', env: Record<string, string> = {}) => {
  const files: Tree = { "examples/01-first.ts": source, "examples/dist/01-first.js": built }
  return inTree(files, (folder) => {
    const { status, stdout } = runScript("examples", ["--in", folder], env)
    return { status, stdout }
  })
}

describe("examples", () => {
  it("passes an example that prints what it says, in that order", () => {
    const { status, stdout } = check(expecting("one 1", "/t.o \\d/", "three"))
    assert.match(stdout, /^ok {5}01-first\.ts/)
    assert.include(stdout, "examples: 1 passed, 0 failed")
    assert.strictEqual(status, 0)
  })

  it("fails an example that prints it in another order, and shows what it printed", () => {
    const { status, stdout } = check(expecting("two", "one"))
    assert.include(stdout, "did not print, in its place: one")
    assert.include(stdout, "    three 3")
    assert.strictEqual(status, 1)
  })

  it("fails an example whose pattern does not match", () =>
    assert.include(check(expecting("/^four/m")).stdout, "did not print, in its place: /^four/m"))

  it("fails an example without expectations, or with code after them", () => {
    for (const source of ["", expecting(), `${expecting("one")}run()\n`]) {
      const { status, stdout } = check(source)
      assert.include(stdout, "does not end with a `// Expect:` block")
      assert.strictEqual(status, 1)
    }
  })

  it("fails an example that ends badly, and shows its error", () => {
    const { status, stdout } = check(expecting("one"), 'console.log("one"); throw new Error("broken")')
    assert.include(stdout, "exit status 1")
    assert.include(stdout, "Error: broken")
    assert.strictEqual(status, 1)
  })

  it("takes 80 lines, and no more", () => {
    assert.strictEqual(check(`${"//\n".repeat(78)}${expecting("one")}`).status, 0)
    assert.include(check(`${"//\n".repeat(79)}${expecting("one")}`).stdout, "81 lines, more than 80")
  })

  it("hands no key of the environment on", () => {
    const built = "console.log(process.env.SOME_API_KEY, process.env.SOME_NAME)"
    const { status, stdout } = check(expecting("undefined given"), built, { SOME_API_KEY: "given", SOME_NAME: "given" })
    assert.strictEqual(status, 0, stdout)
  })

  it("fails when an example is not built, or there is none", () => {
    for (const files of [{ "examples/01-first.ts": expecting("one") }, { "examples/other.ts": "" }]) {
      assert.strictEqual(
        inTree(files, (folder) => runScript("examples", ["--in", folder]).status),
        1
      )
    }
  })
})
