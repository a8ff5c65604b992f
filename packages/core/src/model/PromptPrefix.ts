/**
 * How a prompt begins, as one hash per block of it, each covering everything before: two prompts share a beginning as far as
 * their hashes are equal. A strategy compares prompts by it and never sees their text.
 */

export interface PromptPrefix {
  /** Integers in [0, 2^53), first block first; made when first asked for. */
  readonly blocks: () => ReadonlyArray<number>
}
