/**
 * The strategies that a scenario file may name. One line each; options come from the file and are checked by the strategy
 * itself, which names the one that is wrong.
 *
 * A strategy that is not here is used from a module: see `ScenarioFile`.
 */
import type { Strategy } from "@spillway/core/Strategy"
import * as Affinity from "@spillway/strategies/Affinity"
import * as Bandit from "@spillway/strategies/Bandit"
import * as Cheapest from "@spillway/strategies/Cheapest"
import * as EdfWeightedRoundRobin from "@spillway/strategies/EdfWeightedRoundRobin"
import * as Failover from "@spillway/strategies/Failover"
import * as MostHeadroom from "@spillway/strategies/MostHeadroom"
import * as NearestRegion from "@spillway/strategies/NearestRegion"
import * as PowerOfTwo from "@spillway/strategies/PowerOfTwo"
import * as SmoothWeightedRoundRobin from "@spillway/strategies/SmoothWeightedRoundRobin"
import * as WeightedLeastConnections from "@spillway/strategies/WeightedLeastConnections"
import * as WeightedRandom from "@spillway/strategies/WeightedRandom"

type FromFile = (options: Readonly<Record<string, unknown>> | undefined) => Strategy<string>

/** `Options` are what the file says: checking them is for `make`. */
const entry =
  <Options>(make: (options?: Options) => Strategy<string>): FromFile =>
  (options) =>
    options === undefined ? make() : make(options as Options)

export const strategies: ReadonlyMap<string, FromFile> = new Map([
  ["affinity", entry(Affinity.make)],
  ["bandit", entry(Bandit.make)],
  ["cheapest", entry(Cheapest.make)],
  ["edf-weighted-round-robin", entry(EdfWeightedRoundRobin.make)],
  ["failover", entry(Failover.make)],
  ["most-headroom", entry(MostHeadroom.make)],
  ["nearest-region", entry(NearestRegion.make)],
  ["power-of-two", entry(PowerOfTwo.make)],
  ["smooth-weighted-round-robin", entry(SmoothWeightedRoundRobin.make)],
  ["weighted-least-connections", entry(WeightedLeastConnections.make)],
  ["weighted-random", entry(WeightedRandom.make)]
])
