// Packs each package as it would be published and looks at the archive: publint (strict) for its manifest and files,
// attw for what a TypeScript user's resolver finds at each address. After `tsc -b`. Fails on any finding.
//   node scripts/packages.mjs
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { bin, loudly, packageNames, pnpm, run } from "./tools.mjs"

const piped = { stdio: ["ignore", "pipe", "pipe"], env: { ...loudly, CI: "true", NO_COLOR: "1" } }

const publint = async (archive) => {
  const { code, stdout, stderr } = await run(process.execPath, [bin.publint, "run", archive, "--strict"], piped)
  return { failed: code !== 0, said: stdout + stderr }
}

/** The packages are ESM only, on purpose: how older resolvers and `require` see them is no finding. */
const ignored = ["node10", "node16-cjs"]

const attw = async (archive) => {
  // Into a file: it ends without waiting for a pipe to be read. --no-definitely-typed keeps it off the registry.
  const output = openSync(`${archive}.json`, "w")
  const flags = ["--profile", "esm-only", "--format", "json", "--no-definitely-typed"]
  const options = { stdio: ["ignore", output, "pipe"] }
  const { code, stderr } = await run(process.execPath, [bin.attw, archive, ...flags], options)
  closeSync(output)
  const printed = readFileSync(`${archive}.json`, "utf8")
  const { types, problems = [] } = printed.startsWith("{") ? JSON.parse(printed).analysis : {}
  const findings = problems
    .filter(({ resolutionKind, resolutionOption }) => !ignored.includes(resolutionKind ?? resolutionOption))
    .map(({ kind, entrypoint, resolutionKind, fileName, moduleSpecifier }) =>
      entrypoint === undefined
        ? `${kind}: ${moduleSpecifier} in ${fileName}`
        : `${kind}: ${entrypoint} (${resolutionKind})`
    )
  if (!types) findings.push("the archive has no types")
  return { failed: code !== 0 || !types, said: [...new Set(findings)].join("\n") + stderr }
}

const folder = mkdtempSync(join(tmpdir(), "spillway-packages-"))
let failed = 0
const report = (what, result) => {
  console.log(`${result.failed ? "FAILED" : "ok    "} ${what}`)
  if (!result.failed) return
  failed++
  console.log(result.said.trimEnd().replace(/^/gm, "    "))
}
try {
  const [command, ...args] = [...pnpm, "--filter", "./packages/*", "pack", "--pack-destination", folder]
  const packed = await run(command, args, piped)
  const archives = readdirSync(folder).filter((name) => name.endsWith(".tgz"))
  if (packed.code !== 0 || archives.length !== packageNames().length) {
    report("pnpm pack", { failed: true, said: packed.stdout + packed.stderr })
  }
  for (const archive of archives.sort()) {
    const path = join(folder, archive)
    const [linted, resolved] = await Promise.all([publint(path), attw(path)])
    report(`publint ${archive}`, linted)
    report(`attw ${archive}`, resolved)
  }
} finally {
  rmSync(folder, { recursive: true })
}
console.log(`packages: ${failed === 0 ? "nothing found" : `${failed} failed`}`)
process.exit(failed > 0 ? 1 : 0)
