/** Images, sounds and documents of a prompt, in the dialect's words. */
import type * as Prompt from "effect/ai/Prompt"
import { base64Of, urlOf } from "../parts/FileData.ts"

export const file = (part: Prompt.FilePart): unknown => {
  const { mediaType } = part
  if (mediaType.startsWith("image/")) return { type: "image_url", image_url: { url: urlOf(part) } }
  if (mediaType.startsWith("audio/") && !(part.data instanceof URL)) {
    const format = mediaType === "audio/mpeg" || mediaType === "audio/mp3" ? "mp3" : mediaType.slice("audio/".length)
    return { type: "input_audio", input_audio: { data: base64Of(part), format } }
  }
  return { type: "file", file: { filename: part.fileName ?? "file", file_data: urlOf(part) } }
}
