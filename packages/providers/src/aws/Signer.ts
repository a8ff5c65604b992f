/**
 * What signs a request to AWS: from the request to the headers it lacks. `SigV4` is the usual one; an application that signs
 * in another way (a sidecar, a proxy that gives out tokens) brings its own function.
 *
 * A signer runs once per attempt, inside the attempt: what it waits for counts as the attempt's time.
 */
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"

export interface SigningRequest {
  readonly method: "GET" | "POST"
  /** As it is sent: the path is percent-encoded. */
  readonly url: string
  /** As they are sent, names in lower case. What is added on the way (`host`, `content-length`) is not among them. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
  /** `eu-central-1`, … */
  readonly region: string
  /** The name of the service in signatures: `bedrock`. */
  readonly service: string
}

/** Headers to add, those that hold secrets `Redacted`. They win over headers of the same name. */
export type Signer = (
  request: SigningRequest
) => Effect.Effect<Readonly<Record<string, string | Redacted.Redacted<string>>>, SigningError>

/** The request cannot be signed, and is not sent. Nothing of what a provider of credentials said is in it. */
export class SigningError extends Schema.TaggedError<SigningError>()("SigningError", {
  /** They cannot be in a header; their time is over; there are none, or not in time. */
  reason: Schema.Literals(["CredentialsInvalid", "CredentialsExpired", "CredentialsUnavailable"])
}) {
  override get message() {
    return `The request cannot be signed: ${this.reason}`
  }
}
