// Checks the one way down between packages and folders, and what a library source may not reach for.
//   node scripts/layers.mjs [--in folder]
//
// Prints a line per violation with what is allowed there, then a summary; exit status 1 when there was one.
// `test/scripts/layers.test.ts` breaks each rule once in a small tree of its own.
import { existsSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { isBuiltin } from "node:module"
import { dirname, join, relative, resolve } from "node:path"
import { parseSync } from "oxc-parser"
import { checkOptions, filesBelow, packageNames, readJson, walk } from "./tools.mjs"

const { top } = checkOptions()

/** What a package may import of the others. */
const packagesBelow = {
  core: [],
  strategies: ["core"],
  providers: ["core"],
  otel: ["core"],
  cli: ["strategies", "core"],
  examples: ["cli", "otel", "providers", "strategies", "core"],
  bench: ["otel", "providers", "strategies", "core"]
}

/** The folders of core, lowest first: each imports itself and those before it. */
const layers = ["model", "gates", "state", "policies", "router"]
/** Folders below `packages/providers/src/internal` of one dialect or bridge each: none imports another. */
const dialects = ["chat", "responses", "messages", "gemini", "converse", "aisdk", "effectai"]
/** Beside the layers: they import any of them, and nothing outside imports them. */
const beside = ["redis", "sources", "testing"]

/** Where Node's own modules may be used, by package; a package that is not named may use them everywhere. */
const nodeFolders = { core: ["redis", "sources", "testing"], strategies: [], providers: ["testing", "node"] }

/**
 * Files outside `testing` that may read the clock or draw a number themselves, each with the reason. Everything else
 * takes `now` and `rng` as arguments, or asks Effect's `Clock` and `Random`, so that a test can hold both still.
 */
const mayReadClock = new Map([])

const violations = []
const importKinds = new Set([
  "ImportDeclaration",
  "ExportNamedDeclaration",
  "ExportAllDeclaration",
  "ImportExpression",
  "TSImportType"
])

const readSource = async (path) => {
  const text = await readFile(path, "utf8")
  const lineOf = (offset) => text.slice(0, offset).split("\n").length
  const { program, errors } = parseSync(path, text)
  if (errors.length > 0) throw new Error(`${relative(top, path)}: ${errors[0].message}`)
  const imports = []
  const clockReads = []
  walk(program, (node) => {
    if (importKinds.has(node.type) && typeof node.source?.value === "string") {
      imports.push({ specifier: node.source.value, line: lineOf(node.source.start) })
    }
    const read = clockRead(node)
    if (read !== undefined) clockReads.push({ read, line: lineOf(node.start) })
  })
  const [kind, second] = relative(top, path).split("/")
  const isPackage = kind === "packages"
  const name = isPackage ? second : kind
  const folder = isPackage ? folderIn(join("packages", name, "src"), path) : undefined
  return { path, name, isPackage, folder, imports, clockReads }
}

/** First folder on the way from `home` down to `path`; "." for a file that lies in `home` itself. */
const folderIn = (home, path) => {
  const [first, ...deeper] = relative(join(top, home), path).split("/")
  return deeper.length === 0 ? "." : first
}

/** What the node reads of time or chance. `new Date(millis)` reads nothing: it converts. */
const clockRead = (node) => {
  const isDate = node.type === "NewExpression" && node.callee.name === "Date"
  if (isDate && node.arguments.length === 0) return "new Date()"
  if (node.type !== "MemberExpression") return undefined
  const name = `${node.object.name}.${node.property.name}`
  return ["Date.now", "Math.random", "performance.now"].includes(name) ? name : undefined
}

/** `@spillway/core/Gate` -> `core`; undefined for what is not ours. */
const ownPackage = (specifier) => /^@spillway\/([^/]+)/.exec(specifier)?.[1]
/** `effect/Effect` -> `effect`, `@opentelemetry/api` -> itself. */
const packageOf = (specifier) => (specifier.startsWith("@") ? /^[^/]+\/[^/]+/ : /^[^/]+/).exec(specifier)?.[0]

const list = (names) => (names.length === 0 ? "no other" : names.join(", "))

/** Every rule looks at one import and says what is wrong with it, or nothing. */
const rules = [
  function oneWayBetweenPackages({ name }, { specifier }) {
    const other = ownPackage(specifier)
    if (other === undefined || other === name) return undefined
    const below = packagesBelow[name]
    if (below === undefined) return `package ${name} has no place in packagesBelow of scripts/layers.mjs`
    return below.includes(other) ? undefined : `${name} may import of our packages: ${list(below)}`
  },
  function ownAddress({ name, isPackage }, { specifier }) {
    if (!isPackage || ownPackage(specifier) !== name) return undefined
    return "a package imports its own files by relative path"
  },
  function staysInside({ name, isPackage }, { target }) {
    if (target === undefined) return undefined
    const home = isPackage ? join("packages", name, "src") : name
    return relative(join(top, home), target).startsWith("..") ? `a relative import stays inside ${home}` : undefined
  },
  function oneWayInsideCore({ name, folder, path }, { target }) {
    if (name !== "core" || target === undefined || path.endsWith("/src/index.ts")) return undefined
    const to = folderIn("packages/core/src", target)
    const index = layers.indexOf(folder)
    if (index === -1 && !beside.includes(folder)) return `sources of core lie in: ${[...layers, ...beside].join(", ")}`
    if (to === folder || to === "..") return undefined
    const allowed = index === -1 ? layers : layers.slice(0, index)
    return allowed.includes(to) ? undefined : `${folder} may import of core: ${[...allowed, folder].join(", ")}`
  },
  function dialectsApart({ name, path }, { target }) {
    if (name !== "providers" || target === undefined) return undefined
    const internal = "packages/providers/src/internal"
    const [from, to] = [folderIn(internal, path), folderIn(internal, target)]
    if (to === from || !dialects.includes(from) || !dialects.includes(to)) return undefined
    return `no dialect imports another; what they share lies in engine, parts, errors, http`
  },
  function noBarrel({ isPackage }, { target }) {
    if (!isPackage || target === undefined || !/(^|\/)index\.ts$/.test(target)) return undefined
    return "import the file itself; barrels are for applications"
  },
  function effectModules({ isPackage }, { specifier }) {
    return isPackage && specifier === "effect"
      ? "sources import the module: effect/Effect, effect/Layer, ..."
      : undefined
  },
  function nodeModules({ name, isPackage, folder }, { specifier }) {
    const folders = nodeFolders[name]
    if (!isPackage || folders === undefined || !isBuiltin(specifier) || folders.includes(folder)) return undefined
    return `${name} may use Node's modules in: ${folders.length === 0 ? "no folder" : folders.join(", ")}`
  },
  function declared({ name, isPackage }, { specifier }) {
    if (!isPackage || specifier.startsWith(".") || isBuiltin(specifier) || ownPackage(specifier) === name)
      return undefined
    const { dependencies, peerDependencies } = manifests.get(name)
    const names = Object.keys({ ...dependencies, ...peerDependencies })
    return names.includes(packageOf(specifier)) ? undefined : `its package.json declares: ${list(names)}`
  }
]

const report = (file, line, what, why) => violations.push(`${relative(top, file.path)}:${line}: ${what}; ${why}`)

/** Each cycle once, named by the import that closes it. Types count: a cycle of types is a cycle of thoughts. */
const findCycles = (files) => {
  const done = new Set()
  const trail = []
  const visit = (file) => {
    trail.push(file)
    for (const { target, line } of file.imports) {
      const next = files.get(target)
      if (next === undefined || done.has(next)) continue
      const start = trail.indexOf(next)
      if (start === -1) visit(next)
      else {
        const cycle = [...trail.slice(start), next].map(({ path }) => relative(top, path)).join(" -> ")
        report(file, line, `import cycle ${cycle}`, "no cycle is allowed")
      }
    }
    trail.pop()
    done.add(file)
  }
  for (const file of files.values()) if (!done.has(file)) visit(file)
}

const names = packageNames(top)
const manifests = new Map(names.map((name) => [name, readJson(join(top, "packages", name, "package.json"))]))
const folders = [...names.map((name) => join("packages", name, "src")), "examples", "bench"]
const paths = folders.flatMap((folder) => filesBelow(join(top, folder), ".ts"))
const files = new Map((await Promise.all(paths.map(readSource))).map((file) => [file.path, file]))

for (const file of files.values()) {
  for (const entry of file.imports) {
    if (entry.specifier.startsWith(".")) entry.target = resolve(dirname(file.path), entry.specifier)
    // The first rule it breaks; the others would say the same in other words.
    const broken = rules.find((rule) => rule(file, entry) !== undefined)
    if (broken !== undefined) report(file, entry.line, `imports ${entry.specifier}`, broken(file, entry))
  }
  const exempt = !file.isPackage || file.folder === "testing" || mayReadClock.has(relative(top, file.path))
  for (const { read, line } of exempt ? [] : file.clockReads) {
    report(file, line, `reads ${read}`, "take `now` or `rng` as an argument, or use Clock and Random")
  }
}
findCycles(files)
for (const path of mayReadClock.keys()) {
  if (!existsSync(join(top, path))) violations.push(`${path}: named in mayReadClock of scripts/layers.mjs, but gone`)
}

for (const line of violations) console.log(line)
console.log(`layers: ${files.size} files, ${violations.length} violation${violations.length === 1 ? "" : "s"}`)
if (files.size === 0) console.log("layers: found nothing to check")
process.exit(violations.length > 0 || files.size === 0 ? 1 : 0)
