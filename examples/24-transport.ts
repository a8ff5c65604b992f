// How do calls reach a vendor, and how do many of them share a few sockets?
//
// On Node a server takes `Undici`: the same models, a fraction of the CPU per call, and a pool that you can size. The vendor
// here is a small server of this program's own that counts its sockets.
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { createRouter } from "@spillway/core"
import { OpenAiCompatible } from "@spillway/providers"
import { AiSdk } from "@spillway/providers/ai-sdk"
import * as Undici from "@spillway/providers/node/Undici"
import { SmoothWeightedRoundRobin } from "@spillway/strategies"
import { streamText } from "ai"
import { Effect, Layer } from "effect"
import { LanguageModel } from "effect/ai"

const whole = { model: "chat", choices: [{ message: { content: "The Oder." }, finish_reason: "stop" }] }
const pieces = ["The ", "Oder."].map((content) => ({ model: "chat", choices: [{ delta: { content } }] }))
const last = { model: "chat", choices: [{ delta: {}, finish_reason: "stop" }] }

const answer = (streamed: boolean, response: ServerResponse) => {
  if (!streamed) return response.end(JSON.stringify(whole))
  for (const chunk of [...pieces, last]) response.write(`data: ${JSON.stringify(chunk)}\n\n`)
  return response.end("data: [DONE]\n\n")
}
let sockets = 0
let open = 0
const vendor = createServer(async (request, response) => {
  let body = ""
  for await (const chunk of request) body += chunk
  answer(body.includes('"stream":true'), response)
}).on("connection", (socket) => {
  sockets++
  open++
  socket.on("close", () => open--)
})
await new Promise<void>((resolve) => vendor.listen(0, "127.0.0.1", resolve))
const baseUrl = `http://127.0.0.1:${(vendor.address() as AddressInfo).port}/v1`

// #region effect
const ask = LanguageModel.generateText({ prompt: "Name a river." })
const twenty = Effect.all(Array.from({ length: 20 }, () => ask))

const model = OpenAiCompatible.layer({ model: "chat", baseUrl })
const http = Undici.layer({ connections: 50, keepAlive: "30 seconds" }) // one for the process; closed with its scope

const answers = await Effect.runPromise(Effect.provide(twenty, model.pipe(Layer.provide(http))))
// #endregion
console.log(`${answers.length} answers over ${sockets} socket`)

// #region promises
const pool = Undici.agent({ connections: 50 })
const client = Undici.client(pool) // or of any dispatcher: `new ProxyAgent(…)`, an `Agent` with certificates

const router = createRouter({
  targets: [{ id: "vendor", client: OpenAiCompatible.model({ model: "chat", baseUrl }, client) }],
  strategy: SmoothWeightedRoundRobin.make()
})
for await (const text of streamText({ model: AiSdk.fromRouter(router), prompt: "Name a river." }).textStream) {
  console.log(`streamed: ${text.trim()}`)
}
await pool.close() // waits for what still runs
// #endregion

await router.close()
while (open > 0) await new Promise((resolve) => setImmediate(resolve))
console.log(`${open} sockets are left open`)
vendor.close()

// Expect:
//   20 answers over 1 socket
//   streamed: The
//   streamed: Oder.
//   0 sockets are left open
