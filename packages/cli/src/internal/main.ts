#!/usr/bin/env node
/** The program `spillway`. Ctrl-C interrupts what runs, and its scopes close. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import { run } from "../SpillwayCommand.ts"

const tell = (message: string) =>
  Effect.sync(() => {
    process.stderr.write(`spillway: ${message}\n`)
  })

run(process.argv.slice(2)).pipe(
  Effect.tapError((error) => (error._tag === "Failure" ? tell(error.message) : Effect.void)),
  Effect.tapDefect((defect) =>
    tell(`this is a bug: ${defect instanceof Error ? (defect.stack ?? defect.message) : String(defect)}`)
  ),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({ disableErrorReporting: true })
)
