/**
 * What does a call to a model cost the process that makes it, over loopback, with the vendor in a process of its own? Whole
 * answers 64 at once, streams as fast as they come, 1,000 slow streams at once, and the memory of 5,000 open ones: with the
 * bare HTTP clients, with the SDKs people use, with a provider of Spillway, and with a router before it.
 */
import { execFile, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { atMost, type Report, type Row } from "./Report.ts"

const at = (file: string) => fileURLToPath(new URL(`./streams/${file}`, import.meta.url))

const names = [
  "bare undici",
  "bare fetch",
  "openai SDK",
  "AI SDK",
  "spillway, fetch",
  "spillway, undici",
  "spillway router, undici"
] as const
type Name = (typeof names)[number]

const loads = {
  unary: { unit: "µs per call", rounds: 3 },
  fast: { unit: "µs per chunk", rounds: 3 },
  slow: { unit: "µs per chunk", rounds: 1 },
  open: { unit: "bytes per stream", rounds: 1 }
} as const
type Load = keyof typeof loads

export const streams = async (progress: (done: number, of: number) => void): Promise<Report> => {
  const server = fork(at("server.js"), { stdio: "inherit" })
  try {
    const port = await new Promise((resolve, reject) => {
      server.once("message", resolve)
      server.once("error", reject)
      server.once("exit", (code) => reject(new Error(`The server of the bench ended with ${code}`)))
    })
    const base = `http://127.0.0.1:${port}`
    const samples = new Map<string, Array<number>>()
    const jobs = (Object.keys(loads) as Array<Load>).flatMap((load) =>
      Array.from({ length: loads[load].rounds }, () => names.map((name) => [load, name] as const)).flat()
    )
    for (const [i, [load, name]] of jobs.entries()) {
      const key = `${load}/${name}`
      samples.set(key, [...(samples.get(key) ?? []), await measured(name, load, base)])
      progress(i + 1, jobs.length)
    }
    const value = (load: Load, name: Name) => median(samples.get(`${load}/${name}`) ?? [])
    const rows = (Object.keys(loads) as Array<Load>).flatMap((load) =>
      names.map((name): Row => {
        const [own, baseline] = [value(load, name), value(load, "bare undici")]
        return { case: name, metric: load, value: own, unit: loads[load].unit, ratio: own / baseline }
      })
    )
    const routed = "spillway router, undici"
    const provider = "spillway, undici"
    const sdk = value("fast", "openai SDK")
    return {
      name: "streams",
      node: process.version,
      rows,
      // Ratios: 80 µs of 60 and 4.5 of 22, as measured where the goals were set.
      goals: [
        atMost(
          "whole answer, provider with undici, of the bare undici request",
          value("unary", provider) / value("unary", "bare undici"),
          80 / 60
        ),
        atMost("chunk, provider with undici, of the openai SDK", value("fast", provider) / sdk, 4.5 / 22),
        atMost(
          "chunk, what the router adds, of the openai SDK",
          (value("fast", routed) - value("fast", provider)) / sdk,
          1 / 22
        ),
        atMost("kB of resident memory per open stream, router with undici", value("open", routed) / 1000, 40)
      ]
    }
  } finally {
    server.kill()
  }
}

const run = promisify(execFile)

const measured = async (name: Name, load: Load, base: string): Promise<number> => {
  const { stdout } = await run(process.execPath, ["--expose-gc", at("worker.js"), name, load, base], {
    timeout: 120_000
  })
  const { value } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as { readonly value: number }
  return value
}

const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
