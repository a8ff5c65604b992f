/** What a bench says: rows with ratios to the baseline of the same run, and goals that are met or not. */
export interface Row {
  readonly case: string
  readonly metric: string
  readonly value: number
  readonly unit: string
  /** To the baseline of the same metric; 1 for the baseline itself, `null` where there is none to compare with. */
  readonly ratio: number | null
}

export interface Goal {
  readonly goal: string
  readonly value: number
  /** At most this. */
  readonly target: number
  readonly met: boolean
}

export interface Report {
  readonly name: string
  readonly node: string
  readonly rows: ReadonlyArray<Row>
  readonly goals: ReadonlyArray<Goal>
}

export const atMost = (goal: string, value: number, target: number): Goal => ({
  goal,
  value: round(value),
  target,
  met: value <= target
})

export const round = (value: number): number => Number(value.toPrecision(4))

export const toTable = (report: Report): string => {
  const rows = report.rows.map((row) => [
    row.case,
    row.metric,
    `${round(row.value)} ${row.unit}`,
    row.ratio === null ? "" : `${row.ratio.toFixed(2)} x`
  ])
  const goals = report.goals.map(
    (goal) => `${goal.met ? "met   " : "MISSED"} ${goal.goal}: ${goal.value} (at most ${goal.target})`
  )
  return [
    `${report.name} on Node ${report.node}`,
    "",
    ...columns([["case", "metric", "value", "ratio"], ...rows]),
    "",
    ...goals
  ].join("\n")
}

const columns = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  return rows.map((row) =>
    row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  ")
  )
}
