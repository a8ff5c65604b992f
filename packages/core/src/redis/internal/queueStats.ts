/**
 * The numbers of a queue, from the reply of its `stats` script.
 */
import type { Stats } from "../Job.ts"

export const statsOf = ([ready, delayed, leased, dead, oldest, flat]: readonly [
  number,
  number,
  number,
  number,
  number,
  ReadonlyArray<string>
]): Stats => {
  const counts = new Map<string, number>()
  for (let i = 0; i + 1 < flat.length; i += 2) counts.set(String(flat[i]), Number(flat[i + 1]))
  const of = (name: string) => counts.get(name) ?? 0
  return {
    depth: { P0: of("depth:0"), P1: of("depth:1"), P2: of("depth:2"), P3: of("depth:3") },
    ready,
    delayed,
    leased,
    dead,
    oldestMs: oldest < 0 ? undefined : oldest,
    enqueued: of("enqueued"),
    acked: of("acked"),
    redelivered: of("redelivered"),
    reclaimed: of("reclaimed"),
    stale: of("stale"),
    expired: of("expired"),
    shed: of("shed"),
    refused: of("refused"),
    died: of("died")
  }
}
