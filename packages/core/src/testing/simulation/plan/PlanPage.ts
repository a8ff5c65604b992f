/** A capacity plan as one page of HTML that needs nothing else: a heat map of the week for each target, limits, advice. */
import { bars } from "../report/internal/barPlot.ts"
import { compact, count, millis, percent, usd } from "../report/internal/format.ts"
import { element, type Html, table } from "../report/internal/html.ts"
import { facts, page, tiles } from "../report/internal/page.ts"
import type { Hour, Plan, TargetPlan } from "./CapacityPlan.ts"
import { type HeatCell, heatMap } from "./internal/heatMap.ts"
import { cellName } from "./internal/week.ts"
import { resourceNames, resources } from "./PlanLimits.ts"
import { lossSentence, rate, remarks, utc } from "./PlanTable.ts"

/** Maps of further targets would make the page heavy; their figures are in the tables. */
const mostMaps = 24

const perHour = (value: number | undefined, { times }: Hour): number | undefined =>
  value === undefined || times === 0 ? undefined : value / times

const hourTitle = (hour: Hour): string =>
  [
    `${compact(hour.attempts)} attempts in ${count(hour.times)} such hours, ${compact(hour.failures)} failed`,
    `busiest minute: ${resources.map((name) => `${rate(name, hour.peaks[name])} ${resourceNames[name]}`).join(", ")}`,
    ...(hour.utilisation === undefined ? [] : [`${percent(hour.utilisation)} of its limit`]),
    `tokens ${compact(hour.inputTokens)} in, ${compact(hour.outputTokens)} out`,
    `p95 ${millis(hour.p95Ms)}`,
    `cost of such an hour ${usd(perHour(hour.costUsd, hour))}`
  ].join("\n")

const figures = (title: string, week: ReadonlyArray<Hour>) => ({
  caption: `${title}, sums over all such hours`,
  head: [
    "hour",
    "calls",
    "attempts",
    "failed",
    "tokens in",
    "tokens out",
    "p95",
    "peak minute",
    "of limit",
    "cost an hour"
  ],
  rows: week
    .filter(({ attempts, calls }) => attempts + calls > 0)
    .map((hour) => [
      cellName(hour.hour),
      count(hour.calls),
      count(hour.attempts),
      count(hour.failures),
      compact(hour.inputTokens),
      compact(hour.outputTokens),
      millis(hour.p95Ms),
      compact(hour.peaks.requestsPerMinute),
      percent(hour.utilisation),
      usd(perHour(hour.costUsd, hour))
    ])
})

interface Map {
  readonly id: string
  readonly title: string
  readonly week: ReadonlyArray<Hour>
  readonly over: ReadonlySet<number>
  readonly markMeans: string
}

/** By utilisation where limits are known, else by the busiest minute. */
const mapOf = ({ id, title, week, over, markMeans }: Map): Html => {
  const limited = week.some(({ utilisation }) => utilisation !== undefined)
  const valueOf = (hour: Hour) => (limited ? (hour.utilisation ?? 0) : hour.peaks.requestsPerMinute)
  const cells = week.map((hour): HeatCell => {
    const text = hour.attempts === 0 ? "nothing" : hourTitle(hour)
    return {
      hour: hour.hour,
      value: hour.attempts === 0 ? undefined : valueOf(hour),
      text,
      marked: over.has(hour.hour)
    }
  })
  const busiest = week.reduce((a, b) => (valueOf(b) > valueOf(a) ? b : a))
  const max = limited ? Math.max(1, valueOf(busiest)) : valueOf(busiest)
  const format = limited ? percent : compact
  return heatMap({
    id,
    title,
    unit: limited ? "busiest minute, of its limit" : "requests in the busiest minute",
    description: `Load by hour of week. Busiest: ${cellName(busiest.hour)} with ${format(valueOf(busiest))}. ${over.size} of 168 hours marked.`,
    cells,
    max,
    format,
    markMeans,
    figures: figures(title, week)
  })
}

/** Mean cost of each hour of week, all targets. */
const costMap = ({ all }: Plan): Html | undefined => {
  if (all.total.costUsd === undefined) return undefined
  const costs = all.week.map((hour) => perHour(hour.costUsd, hour))
  const max = costs.reduce<number>((most, cost) => Math.max(most, cost ?? 0), 0)
  const total = costs.reduce<number>((sum, cost) => sum + (cost ?? 0), 0)
  return heatMap({
    id: "cost",
    title: "Cost",
    unit: "USD per hour, mean",
    description: `Cost by hour of week, all targets: ${usd(total)} for a whole week.`,
    cells: all.week.map((hour, i) => ({ hour: hour.hour, value: costs[i], text: usd(costs[i]), marked: false })),
    max,
    format: usd,
    markMeans: "",
    figures: {
      caption: `Cost by hour of week; a whole week costs ${usd(total)}`,
      head: ["hour", "USD per hour"],
      rows: all.week.flatMap((hour, i) => (costs[i] === undefined ? [] : [[cellName(hour.hour), usd(costs[i])]]))
    }
  })
}

const limitRows = (plan: TargetPlan, headroom: number) =>
  resources.map((resource) => {
    const { p99Minute, peakMinute, peakAt } = plan.peaks[resource]
    const used = plan.utilisation[resource]
    return [
      `${plan.target}, ${resourceNames[resource]}`,
      rate(resource, p99Minute),
      [rate(resource, peakMinute), element("small", { class: "muted" }, utc(peakAt))],
      rate(resource, plan.limits[resource]),
      used !== undefined && used > 1 - headroom + 1e-9 ? `${percent(used)} ●` : percent(used),
      rate(resource, plan.recommended[resource])
    ]
  })

