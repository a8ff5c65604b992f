// Written by scripts/exports.mjs. For applications; nothing inside this package imports it.
export * as Combine from "./Combine.ts"
export * as ConsulSource from "./ConsulSource.ts"
export * as DnsSource from "./DnsSource.ts"
export * as EnvSource from "./EnvSource.ts"
export * as FileSource from "./FileSource.ts"
export * as Resolver from "./Resolver.ts"
export * as TargetDescription from "./TargetDescription.ts"
