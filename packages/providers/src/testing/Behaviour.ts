/**
 * The script language of the fake provider: what a model does with the requests it gets.
 *
 * A behaviour is a value. The small ones do one thing (`answer`, `rateLimited`, `silent`); modifiers change how an inner
 * answer arrives or breaks (`cutAfter(3, reasoning(10))`); combinators say whose turn it is (`sequence`, `outages`). Where
 * an inner behaviour is left out, it is `answer()`.
 *
 * Events of a stream are counted as they are sent: the first carries only the role, the second the first content. A fault
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
export type { ErrorFields } from "./internal/ErrorBody.ts"
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
export type { Behaviour, FakeRequest } from "./internal/Reaction.ts"
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
