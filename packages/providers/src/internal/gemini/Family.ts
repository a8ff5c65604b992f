/** What the name of a model says about its generation. Names that say nothing (`gemini-flash-latest`) are the newest. */

/**
 * Before Gemini 3: thinking is capped by a budget instead of a level, calls need no signature, structured output and
 * tools exclude each other, and a tool's result is text only.
 */
export const isOlder = (model: string): boolean => /(gemini-[12](?!\d)|gemma|learnlm)/i.test(model)

/** The larger models always think: at least 128 tokens, or at the level `low`. */
export const isPro = (model: string): boolean => /-pro\b/i.test(model)
