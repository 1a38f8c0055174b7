/** The browser that pages are tried in: Debian's Chromium, or what CHROMIUM names. It is never downloaded. */
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const named = process.env.CHROMIUM ?? ''
const path = named === '' ? '/usr/bin/chromium' : named

/** Why no browser can be started here, or null. Tests say it in their name where they skip. */
export const browserMissing: string | null =
  // Whoever names one wants it: then the start fails, and the test with it.
  named !== '' || existsSync(path)
    ? null
    : `skipped: there is no Chromium at ${path} (apt-get install chromium, or name another in CHROMIUM)`

export function startBrowser(): Promise<Browser> {
  // As root, as in many a CI, it has no sandbox of its own; it sees nothing here but pages of these tests.
  const isRoot = process.getuid?.() === 0
  return chromium.launch({ executablePath: path, args: isRoot ? ['--no-sandbox'] : [] })
}
