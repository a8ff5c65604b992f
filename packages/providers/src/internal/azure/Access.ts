/** Who asks at Azure, and where: a key or a token, a resource or an address. The same for every dialect there. */
import { hiddenKind, InvalidOption } from "@spillway/core/InvalidOption"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Dialect } from "../engine/Dialect.ts"
import * as Table from "../engine/OptionTable.ts"
import { type Fault, fault } from "../errors/Fault.ts"

export interface Access {
  /** Name of the resource: `https://{resource}.openai.azure.com`. This, or `baseUrl`. */
  readonly resource?: string | undefined
  /** Instead of `resource`: where the dialect's paths begin, e.g. `https://gateway.example.com/openai/v1`. */
  readonly baseUrl?: string | undefined
  /** E.g. `2024-10-21`: the older path, with the deployment's name in it. Only with `resource`. Default: the path `/openai/v1`. */
  readonly apiVersion?: string | undefined
  /** The resource's key. This, or `token`. */
  readonly apiKey?: Redacted.Redacted<string> | undefined
  /**
   * Yields a token of Entra for the scope `https://cognitiveservices.azure.com/.default`. Run before every call: let it keep
   * the token while it is valid. What it fails with reaches no error.
   */
  readonly token?: Effect.Effect<Redacted.Redacted<string>, unknown> | undefined
}

/** For the table of a module's own options. The others of `Access` every vendor has. */
export const own: Table.Table<"resource" | "apiVersion" | "token"> = {
  resource: Table.text(),
  apiVersion: Table.text(),
  token: (option, value) => {
    if (!Effect.isEffect(value)) throw new InvalidOption(option, "an Effect that yields a token", hiddenKind(value))
  }
}

/** Who has a token needs no key. */
export const wantsKey = ({ token }: Pick<Access, "token">): boolean => token === undefined

const hiddenKey = (key: unknown) => (Redacted.isRedacted(key) ? Symbol("a key (hidden)") : hiddenKind(key))

/** Throws `InvalidOption` unless there is one address and one way to show who asks. */
export const check = (module: string, { apiKey, apiVersion, baseUrl, resource, token }: Access): void => {
  if ((apiKey === undefined) === (token === undefined)) {
    throw new InvalidOption(`${module}: apiKey`, "given, or else token, and not both", hiddenKey(apiKey))
  }
  if ((resource === undefined) === (baseUrl === undefined)) {
    throw new InvalidOption(`${module}: resource`, "given, or else baseUrl, and not both", resource)
  }
  if (resource !== undefined && !/^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$/i.test(resource)) {
    throw new InvalidOption(`${module}: resource`, `the name of a resource, such as "my-resource"`, resource)
  }
  if (apiVersion !== undefined && (resource === undefined || !/^[\w-]+$/.test(apiVersion))) {
    throw new InvalidOption(`${module}: apiVersion`, `a version, such as "2024-10-21", beside resource`, apiVersion)
  }
}

export const baseUrl = ({ apiVersion, model, resource }: Access & { readonly model: string }): string => {
  const host = `https://${resource}.openai.azure.com/openai`
  return apiVersion === undefined
    ? `${host}/v1`
    : `${host}/deployments/${encodeURIComponent(model)}?api-version=${apiVersion}`
}

/** `undefined` where a key is at hand. */
export const authorize = ({ token }: Access): Dialect["authorize"] =>
  token === undefined
    ? undefined
    : () =>
        Effect.matchEffect(token, {
          onFailure: () => Effect.fail(noToken),
          onSuccess: (given) => {
            const value = Redacted.isRedacted(given) ? Redacted.value(given) : ""
            // A header that cannot be sent would be quoted by the error of whoever tries.
            if (!/^[\x21-\x7e]+$/.test(value)) return Effect.fail(noToken)
            return Effect.succeed({ authorization: Redacted.make(`Bearer ${value}`) })
          }
        })

/** Whoever hands out tokens may do so again soon; until then this target is of no use. */
const noToken: Fault = fault({
  reason: "Authentication",
  errorType: "Auth",
  sameTarget: true,
  otherTarget: true,
  health: "fault",
  kind: "MissingKey",
  description: "There was no token to send"
})
