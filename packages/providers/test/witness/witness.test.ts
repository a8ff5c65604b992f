/**
 * The vendors' own SDKs as witnesses, over real sockets: they ask what our adapters ask (`*.requests.ts`), and they read the
 * fake as our adapters read it (`*.answers.ts`). One file runs them all: `effect`, our sources and three SDKs are loaded
 * once, which is most of the time this takes.
 *
 * `openai` and `@google/genai` ask for Node 22; what is used of them here works on 20 too.
 */
import "./openai.requests.ts"
import "./openai.answers.ts"
import "./anthropic.requests.ts"
import "./anthropic.answers.ts"
import "./google.requests.ts"
import "./google.answers.ts"
import "./bedrock.answers.ts"
