/**
 * Azure OpenAI: OpenAI's dialects with other names around them. Source: Microsoft, "Azure OpenAI REST API reference". A
 * deployment's name is the model's, a wrong key and an unknown deployment are told in the gateway's words.
 */
import type { Wire } from "./Wire.ts"

const gateway: Readonly<Record<string, { readonly code: string; readonly message: string }>> = {
  key: { code: "401", message: "Access denied due to invalid subscription key or wrong API endpoint." },
  model: { code: "DeploymentNotFound", message: "The API deployment for this resource does not exist." }
}

export const azure = (wire: Wire): Wire => ({
  ...wire,
  requestId: (index) => ({
    "apim-request-id": `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`,
    "x-ms-region": "Spillway"
  }),
  refusal: (problem, request) => {
    const error = gateway[problem.kind]
    return error === undefined
      ? wire.refusal(problem, request)
      : { status: problem.status, headers: {}, body: JSON.stringify({ error }) }
  }
})