const brokenTable = ({ targets }: Plan): Html | undefined => {
  const rows = targets.flatMap(({ target, broken }) => broken.map((hour) => ({ target, ...hour })))
  if (rows.length === 0) return undefined
  const worst = rows.sort((a, b) => b.over - a.over).slice(0, 100)
  return element(
    "div",
    { class: "card" },
    table({
      caption: `Hours that leave too little free, worst first${rows.length > worst.length ? `, ${worst.length} of ${count(rows.length)}` : ""}`,
      head: ["target", "hour", "resource", "peak minute", "allowed", "over by"],
      rows: worst.map(({ target, hour, resource, peak, allowed, over }) => [
        target,
        cellName(hour),
        resourceNames[resource],
        rate(resource, peak),
        rate(resource, allowed),
        percent(over)
      ])
    })
  )
}

const weights = ({ targets, nMinusOne }: Plan): Html =>
  element(
    "div",
    { class: "plots" },
    bars({
      id: "weights",
      title: "Recommended weights",
      unit: "by what each target bears",
      bars: targets.map(({ target, weight, bears, bearsBy }) => ({
        name: target,
        value: weight,
        text: count(weight),
        note: `${compact(bears)} requests a minute, by ${bearsBy}`
      }))
    }),
    bars({
      id: "losses",
      title: "If a target is lost",
      unit: "what the others carry in the busiest minute",
      max: Math.max(1, ...(nMinusOne?.losses ?? []).map(({ othersFull }) => othersFull ?? 0)),
      bars: (nMinusOne?.losses ?? []).map(({ target, othersFull }) => ({
        name: target,
        value: othersFull,
        text: othersFull === undefined ? "no other is left" : percent(othersFull),
        ...(othersFull !== undefined && othersFull > 1 ? { note: "does not fit" } : {})
      }))
    })
  )

/** The same plan gives the same bytes. `title` defaults to "Capacity plan". */
export const render = (plan: Plan, title = "Capacity plan"): string => {
  const said = remarks(plan)
  const notes =
    said.length === 0 ? undefined : element("div", { class: "note" }, ...said.map((text) => element("div", {}, text)))
  const span = facts([
    ["calls", count(plan.records)],
    ["from", utc(plan.from)],
    ["to", `${utc(plan.to)} UTC`],
    ["headroom", percent(plan.headroom)]
  ])
  const heading = [element("h1", {}, title), span, notes]
  if (plan.targets.length === 0) return page(title, ...heading, element("p", {}, "No attempts: nothing to plan."))
  const broken = plan.targets.reduce((sum, target) => sum + new Set(target.broken.map(({ hour }) => hour)).size, 0)
  const limited = plan.targets.some((target) => Object.keys(target.limits).length > 0)
  const { total, peaks } = plan.all
  return page(
    title,
    ...heading,
    tiles([
      { name: "peak minute", text: compact(peaks.requestsPerMinute.peakMinute), note: "requests" },
      { name: "peak minute", text: compact(peaks.tokensPerMinute.peakMinute), note: "tokens" },
      { name: "most in flight", text: rate("maxInFlight", peaks.maxInFlight.peakMinute), note: "a minute's average" },
      {
        name: "failed",
        text: percent(total.attempts === 0 ? undefined : total.failures / total.attempts),
        note: "of attempts"
      },
      {
        name: "headroom broken",
        text: limited ? count(broken) : "–",
        note: limited ? "hours of the week, over all targets" : "no limits given",
        bad: broken > 0
      }
    ]),
    element("h2", {}, "The week"),
    element(
      "p",
      { class: "muted" },
      `Hours are ${clock(plan.utcOffsetMinutes)}. Rest the pointer on an hour to see its figures.`
    ),
    element(
      "div",
      { class: "plots" },
      ...plan.targets.slice(0, mostMaps).map(({ target, week, broken: hours }, i) =>
        mapOf({
          id: `week-${i}`,
          title: target,
          week,
          over: new Set(hours.map(({ hour }) => hour)),
          markMeans: `less than ${percent(plan.headroom)} left free`
        })
      ),
      plan.targets.length > 1
        ? mapOf({ id: "week-all", title: "All targets", week: plan.all.week, over: new Set(), markMeans: "" })
        : undefined,
      costMap(plan)
    ),
    element("h2", {}, "Limits"),
    element("p", { class: "muted" }, `Recommended: what leaves ${percent(plan.headroom)} free in the busiest minute.`),
    element(
      "div",
      { class: "card" },
      table({
        caption: "Limits",
        head: ["target", "p99 minute", "peak minute, UTC", "limit", "used at peak", "recommended"],
        rows: plan.targets.flatMap((target) => limitRows(target, plan.headroom))
      })
    ),
    brokenTable(plan),
    element("h2", {}, "Weights, and the loss of a target"),
    element("p", {}, lossSentence(plan)),
    weights(plan)
  )
}

const clock = (offset: number): string => {
  if (offset === 0) return "UTC"
  const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60]
  return `UTC${offset < 0 ? "-" : "+"}${hours}:${String(minutes).padStart(2, "0")}`
}
