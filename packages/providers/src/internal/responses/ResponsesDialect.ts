/** OpenAI's Responses API and the servers that offer a part of it: DeepSeek, OpenRouter, xAI, vLLM. */
import * as Config from "../engine/Config.ts"
import type { Dialect } from "../engine/Dialect.ts"
import * as EventDecoder from "../engine/EventDecoder.ts"
import { rules } from "./Errors.ts"
import * as Request from "./Request.ts"
import { ResponsesStream } from "./ResponsesStream.ts"

export interface Input
  extends Config.Input,
    Omit<Request.Fixed, "model" | "owner" | "capabilities" | "systemRole" | "user"> {
  readonly provider: string
  /** Key of the metadata: `openai` for all who serve OpenAI's own models. */
  readonly owner: string
  /** Where asking costs nothing. */
  readonly probePath: string
}

/** Throws `InvalidOption`. */
export const make = (input: Input): Dialect => {
  const { owner, provider, store, summary, verbosity, serviceTier, promptCacheKey, truncation } = input
  const { at, capabilities, headers, model, module, secret, settings } = Config.resolve(input)
  const endpoint = at("/responses")
  const ofOpenAi = owner === "openai"
  const fixed: Request.Fixed = {
    ...{ model, owner, capabilities, store, summary, verbosity, serviceTier, promptCacheKey, truncation },
    systemRole: ofOpenAi ? "developer" : "system",
    user: ofOpenAi ? "safety_identifier" : "user"
  }
  return {
    ...{ module, provider, owner, model, capabilities, headers, secret, settings },
    whole: endpoint,
    streamed: endpoint,
    probe: at(input.probePath),
    body: (call) => Request.body(fixed, call),
    decoder: ({ makeId }) => EventDecoder.make(new ResponsesStream({ owner, model, store, makeId })),
    errors: rules
  }
}
