/** A capacity plan for a terminal. */
import { compact, count, millis, percent, unknown, usd } from "../report/internal/format.ts"
import { safe, textTable, width } from "../report/internal/textTable.ts"
import type { Broken, Hour, Plan, TargetPlan } from "./CapacityPlan.ts"
import { cellName, days } from "./internal/week.ts"
import { type Resource, resourceNames, resources } from "./PlanLimits.ts"

/** Rows of a list that may be long; the JSON has all. */
const mostRows = 12

/** `2026-03-02 08:15` in UTC. */
export const utc = (at: number | undefined): string =>
  at === undefined ? unknown : new Date(at).toISOString().slice(0, 16).replace("T", " ")

export const rate = (resource: Resource, value: number | undefined): string =>
  resource === "maxInFlight" && value !== undefined && !Number.isInteger(value) ? count(value, 1) : compact(value)

const blocks = "▁▂▃▄▅▆▇█"

/** Seven lines of 24 marks; `!` where too little is left free. */
const week = (hours: ReadonlyArray<Hour>, broken: ReadonlyArray<Broken>): string => {
  const busiest = hours.reduce((most, { peaks }) => Math.max(most, peaks.requestsPerMinute), 0)
  const over = new Set(broken.map(({ hour }) => hour))
  const mark = ({ hour, attempts, peaks }: Hour) => {
    if (over.has(hour)) return "!"
    if (attempts === 0) return "·"
    return blocks[Math.min(7, Math.floor((peaks.requestsPerMinute / busiest) * 8))] ?? "█"
  }
  const lines = days.map(
    (day, d) =>
      `  ${day}  ${hours
        .slice(d * 24, d * 24 + 24)
        .map(mark)
        .join("")}`
  )
  return ["       0     6     12    18", ...lines].join("\n")
}

const overview = ({ all, targets }: Plan): string =>
  textTable(
    [
      { title: "target", align: "left" },
      ...["attempts", "failed", "tokens in", "tokens out", "p95", "cost", "fit weight"].map((title) => ({ title }))
    ],
    [
      ...targets.map(({ target, total, weight }) => [target, ...sums(total), count(weight)]),
      ["all", ...sums(all.total), ""]
    ]
  )

const sums = ({ attempts, failures, inputTokens, outputTokens, p95Ms, costUsd }: TargetPlan["total"]) => [
  count(attempts),
  percent(attempts === 0 ? undefined : failures / attempts),
  compact(inputTokens),
  compact(outputTokens),
  millis(p95Ms),
  usd(costUsd)
]

const limits = ({ targets }: Plan): string =>
  textTable(
    [
      { title: "target", align: "left" },
      { title: "resource", align: "left" },
      ...["p99 minute", "peak minute", "limit", "used at peak", "needs at least"].map((title) => ({ title }))
    ],
    targets.flatMap((plan) =>
      resources.map((resource) => [
        plan.target,
        resourceNames[resource],
        rate(resource, plan.peaks[resource].p99Minute),
        rate(resource, plan.peaks[resource].peakMinute),
        rate(resource, plan.limits[resource]),
        percent(plan.utilisation[resource]),
        rate(resource, plan.recommended[resource])
      ])
    )
  )

const brokenHours = ({ targets, headroom }: Plan): string => {
  const rows = targets
    .flatMap(({ target, broken }) => broken.map((hour) => ({ target, ...hour })))
    .sort((a, b) => b.over - a.over)
  if (targets.every((target) => Object.keys(target.limits).length === 0)) return "No limits were given."
  if (rows.length === 0) return `Every hour leaves at least ${percent(headroom)} of every limit free.`
  const table = textTable(
    [
      { title: "target", align: "left" },
      { title: "hour", align: "left" },
      { title: "resource", align: "left" },
      ...["peak minute", "allowed", "over by"].map((title) => ({ title }))
    ],
    rows
      .slice(0, mostRows)
      .map(({ target, hour, resource, peak, allowed, over }) => [
        target,
        cellName(hour),
        resourceNames[resource],
        rate(resource, peak),
        rate(resource, allowed),
        percent(over)
      ])
  )
  const more = rows.length - mostRows
  return more > 0 ? `${table}\nand ${count(more)} more, less over` : table
}

/** One sentence on the loss of the heaviest target. */
export const lossSentence = ({ nMinusOne, headroom }: Plan): string => {
  if (nMinusOne === undefined) return "Nothing is known about the loss of a target."
  const { heaviest, share, holds, losses } = nMinusOne
  if (losses.length === 1) return `${safe(heaviest)} is the only target: nothing stands in for it.`
  const says = holds
    ? `the others' headroom of ${percent(headroom)} covers it`
    : `a headroom of ${percent(headroom)} does not cover it; ${percent(share)} would`
  return `${safe(heaviest)} bears ${percent(share)} of what all bear: if it is lost, ${says}.`
}

/** What lines could not be read, and what is missing from the figures. Empty when there is nothing to say. */
export const remarks = ({ badLines, badExamples, crowdedOut }: Plan): ReadonlyArray<string> => [
  ...(badLines === 0 ? [] : [`${count(badLines)} lines could not be read:`]),
  ...badExamples.map(({ line, reason }) => `  line ${line}: ${safe(reason, 200)}`),
  ...(badLines > badExamples.length ? [`  and ${count(badLines - badExamples.length)} more`] : []),
  ...(crowdedOut === 0
    ? []
    : [`${count(crowdedOut)} attempts lie beyond the days that are kept by the minute, and are missing here.`])
]

const losses = ({ nMinusOne }: Plan): string =>
  textTable(
    [{ title: "if lost", align: "left" }, { title: "its share" }, { title: "the others at peak" }],
    (nMinusOne?.losses ?? []).map(({ target, share, othersFull }) => [target, percent(share), percent(othersFull)])
  )

const section = (title: string, ...parts: ReadonlyArray<string>) => [title, "", ...parts, ""].join("\n")

/** Ends in a line break. */
export const render = (plan: Plan): string => {
  const said = remarks(plan)
  const head = `${count(plan.records)} calls from ${utc(plan.from)} to ${utc(plan.to)} UTC`
  if (plan.targets.length === 0) return `${[`${head}: no attempts, nothing to plan.`, ...said].join("\n")}\n`
  const parts = [
    section("CAPACITY PLAN", head, ...said),
    section("Load", overview(plan)),
    section("Limits", limits(plan)),
    section(`Where less than ${percent(plan.headroom)} is left free`, brokenHours(plan)),
    section("Loss of a target", lossSentence(plan), "", losses(plan)),
    ...plan.targets.slice(0, mostRows).map(({ target, week: hours, broken }) => {
      const title = `Week of ${safe(target)}`
      return section(
        `${title}${" ".repeat(Math.max(2, 34 - width(title)))}busiest minute of each hour`,
        week(hours, broken)
      )
    })
  ]
  return `${parts.join("\n").trimEnd()}\n`
}
