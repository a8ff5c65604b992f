/**
 * Worker processes of a test. They run plain JavaScript against the build, which `npm test` makes first.
 */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** A process of `workers/<script>.mjs`; killed at the end of the scope if it still runs. Its errors show up in the test's. */
export const start = (script: string, options: unknown, onMessage: (message: unknown) => void) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      if (!existsSync(path("../../dist/redis/index.js"))) {
        throw new Error("packages/core is not built: run `npm test`, or `npx tsc -b packages/core` before this test")
      }
      return fork(path(`workers/${script}.mjs`), [JSON.stringify(options)]).on("message", onMessage)
    }),
    kill
  )

export const exited = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null

/** SIGKILL, and the process is gone when this returns. */
export const kill = (child: ChildProcess) =>
  Effect.promise(async () => {
    if (exited(child)) return
    child.kill("SIGKILL")
    await once(child, "exit")
  })

/** Numbers in [0, 1), the same ones for the same seed (mulberry32). */
export const seeded = (seed: number) => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
