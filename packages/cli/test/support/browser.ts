/** Headless Chromium: the one that `CHROMIUM_PATH` names, else the first on the PATH. It ends with the test that began it. */
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"
import { type Browser, chromium } from "playwright-core"

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]

const isProgram = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Throws where there is none: pages that nobody looked at are not tested. */
export const executable = (): string => {
  const named = process.env["CHROMIUM_PATH"]
  const folders = (process.env["PATH"] ?? "").split(delimiter)
  const candidates =
    named === undefined ? names.flatMap((name) => folders.map((folder) => join(folder, name))) : [named]
  const found = candidates.find(isProgram)
  if (found !== undefined) return found
  const where = named === undefined ? "is not on the PATH" : `is not at CHROMIUM_PATH (${named})`
  throw new Error(
    `Chromium ${where}: these tests need it (Debian: apt-get install chromium; Fedora, Alpine, Homebrew: chromium)`
  )
}

/** Its sandbox needs rights that containers and root do not give; the pages are our own. */
export const launch = (): Promise<Browser> =>
  chromium.launch({ executablePath: executable(), args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] })
