// Written by scripts/exports.mjs. For applications; nothing inside this package imports it.
export * as CandidateFixture from "./CandidateFixture.ts"
export * as GateLaws from "./GateLaws.ts"
export * as LawBroken from "./LawBroken.ts"
export * as Seeded from "./Seeded.ts"
export * as StrategyLaws from "./StrategyLaws.ts"
