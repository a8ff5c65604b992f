/** Headers that stand for options: an option that was left out sends none. */
export type OptionalHeaders = Readonly<Record<string, string | undefined>>

export const present = (headers: OptionalHeaders): Record<string, string> => {
  const known: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) known[name] = value
  return known
}
