/**
 * Checks what an application wrote down for a model, the same for every dialect. A mistake is an `InvalidOption` that names
 * the option, never the key.
 */
import { hiddenKind, InvalidOption, onlyKeys } from "@spillway/core/InvalidOption"
import type { Capability } from "@spillway/core/Target"
import * as Redacted from "effect/Redacted"
import * as CallSettings from "../../CallSettings.ts"
import * as Endpoint from "../http/Endpoint.ts"
import { type HeaderValues, invalidHeader, merge } from "../http/RequestHeaders.ts"
import { isObject } from "./OptionChecks.ts"

/** What every vendor's options have. */
export interface CommonOptions {
  /** As the vendor spells it. */
  readonly model: string
  /** Sent with every request; `Redacted` values are hidden wherever headers are printed. */
  readonly headers?: HeaderValues | undefined
  /** What calls do not say themselves. */
  readonly settings?: CallSettings.CallSettings | undefined
  /** What this model can do. Default: what the vendor's models usually can. */
  readonly capabilities?: Iterable<Capability> | undefined
}

export interface Input extends CommonOptions {
  readonly module: string
  readonly baseUrl: string
  readonly apiKey: Redacted.Redacted<string> | undefined
  /** `false`: a server without keys, or with another way to show who asks, is fine. */
  readonly keyRequired: boolean
  /** Header of the key: `bearer` is `authorization: Bearer …`, another name carries the bare key. */
  readonly auth: "bearer" | (string & {})
  /** Headers of the dialect; the application's own win. */
  readonly dialectHeaders?: HeaderValues | undefined
  readonly usually: Iterable<Capability>
}

export interface Config {
  readonly module: string
  readonly model: string
  /** With the key. */
  readonly headers: HeaderValues
  readonly secret: string | undefined
  readonly settings: CallSettings.CallSettings
  readonly capabilities: ReadonlySet<Capability>
  /** An address below the base URL. `path` begins with a slash and may carry a query. */
  readonly at: (path: string) => Endpoint.Endpoint
}

/**
 * An option that nobody reads would be ignored in silence: a misspelt base URL sends the key somewhere else. Throws
 * `InvalidOption`.
 */
export const known = (module: string, options: object, names: ReadonlyArray<string>): void => {
  // A string may be the key.
  if (!isObject(options)) throw new InvalidOption(`${module}: options`, "an object with a model", hiddenKind(options))
  onlyKeys(module, options, new Set(names))
}

const words: ReadonlySet<unknown> = new Set<Capability>([
  ...(["tools", "vision", "json-schema", "prefill", "reasoning", "embeddings", "streaming"] as const)
])

/** Throws `InvalidOption` unless `given` is a list or a set of capabilities: the letters of a word are none. */
export const capabilities = (option: string, given: unknown): void => {
  const isList = typeof given === "object" && given !== null && isIterable(given)
  if (isList && [...given].every((word) => words.has(word))) return
  throw new InvalidOption(option, `a list of ${[...words].join(", ")}`, given)
}

const isIterable = (value: object): value is Iterable<unknown> =>
  Symbol.iterator in value && typeof value[Symbol.iterator] === "function"

/** Throws `InvalidOption`. */
export const resolve = (input: Input): Config => {
  const option = (name: string) => `${input.module}: ${name}`
  if (typeof input.model !== "string" || input.model.trim() === "") {
    throw new InvalidOption(option("model"), "a non-empty string", input.model)
  }
  const secret = checkKey(option("apiKey"), input.apiKey, input.keyRequired)
  if (input.capabilities !== undefined) capabilities(option("capabilities"), input.capabilities)
  if (input.settings !== undefined) CallSettings.check(option("settings"), input.settings)
  const headers = input.headers ?? {}
  if (!isObject(headers))
    throw new InvalidOption(option("headers"), "an object of names and values", hiddenKind(headers))
  const invalid = invalidHeader(headers)
  if (invalid !== undefined) {
    throw new InvalidOption(
      option("headers"),
      "names and values that HTTP allows",
      Object.keys(headers),
      `Look at header ${invalid}`
    )
  }
  const at = (path: string) => Endpoint.make(option("baseUrl"), input.baseUrl, path, secret)
  at("")
  return {
    module: input.module,
    model: input.model,
    headers: merge(input.dialectHeaders, headers, keyHeader(input)),
    secret,
    settings: input.settings ?? {},
    capabilities: new Set(input.capabilities ?? input.usually),
    at
  }
}

const keyHeader = ({ apiKey, auth }: Input): HeaderValues | undefined => {
  if (apiKey === undefined) return undefined
  if (auth === "bearer") return { authorization: Redacted.make(`Bearer ${Redacted.value(apiKey)}`) }
  return { [auth]: apiKey }
}

// No value goes into these errors: it would be the key.
const checkKey = (option: string, key: unknown, required: boolean): string | undefined => {
  if (key === undefined && !required) return undefined
  if (!Redacted.isRedacted(key)) {
    throw new InvalidOption(option, "a Redacted string, such as Redacted.make(key)", hiddenKind(key))
  }
  const value = Redacted.value(key)
  if (typeof value !== "string" || value === "") throw new InvalidOption(option, "a non-empty key", key)
  if (!/^[\x21-\x7e]+$/.test(value)) {
    throw new InvalidOption(option, "a key of visible ASCII characters", key, "Is there a line end or a blank in it?")
  }
  return value
}
