// Copies code from the examples, which are run, into the pages that show it.
//   node scripts/readme.mjs [--in folder]            writes
//   node scripts/readme.mjs --check [--in folder]    fails when a page is out of date
//
// In a page, the fenced block after this line is replaced by the file, or by one region of it:
//   <!-- example: examples/01-quickstart.ts#call -->
// In the example a region stands between the lines `// #region call` and `// #endregion`, which are left out of the copy.
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"
import { checkOptions, filesBelow, packageNames } from "./tools.mjs"

const { check, top } = checkOptions()

const marker = /^<!-- example: ([^\s#]+)(?:#(\S+))? -->$/
const regionLine = /^\s*\/\/ #(end)?region\b\s*(.*?)\s*$/
const problems = []

/** The lines of the region, or of the whole file, as they are shown. Undefined when there is no such region. */
const excerpt = (text, region) => {
  const lines = text.trimEnd().split("\n")
  const open = region === undefined ? -1 : lines.findIndex((line) => regionLine.exec(line)?.[2] === region)
  if (region !== undefined && open === -1) return undefined
  const close = region === undefined ? lines.length : closing(lines, open)
  if (close === -1) return undefined
  const shown = lines.slice(open + 1, close).filter((line) => !regionLine.test(line))
  const indents = shown.filter((line) => line.trim() !== "").map((line) => line.search(/\S/))
  const indent = Math.min(...indents)
  return shown.map((line) => line.slice(indent))
}

/** Line of the `#endregion` that belongs to the `#region` in line `open`; regions may lie in one another. */
const closing = (lines, open) => {
  let depth = 0
  return lines.findIndex((line, i) => {
    const found = i < open ? null : regionLine.exec(line)
    if (found !== null) depth += found[1] === "end" ? -1 : 1
    return found !== null && depth === 0
  })
}

/** The page with every marked block replaced. */
const renew = (page, text) => {
  const lines = text.split("\n")
  const result = []
  for (let i = 0; i < lines.length; i++) {
    result.push(lines[i])
    const found = marker.exec(lines[i])
    if (found === null) continue
    const problem = (what) => problems.push(`${page}:${i + 1}: ${what}`)
    const [, path, region] = found
    const code = existsSync(join(top, path)) ? excerpt(readFileSync(join(top, path), "utf8"), region) : undefined
    if (code === undefined) {
      problem(region === undefined ? `no file ${path}` : `no region ${region} in ${path}`)
      continue
    }
    const open = lines.findIndex((line, at) => at > i && line.trim() !== "")
    const fence = /^(`{3,})/.exec(lines[open] ?? "")?.[1]
    const close = fence === undefined ? -1 : lines.findIndex((line, at) => at > open && line.trimEnd() === fence)
    if (close === -1) {
      problem("no fenced block follows")
      continue
    }
    result.push(...lines.slice(i + 1, open + 1), ...code, lines[close])
    i = close
  }
  return result.join("\n")
}

const pages = [
  join(top, "README.md"),
  ...packageNames(top).map((name) => join(top, "packages", name, "README.md")),
  ...filesBelow(join(top, "docs"), ".md"),
  ...filesBelow(join(top, "examples"), ".md")
].filter((path) => existsSync(path))

let stale = 0
for (const path of pages) {
  const before = readFileSync(path, "utf8")
  const after = renew(relative(top, path), before)
  if (after === before) continue
  stale++
  if (check) problems.push(`${relative(top, path)}: out of date with its examples; run \`npm run readme\``)
  else writeFileSync(path, after)
}
for (const line of problems) console.log(line)
console.log(`readme: ${pages.length} pages, ${stale} ${check ? "out of date" : "rewritten"}`)
process.exit(problems.length > 0 ? 1 : 0)
