/** Writes AWS's event stream, for tests. It shares nothing with the reader; `@smithy/eventstream-codec` is held against it. */
import { readFileSync } from "node:fs"
import { crc32 } from "node:zlib"

/** The ten types of the format, by number. */
export type Header =
  | { readonly type: "boolean"; readonly value: boolean }
  | { readonly type: "byte" | "short" | "integer"; readonly value: number }
  | { readonly type: "long" | "timestamp"; readonly value: bigint }
  | { readonly type: "binary"; readonly value: Uint8Array }
  | { readonly type: "string" | "uuid"; readonly value: string }

const valueOf = (header: Header): Buffer => {
  switch (header.type) {
    case "boolean":
      return Buffer.from([header.value ? 0 : 1])
    case "byte":
      return Buffer.from([2, header.value & 0xff])
    case "short": {
      const bytes = Buffer.from([3, 0, 0])
      bytes.writeInt16BE(header.value, 1)
      return bytes
    }
    case "integer": {
      const bytes = Buffer.from([4, 0, 0, 0, 0])
      bytes.writeInt32BE(header.value, 1)
      return bytes
    }
    case "long":
    case "timestamp": {
      const bytes = Buffer.alloc(9, header.type === "long" ? 5 : 8)
      bytes.writeBigInt64BE(header.value, 1)
      return bytes
    }
    case "binary":
    case "string": {
      const value = Buffer.from(header.value as string)
      const head = Buffer.from([header.type === "binary" ? 6 : 7, value.length >> 8, value.length & 0xff])
      return Buffer.concat([head, value])
    }
    case "uuid":
      return Buffer.concat([Buffer.from([9]), Buffer.from(header.value.replaceAll("-", ""), "hex")])
  }
}

export const headerBytes = (headers: ReadonlyArray<readonly [string, Header]>): Uint8Array =>
  Buffer.concat(
    headers.flatMap(([name, header]) => [Buffer.from([Buffer.byteLength(name)]), Buffer.from(name), valueOf(header)])
  )

/** A frame around any bytes; `announced` is a false total length, with a right checksum. */
export const frameOf = (headers: Uint8Array, payload: Uint8Array, announced?: number): Uint8Array => {
  const total = 16 + headers.length + payload.length
  const prelude = Buffer.alloc(12)
  prelude.writeUInt32BE(announced ?? total, 0)
  prelude.writeUInt32BE(headers.length, 4)
  prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8)
  const body = Buffer.concat([prelude, headers, payload])
  const end = Buffer.alloc(4)
  end.writeUInt32BE(crc32(body))
  return new Uint8Array(Buffer.concat([body, end]))
}

export const frame = (headers: ReadonlyArray<readonly [string, Header]>, payload: Uint8Array | string): Uint8Array =>
  frameOf(headerBytes(headers), Buffer.from(payload as string))

const named = (type: string, values: Readonly<Record<string, string>>, payload: unknown): Uint8Array =>
  frame(
    // AWS writes `:content-type` too; without it the laws that try every split are cheaper.
    Object.entries({ ...values, ":message-type": type }).map(([name, value]) => [name, { type: "string", value }]),
    typeof payload === "string" ? payload : JSON.stringify(payload)
  )

export const event = (name: string, payload: unknown) => named("event", { ":event-type": name }, payload)

export const exception = (name: string, payload: unknown) => named("exception", { ":exception-type": name }, payload)

export const error = (code: string, message: string) =>
  named("error", { ":error-code": code, ":error-message": message }, "")

export const join = (...frames: ReadonlyArray<Uint8Array>): Uint8Array => new Uint8Array(Buffer.concat(frames))

/** A file of fixtures, one event per line: `{"name": {…}}`. */
export const fixture = (file: string): Uint8Array => {
  const lines = readFileSync(new URL(`../fixtures/${file}`, import.meta.url), "utf8")
    .trim()
    .split("\n")
  return join(
    ...lines.flatMap((line) =>
      Object.entries(JSON.parse(line) as object).map(([name, payload]) => event(name, payload))
    )
  )
}
