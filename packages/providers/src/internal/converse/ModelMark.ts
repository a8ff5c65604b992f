/**
 * Which model an id means, for what is bound to a model: signed reasoning goes back only to the one that signed it.
 *
 * A base id, an inference profile (`us.`, `eu.`, `global.`, …) and their ARNs mean the same model in other places, and a
 * signature holds in all of them. The ARN of an application's own profile tells nothing; it stands for itself.
 *
 * Source: https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html
 */

const places = /^(us|us-gov|eu|apac|jp|au|ca|sa|me|il|global)\.(?=[a-z0-9-]+\.)/

/** `arn:…:inference-profile/us.anthropic.claude-x-v1:0` and `anthropic.claude-x-v1:0` give the latter. */
export const of = (model: string): string => model.slice(model.lastIndexOf("/") + 1).replace(places, "")

/** Anthropic's models take `top_k` and the status of a tool result. */
export const isAnthropic = (mark: string): boolean => mark.startsWith("anthropic.")

export const isNova = (mark: string): boolean => mark.startsWith("amazon.nova")
