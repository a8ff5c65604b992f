/**
 * What the fake counts as a token: a word with the space before it. Longer words are split after 12 code points, so that
 * text without spaces has tokens too. The tokens joined are the text.
 */
export const tokensOf = (text: string): ReadonlyArray<string> => {
  const tokens: Array<string> = []
  for (const word of text.match(/\s*\S+|\s+$/gu) ?? []) {
    const points = [...word]
    for (let i = 0; i < points.length; i += longest) tokens.push(points.slice(i, i + longest).join(""))
  }
  return tokens
}

const longest = 12
