/** All stories as one page of HTML that needs nothing else: the goals, and behind each run its own page of plots. */
import { type Result, SimulationPage } from "@spillway/core/testing"
import { type Goal, isMet, type Story } from "./Story.ts"

export interface Told {
  readonly story: Story
  /** By run and contender. */
  readonly results: ReadonlyArray<ReadonlyArray<Result.Result>>
  readonly goals: ReadonlyArray<Goal>
  readonly notes: ReadonlyArray<string>
}

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")

const row = (goal: Goal): string => {
  const { ifMissed, plain, reached, show, spillway, target, what } = goal
  const wanted = "atLeast" in target ? `at least ${show(target.atLeast)}` : `at most ${show(target.atMost)}`
  const met = isMet(goal)
  const verdict = met ? "met" : `<strong>missed</strong>${ifMissed === undefined ? "" : `: ${escaped(ifMissed)}`}`
  const cells = [what, plain, spillway, show(reached), wanted].map((text) => `<td>${escaped(text)}</td>`)
  return `<tr>${cells.join("")}<td>${verdict}</td></tr>`
}

const section = ({ goals, notes, results, story }: Told): string =>
  [
    `<h2>${escaped(story.title)}</h2>`,
    "<table><tr><th></th><th>plain</th><th>Spillway</th><th>reached</th><th>wanted</th><th></th></tr>",
    ...goals.map(row),
    "</table>",
    ...notes.map((note) => `<p>${escaped(note)}</p>`),
    ...story.runs.map(({ scenario }, i) => {
      const page = SimulationPage.render(results[i] ?? [], { scenario })
      return `<details><summary>${escaped(scenario.name)}: figures and plots</summary><iframe title="${escaped(scenario.name)}" loading="lazy" srcdoc="${escaped(page)}"></iframe></details>`
    })
  ].join("\n")

const style = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
body { max-width: 1200px; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse } th, td { text-align: left; padding: .25rem .75rem .25rem 0; vertical-align: top }
iframe { width: 100%; height: 85vh; border: 1px solid #8888 } summary { cursor: pointer; margin: .5rem 0 }`

export const storiesPage = (told: ReadonlyArray<Told>): string =>
  `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Stories</title>
<style>${style}</style></head><body><h1>Stories, with a plain client and with Spillway</h1>
${told.map(section).join("\n")}
</body></html>
`
