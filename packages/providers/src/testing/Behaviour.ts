/**
 * The script language of the fake provider: what a model does with the requests it gets.
 *
 * A behaviour is a value. The small ones do one thing (`answer`, `rateLimited`, `silent`); modifiers change how an inner
 * answer arrives or breaks (`cutAfter(3, reasoning(10))`); combinators say whose turn it is (`sequence`, `outages`). Where
 * an inner behaviour is left out, it is `answer()`.
 *
 * The same behaviours work in every dialect of the fake; what they say, they say in the dialect's shape and words.
 *
 * Events of a stream are counted as Chat sends them, in every dialect: the first carries only the role (or what else a
 * dialect opens with), the second the first content. What a dialect frames its content with (the start and the stop of a
 * block, a signature) counts as part of the content beside it; Gemini sends a call of a tool with its last piece. A fault
 * "after 1 event" therefore comes before any content, and one after more events than there are comes right before the
 * finish reason. Of two faults around one answer the outer one counts.
 */

export {
  type AnswerOptions,
  answer,
  keepAlive,
  reasoning,
  slowFirstToken,
  splitBytes,
  toolCall,
  withoutDone
} from "./internal/Answers.ts"
export {
  cutAfter,
  type ErrorIn200Options,
  endWithoutFinish,
  errorIn200,
  malformedChunkAfter,
  rateLimited,
  resetBeforeHeaders,
  type StatusOptions,
  silent,
  stallAfter,
  status
} from "./internal/Faults.ts"
export type { ErrorFields } from "./internal/Problem.ts"
export type { Behaviour, ErrorShape, FakeRequest } from "./internal/Reaction.ts"
export { contentFiltered, contextTooLong, refusesPrefill, requestsShape } from "./internal/Refusals.ts"
export {
  bursts,
  choose,
  concurrency,
  cycle,
  outages,
  outagesByRequest,
  sequence,
  whenStreamed,
  withProbability
} from "./internal/Script.ts"
