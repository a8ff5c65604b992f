// The README's commands. Each does the set-up it needs, then hands over to the program.
//   node scripts/run.mjs start|test|bench [arguments of the program]
//
// Standard output belongs to the program; the set-up speaks on standard error only. Needs Node and npm, nothing else.
// Safe to repeat, also after an interruption: what is already in step is left alone.
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { bin, endAs, loudly, packageNames, pnpm, root, run, say, seconds } from "./tools.mjs"

const [major, minor] = process.versions.node.split(".").map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  say(`Spillway needs Node 20.19 or later; this is Node ${process.versions.node}.`)
  process.exit(1)
}

/** Runs one step of the set-up, its output on standard error. Ends this process when the step fails. */
const step = async (name, [command, ...args], env) => {
  const began = performance.now()
  say(`[set-up] ${name} ...`)
  const ended = await run(command, args, { stdio: ["ignore", 2, 2], env })
  const failed = ended.code !== 0
  say(`[set-up] ${name}: ${failed ? "failed after" : "done in"} ${seconds(began)}`)
  if (failed) endAs(ended)
}

/** The stamp says which lockfile the installed packages came from; it is written last, so half an install has none. */
const install = async () => {
  const stamp = join(root, "node_modules/.spillway-lockfile")
  const lockfile = createHash("sha256")
    .update(readFileSync(join(root, "pnpm-lock.yaml")))
    .digest("hex")
  const wanted = `${process.platform} ${process.arch} ${lockfile}\n`
  const folders = ["examples", "bench", ...packageNames().map((name) => `packages/${name}`)]
  const present = folders.every((folder) => existsSync(join(root, folder, "node_modules")))
  if (present && existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return
  rmSync(stamp, { force: true })
  // CI: replaces a foreign node_modules without asking. --prod=false: the compiler is needed even in production.
  const flags = ["install", "--frozen-lockfile", "--prod=false", "--reporter=append-only"]
  await step("installing dependencies", [...pnpm, ...flags], { ...loudly, CI: "true" })
  writeFileSync(stamp, wanted)
}

const build = () => step("building", [process.execPath, bin.tsc, "-b"])

const works = (command, ...args) => spawnSync(command, args, { stdio: "ignore" }).status === 0

/**
 * Programs that the tests need beside Node: found, installed, or asked for; never skipped. Shared state is tested against a
 * real Redis, the simulator's page in a real browser.
 */
const programs = [
  { commands: ["redis-server"], debian: "redis-server", brew: "redis" },
  {
    commands: ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"],
    debian: "chromium",
    brew: "chromium"
  }
]

const isThere = ({ commands }) =>
  commands.some((command) => works(command, "--version")) ||
  (commands.includes("chromium") && process.env.CHROMIUM_PATH !== undefined)

const ensurePrograms = async () => {
  const missing = programs.filter((program) => !isThere(program))
  if (missing.length === 0) return
  const isRoot = process.getuid?.() === 0
  if (process.platform === "linux" && works("apt-get", "--version") && (isRoot || works("sudo", "-n", "true"))) {
    const names = missing.map(({ debian }) => debian)
    // RUNLEVEL: a package is not to start a service.
    const apt = ["env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get", "-q"]
    const privileged = isRoot ? apt : ["sudo", "-n", ...apt]
    await step("reading the package lists", [...privileged, "update"])
    const install = [...privileged, "install", "-y", "--no-install-recommends", ...names]
    await step(`installing ${names.join(" and ")}`, install)
  } else if (process.platform === "darwin" && works("brew", "--version")) {
    for (const { brew } of missing) await step(`installing ${brew}`, ["brew", "install", brew])
  }
  const needed = missing.filter((program) => !isThere(program))
  if (needed.length === 0) return
  for (const { brew, commands, debian } of needed) {
    say(`The tests need ${commands.join(" or ")} on the PATH (Debian: ${debian}; Homebrew: ${brew}).`)
  }
  process.exit(1)
}

/** Colours are for terminals: vitest also paints where CI is set, and a log is read by programs. */
const plain = process.stdout.isTTY || process.env.FORCE_COLOR !== undefined ? {} : { NO_COLOR: "1" }

const handOver = async (...args) => endAs(await run(process.execPath, args, { stdio: "inherit", env: plain }))

const [command, ...rest] = process.argv.slice(2)
const commands = {
  start: async () => {
    await install()
    await build()
    await handOver("--enable-source-maps", "examples/dist/start/main.js", ...rest)
  },
  test: async () => {
    await install()
    await ensurePrograms()
    await build()
    await step("checking the types of the tests", [process.execPath, bin.tsc, "-p", "tsconfig.test.json"])
    await handOver(bin.vitest, "run", ...rest)
  },
  bench: async () => {
    await install()
    await build()
    // A simulated day is to be measured on one core, with room for what is young: most of it lives for one call.
    const flags = rest[0] === "simulate" ? ["--single-threaded", "--max-semi-space-size=64"] : []
    await handOver("--expose-gc", ...flags, "bench/dist/run.js", ...rest)
  }
}
if (!Object.hasOwn(commands, command ?? "")) {
  say(`usage: node scripts/run.mjs ${Object.keys(commands).join("|")} [arguments]`)
  process.exit(2)
}
await commands[command]()
