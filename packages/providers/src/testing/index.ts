// Written by scripts/exports.mjs. For applications; nothing inside this package imports it.
export * as Behaviour from "./Behaviour.ts"
export * as FakeAnswer from "./FakeAnswer.ts"
export * as FakeProvider from "./FakeProvider.ts"
export * as Latency from "./Latency.ts"
export * as RequestLog from "./RequestLog.ts"
export * as RetryAfter from "./RetryAfter.ts"
