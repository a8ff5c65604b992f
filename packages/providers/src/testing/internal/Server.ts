/// <reference types="node" />
/** The sockets of the fake: listening, reading requests, and leaving nothing behind. */
import { createServer, type IncomingMessage } from "node:http"
import type { Socket } from "node:net"
import { Exchange } from "./Exchange.ts"
import { type Routes, serve } from "./Routes.ts"

export interface Server {
  readonly port: number
  readonly openSockets: () => number
  /** Destroys every socket; done when the port is free. */
  readonly close: () => Promise<void>
}

/** Bytes of a request that are kept: a prompt of a million tokens fits. */
const longestBody = 16 * 1024 * 1024

/** Listens on 127.0.0.1; port 0 takes a free one. */
export const open = async (port: number, routes: Routes): Promise<Server> => {
  const sockets = new Set<Socket>()
  const exchanges = new Set<Exchange>()
  const server = createServer((incoming, response) => {
    routes.book.opened()
    response.once("close", () => routes.book.closed())
    read(incoming, (body) => {
      void serve(routes, incoming, body, (entry) => {
        const exchange = new Exchange(response, entry, (outcome) => {
          exchanges.delete(exchange)
          routes.book.settled(entry, outcome)
        })
        exchanges.add(exchange)
        return exchange
      })
    })
  })
  // Only a script breaks a connection: no idle socket is closed, and no slow request is given up.
  server.keepAliveTimeout = 0
  server.requestTimeout = 0
  server.headersTimeout = 0
  server.on("connection", (socket: Socket) => {
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen({ port, host: "127.0.0.1", backlog: 4096 }, resolve)
  })
  const address = server.address()
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    openSockets: () => sockets.size,
    close: async () => {
      // Node reports the server closed before its sockets have told their listeners.
      const gone = [...sockets].map((socket) => new Promise((resolve) => socket.once("close", resolve)))
      const closed = new Promise((resolve) => server.close(resolve))
      server.on("connection", (socket: Socket) => socket.destroy()) // accepted just before
      for (const exchange of exchanges) exchange.abandon()
      for (const socket of sockets) socket.destroy()
      await Promise.all([closed, ...gone])
    }
  }
}

const read = (incoming: IncomingMessage, then: (body: string | undefined) => void): void => {
  const chunks: Array<Buffer> = []
  let length = 0
  incoming.on("data", (chunk: Buffer) => {
    length += chunk.length
    if (length <= longestBody) chunks.push(chunk)
  })
  incoming.once("end", () => then(length <= longestBody ? Buffer.concat(chunks).toString() : undefined))
}
