/**
 * A mistake in the options. It is a defect, not a failure: the program has to be changed, not the call repeated. The
 * message names the option, what it takes and what it was given.
 */
export class InvalidOption extends Error {
  override readonly name = "InvalidOption"

  /** Where it stands, e.g. `Router.make: targets[1].weight`. */
  readonly option: string
  /** What is taken, e.g. `a finite number > 0`. */
  readonly expected: string
  readonly value: unknown

  constructor(option: string, expected: string, value: unknown, hint?: string) {
    super(`${option} must be ${expected}, got ${show(value)}${hint === undefined ? "" : `. ${hint}`}`)
    this.option = option
    this.expected = expected
    this.value = value
  }
}

/** Throws `InvalidOption` unless `value` is a finite number > 0. */
export const positive = (option: string, value: number): number => {
  if (typeof value === "number" && Number.isFinite(value) && value > 0) return value
  throw new InvalidOption(option, "a finite number > 0", value)
}

/** Throws `InvalidOption` unless `value` is an integer >= `minimum` (default 1). */
export const integer = (option: string, value: number, minimum = 1): number => {
  if (Number.isSafeInteger(value) && value >= minimum) return value
  throw new InvalidOption(option, `an integer >= ${minimum}`, value)
}

/** Throws `InvalidOption` unless `value` is a share in [0, 1]. */
export const share = (option: string, value: number): number => {
  if (typeof value === "number" && value >= 0 && value <= 1) return value
  throw new InvalidOption(option, "a share in [0, 1]", value)
}

/**
 * Throws `InvalidOption` for what is no object, and for a key that nobody reads: a misspelt one would be ignored in silence, a constraint with it. For
 * plain JavaScript; the compiler finds it in TypeScript, mostly.
 */
export const onlyKeys = (where: string, options: object, keys: ReadonlySet<string>): void => {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new InvalidOption(where, "an object of options", options)
  }
  for (const key in options) {
    if (!keys.has(key)) throw new InvalidOption(where, `made of ${[...keys].join(", ")}`, key)
  }
}

/**
 * Stands for a value that may be a key or a prompt: says what kind of thing it was, not what it said. Shown as
 * `a plain string (hidden)`; a value that was left out is shown as it is.
 */
export const hiddenKind = (value: unknown): symbol | null | undefined =>
  value === undefined || value === null
    ? value
    : Symbol(`a plain ${Array.isArray(value) ? "list" : typeof value} (hidden)`)

const show = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value)
  if (typeof value === "object" && value !== null) {
    return Array.isArray(value) ? `a list of ${value.length}` : "an object"
  }
  // See `hiddenKind`.
  if (typeof value === "symbol") return value.description ?? "a symbol"
  return String(value)
}
