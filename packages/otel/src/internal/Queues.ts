/**
 * The admission queue of each route, read when somebody collects: how many wait, how many may, and whom it turned away. The
 * queue counts itself, so a refusal after which another tier answered is in the numbers too.
 */
import type { Meter } from "@opentelemetry/api"
import type { QueueView } from "@spillway/core/Telemetry"
import * as Names from "../Names.ts"

/** By label. Of several routers with one name the last one is read. */
export type Queues = Map<string, () => QueueView>

export const observe = (meter: Meter, queues: Queues): void => {
  const depth = meter.createObservableGauge(Names.metric.queueDepth, { unit: "{call}", description: "Calls that wait" })
  const capacity = meter.createObservableGauge(Names.metric.queueCapacity, {
    unit: "{call}",
    description: "Calls that may wait at once"
  })
  const rejected = meter.createObservableCounter(Names.metric.queueRejected, {
    unit: "{call}",
    description: "Calls that the queue did not let in, or made leave"
  })
  meter.addBatchObservableCallback(
    (result) => {
      for (const [queue, read] of queues) {
        const { dropped, maxQueued, refused, size } = read()
        result.observe(depth, size, { queue })
        result.observe(capacity, maxQueued, { queue })
        for (const reason of new Set([...Object.keys(refused), ...Object.keys(dropped)])) {
          result.observe(rejected, (refused[reason] ?? 0) + (dropped[reason] ?? 0), { queue, reason })
        }
      }
    },
    [depth, capacity, rejected]
  )
}
