/**
 * What only Google says, over HTTP and inside a stream. Limits per day, wrong keys and too long prompts are in the common
 * table; `RetryInfo` is read with every body.
 * Source: https://ai.google.dev/gemini-api/docs/troubleshooting and google.rpc.Code
 */
import { auth, type ErrorRules, invalid, overloaded, verdict } from "../errors/ErrorTable.ts"

const noCredit = verdict(
  "QuotaExhausted",
  "QuotaExhausted",
  "other",
  "config",
  "The account has no credit left, or no share of this model"
)

export const rules: ErrorRules = {
  rows: [
    [({ status, says }) => status === 400 && says(/API key expired/i), auth("ExpiredKey", "The API key has expired")],
    [({ status, says }) => status === 400 && says(/API key not valid/i), auth("InvalidKey", "The API key was refused")],
    // Money, and a limit of 0, under the word for rates: no waiting helps. The figure stands at the end of the message.
    [
      ({ status, words }) =>
        status === 429 && /\blimit: 0\b|prepay\w* credits?|credits are depleted|spend(ing)? cap/i.test(words.message),
      noCredit
    ],
    [({ is, says }) => is(/FAILED_PRECONDITION/) && says(/billing/i), noCredit],
    [
      ({ is }) => is(/FAILED_PRECONDITION/),
      auth("InsufficientPermissions", "The account may not use this model or this region")
    ],
    [
      ({ status, says }) => status === 400 && says(/thought.?signature/i),
      invalid("Signed thoughts of another model cannot be read here", { otherTarget: true, parameter: "prompt" })
    ],
    [({ status }) => status === 499, overloaded("The server cancelled the call")]
  ],
  statuses: [
    [/FAILED_PRECONDITION|OUT_OF_RANGE/, 400],
    [/UNAUTHENTICATED/, 401],
    [/CANCELLED/, 499],
    [/DEADLINE_EXCEEDED/, 504]
  ]
}
