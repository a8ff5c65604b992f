/** The built program in a process of its own, as a user runs it. Ended by its handle if the test does not wait for it. */
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"

const program = fileURLToPath(new URL("../../dist/internal/main.js", import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
}

export const start = (args: ReadonlyArray<string>, input?: string): Running => {
  if (!existsSync(program)) throw new Error(`${program} is missing: build first (npx tsc -b)`)
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1" }
  })
  const ended = new Promise<Ended>((resolve, reject) => {
    let [stdout, stderr] = ["", ""]
    child.stdout.on("data", (chunk) => {
      stdout += chunk
    })
    child.stderr.on("data", (chunk) => {
      stderr += chunk
    })
    child.once("error", reject)
    child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  child.stdin.end(input ?? "")
  return { child, ended }
}

export const run = (args: ReadonlyArray<string>, input?: string): Promise<Ended> => start(args, input).ended
