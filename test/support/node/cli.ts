/** The command line, run in this process on files that are not there. */
import type { World } from '../../../src/cli/outcome.ts'
import { type Printed, run } from '../../../src/cli/run.ts'

/** A Tuesday noon. */
const NOW_MS = Date.parse('2030-01-01T12:00:00Z')

/** A world of these files, by name or by the end of a path. */
export function worldOf(files: Readonly<Record<string, string | Uint8Array>>): World {
  return {
    nowMs: NOW_MS,
    read: async (file) => {
      const name = Object.keys(files).find((one) => file === one || file.endsWith(`/${one}`))
      const content = name === undefined ? undefined : files[name]
      if (content === undefined) return { ok: false, reason: 'no such file or directory' }
      return { ok: true, bytes: typeof content === 'string' ? new TextEncoder().encode(content) : content }
    },
  }
}

/** Runs `gatehouse …words`. */
export function gatehouse(
  words: readonly string[],
  files: Readonly<Record<string, string | Uint8Array>> = {},
): Promise<Printed> {
  return run(words, worldOf(files))
}
