// Written by scripts/exports.mjs. For applications; nothing inside this package imports it.
export * as Signer from "./Signer.ts"
export * as SigV4 from "./SigV4.ts"
