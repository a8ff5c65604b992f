/** Where `layerConfig` takes a key from: what it is given, or the vendor's variable. */
import { hiddenKind, InvalidOption } from "@spillway/core/InvalidOption"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { isObject } from "./OptionChecks.ts"

/** Options of a vendor whose key may come from configuration. */
export type WithKeyFrom<Options> = Omit<Options, "apiKey"> & {
  readonly apiKey?: Config.Config<Redacted.Redacted<string>> | Redacted.Redacted<string> | undefined
}

/**
 * `required: false`: a server that needs no key is asked without one where the variable is not set. Throws `InvalidOption`,
 * which never shows what was given: it might be the key.
 */
export const keyFrom = <Options>(
  options: WithKeyFrom<Options>,
  variable: string,
  required: (options: WithKeyFrom<Options>) => boolean
): Effect.Effect<Redacted.Redacted<string> | undefined, Config.ConfigError> => {
  if (!isObject(options)) throw new InvalidOption("layerConfig: options", "an object with a model", hiddenKind(options))
  const { apiKey: given } = options
  if (given === undefined) {
    const key = Config.Redacted(variable)
    return required(options)
      ? key
      : Effect.map(Config.option(key), (found) => (found._tag === "Some" ? found.value : undefined))
  }
  if (Redacted.isRedacted(given)) return Effect.succeed(given)
  if (Config.isConfig(given)) return given
  throw new InvalidOption("layerConfig: apiKey", `a Config, such as Config.Redacted("${variable}")`, hiddenKind(given))
}
