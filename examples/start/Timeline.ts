/** What happened when: gate events and decisions, gathered while the calls run, told as sentences afterwards. */
import type { Decision, Gate, Target, Telemetry } from "@spillway/core"

export class Timeline implements Telemetry.Telemetry {
  readonly #startedAt = performance.now()
  readonly #outages = new Map<string, Array<{ from: number; to: number | undefined }>>()
  readonly #parked = new Map<string, number>()
  readonly #failures = new Map<string, Map<string, number>>()

  /** Nobody wants spans here. */
  call(): undefined {
    return undefined
  }

  event(target: Target.Target, event: Gate.GateEvent): void {
    const at = (performance.now() - this.#startedAt) / 1000
    const outages = this.#outages.get(target.id) ?? []
    this.#outages.set(target.id, outages)
    const open = outages.at(-1)
    if (event._tag === "BreakerOpened" && (open?.to !== undefined) === (open !== undefined)) {
      outages.push({ from: at, to: undefined })
    }
    if (event._tag === "BreakerClosed" && open !== undefined) open.to = at
    if (event._tag === "Parked") this.#parked.set(target.id, (this.#parked.get(target.id) ?? 0) + 1)
  }

  decided(record: Decision.DecisionRecord): void {
    for (const { target, errorType } of record.attempts) {
      if (errorType === undefined) continue
      const byType = this.#failures.get(target) ?? new Map<string, number>()
      this.#failures.set(target, byType.set(errorType, (byType.get(errorType) ?? 0) + 1))
    }
  }

  sentences(): ReadonlyArray<string> {
    const ids = [...new Set([...this.#outages.keys(), ...this.#failures.keys()])].sort()
    return ids.map((id) => {
      const outages = (this.#outages.get(id) ?? []).map(({ from, to }) =>
        to === undefined
          ? `its breaker opened at ${from.toFixed(1)} s`
          : `its breaker was open from ${from.toFixed(1)} to ${to.toFixed(1)} s`
      )
      const parked = this.#parked.get(id)
      const failures = [...(this.#failures.get(id) ?? [])].map(([type, n]) => `${n} ${type}`)
      const parts = [
        ...(failures.length === 0 ? [] : [`failed attempts: ${failures.join(", ")}`]),
        ...(parked === undefined ? [] : [`it was left alone ${parked} times as it asked`]),
        ...outages
      ]
      return `${id}: ${parts.join("; ")}.`
    })
  }
}
