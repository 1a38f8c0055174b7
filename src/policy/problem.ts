/** A place in a text, line and column from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** The problem at one place of a document, in words that let its author mend it. */
export interface Problem extends Partial<Position> {
  /** JSON Pointer (RFC 6901) to the place; '' is the whole document. */
  readonly pointer: string
  /** The value that was found: a JSON type, or a short name or value. */
  readonly found: string
  /** The values that are allowed. */
  readonly allowed: string
  /** The name that was probably meant, where an allowed one is spelt nearly like the one that was found. */
  readonly nearest?: string | null
  /** The name of a member is wrong, not its value. */
  readonly onName?: boolean
}

/** RFC 6901: `~` and `/` are escaped inside a reference token. */
export function pointer(...path: readonly (string | number)[]): string {
  return path.map((token) => `/${escaped(String(token))}`).join('')
}

function escaped(token: string): string {
  return /[~/]/.test(token) ? token.replaceAll('~', '~0').replaceAll('/', '~1') : token
}

/** One line a person can act on. */
export function describeProblem({ pointer, found, allowed, nearest, line, column }: Problem): string {
  const place = line === undefined ? '' : `line ${line}, column ${column}: `
  const meant = nearest === undefined || nearest === null ? '' : `; did you mean ${JSON.stringify(nearest)}?`
  return `${place}${pointer === '' ? '(document)' : pointer}: found ${found}; allowed: ${allowed}${meant}`
}

const LONGEST_QUOTE = 40

/** Names a value for an error message: its type, and for short strings and numbers the value itself. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  switch (typeof value) {
    case 'string':
      return value.length <= LONGEST_QUOTE ? JSON.stringify(value) : `a string of ${value.length} characters`
    case 'number':
    case 'boolean':
      return String(value)
    default:
      return `an ${typeof value}`
  }
}
