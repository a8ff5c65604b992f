/**
 * Which targets have seen which beginnings of prompts. Each hash of a block covers all before it, so the hash alone names a
 * node of the tree and a map of hashes is the tree. Walking, matching and inserting are O(blocks).
 *
 * The map is keyed by 30 bits of the hash, small integers, which it finds several times as fast as floats; of two
 * beginnings that share them the later one is kept, one in 30,000 when the tree is full.
 *
 * Bounded: `maxNodes` nodes with at most `maxHolders` targets each. What has been unused for longest goes first, and of one
 * prompt the deepest block before those above it, so that what is left always hangs together.
 * Source: the tree of SGLang's router (`sgl-router/src/tree.rs`), there of characters and with a tree entry per tenant.
 */
import type { Candidate } from "@spillway/core/Candidate"
import type { Millis } from "@spillway/core/Gate"

/** Of a node that more targets hold than this, those are known that used it last. */
export const maxHolders = 8

interface Node {
  readonly hash: number
  /** Side by side: the targets, and when each was last sent this beginning. */
  readonly holders: Array<Candidate>
  readonly usedAt: Array<Millis>
  newer: Node | undefined
  older: Node | undefined
}

export class PrefixTree {
  readonly #nodes = new Map<number, Node>()
  readonly #maxNodes: number
  readonly #forgetMs: Millis
  #newest: Node | undefined
  #oldest: Node | undefined
  /** Scratch of one match; an insertion that follows finds its nodes there. */
  readonly #path: Array<Node> = []
  readonly #refused: Array<Candidate> = []

  constructor(maxNodes: number, forgetMs: Millis) {
    this.#maxNodes = maxNodes
    this.#forgetMs = forgetMs
  }

  get size(): number {
    return this.#nodes.size
  }

  /**
   * The acceptable candidate that has seen the longest beginning of `blocks`, of those with the same the less busy one, if
   * that is more than `atLeast` blocks. `accepts` is asked about a candidate at most once.
   */
  match(
    blocks: ReadonlyArray<number>,
    atLeast: number,
    now: Millis,
    accepts: (candidate: Candidate) => boolean
  ): Candidate | undefined {
    const path = this.#path
    const refused = this.#refused
    path.length = 0
    refused.length = 0
    for (let i = 0; i < blocks.length; i++) {
      const hash = blocks[i] as number
      const node = this.#nodes.get(slot(hash))
      if (node === undefined || node.hash !== hash) break
      path.push(node)
    }
    let best: Candidate | undefined
    for (let i = path.length - 1; i >= 0 && i + 1 > atLeast && best === undefined; i--) {
      const { holders, usedAt } = path[i] as Node
      for (let n = 0; n < holders.length; n++) {
        const holder = holders[n] as Candidate
        if (now - (usedAt[n] as number) > this.#forgetMs || refused.includes(holder)) continue
        if (!accepts(holder)) refused.push(holder)
        else if (best === undefined || busy(holder) < busy(best)) best = holder
      }
    }
    refused.length = 0
    return best
  }

  /** How many blocks of a beginning `candidate` has seen. */
  depth(blocks: ReadonlyArray<number>, candidate: Candidate, now: Millis): number {
    for (let i = 0; i < blocks.length; i++) {
      const hash = blocks[i] as number
      const node = this.#nodes.get(slot(hash))
      const n = node === undefined || node.hash !== hash ? -1 : node.holders.indexOf(candidate)
      if (n < 0 || now - (node?.usedAt[n] as number) > this.#forgetMs) return i
    }
    return blocks.length
  }

  /** `candidate` is sent this prompt. */
  insert(blocks: ReadonlyArray<number>, candidate: Candidate, now: Millis): void {
    // Deepest first, so that the blocks above are the newer ones.
    for (let i = Math.min(blocks.length, this.#maxNodes) - 1; i >= 0; i--) {
      const hash = blocks[i] as number
      const met = this.#path[i]
      let node = met?.hash === hash ? met : this.#nodes.get(slot(hash))
      if (node !== undefined) this.#unlink(node)
      if (node === undefined || node.hash !== hash) {
        // The node that gives up its place may be one above in the same prompt: what was matched may have left the tree.
        if (node !== undefined) this.#path.length = 0
        node = { hash, holders: [], usedAt: [], newer: undefined, older: undefined }
        this.#nodes.set(slot(hash), node)
      }
      this.#link(node)
      hold(node, candidate, now)
    }
    this.#path.length = 0
    while (this.#nodes.size > this.#maxNodes && this.#oldest !== undefined) {
      const { hash } = this.#oldest
      this.#unlink(this.#oldest)
      this.#nodes.delete(slot(hash))
    }
  }

  /** Forgets targets that have left. O(nodes), once per change of the set. */
  retain(candidates: ReadonlySet<Candidate>): void {
    this.#path.length = 0
    for (const node of this.#nodes.values()) {
      for (let n = node.holders.length - 1; n >= 0; n--) {
        if (candidates.has(node.holders[n] as Candidate)) continue
        node.holders.splice(n, 1)
        node.usedAt.splice(n, 1)
      }
      if (node.holders.length > 0) continue
      this.#unlink(node)
      this.#nodes.delete(slot(node.hash))
    }
  }

  #link(node: Node): void {
    node.older = this.#newest
    node.newer = undefined
    if (this.#newest !== undefined) this.#newest.newer = node
    this.#newest = node
    this.#oldest ??= node
  }

  #unlink(node: Node): void {
    if (node.older === undefined) this.#oldest = node.newer
    else node.older.newer = node.newer
    if (node.newer === undefined) this.#newest = node.older
    else node.newer.older = node.older
  }
}

const slot = (hash: number): number => hash & 0x3fff_ffff

const busy = ({ inFlight, target }: Candidate): number => inFlight / target.weight

const hold = ({ holders, usedAt }: Node, candidate: Candidate, now: Millis): void => {
  let n = holders.indexOf(candidate)
  if (n < 0 && holders.length < maxHolders) n = holders.length
  if (n < 0) {
    n = 0
    for (let other = 1; other < maxHolders; other++) if ((usedAt[other] as number) < (usedAt[n] as number)) n = other
  }
  holders[n] = candidate
  usedAt[n] = now
}
