/**
 * What a vendor tells for nothing: its models, and DeepSeek its balance. Clients ask it to see whether the vendor is there
 * and the key is right, so no script is asked and no model counts it.
 */
import { created } from "./wire/Wire.ts"

/** `models` are those of the fake, `id` is the one that the path names. `undefined`: there is no such model. */
export type Info = (models: ReadonlyArray<string>, id: string) => object | undefined

/** The list of a vendor's models, and one of them, from what one looks like. */
const listed = (
  one: (id: string) => object,
  list: (all: ReadonlyArray<object>) => object
): { all: Info; one: Info } => ({
  all: (models) => list(models.map(one)),
  one: (models, id) => (models.includes(id) ? one(id) : undefined)
})

export const openAiModels = listed(
  (id) => ({ id, object: "model", created, owned_by: "spillway" }),
  (data) => ({ object: "list", data })
)

export const geminiModels = listed(
  (id) => ({ name: `models/${id}`, displayName: id, supportedGenerationMethods: ["generateContent", "countTokens"] }),
  (models) => ({ models })
)

export const balance: Info = () => ({
  is_available: true,
  balance_infos: [{ currency: "USD", total_balance: "10.00", granted_balance: "0.00", topped_up_balance: "10.00" }]
})
