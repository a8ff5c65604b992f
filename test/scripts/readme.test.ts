import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { inTree, runScript } from "./support.ts"

const example = `import { a } from "a"

const main = () => {
  // #region call
  const b = a()

  // #region inner
  if (b) {
    a(b)
  }
  // #endregion
  // #endregion
}
`
const page = (marker: string, code: string) =>
  `# Title\n\n<!-- example: ${marker} -->\n\n\`\`\`ts\n${code}\`\`\`\n\nAfter.\n`

/** Runs the copy on one page; exit status, what was printed, and the page afterwards. */
const renew = (text: string, ...args: ReadonlyArray<string>) =>
  inTree({ "README.md": text, "examples/01-first.ts": example }, (folder) => {
    const { status, stdout } = runScript("readme", ["--in", folder, ...args])
    return { status, stdout, text: readFileSync(join(folder, "README.md"), "utf8") }
  })

describe("readme", () => {
  it("copies a whole file, without its region lines", () => {
    const { status, text } = renew(page("examples/01-first.ts", "stale\n"))
    const code = example.replace(/^ *\/\/ #.*\n/gm, "")
    assert.strictEqual(text, page("examples/01-first.ts", code))
    assert.strictEqual(status, 0)
  })

  it("copies a region, moved to the left edge, with the regions inside it", () =>
    assert.strictEqual(
      renew(page("examples/01-first.ts#call", "")).text,
      page("examples/01-first.ts#call", "const b = a()\n\nif (b) {\n  a(b)\n}\n")
    ))

  it("copies a region that lies inside another", () =>
    assert.strictEqual(
      renew(page("examples/01-first.ts#inner", "x\n")).text,
      page("examples/01-first.ts#inner", "if (b) {\n  a(b)\n}\n")
    ))

  it("fails on a page that is out of date when asked to check, and leaves it alone", () => {
    const stale = page("examples/01-first.ts#inner", "stale\n")
    const { status, stdout, text } = renew(stale, "--check")
    assert.strictEqual(status, 1)
    assert.include(stdout, "README.md: out of date")
    assert.strictEqual(text, stale)
    const fresh = renew(renew(stale).text, "--check")
    assert.strictEqual(fresh.status, 0)
  })

  it("fails on a file, a region or a block that is not there", () => {
    for (const [text, problem] of [
      [page("examples/02-none.ts", ""), "README.md:3: no file examples/02-none.ts"],
      [page("examples/01-first.ts#none", ""), "README.md:3: no region none in examples/01-first.ts"],
      ["<!-- example: examples/01-first.ts -->\n\nText.\n", "README.md:1: no fenced block follows"]
    ] as const) {
      const { status, stdout } = renew(text)
      assert.include(stdout, problem)
      assert.strictEqual(status, 1)
    }
  })
})
