/**
 * The words that only the Responses dialect has, over HTTP and inside a stream.
 * Source: https://platform.openai.com/docs/api-reference/responses-streaming/error and the codes of `response.error`.
 */
import { type ErrorRules, invalid, rateLimit, verdict } from "../errors/ErrorTable.ts"

export const rules: ErrorRules = {
  rows: [
    // The caller asks again with the whole prompt; the target is as good as before.
    [
      ({ is }) => is(/previous_response_not_found/),
      invalid("The earlier response is not stored here", { otherTarget: true, parameter: "previous_response_id" })
    ],
    // Ids of another account's items. A 404, but of the history: the model is there.
    [
      ({ words }) => /^item with id .{0,200}not found/i.test(words.message),
      invalid("An item of the history is not stored here", { otherTarget: true, parameter: "prompt" })
    ],
    // Reasoning is sealed for the organisation that got it: elsewhere it is left out.
    [
      ({ is }) => is(/invalid_encrypted_content/),
      invalid("Reasoning of another organisation cannot be read here", { otherTarget: true, parameter: "prompt" })
    ],
    [
      ({ is, says }) => is(/invalid_prompt/) && says(/usage policy|flagged|limited access/i),
      verdict("ContentPolicy", "ContentFilter", "none", "none", "The provider's content policy refused the request")
    ],
    // Was a 503 once; it is about the caller's ramp, not about the server's health.
    [({ is }) => is(/slow_down/), rateLimit("The provider asks to slow down")]
  ],
  statuses: [
    [/insufficient_quota|slow_down/i, 429],
    // Before the common words: `image_file_not_found` names a file of the request, not a model.
    [/(invalid|unsupported)_(value|parameter|type)|missing_required/i, 400],
    [/invalid_prompt|image|previous_response_not_found|invalid_encrypted_content|_exceeds_/i, 400]
  ]
}
