/**
 * The vendor of the streams bench, in a process of its own: it writes prepared bytes and thinks as little as it can.
 *
 * `/unary`, `/fast/CHUNKS`, `/slow/CHUNKS/MS`, `/open` stand before `/v1/chat/completions`: a whole answer, a stream as fast
 * as the socket takes it, one with a chunk every so often, and one that stays open after the first chunk.
 */
import { createServer, type ServerResponse } from "node:http"
import { completion, event, finish } from "./wire.ts"

const sse = { "content-type": "text/event-stream", "cache-control": "no-cache" }
const whole = Buffer.from(completion)

const fast = new Map<number, Buffer>()
const allOf = (chunks: number): Buffer => {
  const known = fast.get(chunks)
  if (known !== undefined) return known
  const made = Buffer.from(event.repeat(chunks) + finish)
  fast.set(chunks, made)
  return made
}

const slowly = (response: ServerResponse, chunks: number, ms: number) => {
  let sent = 0
  const timer = setInterval(() => {
    if (++sent <= chunks) response.write(event)
    else {
      clearInterval(timer)
      response.end(finish)
    }
  }, ms)
  response.once("close", () => clearInterval(timer))
}

const server = createServer((request, response) => {
  request.resume()
  request.once("end", () => {
    const [, mode, chunks, ms] = (request.url ?? "").split("/")
    if (mode === "unary") {
      response.writeHead(200, { "content-type": "application/json", "content-length": whole.byteLength })
      return response.end(whole)
    }
    response.writeHead(200, sse)
    if (mode === "fast") return response.end(allOf(Number(chunks)))
    if (mode === "slow") return slowly(response, Number(chunks), Number(ms))
    response.write(event)
  })
})
server.keepAliveTimeout = 60_000
server.listen({ host: "127.0.0.1", port: 0, backlog: 8192 }, () => {
  const address = server.address()
  process.send?.(typeof address === "object" ? address?.port : undefined)
})
process.on("disconnect", () => process.exit())
