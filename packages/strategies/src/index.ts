// Written by scripts/exports.mjs. For applications; nothing inside this package imports it.
export * as InFlight from "./loads/InFlight.ts"
export * as PeakEwma from "./loads/PeakEwma.ts"
export * as PowerOfTwo from "./PowerOfTwo.ts"
export * as SmoothWeightedRoundRobin from "./SmoothWeightedRoundRobin.ts"
export * as WeightedLeastConnections from "./WeightedLeastConnections.ts"
