/** Where `layerConfig` takes a key from: what it is given, or the vendor's variable. */
import { hiddenKind, InvalidOption } from "@spillway/core/InvalidOption"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"

/** Options of a vendor whose key may come from configuration. */
export type WithKeyFrom<Options> = Omit<Options, "apiKey"> & {
  readonly apiKey?: Config.Config<Redacted.Redacted<string>> | Redacted.Redacted<string> | undefined
}

/**
 * `required: false`: a server that needs no key is asked without one where the variable is not set. Throws `InvalidOption`,
 * which never shows what was given: it might be the key.
 */
export const keyFrom = (
  given: WithKeyFrom<object>["apiKey"],
  variable: string,
  required: boolean
): Effect.Effect<Redacted.Redacted<string> | undefined, Config.ConfigError> => {
  if (given === undefined) {
    const key = Config.Redacted(variable)
    return required ? key : Effect.map(Config.option(key), (found) => (found._tag === "Some" ? found.value : undefined))
  }
  if (Redacted.isRedacted(given)) return Effect.succeed(given)
  if (Config.isConfig(given)) return given
  throw new InvalidOption("layerConfig: apiKey", `a Config, such as Config.Redacted("${variable}")`, hiddenKind(given))
}
