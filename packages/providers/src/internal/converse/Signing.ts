/** How the engine asks a signer: what is signed, and what it means when there is nothing to sign with. */
import * as Effect from "effect/Effect"
import type { Signer, SigningError } from "../../aws/Signer.ts"
import type { Dialect } from "../engine/Dialect.ts"
import { auth, verdict } from "../errors/ErrorTable.ts"
import { type Fault, fault } from "../errors/Fault.ts"

export const authorize =
  (signer: Signer, region: string): NonNullable<Dialect["authorize"]> =>
  ({ body, headers, method, url }) =>
    Effect.mapError(signer({ method, url, headers, body, region, service: "bedrock" }), ({ reason }) => faults[reason])

// Nothing was sent. Where credentials are made for a time, the next try may find some.
const faults: Readonly<Record<SigningError["reason"], Fault>> = {
  CredentialsInvalid: fault(auth("InvalidKey", "The credentials are none that can be sent")),
  CredentialsExpired: fault(auth("ExpiredKey", "The credentials have expired")),
  CredentialsUnavailable: fault(
    verdict("Authentication", "Auth", "same+other", "fault", "No credentials could be had", { kind: "MissingKey" })
  )
}
