// Written by scripts/exports.mjs. For applications; nothing inside this package imports it.
export * as Undici from "./Undici.ts"
