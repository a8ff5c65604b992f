// Written by scripts/exports.mjs. For applications; nothing inside this package imports it.
export * as IoRedis from "./IoRedis.ts"
export * as Job from "./Job.ts"
export * as PriorityQueue from "./PriorityQueue.ts"
export * as RateLimit from "./RateLimit.ts"
