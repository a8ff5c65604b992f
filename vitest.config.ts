import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

// Tests run against the sources: each address in a package's `exports` is mapped from dist/*.js to src/*.ts.
const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

const alias = readdirSync(at("packages")).flatMap((name) => {
  const { exports } = JSON.parse(readFileSync(at(`packages/${name}/package.json`), "utf8")) as {
    exports: Record<string, string | { import: string }>
  }
  return Object.entries(exports).flatMap(([key, target]) =>
    typeof target === "string"
      ? []
      : [
          {
            find: new RegExp(`^@spillway/${name}${key.slice(1).replaceAll("/", "\\/")}$`),
            replacement: at(`packages/${name}/${target.import.replace("/dist/", "/src/").replace(/\.js$/, ".ts")}`)
          }
        ]
  )
})

export default defineConfig({
  resolve: { alias },
  test: {
    include: ["packages/*/test/**/*.test.ts", "test/**/*.test.ts"],
    // The default leaves one core idle, which is half of a small machine.
    maxWorkers: "100%",
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // One unhandled rejection anywhere fails the run.
    dangerouslyIgnoreUnhandledErrors: false
  }
})
