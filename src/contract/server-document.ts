/**
 * The document with which an administrator registers an upstream server, and every problem that it can have. PURE: the caller resolves
 * host names.
 */
import * as z from 'zod/v4'
import { isObject, jsonType } from '../base/json.ts'
import { lazy } from '../base/lazy.ts'
import { object } from '../policy/fragments.ts'
import { problemsOf } from '../policy/issues.ts'
import { describeProblem, describeValue, pointer } from '../policy/problem.ts'
import {
  type HeaderProblem,
  headerNameProblem,
  headerNamesProblem,
  headerValueProblem,
  MOST_HEADER_BYTES,
  MOST_HEADERS,
} from './static-headers.ts'
import { type DriftAction, driftActions } from './upstream.ts'

/** Given back in place of a header's value; given to us, it stands for the value that is stored. */
export const KEPT = '(set)'

/** A header whose value is a named secret of the tenant, behind a prefix. */
export interface SecretHeader {
  readonly secret: string
  readonly prefix: string
}

export type HeaderValue = string | SecretHeader

const LONGEST_PREFIX = 256

export const eraSettings = ['auto', 'session', 'stateless'] as const
export type EraSetting = (typeof eraSettings)[number]

const LONGEST_URL = 2_048

const whole = (least: number, most: number, usual: number) => {
  const allowed = `a whole number from ${least} to ${most}`
  return z.int({ error: allowed }).min(least, allowed).max(most, allowed).default(usual)
}

/** The document. Its headers are read by hand, for no error may quote their values. */
export const serverSchema = lazy(() =>
  object({
    url: z
      .string()
      .min(1, `a URL of 1 to ${LONGEST_URL} characters`)
      .max(LONGEST_URL, `a URL of 1 to ${LONGEST_URL} characters`),
    headers: z
      .unknown()
      .optional()
      .describe('By name: a text, {"secret": name, "prefix": text}, or "(set)" for the value that is stored'),
    era: z.enum(eraSettings).default('auto'),
    timeouts: object({
      response_seconds: whole(1, 600, 30),
      idle_seconds: whole(1, 3_600, 120),
      call_seconds: whole(1, 86_400, 900),
      list_seconds: whole(1, 60, 5),
    }).prefault({}),
    limits: object({
      response_bytes: whole(1_024, 1_073_741_824, 67_108_864),
      concurrent: whole(1, 1_000, 64),
    }).prefault({}),
    breaker: object({ failures: whole(1, 1_000, 5), open_seconds: whole(1, 3_600, 30) }).prefault({}),
    on_drift: z.enum(driftActions).default('report'),
    enabled: z.boolean().default(true),
  }),
)

/** A server as it was registered, with everything that was left out; its headers by lower-case name. */
export interface ServerDocument {
  readonly url: string
  readonly headers: Readonly<Record<string, HeaderValue>>
  readonly era: EraSetting
  readonly timeouts: {
    readonly response_seconds: number
    readonly idle_seconds: number
    readonly call_seconds: number
    readonly list_seconds: number
  }
  readonly limits: { readonly response_bytes: number; readonly concurrent: number }
  readonly breaker: { readonly failures: number; readonly open_seconds: number }
  readonly on_drift: DriftAction
  readonly enabled: boolean
}

export type ReadServer =
  | { readonly ok: true; readonly document: ServerDocument }
  | { readonly ok: false; readonly problems: readonly string[] }

/**
 * Reads a document, or names everything that is wrong with it.
 *
 * @param allowPrivate whether plain http is allowed, as it is where private upstreams are
 */
export function readServerDocument(value: unknown, allowPrivate: boolean): ReadServer {
  const parsed = serverSchema().safeParse(value)
  const problems = parsed.success ? [] : problemsOf(parsed.error.issues, value).map(describeProblem)
  const given = isObject(value) ? value : {}
  const { headers, problems: headerProblems } = readHeaders(given.headers ?? {})
  problems.push(...headerProblems)
  const url = typeof given.url === 'string' ? readUrl(given.url, allowPrivate) : null
  if (url?.ok === false && given.url !== '') problems.push(url.problem)
  if (!parsed.success || url === null || !url.ok || problems.length > 0) return { ok: false, problems }
  return { ok: true, document: { ...parsed.data, url: url.href, headers } }
}

