/**
 * Figures for people: three digits that count, a unit, the same on every machine. What cannot be said is a dash and never 0.
 */

export const unknown = "–"

type Figure = number | undefined

const isKnown = (value: Figure): value is number => value !== undefined && Number.isFinite(value)

/** `1234567` -> `1,234,567`; up to `digits` after the point, default 0. */
export const count = (value: Figure, digits = 0): string => {
  if (!isKnown(value)) return unknown
  const [whole = "0", rest] = Math.abs(value).toFixed(digits).split(".")
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",")
  const text = rest === undefined ? grouped : `${grouped}.${rest}`
  return value < 0 && Number(text.replaceAll(",", "")) !== 0 ? `-${text}` : text
}

/** Three digits that count: `0.0123`, `1.23`, `123`, `1,235`. */
const three = (value: number): string => {
  const size = Math.abs(value)
  if (size === 0) return "0"
  if (size >= 99.95) return count(value)
  if (size >= 9.995) return count(value, 1)
  return count(value, Math.min(6, 2 + Math.max(0, -Math.floor(Math.log10(size)))))
}

/** `1234567` -> `1.23 M`. */
export const compact = (value: Figure): string => {
  if (!isKnown(value)) return unknown
  const size = Math.abs(value)
  const [by, unit] = size >= 1e9 ? [1e9, " G"] : size >= 1e6 ? [1e6, " M"] : size >= 1e4 ? [1e3, " k"] : [1, ""]
  return Number.isInteger(value) && by === 1 ? count(value) : `${three(value / by)}${unit}`
}

/** A time in milliseconds: `412 ms`, `1.24 s`, `3.5 min`, `2.0 h`. */
export const millis = (value: Figure): string => {
  if (!isKnown(value)) return unknown
  const size = Math.abs(value)
  if (size < 999.5) return `${size < 99.95 && !Number.isInteger(value) ? three(value) : count(value)} ms`
  if (size < 120_000) return `${three(value / 1000)} s`
  return size < 7_200_000 ? `${three(value / 60_000)} min` : `${three(value / 3_600_000)} h`
}

/** A moment on the axis of time, from its start: `0`, `30 s`, `5 min`, `1:30 h`, `2 d`. Exact to the second. */
export const moment = (value: number): string => {
  const seconds = Math.round(value / 1000)
  if (seconds === 0) return "0"
  if (value < 1000) return `${three(value)} ms`
  const pad = (part: number) => String(part).padStart(2, "0")
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600)
    return seconds % 60 === 0 ? `${seconds / 60} min` : `${Math.floor(seconds / 60)}:${pad(seconds % 60)} min`
  if (seconds % 86_400 === 0) return `${seconds / 86_400} d`
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60]
  return rest === 0 ? `${hours}:${pad(minutes)} h` : `${hours}:${pad(minutes)}:${pad(rest)} h`
}

/** A share in [0, 1] as per cent. Near 1 it keeps the digits that tell 99.95 from 99.99, and only 1 itself is `100 %`. */
export const percent = (share: Figure): string => {
  if (!isKnown(share)) return unknown
  const value = share * 100
  if (value > 99 && value < 100) {
    const digits = Math.min(6, Math.max(2, Math.ceil(-Math.log10(100 - value)) + 1))
    // Rounded down, but for the last binary digits: nothing below 1 may look like all.
    const down = Math.min(Math.floor(value * 10 ** digits + 1e-6), 10 ** (digits + 2) - 1) / 10 ** digits
    return `${down.toFixed(digits).replace(/(\.\d\d\d*?)0+$/, "$1")} %`
  }
  return `${value !== 0 && Math.abs(value) < 9.995 ? count(value, 2) : count(value, Number.isInteger(value) ? 0 : 1)} %`
}

/** USD: cents for what people pay, more digits for what one call costs. */
export const usd = (value: Figure): string => {
  if (!isKnown(value)) return unknown
  return `$${Math.abs(value) >= 1000 ? count(value) : Math.abs(value) >= 1 || value === 0 ? count(value, 2) : three(value)}`
}

/** The difference to a first figure: `+12 %`, `-3.4 %`, `=`; a dash where there is nothing to compare with. */
export const difference = (value: Figure, first: Figure): string => {
  if (!isKnown(value) || !isKnown(first)) return unknown
  if (value === first) return "="
  if (first === 0) return unknown
  const change = ((value - first) / Math.abs(first)) * 100
  const text = Math.abs(change) >= 1000 ? `× ${three(value / first)}` : `${change > 0 ? "+" : ""}${three(change)} %`
  return text
}

/** The difference of two shares, in percentage points. */
export const points = (value: Figure, first: Figure): string => {
  if (!isKnown(value) || !isKnown(first)) return unknown
  const change = (value - first) * 100
  return change === 0 ? "=" : `${change > 0 ? "+" : ""}${three(change)} pp`
}
