/**
 * What an attempt asks of a gate: how much, how urgently, and whether it is the call's first. Facts for deciding, made once
 * per call; a further attempt of the same call asks with the same amounts and another reason.
 */

/** P0 is the most urgent. */
export type Priority = "P0" | "P1" | "P2" | "P3"

/** Why an attempt is made. */
export type AttemptReason = "primary" | "retry" | "failover" | "hedge"

export interface Cost {
  readonly requests: number
  /** Estimated tokens, input and output together; 0 when unknown. */
  readonly tokens: number
  /** Of `tokens`, those of the answer. Default 0. */
  readonly outputTokens?: number
  /** Default `"P1"`. */
  readonly priority?: Priority
  /** Default `"primary"`. */
  readonly reason?: AttemptReason
  /** Set where the router counted the tokens itself: each target then reckons with what it has learned of them. */
  readonly estimate?: Estimate
}

/** The router's own count of a prompt, made when somebody first wants to know. */
export interface Estimate {
  /** Input tokens; counts them at the first call. */
  readonly input: () => number
  /** What `input` said; `undefined` while nobody has asked. */
  readonly counted: () => number | undefined
  /** The caller's cap on the answer. */
  readonly maxOutput: number | undefined
}

/** `cost` with tokens that `count` says, when somebody asks. */
export const withEstimate = (cost: Cost, maxOutput: number | undefined, count: () => number): Cost => {
  let counted: number | undefined
  const estimate: Estimate = {
    input: () => {
      counted ??= count()
      return counted
    },
    counted: () => counted,
    maxOutput
  }
  return reckoned(cost, estimate, 1, maxOutput ?? 0)
}

/** The same amounts for another reason. */
export const because = (cost: Cost, reason: AttemptReason): Cost => {
  const { estimate, outputTokens = 0, priority = "P1", requests } = cost
  return estimate === undefined
    ? { ...cost, reason }
    : reckoned({ requests, priority, reason }, estimate, 1, outputTokens)
}

/** `cost` with `ratio` times the estimated input and so much output; counted no sooner than somebody asks. */
export const reckoned = (cost: Omit<Cost, "tokens">, estimate: Estimate, ratio: number, outputTokens: number): Cost => {
  const { priority = "P1", reason = "primary", requests } = cost
  return {
    requests,
    // Of the object's own: a gate that hands on a copy of the cost hands on the tokens too.
    get tokens() {
      return Math.ceil(estimate.input() * ratio) + outputTokens
    },
    outputTokens,
    priority,
    reason,
    estimate
  }
}

/** 0 for P0 to 3 for P3. */
export const levelOf = (priority: Priority | undefined): 0 | 1 | 2 | 3 =>
  priority === "P0" ? 0 : priority === "P2" ? 2 : priority === "P3" ? 3 : 1
