/**
 * The fake's answers: a text that depends on nothing but the question and its length, and that shows when it was damaged.
 * And its embeddings, which depend on nothing but the text.
 *
 * A load test asks a different question each time and checks every answer whole: cut, doubled, spliced from two attempts,
 * or given to the wrong caller, and `isCompleteAnswer` says no.
 */
import { generator, hash } from "./internal/Chance.ts"

// Some words need two, three or four bytes per character, so that a split in the wrong place shows.
const words = (
  "amber anchor autumn basil birch bridge candle cedar cloud copper coral crane delta ember fern field flint garden " +
  "glass größe harbor hazel island ivory juniper kettle lantern linen maple marble meadow naïve nectar north oak ocean " +
  "olive opal orchard paper pebble pine quartz rain reed river saffron salt señor silver slate stone summer thistle " +
  "timber tundra valley velvet violet walnut willow winter яблоко 東京 港口 🌊 🍋"
).split(" ")

/**
 * `tokens` words, each one token, with one space between them; the last is a checksum of the question and of the words
 * before it (`#` and eight hex digits). `tokens`: integer >= 1, default 16.
 */
export const answerTo = (question: string, tokens = 16): string => {
  const draw = generator(hash(question))
  const body = Array.from({ length: tokens - 1 }, () => words[Math.floor(draw() * words.length)])
  const text = body.join(" ")
  const sum = `#${hash(`${tokens}\n${question}\n${text}`).toString(16).padStart(8, "0")}`
  return text === "" ? sum : `${text} ${sum}`
}

/**
 * The vector of `text`: `dimensions` numbers (integer >= 1, default 16) of single precision, of length 1. The same text has
 * the same vector.
 */
export const embeddingOf = (text: string, dimensions = 16): ReadonlyArray<number> => {
  const draw = generator(hash(text))
  const raw = Array.from({ length: dimensions }, () => 2 * draw() - 1)
  const length = Math.hypot(...raw)
  return raw.map((value) => Math.fround(value / length))
}

/** Is `text` the whole answer to `question`, of whatever length, and nothing else? */
export const isCompleteAnswer = (question: string, text: string): boolean =>
  text === answerTo(question, text.split(" ").length)
