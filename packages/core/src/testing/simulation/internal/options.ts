/** Reads the fields that scenario and contenders share. All throw `InvalidOption` naming the path. */
import * as Duration from "effect/Duration"
import type { Millis } from "../../../model/Gate.ts"
import { InvalidOption } from "../../../model/InvalidOption.ts"

/** Milliseconds of a finite duration >= 0, or > 0 where `more` says so. */
export const millis = (where: string, input: unknown, more: "zero" | "positive" = "positive"): Millis => {
  // Whatever it is, it is read as one: what is none has no value.
  const duration = Duration.fromInput(input as Duration.Input)
  const ms = duration._tag === "Some" ? Duration.toMillis(duration.value) : Number.NaN
  if (Number.isFinite(ms) && (more === "zero" ? ms >= 0 : ms > 0)) return ms
  const range = more === "zero" ? ">= 0" : "> 0"
  throw new InvalidOption(where, `a duration ${range}, such as "30 seconds" or 1500 (milliseconds)`, input)
}

export const atLeast = (where: string, value: unknown, minimum: number): number => {
  if (typeof value === "number" && Number.isFinite(value) && value >= minimum) return value
  throw new InvalidOption(where, `a finite number >= ${minimum}`, value)
}

export const name = (where: string, value: unknown): string => {
  if (typeof value === "string" && value !== "") return value
  throw new InvalidOption(where, "a non-empty text", value)
}

export const list = <A>(where: string, value: ReadonlyArray<A>, minimum = 0): ReadonlyArray<A> => {
  if (Array.isArray(value) && value.length >= minimum) return value
  throw new InvalidOption(where, minimum === 0 ? "a list" : `a list of at least ${minimum}`, value)
}

export const oneOf = <const A extends string>(where: string, value: unknown, allowed: ReadonlyArray<A>): A => {
  const found = allowed.find((word) => word === value)
  if (found !== undefined) return found
  throw new InvalidOption(where, `one of ${allowed.map((word) => JSON.stringify(word)).join(", ")}`, value)
}

export const object = <A extends object>(where: string, value: A): A => {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value
  throw new InvalidOption(where, "an object", value)
}

export const httpError = (where: string, value: unknown): number => {
  if (Number.isInteger(value) && Number(value) >= 400 && Number(value) <= 599) return Number(value)
  throw new InvalidOption(where, "an HTTP status from 400 to 599", value)
}
