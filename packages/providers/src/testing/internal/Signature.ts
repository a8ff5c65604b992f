/// <reference types="node" />
/**
 * Opaque texts that a client must send back unchanged: signatures of thinking, encrypted reasoning. They sign nothing;
 * they are there so that a test can see whether they came back, and to whom.
 */
import { Buffer } from "node:buffer"
import { hash } from "./Chance.ts"

/** Base64; `kind` and `text` decide it, the same text has the same signature. */
export const signatureOf = (kind: string, text: string): string =>
  Buffer.from(`spillway:${kind}:${hash(`${kind}\n${text}`).toString(16).padStart(8, "0")}`).toString("base64")
