/**
 * A line on standard error that says how far a run is: share, how fast simulated time passes, what is left. Only where that
 * is a terminal.
 */
const cells = 24
const often = 100

const clock = (seconds: number): string => {
  const whole = Math.max(0, Math.round(seconds))
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")} min`
}

/** `speed`: simulated milliseconds in a millisecond. */
export const line = (share: number, label: string, elapsedMs: number, simulatedMs: number): string => {
  const done = Math.min(1, Math.max(0, share))
  const full = Math.round(done * cells)
  const bar = `${"█".repeat(full)}${"░".repeat(cells - full)}`
  const speed = elapsedMs > 0 ? Math.round((done * simulatedMs) / elapsedMs) : 0
  const left = done > 0 ? clock((elapsedMs * (1 - done)) / done / 1000) : "…"
  return `${bar} ${String(Math.floor(done * 100)).padStart(3)} %  ${label}  ${speed.toLocaleString("en-US")} × real time  ${left} left`
}

export interface Progress {
  readonly report: (share: number, label: string) => void
  readonly clear: () => void
}

const silent: Progress = { report: () => undefined, clear: () => undefined }

/** `simulatedMs` of one label; a new label begins anew. */
export const make = (
  stream: { readonly isTTY?: boolean; readonly columns?: number; readonly write: (text: string) => unknown },
  simulatedMs: number,
  now: () => number
): Progress => {
  if (stream.isTTY !== true) return silent
  let label: string | undefined
  let began = now()
  let last = Number.NEGATIVE_INFINITY
  return {
    report: (share, name) => {
      const at = now()
      if (name !== label) {
        label = name
        began = at
      }
      if (at - last < often) return
      last = at
      const text = line(share, name.replace(/\p{Control}/gu, "?").slice(0, 30), at - began, simulatedMs)
      stream.write(`\r${text.slice(0, Math.max(10, (stream.columns ?? 80) - 1))}\u001b[K`)
    },
    clear: () => {
      stream.write("\r\u001b[K")
    }
  }
}
