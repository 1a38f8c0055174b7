/**
 * What a run used and must not leave behind: secrets, tokens and argument values. Each is known by a label, because
 * whoever reports one must not repeat it. PURE.
 */

/** `argument`: the value of a tool call's argument; everything else opens something. */
export type Kind =
  | 'token'
  | 'deployment secret'
  | 'credential'
  | 'key in a URL'
  | 'named secret'
  | 'webhook secret'
  | 'password'
  | 'identity token'
  | 'argument'
  | 'answer'

export interface Needle {
  readonly kind: Kind
  /** Where it arose: a tool and an argument, a header. Never the value. */
  readonly label: string
  readonly bytes: Uint8Array
  /** As text, where it is text. */
  readonly text: string | null
  /** Name of the tool that it is an argument of, as the client called it. */
  readonly tool: string | null
}

/** Shorter secrets cannot be told from other text; a test that uses one uses it as a wrong or a dummy one. */
const SHORTEST_SECRET = 8
/** Shorter arguments stand in noise by chance. */
const SHORTEST_ARGUMENT = 6
/** Shorter words are names of columns, servers and tools, too: nothing tells the one from the other. */
const SHORTEST_WORD = 12
const word = /^[a-z_-]*$/
/** Shorter numbers stand in times by chance, which are milliseconds of 13 digits. */
const SHORTEST_NUMBER = 14
const digits = /^\d*$/
/** Of long values, this is looked for: whoever keeps a value keeps its beginning. */
const LONGEST = 96

export interface Needles {
  /** Registers a value; what is known already, or too short to be told from other text, is passed over. */
  add(kind: Kind, label: string, value: string | Uint8Array, tool?: string | null): void
  /** Registers a bearer token, and by itself the part of it that is secret. */
  addToken(label: string, token: string): void
  /** All, in the order in which they came. */
  all(): readonly Needle[]
}

const encoder = new TextEncoder()

export function makeNeedles(): Needles {
  const known = new Map<string, Needle>()
  const add: Needles['add'] = (kind, label, value, tool = null) => {
    const text = typeof value === 'string' ? value.slice(0, LONGEST) : null
    const bytes = typeof value === 'string' ? encoder.encode(value.slice(0, LONGEST)) : value
    if (bytes.length < shortestOf(kind, text)) return
    const key = text ?? Array.from(bytes).join()
    const before = known.get(key)
    // What is a secret anywhere is one everywhere.
    if (before === undefined || (before.kind === 'argument' && kind !== 'argument'))
      known.set(key, { kind, label, bytes, text, tool })
  }
  return {
    add,
    addToken: (label, token) => {
      add('token', label, token)
      const secret = /^gha?_[^_]+_(?:[^_]+_)?(.+)$/.exec(token)?.[1]
      if (secret !== undefined) add('token', `secret part of ${label}`, secret)
    },
    all: () => [...known.values()],
  }
}

function shortestOf(kind: Kind, text: string | null): number {
  if (kind !== 'argument' && kind !== 'answer') return SHORTEST_SECRET
  if (text !== null && digits.test(text)) return SHORTEST_NUMBER
  return text !== null && word.test(text) ? SHORTEST_WORD : SHORTEST_ARGUMENT
}
