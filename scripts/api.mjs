// Keeps api/<package>.txt: the public surface of each package, taken from its emitted declarations. A review sees there
// every export that comes, goes or changes.
//   node scripts/api.mjs [--in folder]            writes (after `tsc -b`; `npm run api` does both)
//   node scripts/api.mjs --check [--in folder]    fails with a diff when the surface is not the announced one
//
// One section per address of `exports`, statements by name, without comments, imports and private members. Declarations
// that are not exported stay in where the compiler emits them: only then something exported is made of them.
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseSync } from "oxc-parser"
import { checkOptions, packageNames, readJson, walk } from "./tools.mjs"

const { check, top } = checkOptions()

const isPrivate = (member) => member.accessibility === "private" || member.key?.type === "PrivateIdentifier"

/** What is declared: `export declare class Name ...` -> `Name`. Overloads share a name and keep their order. */
const nameOf = (statement) => {
  const declaration = statement.declaration ?? statement
  return (
    declaration.id?.name ??
    declaration.declarations?.[0]?.id.name ??
    (statement.exported ?? statement.specifiers?.[0]?.exported)?.name ??
    ""
  )
}

/** The text of one declaration file without what is not surface. */
const surface = (path) => {
  const text = readFileSync(path, "utf8")
  const { program, comments, errors } = parseSync(path, text)
  if (errors.length > 0) throw new Error(`${path}: ${errors[0].message}`)
  const cut = [...comments]
  walk(program, (node) => {
    if (node.type === "ClassBody") cut.push(...node.body.filter(isPrivate))
  })
  cut.sort((a, b) => a.start - b.start)
  const print = ({ start, end }) => {
    let kept = ""
    let at = start
    for (const gap of cut) {
      if (gap.start < at || gap.end > end) continue
      kept += text.slice(at, gap.start)
      at = gap.end
    }
    kept += text.slice(at, end)
    const lines = kept.split("\n").map((line) => line.trimEnd())
    return lines.filter((line) => line !== "").join("\n")
  }
  const isSurface = (node) =>
    node.type !== "ImportDeclaration" &&
    !(node.type === "ExportNamedDeclaration" && node.declaration === null && node.specifiers.length === 0)
  return program.body
    .filter(isSurface)
    .map((node) => ({ name: nameOf(node), text: print(node) }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    .map((statement) => statement.text)
    .join("\n")
}

const snapshot = (name) => {
  const folder = join(top, "packages", name)
  const { name: address, exports } = readJson(join(folder, "package.json"))
  const sections = Object.entries(exports)
    .filter(([, target]) => typeof target === "object" && target !== null)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, { types }]) => {
      const path = join(folder, types)
      if (!existsSync(path)) {
        console.error(`api: ${address}${key.slice(1)} has no ${types}; build first: npx tsc -b`)
        process.exit(1)
      }
      return `## ${address}${key.slice(1)}\n\n${surface(path)}\n`
    })
  return `# The public surface of ${address}. Written by \`npm run api\`.\n\n${sections.join("\n")}`
}

const printDiff = (name, before, after) => {
  const folder = mkdtempSync(join(tmpdir(), "spillway-api-"))
  writeFileSync(join(folder, "announced"), before)
  writeFileSync(join(folder, "built"), after)
  const flags = ["diff", "--no-index", "--no-ext-diff", "--no-color", "--unified=1", "announced", "built"]
  const { stdout } = spawnSync("git", flags, { cwd: folder, encoding: "utf8" })
  rmSync(folder, { recursive: true })
  const lines = (stdout ?? "").split("\n").filter((line) => !/^(diff|index|---|\+\+\+) /.test(line))
  const shown = lines.slice(0, 60)
  console.log([`api/${name}.txt`, ...shown].join("\n").trimEnd())
  if (lines.length > shown.length) console.log(`... and ${lines.length - shown.length} more lines`)
}

mkdirSync(join(top, "api"), { recursive: true })
const names = packageNames(top)
let changed = 0
for (const name of names) {
  const path = join(top, "api", `${name}.txt`)
  const before = existsSync(path) ? readFileSync(path, "utf8") : ""
  const after = snapshot(name)
  if (before === after) continue
  changed++
  if (check) printDiff(name, before, after)
  else {
    writeFileSync(path, after)
    console.log(`api: wrote api/${name}.txt`)
  }
}
if (check && changed > 0) {
  console.log("api: the public surface changed. If it was meant: run `npm run api`, and add a changeset that says what")
  console.log("api: users can do now (`npx changeset`), then commit both.")
  process.exit(1)
}
console.log(`api: ${names.length} packages, ${changed} changed`)
