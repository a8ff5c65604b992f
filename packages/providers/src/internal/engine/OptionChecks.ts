/**
 * Checks of options that the compiler makes for TypeScript, for code without it and for values that were read from a file.
 * Each throws `InvalidOption`; `undefined` is what was left out, and passes where an option may be.
 */
import { InvalidOption, onlyKeys } from "@spillway/core/InvalidOption"

/** An object with no other names than these; the required ones are checked by themselves. */
export const object = (option: string, value: unknown, names: ReadonlyArray<string>): void => {
  if (!isObject(value)) {
    // It may be a key that took the wrong place.
    const given = typeof value === "string" ? Symbol("a string, hidden") : value
    throw new InvalidOption(option, `an object of ${names.join(", ")}`, given)
  }
  onlyKeys(option, value, new Set(names))
}

export const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value)

export const oneOf = (option: string, value: unknown, words: ReadonlyArray<unknown>): void => {
  if (value !== undefined && !words.includes(value))
    throw new InvalidOption(option, `one of ${words.join(", ")}`, value)
}

/** Some of these words, and at least one. */
export const someOf = (option: string, value: unknown, words: ReadonlyArray<unknown>): void => {
  if (value === undefined) return
  const fits = Array.isArray(value) && value.length > 0 && value.every((word) => words.includes(word))
  if (!fits) throw new InvalidOption(option, `a list of ${words.join(", ")}`, value)
}

export const flag = (option: string, value: unknown): void => oneOf(option, value, [true, false])

/** A string of the form `pattern`, which `expected` says in words. */
export const text = (option: string, value: unknown, expected = "a non-empty string", pattern = /\S/): void => {
  if (value === undefined) return
  if (typeof value !== "string" || !pattern.test(value)) throw new InvalidOption(option, expected, value)
}

/** A function, whatever it takes. */
export const callable = (option: string, value: unknown): void => {
  if (value !== undefined && typeof value !== "function") throw new InvalidOption(option, "a function", value)
}

/** Of a model whose name is a part of the path: one that leads elsewhere would take the key along. */
export const pathName = (option: string, name: unknown): void => {
  const leads = typeof name === "string" && /[?#]|(^|[/\\])\.{1,2}([/\\]|$)/.test(name)
  if (leads) throw new InvalidOption(option, "a name without ?, # and segments of dots", name)
}
