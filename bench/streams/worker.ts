/** Runs one client against one kind of load in a process of its own: `worker.js CLIENT LOAD BASE`; a line of JSON at the end. */
import { clients } from "./clients.ts"

const [, , name = "", load = "", base = ""] = process.argv
const client = clients[name]?.()
if (client === undefined) throw new Error(`No client named ${name}`)

/** Runs `job` over and over, `width` at once, until `seconds` of CPU have gone; µs of CPU per job. */
const spend = async (seconds: number, width: number, job: () => Promise<unknown>): Promise<number> => {
  const before = process.cpuUsage()
  const spent = () => {
    const { system, user } = process.cpuUsage(before)
    return system + user
  }
  let jobs = 0
  let isOver = false
  const lane = async () => {
    while (!isOver) {
      await job()
      // Asking the system costs as much as a small job.
      if (++jobs % 128 === 0) isOver = spent() >= seconds * 1e6
    }
  }
  await Promise.all(Array.from({ length: width }, lane))
  return spent() / jobs
}

/** Warm first: what the compiler takes is no part of what a call costs. */
const steady = async (width: number, job: () => Promise<unknown>): Promise<number> => {
  await spend(4, width, job)
  globalThis.gc?.()
  return spend(2, width, job)
}

const inParallel = (width: number, job: () => Promise<unknown>) =>
  Promise.all(Array.from({ length: width }, () => job()))

const loads: Readonly<Record<string, () => Promise<number>>> = {
  /** µs per request, 64 at once. */
  unary: () => steady(64, () => client.unary(`${base}/unary`)),
  /** µs per chunk of streams that come as fast as they are read, 16 at once. */
  fast: async () => (await steady(16, () => client.stream(`${base}/fast/400`))) / 400,
  /** µs per chunk of 1,000 streams at once with a chunk every 100 ms each. */
  slow: async () => {
    await spend(3, 16, () => client.stream(`${base}/fast/400`))
    await inParallel(400, () => client.stream(`${base}/slow/5/50`))
    const before = process.cpuUsage()
    await inParallel(1000, () => client.stream(`${base}/slow/30/100`))
    const { system, user } = process.cpuUsage(before)
    return (system + user) / (1000 * 30)
  },
  /** Bytes of resident memory per stream, 5,000 open at once. */
  open: async () => {
    const opened = (n: number) =>
      inParallel(n, () => new Promise<void>((resolve) => void client.stream(`${base}/open`, resolve).catch(() => {})))
    await opened(200)
    globalThis.gc?.()
    const before = process.memoryUsage.rss()
    for (let i = 0; i < 10; i++) await opened(500)
    globalThis.gc?.()
    return (process.memoryUsage.rss() - before) / 5000
  }
}
const value = await loads[load]?.()
process.stdout.write(`${JSON.stringify({ value })}\n`, () => process.exit(0))
