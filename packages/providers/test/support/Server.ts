/** A scripted vendor on loopback: a real server on a free port, closed with the scope of the test. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Effect, type Scope } from "effect"

export interface Received {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly body: Record<string, unknown>
}

export interface Server {
  readonly url: string
  readonly received: Array<Received>
  /** Resolves when the peer of the n-th request (from 0) has closed its connection. */
  readonly closed: (n: number) => Promise<void>
  /** Connections accepted so far. */
  readonly connections: () => number
}

export type Handler = (response: ServerResponse, received: Received) => void

export const serve = (handler: Handler): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(() => start(handler)),
      ({ stop }) => Effect.promise(stop)
    ),
    ({ server }) => server
  )

const start = async (handler: Handler) => {
  const received: Array<Received> = []
  const closings: Array<Promise<void>> = []
  let connections = 0
  const http = createServer((request, response) => {
    closings.push(new Promise((resolve) => response.once("close", () => resolve())))
    void readBody(request).then((text) => {
      const entry: Received = {
        method: request.method ?? "",
        url: request.url ?? "",
        headers: request.headers,
        text,
        body: text === "" ? {} : (JSON.parse(text) as Record<string, unknown>)
      }
      received.push(entry)
      handler(response, entry)
    })
  })
  http.on("connection", () => connections++)
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve))
  const { port } = http.address() as AddressInfo
  const server: Server = {
    url: `http://127.0.0.1:${port}`,
    received,
    closed: (n) => closings[n] ?? Promise.reject(new Error(`there was no request ${n}`)),
    connections: () => connections
  }
  const stop = () =>
    new Promise<void>((resolve) => {
      http.close(() => resolve())
      http.closeAllConnections()
    })
  return { server, stop }
}

const readBody = async (request: IncomingMessage): Promise<string> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString("utf8")
}

/** Answers with a whole body. */
export const reply =
  (status: number, body: string | object, headers: Record<string, string> = {}): Handler =>
  (response) => {
    const text = typeof body === "string" ? body : JSON.stringify(body)
    response.writeHead(status, { "content-type": "application/json", ...headers })
    response.end(text)
  }

/** Answers with an event stream of these bytes and ends it. */
export const replySse =
  (bytes: string | Uint8Array): Handler =>
  (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" })
    response.end(bytes)
  }
