/** What the stream of a routed model does when it breaks, by the word of its options. */
import type { ModelOptions, StreamPart } from "../../model/ProviderModel.ts"
import * as BreakPolicy from "../BreakPolicy.ts"
import { restarted } from "./Markers.ts"
import { PrefillTranscript } from "./Prefill.ts"

export type OnBreak = "fail" | "restart" | "continue" | "buffered"

const restart = BreakPolicy.restart(restarted)

export const policies: Record<OnBreak, BreakPolicy.BreakPolicy<StreamPart>> = {
  fail: BreakPolicy.fail,
  restart,
  continue: {
    _tag: "Continue",
    marker: restarted,
    transcript: () => new PrefillTranscript(BreakPolicy.maxCharacters)
  },
  buffered: BreakPolicy.buffered
}

/** Half a JSON value is nothing that models go on with well: it is begun anew. */
export const policyFor = (
  onBreak: BreakPolicy.BreakPolicy<StreamPart>,
  call: Pick<ModelOptions, "responseFormat">
): BreakPolicy.BreakPolicy<StreamPart> =>
  onBreak._tag === "Continue" && call.responseFormat.type !== "text" ? restart : onBreak
