/**
 * Ids of tool calls in the form a vendor takes. A history may come from another vendor, whose ids are longer or have other
 * letters; call and result get the same new id, and the same one in every request, so that a cached prefix stays one.
 *
 * What fits already is left alone: a vendor's own ids go back as they came.
 * Source: https://docs.mistral.ai/capabilities/function_calling (nine letters and digits); OpenAI refuses more than 40.
 */
import type { Profile } from "../../Profile.ts"

export type Rename = (id: string) => string

const forms = {
  "up-to-40": { fits: /^[\w-]{1,40}$/, length: 24 },
  "exactly-9-alphanumerics": { fits: /^[A-Za-z0-9]{9}$/, length: 9 }
} as const

/** Remembers the ids of one prompt: two of them never become one. */
export const renamer = (rule: Profile["toolIds"]): Rename => {
  if (rule === "any") return (id) => id
  const { fits, length } = forms[rule]
  const renamed = new Map<string, string>()
  const taken = new Set<string>()
  return (id) => {
    const known = renamed.get(id)
    if (known !== undefined) return known
    let name = fits.test(id) ? id : digest(id, length)
    for (let salt = 1; taken.has(name); salt++) name = digest(`${id}#${salt}`, length)
    taken.add(name)
    renamed.set(id, name)
    return name
  }
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/** FNV-1a over UTF-16 code units, drawn out: not secret, only the same every time. */
const digest = (text: string, length: number): string => {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  let name = ""
  for (let i = 0; i < length; i++) {
    hash = Math.imul(hash ^ (hash >>> 15) ^ i, 0x2c1b3c6d)
    hash ^= hash >>> 12
    name += letters[(hash >>> 0) % letters.length] ?? "A"
  }
  return name
}
