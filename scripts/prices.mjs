// Refreshes the price list of packages/providers from an `api.json` of models.dev (after `tsc -b`: its decoder is used).
//   node scripts/prices.mjs --from api.json                  a file or a URL; writes, and prints what changed
//   node scripts/prices.mjs --from api.json --check          writes nothing; exit status 1 when something would change
//   node scripts/prices.mjs --from api.json --add xai/grok-5 takes up a model (may be repeated), of any vendor
//
// The list keeps its vendors and models; others of the source are left out. A model that the source no longer has, or has
// with an odd price, stays as it is. A price with `cost.windows` is kept by hand: models.dev has no hours.
// `--snapshot file` is the list (default: the one that ships), `--as-of day` the day of the source (default: today, UTC).
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { root, say } from "./tools.mjs"

const text = { type: "string" }
const { values } = parseArgs({
  options: {
    from: text,
    snapshot: { ...text, default: join(root, "packages/providers/src/internal/catalogue/snapshot.ts") },
    "as-of": { ...text, default: new Date().toISOString().slice(0, 10) },
    add: { ...text, multiple: true, default: [] },
    check: { type: "boolean", default: false }
  }
})
if (values.from === undefined) {
  say("usage: node scripts/prices.mjs --from <api.json or its URL> [--check] [--add provider/model] [--as-of day]")
  process.exit(2)
}

const { fromModelsDev } = await import(new URL("../packages/providers/dist/Catalogue.js", import.meta.url))

const read = async (from) => {
  if (!/^https?:/.test(from)) return readFileSync(from, "utf8")
  const response = await fetch(from)
  if (!response.ok) throw new Error(`${from} answered ${response.status}`)
  return response.text()
}

const source = JSON.parse(await read(values.from))
const file = readFileSync(values.snapshot, "utf8")
const start = "export const snapshot = "
const header = file.slice(0, file.indexOf(start) + start.length)
const old = JSON.parse(file.slice(header.length))

const pick = (value, names) =>
  Object.fromEntries(names.flatMap((name) => (value?.[name] === undefined ? [] : [[name, value[name]]])))
const rates = ["input", "output", "cache_read", "cache_write", "reasoning"]

/** One way to write a tier, of the three in use. */
const tiersOf = (cost) => {
  const tiers = (cost.tiers ?? []).map((tier) => ({ size: tier.tier?.size ?? tier.context?.min, rates: tier }))
  if (tiers.length === 0 && cost.context_over_200k !== undefined) {
    tiers.push({ size: 200_000, rates: cost.context_over_200k })
  }
  return tiers.map(({ size, rates: own }) => ({ tier: { size }, ...pick(own, rates) }))
}

/** What the list keeps of a model. */
const reduced = (model) => {
  const { cost } = model
  const tiers = cost === undefined ? [] : tiersOf(cost)
  return {
    ...(cost === undefined ? {} : { cost: { ...pick(cost, rates), ...(tiers.length === 0 ? {} : { tiers }) } }),
    ...(model.limit === undefined ? {} : { limit: pick(model.limit, ["context", "output"]) }),
    ...pick(model, ["modalities", "reasoning", "tool_call", "structured_output"])
  }
}

/** `path: before -> after` for each leaf that differs. */
const differences = (before, after, path = "") => {
  if (JSON.stringify(before) === JSON.stringify(after)) return []
  const isTree = (value) => typeof value === "object" && value !== null && !Array.isArray(value)
  if (!isTree(before) || !isTree(after)) {
    return [`${path}: ${JSON.stringify(before) ?? "nothing"} -> ${JSON.stringify(after) ?? "nothing"}`]
  }
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .sort()
    .flatMap((key) => differences(before[key], after[key], path === "" ? key : `${path}.${key}`))
}

const wanted = new Map(Object.entries(old.providers).map(([provider, { models }]) => [provider, { ...models }]))
for (const name of values.add) {
  const [, provider, model] = /^([^/]+)\/(.+)$/.exec(name) ?? []
  if (provider === undefined) throw new Error(`--add takes provider/model, got ${name}`)
  if (!wanted.has(provider)) wanted.set(provider, {})
  wanted.get(provider)[model] ??= undefined
}

const vendors = pick(source, [...wanted.keys()])
const { catalogue } = fromModelsDev(vendors)
const changes = []
const providers = {}
for (const provider of [...wanted.keys()].sort()) {
  const models = {}
  for (const [model, before] of Object.entries(wanted.get(provider)).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const name = `${provider}/${model}`
    const found = vendors[provider]?.models?.[model]
    const usable = catalogue.models.get(provider)?.has(model) === true
    if (!usable) say(`${name}: ${found === undefined ? "not in the source" : "odd in the source"}`)
    if (!usable) {
      if (before !== undefined) models[model] = before
      continue
    }
    const after = reduced(found)
    if (before?.cost?.windows !== undefined) {
      say(`${name}: the price has hours and is kept; the source says ${JSON.stringify(after.cost ?? null)}`)
      after.cost = before.cost
    }
    const { commit: _, ...facts } = before ?? {}
    const differs = before === undefined ? ["new"] : differences(facts, after)
    changes.push(...differs.map((line) => `${name} ${line}`))
    models[model] = differs.length === 0 ? before : after
  }
  if (Object.keys(models).length > 0) providers[provider] = { models }
}

for (const line of changes) console.log(line)
console.log(`${changes.length} changes`)
if (values.check) process.exit(changes.length > 0 ? 1 : 0)

/** JSON with a space where a person wants one. */
const line = (value) => {
  if (Array.isArray(value)) return `[${value.map(line).join(", ")}]`
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  return `{${Object.entries(value)
    .map(([key, item]) => `${JSON.stringify(key)}: ${line(item)}`)
    .join(", ")}}`
}

const ofProvider = ([provider, { models }]) => {
  const lines = Object.entries(models).map(([model, facts]) => `      ${JSON.stringify(model)}: ${line(facts)}`)
  return `    ${JSON.stringify(provider)}: { "models": {\n${lines.join(",\n")}\n    } }`
}

if (changes.length > 0) {
  const body = Object.entries(providers).map(ofProvider).join(",\n")
  const fields = `  "asOf": ${JSON.stringify(values["as-of"])},\n  "source": "https://models.dev",\n`
  writeFileSync(values.snapshot, `${header}{\n${fields}  "providers": {\n${body}\n  }\n}\n`)
}
