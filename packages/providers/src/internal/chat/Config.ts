/** Checks what an application wrote down for a model of the chat dialect. A mistake is an `InvalidOption`, without the key. */
import { InvalidOption } from "@spillway/core/InvalidOption"
import type { Capability } from "@spillway/core/Target"
import * as Redacted from "effect/Redacted"
import type { CallSettings } from "../../CallSettings.ts"
import type { Profile } from "../../Profile.ts"
import * as Endpoint from "../http/Endpoint.ts"
import * as Exchange from "../http/Exchange.ts"
import type { Config } from "./ChatModel.ts"

export interface Input {
  readonly module: string
  readonly profile: Profile
  readonly model: string
  readonly baseUrl: string
  readonly apiKey: Redacted.Redacted<string> | undefined
  /** `false`: a server without keys is fine. */
  readonly keyRequired: boolean
  readonly headers: Exchange.HeaderValues | undefined
  readonly thinking?: boolean | undefined
  readonly settings: CallSettings | undefined
  readonly capabilities: Iterable<Capability> | undefined
}

/** Throws `InvalidOption`. */
export const resolve = (input: Input): Config => {
  const at = (option: string) => `${input.module}: ${option}`
  if (typeof input.model !== "string" || input.model.trim() === "") {
    throw new InvalidOption(at("model"), "a non-empty string", input.model)
  }
  const secret = checkKey(at("apiKey"), input.apiKey, input.keyRequired)
  const headers = input.headers ?? {}
  const invalid = Exchange.invalidHeader(headers)
  if (invalid !== undefined) {
    throw new InvalidOption(
      at("headers"),
      "names and values that HTTP allows",
      Object.keys(headers),
      `Look at header ${invalid}`
    )
  }
  return {
    module: input.module,
    profile: input.profile,
    model: input.model,
    endpoint: Endpoint.make(at("baseUrl"), input.baseUrl, "/chat/completions", secret),
    apiKey: input.apiKey,
    headers,
    thinking: input.thinking,
    settings: input.settings ?? {},
    capabilities: new Set(input.capabilities ?? input.profile.capabilities)
  }
}

/** Says what kind of thing was given, not what it says. */
const hidden = (kind: string) => Symbol(`a plain ${kind}, hidden`)

// No value goes into these errors: it would be the key.
const checkKey = (option: string, key: unknown, required: boolean): string | undefined => {
  if (key === undefined && !required) return undefined
  if (!Redacted.isRedacted(key)) {
    const got = key === undefined || key === null ? key : hidden(typeof key)
    throw new InvalidOption(option, "a Redacted string, such as Redacted.make(key)", got)
  }
  const value = Redacted.value(key)
  if (typeof value !== "string" || value === "") throw new InvalidOption(option, "a non-empty key", key)
  if (!/^[\x21-\x7e]+$/.test(value)) {
    throw new InvalidOption(option, "a key of visible ASCII characters", key, "Is there a line end or a blank in it?")
  }
  return value
}
