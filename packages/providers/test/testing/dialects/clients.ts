import { chat } from "./Chat.ts"
import type { Client } from "./Client.ts"
import { converse } from "./Converse.ts"
import { gemini } from "./Gemini.ts"
import { messages } from "./Messages.ts"
import { responses } from "./Responses.ts"

export const clients: ReadonlyArray<Client> = [chat, responses, messages, gemini, converse]
