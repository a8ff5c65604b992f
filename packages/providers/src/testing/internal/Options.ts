/** Checks of options that the fake provider's modules share. A mistake is a defect: `InvalidOption`. */
import { InvalidOption } from "@spillway/core/InvalidOption"
import * as Duration from "effect/Duration"

/** Milliseconds of a duration >= 0; `"Infinity"` is allowed. */
export const millis = (option: string, input: Duration.Input): number => {
  const duration = typeof input === "number" && Number.isNaN(input) ? undefined : Duration.fromInput(input)
  const value = duration?._tag === "Some" ? Duration.toMillis(duration.value) : Number.NaN
  if (value >= 0) return value
  throw new InvalidOption(option, `a duration >= 0, such as "30 millis" or 1500 (milliseconds)`, input)
}
