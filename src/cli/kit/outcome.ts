/** A command ends in an outcome: text for people, a value for machines, an exit code for scripts. */

/** All is well. */
export const FINE = 0
/** The files were read, and something in them is wrong, fails or differs. */
export const PROBLEMS = 1
/** The command was not understood, or a file could not be read. */
export const MISUSE = 2

export interface Outcome {
  readonly code: typeof FINE | typeof PROBLEMS | typeof MISUSE
  /** For standard output. */
  readonly lines: readonly string[]
  /** The same for a terminal of so many characters, where that is another. */
  readonly fitted?: (width: number) => readonly string[]
  /** For standard error. */
  readonly errors: readonly string[]
  /** With `--json`, the one thing that is printed; undefined where all has been printed already. */
  readonly data: unknown
  /** Work that is left once everything has been printed. */
  readonly after?: () => Promise<void>
  /** Waits for something, after all that: what was printed is safe, whatever comes of it. */
  readonly waits?: () => Promise<Late>
}

/** The result of a wait. */
export interface Late {
  /** Replaces the outcome's. */
  readonly code: Outcome['code']
  /** For standard error. */
  readonly errors: readonly string[]
}

/** The world as a command sees it. It is passed in, so that a command is a function of it. */
export interface World {
  /** Unix milliseconds. */
  readonly nowMs: number
  /** The content of a file; `-` is standard input. Never rejects. */
  readonly read: (file: string) => Promise<Content>
  /** The names of what is in a folder; null where there is no such folder. Never rejects. */
  readonly list: (folder: string) => Promise<readonly string[] | null>
  /** Puts a file there, with the folder that it is in, or takes it away, with the folder if that is then empty; why it could not, or null. */
  readonly write: (file: string, text: string | null) => Promise<string | null>
  /** An environment variable; undefined where it is not set, or empty. */
  readonly variable: (name: string) => string | undefined
  /** One HTTP request; no redirect is followed. Never rejects. */
  readonly send: (request: HttpRequest) => Promise<HttpReply>
  /** The width in characters of the terminal that standard output goes to; null where it goes elsewhere. */
  readonly width: () => number | null
  /** Puts text on standard output now. */
  readonly print: (text: string) => void
  /** Puts text on standard error now. */
  readonly warn: (text: string) => void
  /** Asks a person yes or no; null where nobody can be asked. */
  readonly ask: (question: string) => Promise<boolean | null>
  /** A random UUID. */
  readonly id: () => string
  readonly wait: (ms: number) => Promise<void>
}

export interface HttpRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** The answer may take so long to begin and to end, in milliseconds; as long as the platform waits where absent. */
  readonly timeoutMs?: number
}

export type HttpReply =
  | {
      readonly ok: true
      readonly status: number
      readonly header: (name: string) => string | null
      /** The body as it comes. Throws where it breaks off. */
      readonly pieces: AsyncIterable<string>
    }
  | { readonly ok: false; readonly reason: string }

export type Content =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly reason: string }

/** All is well, and this is to be printed. */
export function fine(lines: readonly string[], data: unknown): Outcome {
  return { code: FINE, lines, errors: [], data }
}

/** A mistake on the command line: the words that were found, and those that are allowed. */
export interface Misuse {
  readonly found: string
  readonly allowed: string
  readonly nearest?: string | null
}

/** Refuses a command line, naming everything that is wrong with it. */
export function misuse(command: string, problems: readonly Misuse[]): Outcome {
  const errors = problems.map(({ found, allowed, nearest }) => {
    const meant =
      nearest === undefined || nearest === null ? '' : `; did you mean ${JSON.stringify(nearest)}?`
    return `${command}: found ${found}; allowed: ${allowed}${meant}`
  })
  return {
    code: MISUSE,
    lines: [],
    errors: [...errors, `Try: ${command} --help`],
    data: { errors: problems.map(({ found, allowed, nearest = null }) => ({ found, allowed, nearest })) },
  }
}

/** Ends a command whose files cannot be read. */
export function unreadable(files: readonly { readonly file: string; readonly reason: string }[]): Outcome {
  return {
    code: MISUSE,
    lines: [],
    errors: files.map(({ file, reason }) => describeUnreadable(file, reason)),
    data: { errors: files.map(({ file, reason }) => ({ file, unreadable: reason })) },
  }
}

/** One line about a file that is not there. */
export function describeUnreadable(file: string, reason: string): string {
  return `${file}: cannot be read: ${reason}`
}

/**
 * A line as a terminal may show it: names out of a policy could otherwise move the cursor, or pass for lines of
 * their own.
 */
export function visible(line: string): string {
  return line.replaceAll(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
