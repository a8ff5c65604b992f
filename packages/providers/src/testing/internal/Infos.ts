/**
 * What a vendor tells for nothing: its models, and DeepSeek its balance. Clients ask it to see whether the vendor is there
 * and the key is right, so no script is asked and no model counts it.
 */
import { created } from "./wire/Wire.ts"

/** `models` are those of the fake, `id` is the one that the path names. `undefined`: there is no such model. */
export type Info = (models: ReadonlyArray<string>, id: string) => object | undefined

/** The list of a vendor's models, and one of them, from what one looks like. */
const listed = <One extends object>(
  one: (id: string) => One,
  list: (all: ReadonlyArray<One>) => object
): { all: Info; one: Info } => ({
  all: (models) => list(models.map(one)),
  one: (models, id) => (models.includes(id) ? one(id) : undefined)
})

export const openAiModels = listed(
  (id) => ({ id, object: "model", created, owned_by: "spillway" }),
  (data) => ({ object: "list", data })
)

/** Pages are as long as there are models. */
export const anthropicModels = listed(
  (id) => ({ type: "model", id, display_name: id, created_at: new Date(created * 1000).toISOString() }),
  (data) => ({ data, has_more: false, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null })
)

export const geminiModels = listed(
  (id) => ({ name: `models/${id}`, displayName: id, supportedGenerationMethods: ["generateContent", "countTokens"] }),
  (models) => ({ models })
)

export const balance: Info = () => ({
  is_available: true,
  balance_infos: [{ currency: "USD", total_balance: "10.00", granted_balance: "0.00", topped_up_balance: "10.00" }]
})
