/**
 * What a module's own options may hold, as one table: a check for every name, so that none goes without. A name that is not
 * in it would be ignored in silence: a misspelt base URL sends the key somewhere else.
 *
 * The checks are for plain JavaScript and for values that were read from a file; each throws `InvalidOption`.
 */
import { InvalidOption, integer, positive, share } from "@spillway/core/InvalidOption"
import { known } from "./Config.ts"
import * as Checks from "./OptionChecks.ts"

/** Throws `InvalidOption` that begins with `option`. Never asked about what was left out. */
export type Check = (option: string, value: unknown) => void

export type Table<Names extends PropertyKey> = Readonly<Record<Names, Check>>

const numeric = (check: (option: string, value: number) => unknown): Check => check as Check

/** A share in [0, 1]. */
export const inShare = numeric(share)

/** A finite number > 0. */
export const aboveZero = numeric(positive)

/** An integer >= 1. */
export const count = numeric((option, value) => integer(option, value))

/** An integer of either sign. */
export const whole: Check = (option, value) => {
  if (!Number.isSafeInteger(value)) throw new InvalidOption(option, "an integer", value)
}

/** A number in (0, `most`]. */
export const upTo =
  (most: number): Check =>
  (option, value) => {
    if (typeof value === "number" && value > 0 && value <= most) return
    throw new InvalidOption(option, `a number > 0 and <= ${most}`, value)
  }

export const flag: Check = (option, value) => {
  if (typeof value !== "boolean") throw new InvalidOption(option, "true or false", value)
}

/** One of `words`. */
export const word =
  (...words: ReadonlyArray<string>): Check =>
  (option, value) => {
    if (words.includes(value as string)) return
    throw new InvalidOption(option, `one of ${words.map((word) => JSON.stringify(word)).join(", ")}`, value)
  }

/** A non-empty string, or one of the form `pattern`, which `expected` says in words. */
export const text =
  (expected?: string, pattern?: RegExp): Check =>
  (option, value) =>
    Checks.text(option, value, expected, pattern)

/** A list of non-empty strings, which may be empty. */
export const texts: Check = (option, value) => {
  if (Array.isArray(value) && value.every((item) => typeof item === "string" && item !== "")) return
  throw new InvalidOption(option, "a list of non-empty strings", value)
}

/** A list of some of `words`, which may be empty. */
export const wordsOf =
  (...words: ReadonlyArray<string>): Check =>
  (option, value) => {
    if (Array.isArray(value) && value.every((item) => words.includes(item))) return
    throw new InvalidOption(option, `a list of ${words.join(", ")}`, value)
  }

/** An object whose values all pass `check`, by default whatever they are. */
export const recordOf =
  (check?: Check): Check =>
  (option, value) => {
    if (!Checks.isObject(value)) throw new InvalidOption(option, "an object", value)
    if (check !== undefined) for (const [name, item] of Object.entries(value)) check(`${option}.${name}`, item)
  }

/** An object of the options that `table` names. */
export const object = <Names extends string>(table: Table<Names>): Check => {
  const names = Object.keys(table)
  return (option, value) => {
    Checks.object(option, value, names)
    each((name) => `${option}.${name}`, value as object, table)
  }
}

/**
 * The options of a model: an object, of the names of `table` and of `common`, those that are checked elsewhere. Throws
 * `InvalidOption`.
 */
export const options = (module: string, given: object, common: ReadonlyArray<string>, table: Table<string>): void => {
  known(module, given, [...common, ...Object.keys(table)])
  each((name) => `${module}: ${name}`, given, table)
}

const each = (optionOf: (name: string) => string, given: object, table: Table<string>): void => {
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined && Object.hasOwn(table, name)) table[name]?.(optionOf(name), value)
  }
}
