/** Whether what stands as a target's `client` is a model: else it shows at the first call, as a method that is no function. */
import { InvalidOption } from "../../model/InvalidOption.ts"
import type { ProviderModel } from "../../model/ProviderModel.ts"

/** Throws `InvalidOption`. */
export const check = (where: string, client: ProviderModel): ProviderModel => {
  if (typeof client?.generate === "function" && typeof client.stream === "function") return client
  throw new InvalidOption(
    where,
    "a model, such as OpenAi.model({ … }) or the result of `yield* OpenAi.make({ … })`",
    client,
    "Not an Effect, not a Layer and not the LanguageModel of effect/ai"
  )
}
