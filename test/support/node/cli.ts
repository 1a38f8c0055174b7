/** The command line, run in this process on files that are not there, or against a gateway that is. */
import { sendRequest } from '../../../src/cli/kit/io.ts'
import type { HttpReply, HttpRequest, World } from '../../../src/cli/kit/outcome.ts'
import { type Printed, run } from '../../../src/cli/run.ts'

const NOW_MS = Date.parse('2030-01-01T12:00:00Z')

export interface WorldOptions {
  readonly variables?: Readonly<Record<string, string>>
  /** A Tuesday noon where absent. */
  readonly nowMs?: number
  /** What a person answers; null: nobody is there. */
  readonly answer?: boolean | null
  /** Called with every question that is asked. */
  readonly asked?: (question: string) => void
  readonly send?: (request: HttpRequest) => Promise<HttpReply>
  readonly print?: (text: string) => void
  readonly warn?: (text: string) => void
  /** Of the terminal; null, which is no terminal, where absent. */
  readonly width?: number | null
  /** No wait takes any time where absent. */
  readonly wait?: (ms: number) => Promise<void>
}

export type Files = Record<string, string | Uint8Array>

/** A world of these files, by name or by the end of a path; what is written is written there. */
export function worldOf(files: Files, options: WorldOptions = {}): World {
  const {
    variables = {},
    nowMs = NOW_MS,
    answer = null,
    asked = () => {},
    send = sendRequest,
    print = () => {},
    warn = () => {},
    width = null,
    wait = async () => {},
  } = options
  return {
    nowMs,
    read: async (file) => {
      const name = Object.keys(files).find((one) => file === one || file.endsWith(`/${one}`))
      const content = name === undefined ? undefined : files[name]
      if (content === undefined) return { ok: false, reason: 'no such file or directory' }
      return { ok: true, bytes: typeof content === 'string' ? new TextEncoder().encode(content) : content }
    },
    list: async (folder) => {
      const inside = Object.keys(files).filter((file) => file.startsWith(`${folder}/`))
      if (inside.length === 0) return null
      return [...new Set(inside.map((file) => file.slice(folder.length + 1).split('/')[0] ?? ''))]
    },
    write: async (file, text) => {
      if (text === null) delete files[file]
      else files[file] = text
      return null
    },
    variable: (name) => variables[name] || undefined,
    send,
    width: () => width,
    print,
    warn,
    ask: async (question) => {
      asked(question)
      return answer
    },
    id: () => crypto.randomUUID(),
    wait,
  }
}

/** Runs `gatehouse …words`, to the very end; what it prints before its end is part of `out` and `err`. */
export async function gatehouse(
  words: readonly string[],
  files: Files = {},
  options: WorldOptions = {},
): Promise<Printed> {
  let printed = ''
  const print = (text: string) => {
    printed += text
  }
  let warned = ''
  const warn = (text: string) => {
    warned += text
  }
  const { code, out, err, after, waits } = await run(words, worldOf(files, { print, warn, ...options }))
  await after?.()
  const late = await waits?.()
  return { code: late?.code ?? code, out: printed + out, err: warned + err + (late?.err ?? '') }
}
