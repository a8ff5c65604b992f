/** OpenAI's chat completions, the dialect most servers speak. What sets one vendor apart is said by `Profile`. */
import type { Profile } from "../../Profile.ts"
import * as Config from "../engine/Config.ts"
import type { Dialect } from "../engine/Dialect.ts"
import * as EventDecoder from "../engine/EventDecoder.ts"
import { ChatStream } from "./ChatStream.ts"
import * as Request from "./Request.ts"

export interface Input extends Omit<Config.Input, "auth" | "usually"> {
  readonly profile: Profile
  /** `undefined`: as the vendor does by default. */
  readonly thinking?: boolean | undefined
}

/** Throws `InvalidOption`. */
export const make = ({ profile, thinking, ...input }: Input): Dialect => {
  const config = Config.resolve({ ...input, auth: profile.auth, usually: profile.capabilities })
  const { capabilities, headers, model, module, secret, settings } = config
  const endpoint = config.at("/chat/completions")
  return {
    ...{ module, model, capabilities, headers, secret, settings },
    provider: profile.provider,
    owner: profile.provider,
    whole: endpoint,
    streamed: endpoint,
    body: ({ options, settings, streamed }) =>
      Request.body({ model, profile, thinking, settings, options, stream: streamed }),
    decoder: ({ makeId }) =>
      EventDecoder.make(
        new ChatStream({ provider: profile.provider, model, reasoningTokens: profile.reasoningTokens, makeId })
      )
  }
}
