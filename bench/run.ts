/** `npm run bench -- NAME [--json]`: runs one bench; a table for people, with `--json` one object on the last line. */
import { gates } from "./gates.ts"
import { overhead } from "./overhead.ts"
import { pick } from "./pick.ts"
import { type Report, toTable } from "./Report.ts"
import { scenarios } from "./scenarios.ts"
import { simulate } from "./simulate.ts"
import { soak } from "./soak.ts"
import { streams } from "./streams.ts"

const benches: Readonly<Record<string, (progress: (done: number, of: number) => void) => Promise<Report>>> = {
  gates,
  overhead,
  pick,
  scenarios,
  simulate,
  soak,
  streams
}

const args = process.argv.slice(2)
const json = args.includes("--json")
const name = args.find((arg) => !arg.startsWith("--"))
const bench = name === undefined ? undefined : benches[name]

if (bench === undefined) {
  console.error(`No bench named ${JSON.stringify(name ?? "")}. There are: ${Object.keys(benches).join(", ")}`)
  process.exit(2)
}
const report = await bench((done, of) => {
  if (process.stderr.isTTY) process.stderr.write(`\r${name}: round ${done} of ${of}${done === of ? "\n" : ""}`)
  else if (done % 5 === 0) console.error(`${name}: round ${done} of ${of}`)
})
console.log(json ? JSON.stringify(report) : toTable(report))
