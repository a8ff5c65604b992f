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
}

/** 0 for P0 to 3 for P3. */
export const levelOf = (priority: Priority | undefined): 0 | 1 | 2 | 3 =>
  priority === "P0" ? 0 : priority === "P2" ? 2 : priority === "P3" ? 3 : 1
