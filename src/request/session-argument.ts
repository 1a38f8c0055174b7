/**
 * The argument by which calls of an upstream's tool name their session. It is added to listed tools where the grant says that every call
 * names one (`sessions: many`), and taken out of a call before anything else looks at it. PURE.
 */
import { isObject } from '../base/json.ts'
import type { Tool } from '../upstream/all-tools.ts'
import { MANY_SESSIONS_TEXT, SESSION_ARGUMENT } from './session-argument-text.ts'

/**
 * The prefix of the gateway's argument where the tool has an argument `session` of its own; where it has that name, too, `_2`, `_3`, …
 * follow.
 */
const OWN_PREFIX = `gatehouse_${SESSION_ARGUMENT}`
/** Every name that the gateway's argument may have. */
const RESERVED = new RegExp(`^(?:${SESSION_ARGUMENT}|${OWN_PREFIX}(?:_[1-9][0-9]{0,3})?)$`)

/** Returns the name of the gateway's argument beside the tool's own ones. */
export function sessionArgumentOf(inputSchema: unknown): string {
  const own = argumentsIn(inputSchema)
  if (!own.has(SESSION_ARGUMENT)) return SESSION_ARGUMENT
  if (!own.has(OWN_PREFIX)) return OWN_PREFIX
  let n = 2
  while (own.has(`${OWN_PREFIX}_${n}`)) n += 1
  return `${OWN_PREFIX}_${n}`
}

/** The tool as it is listed; one whose schema is none of an object stays as it is. */
export function withSessionArgument(tool: Tool): Tool {
  const { inputSchema = {} } = tool
  if (!isObject(inputSchema)) return tool
  const { properties = {} } = inputSchema
  if (!isObject(properties)) return tool
  const argument = { type: 'string', description: MANY_SESSIONS_TEXT }
  const extended = { ...properties, [sessionArgumentOf(inputSchema)]: argument }
  return { ...tool, inputSchema: { ...inputSchema, properties: extended } }
}

/** Which values of a reserved argument are for the gateway. */
export type ForGateway = (value: unknown) => boolean

/** Where every call names its session, the tool is listed with the argument, and any value in it is for the gateway. */
export const anyValue: ForGateway = () => true

/**
 * Elsewhere the tool is listed without it. A handle may still be there, from a listing or a setting of before or because a model
 * passes it to every tool: it is a secret that no server may see, and it is obeyed. Anything else is the tool's.
 */
export const handlesAlone: ForGateway = (value) => typeof value === 'string' && HANDLE.test(value)

/** As the principal makes them. */
const HANDLE = /^ses_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Tells whether any of the arguments may be the gateway's, so that the tool's schema must be known. */
export function mayNameSession(
  args: Readonly<Record<string, unknown>>,
  isForGateway: ForGateway = anyValue,
): boolean {
  return Object.entries(args).some(([name, value]) => RESERVED.test(name) && isForGateway(value))
}

/**
 * Returns a call's own arguments, and the handle that was among them: null for none. The gateway's argument may have had another name
 * when the client listed the tool; so each of its names belongs to the gateway that is not the tool's own. A value that cannot be a
 * handle, and two that differ, become the empty text, which is of no session.
 */
export function withoutSession(
  args: Readonly<Record<string, unknown>>,
  inputSchema: unknown,
  isForGateway: ForGateway = anyValue,
): { readonly args: Readonly<Record<string, unknown>>; readonly handle: string | null } {
  const own = argumentsIn(inputSchema)
  const isOurs = ([name, value]: [string, unknown]) =>
    RESERVED.test(name) && !own.has(name) && isForGateway(value)
  const named = Object.entries(args).filter(isOurs)
  if (named.length === 0) return { args, handle: null }
  const rest = Object.fromEntries(Object.entries(args).filter((it) => !isOurs(it)))
  // Models write null for an optional argument that they leave out.
  const given = new Set(named.map(([, value]) => value).filter((value) => value !== null))
  if (given.size === 0) return { args: rest, handle: null }
  const [handle] = given
  return { args: rest, handle: given.size === 1 && typeof handle === 'string' ? handle : '' }
}

/** Keywords whose schemas are of the same value (JSON Schema 2020-12, core, 10.2). */
const inPlace = ['allOf', 'anyOf', 'oneOf', 'if', 'then', 'else', 'not'] as const
/** More of one tool's schema is not looked at. */
const MOST_SCHEMAS = 1_000

/** The names of the arguments that a tool's schema speaks of, wherever it does. */
function argumentsIn(inputSchema: unknown): ReadonlySet<string> {
  const names = new Set<string>()
  const left: unknown[] = [inputSchema]
  const seen = new Set<unknown>()
  while (left.length > 0 && seen.size < MOST_SCHEMAS) {
    const schema = left.pop()
    if (!isObject(schema) || seen.has(schema)) continue
    seen.add(schema)
    if (isObject(schema.properties)) for (const name of Object.keys(schema.properties)) names.add(name)
    const { required } = schema
    for (const name of Array.isArray(required) ? required : []) if (typeof name === 'string') names.add(name)
    for (const keyword of inPlace) left.push(...[schema[keyword]].flat())
    if (isObject(schema.dependentSchemas)) left.push(...Object.values(schema.dependentSchemas))
    if (typeof schema.$ref === 'string') left.push(referred(inputSchema, schema.$ref))
  }
  return names
}

/** Resolves a reference within the document (RFC 6901); undefined for any other. */
function referred(document: unknown, reference: string): unknown {
  if (!reference.startsWith('#')) return undefined
  const steps = reference.slice(1).split('/').slice(1)
  return steps.reduce<unknown>((at, step) => {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~')
    if (Array.isArray(at)) return at[Number(name)]
    return isObject(at) && Object.hasOwn(at, name) ? at[name] : undefined
  }, document)
}
