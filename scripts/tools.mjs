// What the scripts of this folder share: where things are, how a program is started, how a source file is parsed.
import { spawn } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

export const root = fileURLToPath(new URL("..", import.meta.url))

/** Arguments of a check: `--check` compares and writes nothing, `--in` is the tree to look at, the rest are names. */
export const checkOptions = () => {
  const options = { check: { type: "boolean", default: false }, in: { type: "string", default: root } }
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  return { check: values.check, top: resolve(values.in), names: positionals }
}

/** The one place that names the version of pnpm. Fetched by npx, so that nothing is installed globally. */
export const pnpm = ["npx", "--yes", "pnpm@12.21.0"]

/** `.npmrc` keeps npm's banner off standard output; what goes wrong below npm must still be said. */
export const loudly = { npm_config_loglevel: "error" }

export const bin = {
  tsc: join(root, "node_modules/typescript/bin/tsc"),
  vitest: join(root, "node_modules/vitest/vitest.mjs"),
  attw: join(root, "node_modules/@arethetypeswrong/cli/dist/index.js"),
  publint: join(root, "node_modules/publint/src/cli.js")
}

export const say = (line) => process.stderr.write(`${line}\n`)
export const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`

/** Names of the folders in `packages` that hold a package. */
export const packageNames = (top = root) =>
  readdirSync(join(top, "packages"))
    .filter((name) => existsSync(join(top, "packages", name, "package.json")))
    .sort()

export const readJson = (path) => JSON.parse(readFileSync(path, "utf8"))

/** Files below `folder` whose name ends in `extension`, sorted, without what is built or installed. */
export const filesBelow = (folder, extension) =>
  !existsSync(folder)
    ? []
    : readdirSync(folder, { withFileTypes: true })
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .flatMap((entry) => {
          const path = join(folder, entry.name)
          if (entry.isDirectory()) {
            return entry.name === "node_modules" || entry.name === "dist" ? [] : filesBelow(path, extension)
          }
          return entry.name.endsWith(extension) ? [path] : []
        })

const forwarded = ["SIGINT", "SIGTERM", "SIGHUP"]

/**
 * Runs a program to its end; resolves with `{ code, signal, stdout, stderr }`. The output is empty unless it was piped.
 * A signal that ends this process reaches the program. Ctrl-C in a terminal is already sent to both: no second one then.
 */
export const run = (command, args, { env, timeout, ...options } = {}) =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      // On Windows npx is a script, which only a shell can start.
      shell: process.platform === "win32" && command === "npx",
      env: { ...process.env, ...env },
      timeout,
      killSignal: "SIGKILL",
      ...options
    })
    let stdout = ""
    let stderr = ""
    child.stdout?.setEncoding("utf8").on("data", (chunk) => {
      stdout += chunk
    })
    child.stderr?.setEncoding("utf8").on("data", (chunk) => {
      stderr += chunk
    })
    const forward = (signal) => {
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal)
    }
    const done = () => {
      for (const signal of forwarded) process.off(signal, forward)
    }
    for (const signal of forwarded) process.on(signal, forward)
    child.once("error", (error) => {
      done()
      reject(error)
    })
    child.once("close", (code, signal) => {
      done()
      resolve({ code, signal, stdout, stderr })
    })
  })

/** Ends this process as the program ended: same exit status, or the same signal. */
export const endAs = ({ code, signal }) => {
  if (signal === null) process.exit(code)
  process.kill(process.pid, signal)
}

/** Visits every node of a syntax tree, parents first. */
export const walk = (node, visit) => {
  if (Array.isArray(node)) for (const item of node) walk(item, visit)
  else if (typeof node === "object" && node !== null) {
    if (typeof node.type === "string") visit(node)
    for (const key of Object.keys(node)) walk(node[key], visit)
  }
}
