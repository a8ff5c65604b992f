/** What happens to providers, as stretches of time to shade in a plot. */
import * as Duration from "effect/Duration"
import type { DurationText, ProviderEvent, Scenario } from "../../Scenario.ts"
import { compact, count, percent } from "./format.ts"
import type { Band } from "./frame.ts"

/** More would be a grey plot. */
const mostBands = 40

// The scenario has been checked: its text is a duration.
const millisOf = (text: DurationText): number => Duration.toMillis(Duration.fromInputUnsafe(text as Duration.Input))

const nameOf = (event: ProviderEvent): string => {
  if (event.kind === "outage") return event.how === "silence" ? "silent outage" : "outage"
  if (event.kind === "flap") return "flapping"
  if (event.kind === "capacity") return `capacity × ${count(event.factor, 2)}`
  const slow = event.latencyFactor === undefined ? [] : [`${compact(event.latencyFactor)} × slower`]
  const errors = event.errorRate === undefined ? [] : [`${percent(event.errorRate)} errors`]
  return ["brown-out", [...slow, ...errors].join(", ")].filter((part) => part !== "").join(": ")
}

/** In order of their beginning. */
export const bandsOf = ({ providers }: Scenario, length: number): ReadonlyArray<Band> =>
  Object.entries(providers)
    .flatMap(([name, { events = [] }]) =>
      events.map((event) => {
        const from = millisOf(event.from)
        const to = event.lasting === undefined ? length : Math.min(length, from + millisOf(event.lasting))
        return { label: `${name}, ${nameOf(event)}`, from, to }
      })
    )
    .filter(({ from, to }) => from < to)
    .sort((a, b) => a.from - b.from)
    .slice(0, mostBands)
