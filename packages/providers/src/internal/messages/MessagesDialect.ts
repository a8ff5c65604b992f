/** Anthropic's Messages API, and servers that offer a part of it: DeepSeek's `/anthropic`, Moonshot, gateways. */
import * as Config from "../engine/Config.ts"
import type { Dialect } from "../engine/Dialect.ts"
import * as EventDecoder from "../engine/EventDecoder.ts"
import { rules } from "./Errors.ts"
import { MessagesStream } from "./MessagesStream.ts"
import * as Request from "./Request.ts"

export interface Input
  extends Config.Input,
    Omit<Request.Fixed, "model" | "owner" | "prefill" | "schemas" | "unsigned"> {
  readonly provider: string
  /** Where asking costs nothing; `undefined`: nowhere. */
  readonly probePath: string | undefined
}

/** Key of the metadata, whoever serves the dialect. */
const owner = "anthropic"

/** Throws `InvalidOption`. */
export const make = (input: Input): Dialect => {
  const { cache, maxTokens, probePath, provider, sampling, serviceTier, thinking } = input
  const { at, capabilities, headers, model, module, secret, settings } = Config.resolve(input)
  const endpoint = at("/messages")
  const fixed: Request.Fixed = {
    ...{ model, owner, maxTokens, sampling, thinking, cache, serviceTier },
    prefill: capabilities.has("prefill"),
    schemas: capabilities.has("json-schema"),
    // Others think without signing.
    unsigned: provider !== owner
  }
  return {
    ...{ module, provider, owner, model, capabilities, headers, secret, settings },
    whole: endpoint,
    streamed: endpoint,
    probe: probePath === undefined ? undefined : at(probePath),
    body: (call) => Request.body(fixed, call),
    decoder: ({ makeId }) => EventDecoder.make(new MessagesStream({ owner, model, makeId })),
    errors: rules
  }
}
