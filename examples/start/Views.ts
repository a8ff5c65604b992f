/** What people see while the calls run: a live picture on a terminal, plain lines elsewhere. */
import type { Router } from "@spillway/core"
import type { Tally } from "./Traffic.ts"

export interface View {
  readonly update: (status: Router.RouterStatus, counts: Tally) => void
}

/** Redraws in place. */
export const terminal = (out: NodeJS.WriteStream): View => {
  let drawn = 0
  return {
    update: (status, counts) => {
      const width = 32
      const filled = Math.round((counts.done / counts.total) * width)
      const lines = [
        `${"█".repeat(filled)}${"░".repeat(width - filled)} ${counts.done} of ${counts.total} calls, ${counts.failed} failed`,
        ...table(status)
      ]
      out.write(`${drawn === 0 ? "" : `\x1b[${drawn}A`}${lines.map((line) => `\x1b[2K${line}\n`).join("")}`)
      drawn = lines.length
    }
  }
}

/** A line at every tenth of the way. */
export const lines = (print: (line: string) => void): View => {
  let tenth = 0
  return {
    update: (status, counts) => {
      const reached = Math.floor((10 * counts.done) / counts.total)
      if (reached === tenth) return
      tenth = reached
      const states = status.targets.map(({ id, inFlight, state }) => `${id} ${state} (${inFlight} in flight)`)
      print(`${counts.done} of ${counts.total} calls, ${counts.failed} failed; ${states.join(", ")}`)
    }
  }
}

const table = (status: Router.RouterStatus): ReadonlyArray<string> => {
  const answered = status.targets.reduce((sum, target) => sum + target.answered, 0)
  return [
    "target    share  in flight  state            breaker     errors",
    ...status.targets.map((target) => {
      const share = percent(target.answered, answered)
      const errors = percent(target.failed, target.attempts)
      const breaker = target.gates["breaker"]?.state ?? "-"
      return `${target.id.padEnd(8)} ${share}  ${String(target.inFlight).padStart(9)}  ${target.state.padEnd(15)}  ${breaker.padEnd(10)}  ${errors}`
    })
  ]
}

export const percent = (part: number, whole: number): string =>
  `${(whole === 0 ? 0 : (100 * part) / whole).toFixed(1)}%`.padStart(6)
