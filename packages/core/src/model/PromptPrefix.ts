/**
 * How a prompt begins, as one hash per block of it, each covering everything before: two prompts share a beginning as far as
 * their hashes are equal. A strategy compares prompts by it and never sees their text.
 *
 * Use it where targets keep what they have computed for the beginning of a prompt (`PrefixCache`). A routed model makes it by
 * itself. Hashes stay in the process: nothing writes them down.
 *
 * Source: the chain of block hashes is that of vLLM's automatic prefix caching (`vllm/v1/core/kv_cache_utils.py`): only whole
 * blocks count, as only whole blocks are kept. There a block is 16 tokens, here it is characters: no tokenizer is asked.
 */
import * as Hash from "./Hash.ts"
import { integer, onlyKeys } from "./InvalidOption.ts"

export interface PromptPrefix {
  /** Integers in [0, 2^53), first block first; made when first asked for. */
  readonly blocks: () => ReadonlyArray<number>
}

export interface Options {
  /** Characters (UTF-16 units) per block. Integer >= 1, default 256, about 64 tokens. */
  readonly blockSize?: number
  /** What stands behind so many blocks is not looked at. Integer >= 1, default 256, about 16,000 tokens. */
  readonly maxBlocks?: number
}

const optionKeys: ReadonlySet<string> = new Set(["blockSize", "maxBlocks"])

/**
 * From the texts of a prompt in the order in which the provider reads them: tools, system, messages, oldest first. Give a
 * function where reading them costs something: it runs when somebody asks for the blocks, and never else. The end of a text
 * counts as one character. Throws `InvalidOption`.
 */
export const of = (texts: Iterable<string> | (() => Iterable<string>), options: Options = {}): PromptPrefix => {
  onlyKeys("PromptPrefix", options, optionKeys)
  const blockSize = options.blockSize === undefined ? 256 : integer("PromptPrefix: blockSize", options.blockSize)
  const maxBlocks = options.maxBlocks === undefined ? 256 : integer("PromptPrefix: maxBlocks", options.maxBlocks)
  return new Lazy(texts, blockSize, maxBlocks)
}

class Lazy implements PromptPrefix {
  /** Private, so that nothing that prints the request prints them; gone once they are hashed. */
  #texts: Iterable<string> | (() => Iterable<string>) | undefined
  #blocks: ReadonlyArray<number> = []
  readonly #blockSize: number
  readonly #maxBlocks: number

  constructor(texts: Iterable<string> | (() => Iterable<string>), blockSize: number, maxBlocks: number) {
    this.#texts = texts
    this.#blockSize = blockSize
    this.#maxBlocks = maxBlocks
  }

  blocks(): ReadonlyArray<number> {
    const texts = this.#texts
    if (texts !== undefined) {
      this.#texts = undefined
      this.#blocks = hashes(typeof texts === "function" ? texts() : texts, this.#blockSize, this.#maxBlocks)
    }
    return this.#blocks
  }
}

/** Seeds of a piece that goes on and of one that ends its text: `"ab", "c"` and `"a", "bc"` are different prompts. */
const goesOn = 0
const ends = 1

const hashes = (texts: Iterable<string>, blockSize: number, maxBlocks: number): ReadonlyArray<number> => {
  const blocks: Array<number> = []
  let chain = 0
  let room = blockSize
  for (const text of texts) {
    let at = 0
    for (;;) {
      const left = text.length - at
      const isEnd = left < room // the end needs a place too
      const piece = at === 0 && isEnd ? text : text.slice(at, cut(text, at + Math.min(left, room)))
      chain = Hash.mix(chain, Hash.text(piece, isEnd ? ends : goesOn))
      at += piece.length
      room -= piece.length + (isEnd ? 1 : 0)
      if (room <= 0) {
        blocks.push(chain)
        if (blocks.length === maxBlocks) return blocks
        room = blockSize
      }
      if (isEnd) break
    }
  }
  return blocks
}

/** A surrogate pair stays whole: its halves alone would be nothing that can be told apart. */
const cut = (text: string, at: number): number => {
  const isLow = at < text.length && (text.charCodeAt(at) & 0xfc00) === 0xdc00
  return isLow && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800 ? at + 1 : at
}
