/** Which headers an administrator may have sent to an upstream with every request. PURE. */
import { HOP_HEADER } from '../base/hops.ts'

export const MOST_HEADERS = 32
/** All of them together, names and values. */
export const MOST_HEADER_BYTES = 32 * 1024
const LONGEST_NAME = 128
const LONGEST_VALUE = 8 * 1024

/** RFC 9110, 5.6.2. */
const token = /^[!#$%&'*+.^_`|~0-9a-z-]+$/
/** RFC 9110, 5.5, without obs-text: every visible character, spaces and tabs only in between. */
const printable = /^[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?$/

/** The gateway's own, the connection's, or the client's affair. */
const reserved: readonly string[] = [
  'accept',
  'accept-encoding',
  'baggage',
  'connection',
  'cookie',
  'date',
  'expect',
  'forwarded',
  HOP_HEADER,
  'host',
  'keep-alive',
  'last-event-id',
  'origin',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'set-cookie',
  'te',
  'traceparent',
  'tracestate',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
]
const reservedPrefixes: readonly string[] = ['cf-', 'content-', 'mcp-', 'sec-', 'x-forwarded-']

/**
 * A service token of Cloudflare Access (developers.cloudflare.com/cloudflare-one/access-controls/service-credentials/service-tokens).
 * The other `cf-*` headers say who asks, and a server may believe them; these two are a credential, like `authorization`.
 */
export const accessHeaders = ['cf-access-client-id', 'cf-access-client-secret'] as const

/** A value that was found, and the values that are allowed. */
export interface HeaderProblem {
  readonly found: string
  readonly allowed: string
}

/** Returns the problem with a header's name (in lower case), or null. */
export function headerNameProblem(name: string): HeaderProblem | null {
  if (name.length > LONGEST_NAME || !token.test(name)) {
    const found =
      name.length > LONGEST_NAME ? `a name of ${name.length} characters` : `the name ${JSON.stringify(name)}`
    return { found, allowed: `1 to ${LONGEST_NAME} of A-Z a-z 0-9 and !#$%&'*+-.^_\`|~` }
  }
  if (isAccessHeader(name)) return null
  if (!reserved.includes(name) && !reservedPrefixes.some((prefix) => name.startsWith(prefix))) return null
  const groups = [...reservedPrefixes.map((prefix) => `${prefix}*`), ...reserved].join(', ')
  return {
    found: `the header ${name}`,
    allowed: `any header but ${groups}; of cf-* only ${accessHeaders.join(' and ')}`,
  }
}

function isAccessHeader(name: string): boolean {
  return (accessHeaders as readonly string[]).includes(name)
}

/**
 * Returns the problem with the names taken together, or null: Access lets nobody in with one half of a service token.
 *
 * @param names in lower case
 */
export function headerNamesProblem(names: readonly string[]): HeaderProblem | null {
  const missing = accessHeaders.filter((name) => !names.includes(name))
  const [name] = missing
  return missing.length === 1 && name !== undefined
    ? { found: `no header ${name}`, allowed: `${accessHeaders.join(' and ')}, or neither` }
    : null
}

/** Returns the problem with a header's value, or null. Never quotes it. */
export function headerValueProblem(value: unknown): HeaderProblem | null {
  const allowed = `a text of 1 to ${LONGEST_VALUE} printable ASCII characters, without space around it`
  if (typeof value !== 'string') return { found: 'a value that is no text', allowed }
  if (value.length > LONGEST_VALUE) return { found: `a value of ${value.length} characters`, allowed }
  if (value === '') return { found: 'an empty value', allowed }
  if (!printable.test(value)) return { found: 'a value with characters that a header cannot have', allowed }
  return null
}
