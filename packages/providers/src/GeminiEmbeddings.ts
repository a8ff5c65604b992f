/**
 * Embeddings of Gemini, by its own dialect (`batchEmbedContents`). A request holds at most 100 texts of at most 2048 tokens
 * (8192 for newer models). Shortened vectors (`dimensions`) are not of length one: normalise them before they are compared
 * by their dot product.
 *
 * Source: https://ai.google.dev/api/embeddings
 */
import * as GeminiShape from "./internal/embeddings/GeminiShape.ts"

export interface Options extends GeminiShape.Options {}

/** An embedding model over the `HttpClient` of the application: a client for a router. Throws `InvalidOption`. */
export const make = GeminiShape.ways.make

/** The same over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const model = GeminiShape.ways.model

/** The embedding model on its own, without a router, as `EmbeddingModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = GeminiShape.ways.layer

/** `layer` with the key from configuration, by default from `GEMINI_API_KEY`. */
export const layerConfig = GeminiShape.ways.layerConfig
