// Written by scripts/exports.mjs. For applications; nothing inside this package imports it.
export * as CallSettings from "./CallSettings.ts"
export * as DeepSeek from "./DeepSeek.ts"
export * as OpenAi from "./OpenAi.ts"
export * as OpenAiCompatible from "./OpenAiCompatible.ts"
export * as Profile from "./Profile.ts"
