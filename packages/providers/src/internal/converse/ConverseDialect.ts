/** Converse of Amazon Bedrock: one dialect for the models of many makers. Frames for streams, JSON for whole answers. */
import type { Signer } from "../../aws/Signer.ts"
import * as Config from "../engine/Config.ts"
import type { Dialect } from "../engine/Dialect.ts"
import * as FrameDecoder from "../frames/FrameDecoder.ts"
import { ConverseStream } from "./ConverseStream.ts"
import { rules } from "./ErrorRows.ts"
import * as Request from "./Request.ts"
import * as Signing from "./Signing.ts"

/** Key of `metadata`, and of the prompt's `options`. */
const owner = "bedrock"

export interface Input extends Omit<Config.Input, "auth"> {
  readonly region: string
  readonly signer: Signer | undefined
  readonly extras: Request.Extras
}

/** Throws `InvalidOption`. */
export const make = ({ extras, region, signer, ...input }: Input): Dialect => {
  const config = Config.resolve({ ...input, auth: "bearer" })
  const { capabilities, headers, model, module, secret, settings } = config
  // An ARN has colons and slashes in it: one segment all the same.
  const path = `/model/${encodeURIComponent(model)}`
  const said = { owner, model, jsonSchema: capabilities.has("json-schema"), extras }
  return {
    ...{ module, model, owner, capabilities, headers, secret, settings },
    provider: "aws.bedrock",
    whole: config.at(`${path}/converse`),
    streamed: config.at(`${path}/converse-stream`),
    acceptStream: "application/vnd.amazon.eventstream, application/json",
    body: (call) => Request.body(said, call),
    decoder: ({ makeId }) => FrameDecoder.make(new ConverseStream({ owner, model, makeId }), rules),
    errors: rules,
    ...(signer === undefined ? undefined : { authorize: Signing.authorize(signer, region) })
  }
}
