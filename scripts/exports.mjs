// Writes what can be derived from the folders: each package's barrel(s) and its `exports` map.
//   node scripts/exports.mjs           writes
//   node scripts/exports.mjs --check   fails when something is out of date
//
// A module `src/<folder>/Name.ts` is `@spillway/<package>/Name`; folder names show the architecture, not the address.
// The folders in `groups` keep their name: `@spillway/core/redis` is their barrel, `@spillway/core/redis/Name` a module.
// A file that begins in lower case exports one function of its own name. `internal` folders are not exported.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { basename, join, relative } from "node:path"

const groups = new Set(["redis", "sources", "testing", "node", "ai-sdk", "aws"])
const check = process.argv.includes("--check")
const stale = []

const modulesBelow = (folder) =>
  readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return entry.name === "internal" ? [] : modulesBelow(path)
      return entry.name.endsWith(".ts") && entry.name !== "index.ts" ? [path] : []
    })

const write = (path, text) => {
  if (existsSync(path) && readFileSync(path, "utf8") === text) return
  if (check) stale.push(path)
  else writeFileSync(path, text)
}

const line = (from, path) => {
  const name = basename(path, ".ts")
  const specifier = `./${relative(from, path)}`
  return /^[a-z]/.test(name) ? `export { ${name} } from "${specifier}"` : `export * as ${name} from "${specifier}"`
}

/** As the formatter sorts: letter by letter, of one letter the capital first. */
const order = (a, b) => {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [one, other] = [a[i], b[i]]
    if (one === other) continue
    const [low, high] = [one.toLowerCase(), other.toLowerCase()]
    return low === high ? (one < other ? -1 : 1) : low < high ? -1 : 1
  }
  return a.length - b.length
}

const barrel = (folder, modules) => {
  if (modules.length === 0) return
  const header = "// Written by scripts/exports.mjs. For applications; nothing inside this package imports it.\n"
  const lines = modules
    .map((path) => line(folder, path))
    .sort((a, b) => order(a.split(" from ")[1], b.split(" from ")[1]))
  write(join(folder, "index.ts"), `${header}${lines.join("\n")}\n`)
}

for (const name of readdirSync("packages")) {
  const src = join("packages", name, "src")
  const entries = new Map()
  const groupOf = (path) =>
    relative(src, path)
      .split("/")
      .find((part) => groups.has(part))
  const target = (path) => {
    const file = `./dist/${relative(src, path).replace(/\.ts$/, "")}`
    return { types: `${file}.d.ts`, import: `${file}.js` }
  }
  const add = (key, path) => {
    if (entries.has(key)) throw new Error(`${name}: two modules want the address ${key}`)
    entries.set(key, target(path))
  }
  const modules = modulesBelow(src)
  const own = modules.filter((path) => groupOf(path) === undefined)
  add(".", join(src, "index.ts"))
  for (const path of own) add(`./${basename(path, ".ts")}`, path)
  for (const group of groups) {
    const members = modules.filter((path) => groupOf(path) === group)
    if (members.length === 0) continue
    add(`./${group}`, join(src, group, "index.ts"))
    for (const path of members) add(`./${group}/${basename(path, ".ts")}`, path)
    barrel(join(src, group), members)
  }
  barrel(src, own)
  const manifest = join("packages", name, "package.json")
  const json = JSON.parse(readFileSync(manifest, "utf8"))
  json.exports = { ...Object.fromEntries(entries), "./package.json": "./package.json" }
  write(manifest, `${JSON.stringify(json, null, 2)}\n`)
}

if (stale.length > 0) {
  console.error(`Out of date (run "node scripts/exports.mjs"):\n${stale.map((path) => `  ${path}`).join("\n")}`)
  process.exit(1)
}
