// Written by scripts/exports.mjs. For applications; nothing inside this package imports it.
export * as Names from "./Names.ts"
export * as OtelContext from "./OtelContext.ts"
export * as OtelTelemetry from "./OtelTelemetry.ts"
