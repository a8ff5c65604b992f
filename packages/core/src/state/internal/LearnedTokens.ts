/**
 * What a target's answers teach about the router's own token counts: by how much its tokenizer differs from our estimate,
 * and how long its answers mostly are. So the limits of that target see numbers that fit it, not one number for all.
 *
 * It corrects what the router counted itself; numbers that a caller names are taken as they are.
 *
 * The ratio is a moving average of real input / estimate. The length of an answer is the 90th percentile, followed by
 * stochastic approximation on the logarithm: a longer answer pulls it up nine times as far as a shorter one lets it down.
 * Source: H. Robbins, S. Monro, "A Stochastic Approximation Method", Ann. Math. Stat. 22(3), 1951, as used for streams by
 * Q. Ma, S. Muthukrishnan, M. Sandler, "Frugal Streaming for Estimating Quantiles", 2013.
 */
import { type Cost, reckoned } from "../../model/Cost.ts"

/** Share of the newest sample once there are many. */
const share = 0.1
const lowest = 0.5
const highest = 2
/** Tokens of an answer before the first one was seen. */
const usualOutput = 512

export class LearnedTokens {
  /** Real input tokens per estimated one. */
  ratio: number
  /** Tokens that nine of ten answers do not exceed. */
  output = usualOutput

  #inputs = 0
  #outputs = 0
  /** The last one made, and of which: it is mostly asked for again at once. */
  #last: { readonly of: Cost; readonly made: Cost } | undefined = undefined

  constructor({ model, provider }: { readonly provider: string; readonly model: string }) {
    // Its tokenizer makes a fifth to a quarter more of the same text than those the estimate is made for.
    this.ratio = provider === "anthropic" || /claude/i.test(model) ? 1.25 : 1
  }

  /** Tokens to reserve for an answer. */
  outputFor(maxOutput: number | undefined): number {
    const usual = Math.ceil(this.output)
    return maxOutput === undefined ? usual : Math.min(maxOutput, usual)
  }

  /** `cost` as this target reckons it: with its own numbers where the router made the estimate. Counts nothing yet. */
  costFor(cost: Cost): Cost {
    const { estimate } = cost
    if (estimate === undefined) return cost
    const last = this.#last
    if (last?.of === cost || last?.made === cost) return last.made
    const made = reckoned(cost, estimate, this.ratio, this.outputFor(estimate.maxOutput))
    this.#last = { of: cost, made }
    return made
  }

  /** `output` is `undefined` unless the answer was complete. */
  observe(estimated: number | undefined, input: number | undefined, output: number | undefined): void {
    if (estimated !== undefined && estimated > 0 && isCount(input)) {
      const sample = within(input / estimated)
      // What it starts with counts as the first sample.
      this.#inputs++
      this.ratio = within(this.ratio + (sample - this.ratio) * Math.max(share, 1 / (this.#inputs + 1)))
    }
    if (isCount(output)) {
      this.#outputs++
      this.output = this.#outputs === 1 ? Math.max(1, output) : nearer(this.output, output, this.#outputs)
    }
    this.#last = undefined
  }
}

const within = (ratio: number): number => Math.min(highest, Math.max(lowest, ratio))

const nearer = (quantile: number, sample: number, n: number): number => {
  const step = Math.max(share, 1 / n)
  return Math.max(1, quantile * Math.exp(step * (sample > quantile ? 0.9 : -0.1)))
}

const isCount = (tokens: number | undefined): tokens is number =>
  tokens !== undefined && tokens > 0 && Number.isFinite(tokens)
