/** OpenAI's chat completions, the dialect most servers speak. What sets one vendor apart is said by `Profile`. */
import type { Profile } from "../../Profile.ts"
import * as Config from "../engine/Config.ts"
import type { Dialect } from "../engine/Dialect.ts"
import * as EventDecoder from "../engine/EventDecoder.ts"
import { ChatStream } from "./ChatStream.ts"
import { ownerOf } from "./Reasoning.ts"
import * as Request from "./Request.ts"
import type { Thinking } from "./Settings.ts"

export interface Input extends Omit<Config.Input, "auth" | "usually"> {
  readonly profile: Profile
  readonly thinking?: Thinking | undefined
  /** See `Dialect.authorize`. */
  readonly authorize?: Dialect["authorize"] | undefined
}

/** Throws `InvalidOption`. */
export const make = ({ authorize, profile, thinking = {}, ...input }: Input): Dialect => {
  const config = Config.resolve({ ...input, auth: profile.auth, usually: profile.capabilities })
  const { capabilities, headers, model, module, secret, settings } = config
  const { costInUsd, probe, reasoningTokens, thinkTags } = profile
  // A model that cannot be held to a schema is told of it in words.
  const said =
    profile.json === "json_schema" && !capabilities.has("json-schema")
      ? { ...profile, json: "json_object" as const }
      : profile
  const endpoint = config.at("/chat/completions")
  const owner = ownerOf(profile)
  return {
    ...{ module, model, capabilities, headers, secret, settings, owner },
    provider: profile.provider,
    whole: endpoint,
    streamed: endpoint,
    probe: probe === "none" ? undefined : config.at(probe),
    body: ({ options, settings, streamed }) =>
      Request.body({ model, profile: said, thinking, settings, options, stream: streamed }),
    decoder: ({ makeId }) =>
      EventDecoder.make(new ChatStream({ provider: owner, model, reasoningTokens, thinkTags, costInUsd, makeId })),
    ...(authorize === undefined ? undefined : { authorize })
  }
}