type ReadUrl = { readonly ok: true; readonly href: string } | { readonly ok: false; readonly problem: string }

/** The text may hold a password where none belongs: of a URL that is refused, only harmless parts are quoted. */
function readUrl(text: string, allowPrivate: boolean): ReadUrl {
  const allowed = allowPrivate ? 'an http or https URL' : 'an https URL'
  const refused = (found: string): ReadUrl => ({
    ok: false,
    problem: describeProblem({ pointer: '/url', found, allowed }),
  })
  const url = URL.parse(text)
  if (url === null) return refused('text that is no absolute URL')
  if (url.username !== '' || url.password !== '')
    return refused('a URL with user name or password (credentials belong into headers)')
  if (url.hash !== '' || text.includes('#')) return refused('a URL with a fragment')
  if (url.protocol === 'http:' && !allowPrivate)
    return refused('an http URL (unencrypted is only for ALLOW_PRIVATE_UPSTREAMS)')
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return refused(`the scheme ${describeValue(url.protocol)}`)
  return { ok: true, href: url.href }
}

interface ReadHeaders {
  readonly headers: Record<string, HeaderValue>
  readonly problems: string[]
}

function readHeaders(value: unknown): ReadHeaders {
  const headers: Record<string, HeaderValue> = {}
  const problems: string[] = []
  const refuse = (place: string, found: string, allowed: string) =>
    problems.push(describeProblem({ pointer: place, found, allowed }))
  if (!isObject(value)) {
    refuse('/headers', `a value of type ${jsonType(value)}`, 'an object of header names and values')
    return { headers, problems }
  }
  const entries = Object.entries(value)
  if (entries.length > MOST_HEADERS)
    refuse('/headers', `${entries.length} headers`, `at most ${MOST_HEADERS} headers`)
  let bytes = 0
  for (const [given, text] of entries) {
    const name = given.toLowerCase()
    const place = pointer('headers', given.slice(0, 128))
    const wrongName = headerNameProblem(name)
    if (wrongName !== null) refuse(place, wrongName.found, wrongName.allowed)
    else if (Object.hasOwn(headers, name))
      refuse(place, `the header ${name} again`, 'each header once (case does not matter)')
    const read = readValue(text)
    if ('found' in read) refuse(place, read.found, read.allowed)
    else if (wrongName === null) headers[name] = read.value
    bytes += given.length + (typeof text === 'string' ? text.length : 0)
  }
  const wrongNames = headerNamesProblem(entries.map(([name]) => name.toLowerCase()))
  if (wrongNames !== null) refuse('/headers', wrongNames.found, wrongNames.allowed)
  if (bytes > MOST_HEADER_BYTES)
    refuse('/headers', `${bytes} bytes in all`, `at most ${MOST_HEADER_BYTES} bytes in all`)
  return { headers, problems }
}

/** A literal, or `{secret, prefix}`. No problem quotes a value. */
function readValue(value: unknown): { readonly value: HeaderValue } | HeaderProblem {
  if (!isObject(value)) return headerValueProblem(value) ?? { value: String(value) }
  const { secret, prefix = '', ...more } = value
  const allowed = `{"secret": a name, "prefix": a text of at most ${LONGEST_PREFIX} printable ASCII characters}`
  if (Object.keys(more).length > 0)
    return { found: `the unknown name ${describeValue(Object.keys(more)[0])}`, allowed }
  if (typeof secret !== 'string' || secret === '' || secret.length > 63)
    return { found: 'no name of a secret', allowed }
  if (typeof prefix !== 'string' || prefix.length > LONGEST_PREFIX || !/^[\x20-\x7e]*$/.test(prefix))
    return { found: 'another prefix', allowed }
  return { value: { secret, prefix } }
}
