/**
 * The headers in which a stateless-era client repeats arguments of a tool that asks for it with `x-mcp-header`
 * (MCP 2026-07-28, Streamable HTTP, "Custom headers from tool parameters"). PURE.
 */
import { decodeHeaderValue, encodeHeaderValue } from '../base/header-value.ts'
import { isInexact } from '../base/inexact-numbers.ts'
import { isObject } from '../base/json.ts'
import { pointer } from '../policy/problem.ts'

const PREFIX = 'Mcp-Param-'
/** RFC 9110, section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const types: readonly unknown[] = ['string', 'integer', 'boolean']
/** Deeper arguments are not looked for. */
const DEEPEST = 64

/** An argument that is repeated in a header. */
export interface ParamHeader {
  /** From the arguments to the value. */
  readonly path: readonly string[]
  /** The name of the header, with `Mcp-Param-` in front. */
  readonly header: string
  /** `string`, `integer` or `boolean`. */
  readonly type: string
}

/**
 * The headers that a tool asks for. A declaration that breaks the rules (not reached through `properties` alone, not
 * of a simple type, no name for a header, a name that stands twice) makes the tool invalid for clients, which then
 * send no such header; it is no declaration here either.
 */
export function declaredParamHeaders(inputSchema: unknown): readonly ParamHeader[] {
  const found: ParamHeader[] = []
  collect(inputSchema, [], found)
  const counts = new Map<string, number>()
  for (const { header } of found)
    counts.set(header.toLowerCase(), (counts.get(header.toLowerCase()) ?? 0) + 1)
  return found.filter(({ header }) => counts.get(header.toLowerCase()) === 1)
}

function collect(schema: unknown, path: readonly string[], found: ParamHeader[]): void {
  if (!isObject(schema) || path.length > DEEPEST) return
  const { 'x-mcp-header': name, type, properties } = schema
  if (path.length > 0 && typeof name === 'string' && TOKEN.test(name) && types.includes(type)) {
    found.push({ path, header: `${PREFIX}${name}`, type: type as string })
  }
  if (!isObject(properties)) return
  for (const [property, inner] of Object.entries(properties)) collect(inner, [...path, property], found)
}

/** The headers that a client must send with these arguments; none for a value that is null or absent. */
export function paramHeaders(inputSchema: unknown, args: unknown): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const { path, header } of declaredParamHeaders(inputSchema)) {
    const text = written(valueAt(args, path))
    if (text !== null) headers[header] = encodeHeaderValue(text)
  }
  return headers
}

/** Returns the contradiction between the headers of a call and its arguments, or null where they agree. */
export function paramHeaderProblem(inputSchema: unknown, args: unknown, headers: Headers): string | null {
  for (const { path, header, type } of declaredParamHeaders(inputSchema)) {
    const value = valueAt(args, path)
    const sent = headers.get(header)
    const place = `params.arguments${pointer(...path)}`
    if (value === undefined || value === null) {
      if (sent === null) continue
      return `the header ${header} is there, but ${place} is not`
    }
    const text = written(value)
    // Not what the schema asks for; the check of the arguments says so.
    if (text === null) continue
    if (sent === null) return `the header ${header} is missing; it repeats ${place}`
    const decoded = decodeHeaderValue(sent)
    if (decoded === null) return `the header ${header} is not valid Base64 inside =?base64?…?=`
    // 42.0 and 42 are the same integer; 0x2a and 4.2e1 are not written as one, and what is rounded to 42 is another.
    const isSame =
      type === 'integer' && typeof value === 'number' && /^-?\d{1,400}(?:\.0{1,400})?$/.test(decoded)
        ? !isInexact(decoded) && Number(decoded) === value
        : decoded === text
    if (!isSame) return `the header ${header} and ${place} are not the same`
  }
  return null
}

function valueAt(args: unknown, path: readonly string[]): unknown {
  let value = args
  for (const name of path) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
  return value
}

/** Null for what has no header: objects, lists, and integers that JavaScript does not keep exactly. */
function written(value: unknown): string | null {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return String(value)
  if (typeof value !== 'number' || !Number.isFinite(value)) return null
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? null : String(value)
}
