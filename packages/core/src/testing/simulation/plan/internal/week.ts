/** The week in 168 hours: 0 is Monday 00:00 to 01:00, 167 Sunday 23:00 to 24:00. */

export const cells = 168
export const days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"] as const

export const minuteMs = 60_000
export const dayMinutes = 1440

/** The first of January 1970 was a Thursday. */
const firstDay = 3

/** The hour of week of a minute since the epoch. */
export const cellOf = (minute: number): number => {
  const hours = Math.floor(minute / 60) + firstDay * 24
  return ((hours % cells) + cells) % cells
}

/** `Mon 09:00`. */
export const cellName = (cell: number): string =>
  `${days[Math.floor(cell / 24)] ?? ""} ${String(cell % 24).padStart(2, "0")}:00`

/** How often each hour of week lies, wholly or in part, between two minutes, both included. */
export const occurrences = (first: number, last: number): ReadonlyArray<number> => {
  const hours = Math.floor(last / 60) - Math.floor(first / 60) + 1
  const counts = Array.from({ length: cells }, () => Math.floor(hours / cells))
  for (let i = 0; i < hours % cells; i++) {
    const cell = (cellOf(first) + i) % cells
    counts[cell] = (counts[cell] ?? 0) + 1
  }
  return counts
}
