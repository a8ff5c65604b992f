// Written by scripts/exports.mjs. For applications; nothing inside this package imports it.
export * as AiSdk from "./AiSdk.ts"
