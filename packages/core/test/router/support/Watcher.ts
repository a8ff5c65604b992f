/** A telemetry port that writes everything down, and says what was not told exactly once. */
import type { AttemptRecord, DecisionRecord } from "@spillway/core/Decision"
import type { AttemptInfo, CallInfo, Telemetry } from "@spillway/core/Telemetry"

export interface WatchedAttempt {
  readonly info: AttemptInfo
  readonly records: Array<AttemptRecord>
  firstContents: number
}

export interface WatchedCall {
  readonly info: CallInfo
  readonly attempts: Array<WatchedAttempt>
  readonly records: Array<DecisionRecord>
}

export interface Watcher {
  readonly telemetry: Telemetry
  readonly calls: Array<WatchedCall>
  /** One sentence per broken rule; empty when every call and every attempt was ended exactly once. */
  readonly problems: () => Array<string>
}

export const make = (): Watcher => {
  const calls: Array<WatchedCall> = []
  const telemetry: Telemetry = {
    call: (info) => {
      const call: WatchedCall = { info, attempts: [], records: [] }
      calls.push(call)
      return {
        attempt: (info) => {
          const attempt: WatchedAttempt = { info, records: [], firstContents: 0 }
          call.attempts.push(attempt)
          return {
            firstContent: () => {
              attempt.firstContents++
            },
            end: (record) => {
              attempt.records.push(record)
            }
          }
        },
        end: (record) => {
          call.records.push(record)
        }
      }
    }
  }
  return {
    telemetry,
    calls,
    problems: () =>
      calls.flatMap((call, c) => {
        const problems: Array<string> = []
        if (call.records.length !== 1) problems.push(`call ${c} ended ${call.records.length} times`)
        call.attempts.forEach((attempt, a) => {
          const name = `attempt ${a} of call ${c} (${attempt.info.target.id})`
          if (attempt.records.length !== 1) problems.push(`${name} ended ${attempt.records.length} times`)
          if (attempt.firstContents > 1) problems.push(`${name} had ${attempt.firstContents} first contents`)
        })
        const [record] = call.records
        if (record !== undefined && record.attempts.length !== call.attempts.length) {
          problems.push(`call ${c} made ${call.attempts.length} attempts, its record has ${record.attempts.length}`)
        }
        if (record?.attempts.some((attempt, a) => attempt !== call.attempts[a]?.records[0])) {
          problems.push(`the record of call ${c} lists other attempts than were observed`)
        }
        return problems
      })
  }
}
