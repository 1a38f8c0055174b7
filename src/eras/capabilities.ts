/** The inputs that a client can be asked for, and their names in both eras. PURE. */
import { isObject } from '../base/json.ts'

type Json = Readonly<Record<string, unknown>>

/** A question of a server's to the client, as it stands in a result that asks for input. */
export interface Question {
  readonly method: string
  readonly params?: Json
}

/** The three that both eras have. */
const askable: Readonly<Record<string, string>> = {
  'elicitation/create': 'elicitation',
  'sampling/createMessage': 'sampling',
  'roots/list': 'roots',
}

/** Tells whether a client that declares this may be asked anything at all. */
export function canBeAsked(capabilities: Json): boolean {
  return Object.values(askable).some((name) => isObject(capabilities[name]))
}

/**
 * Returns the capability that this question needs and the client has not declared; null where it may be asked. A bare `elicitation` means
 * forms (MCP 2025-11-25, elicitation, capabilities).
 */
export function lacking(capabilities: Json, { method, params = {} }: Question): string | null {
  const name = Object.hasOwn(askable, method) ? askable[method] : undefined
  if (name === undefined) return method
  const declared = capabilities[name]
  if (!isObject(declared)) return name
  if (name === 'elicitation') {
    if (params.mode === 'url') return isObject(declared.url) ? null : 'elicitation.url'
    return isObject(declared.form) || declared.url === undefined ? null : 'elicitation.form'
  }
  const usesTools = params.tools !== undefined || params.toolChoice !== undefined
  return name === 'sampling' && usesTools && !isObject(declared.tools) ? 'sampling.tools' : null
}

const ofClients = ['experimental', 'elicitation', 'sampling', 'roots', 'extensions'] as const
const ofServers = [
  'experimental',
  'logging',
  'completions',
  'prompts',
  'resources',
  'tools',
  'extensions',
] as const

/** A client's capabilities without what one of the eras does not know. */
export function clientCapabilities(declared: Json): Json {
  return pick(declared, ofClients)
}

/** A server's. Tasks are left out: what the two eras call so is not the same. */
export function serverCapabilities(declared: Json): Json {
  return pick(declared, ofServers)
}

function pick(declared: Json, names: readonly string[]): Json {
  return Object.fromEntries(
    names.flatMap((name) => (isObject(declared[name]) ? [[name, declared[name]]] : [])),
  )
}
