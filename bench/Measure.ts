/**
 * Measures calls against each other in one run: process CPU time, with the cases taken in turns so that whatever else the
 * machine does hits all of them, and bytes allocated. Absolute times on a shared machine mean little; ratios do.
 */
import { getHeapStatistics } from "node:v8"

export interface Case {
  readonly name: string
  /** Runs the call `n` times, one after another. */
  readonly run: (n: number) => Promise<void>
}

export interface Measured {
  readonly name: string
  /** Median of the rounds, µs of CPU per call. */
  readonly micros: number
  /** Median of small batches without a collection in between, bytes per call. */
  readonly bytes: number
}

export interface Options {
  /** Rounds over all cases, default 15. */
  readonly rounds?: number
  /** CPU time that one case takes in a round, milliseconds; default 60. */
  readonly slice?: number
  readonly progress?: (done: number, of: number) => void
}

export const measure = async (cases: ReadonlyArray<Case>, options: Options = {}): Promise<ReadonlyArray<Measured>> => {
  const rounds = options.rounds ?? 15
  const slice = options.slice ?? 60
  const sizes: Array<number> = []
  for (const { run } of cases) {
    await run(20_000) // warm
    sizes.push(Math.max(1000, Math.round((slice * 1000) / (await cpu(run, 5000)))))
  }
  const samples = cases.map((): Array<number> => [])
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < cases.length; i++) {
      const at = (i + round) % cases.length // nobody always comes after the same neighbour
      const entry = cases[at]
      if (entry !== undefined) samples[at]?.push(await cpu(entry.run, sizes[at] ?? 1000))
    }
    options.progress?.(round + 1, rounds)
  }
  const measured: Array<Measured> = []
  for (const [i, { name, run }] of cases.entries()) {
    measured.push({ name, micros: median(samples[i] ?? []), bytes: await allocated(run) })
  }
  return measured
}

/** µs of process CPU time per call. */
const cpu = async (run: Case["run"], n: number): Promise<number> => {
  const before = process.cpuUsage()
  await run(n)
  const { system, user } = process.cpuUsage(before)
  return (user + system) / n
}

const allocated = async (run: Case["run"]): Promise<number> => {
  const calls = 200
  const batches: Array<number> = []
  for (let i = 0; i < 41; i++) {
    globalThis.gc?.()
    const before = getHeapStatistics().used_heap_size
    await run(calls)
    batches.push((getHeapStatistics().used_heap_size - before) / calls)
  }
  return median(batches)
}

const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
