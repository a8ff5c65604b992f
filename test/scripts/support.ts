/** Runs a script of the workspace on a small tree of files made for one test. */
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

/** Path -> text. */
export type Tree = Readonly<Record<string, string>>

export const write = (folder: string, files: Tree): void => {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
}

/** Writes `files` below a new folder, hands it to `use`, removes it. */
export const inTree = <A>(files: Tree, use: (folder: string) => A): A => {
  const folder = mkdtempSync(join(tmpdir(), "spillway-scripts-"))
  try {
    mkdirSync(join(folder, "packages"))
    write(folder, files)
    return use(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

export const runScript = (name: string, args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) =>
  spawnSync(process.execPath, [fileURLToPath(new URL(`../../scripts/${name}.mjs`, import.meta.url)), ...args], {
    encoding: "utf8",
    env: { ...process.env, ...env }
  })
