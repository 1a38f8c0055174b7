/** Talks to the gateway as a client would, without an SDK in between, so that every byte is the test's own. */
import { reset, runInDurableObject } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { expect } from 'vitest'
import { tenantConfig } from '../../src/contract/config.ts'
import type { PrincipalCalls } from '../../src/contract/principal-calls.ts'
import { isNativeName } from '../../src/names/tools.ts'
import { makeAuditTables } from './audit.ts'
import { type SaidTwice, saidOnce } from './says-everything.ts'
import { beforeEmptied, touchedOf } from './searching.ts'

export const DEMO_TOKEN = 'gh_demo_agent_insecure-local-token'
export const BASE = 'http://127.0.0.1:8787'

export type Json = Record<string, unknown>

export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** The parsed body, or null for none. */
  readonly body: Json | null
}

export interface Send {
  readonly token?: string | null
  readonly path?: string
  readonly headers?: Record<string, string>
}

export function post(
  body: unknown,
  { token = DEMO_TOKEN, path = '/mcp', headers = {} }: Send = {},
): Promise<Answer> {
  return send('POST', path, token, { 'content-type': 'application/json', ...headers }, body)
}

export async function send(
  method: string,
  path: string,
  token: string | null,
  headers: Record<string, string> = {},
  body?: unknown,
): Promise<Answer> {
  const init: RequestInit = { method, headers: authorized(token, headers) }
  if (body !== undefined) init.body = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await exports.default.fetch(new Request(`${BASE}${path}`, init))
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? null : (JSON.parse(text) as Json),
  }
}

/** The raw response, for streams. */
export function open(
  method: string,
  path: string,
  token: string | null,
  headers: Record<string, string>,
  body?: unknown,
) {
  const init: RequestInit = { method, headers: authorized(token, headers) }
  if (body !== undefined) init.body = JSON.stringify(body)
  return exports.default.fetch(new Request(`${BASE}${path}`, init))
}

/** Each test comes from an address of its own, for failures are counted by it: of loopback, for the demo is this machine's alone. */
let test = 0

function authorized(token: string | null, headers: Record<string, string>): Record<string, string> {
  const source = { 'cf-connecting-ip': `127.0.1.${test % 250}` }
  return token === null
    ? { ...source, ...headers }
    : { ...source, authorization: `Bearer ${token}`, ...headers }
}

let lastId = 0

/** The headers of an answer but for the id that names it, which no two have in common. */
export function headersOf({ headers }: { readonly headers: Headers }): [string, string][] {
  return [...headers].filter(([name]) => name !== 'x-request-id')
}

export function request(method: string, params?: Json): Json {
  lastId += 1
  return { jsonrpc: '2.0', id: lastId, method, ...(params === undefined ? {} : { params }) }
}

/** A client of the session era: an Mcp-Session-Id and what can be done with it. */
export class SessionClient {
  readonly id: string
  readonly token: string
  readonly protocolVersion: string
  readonly path: string

  constructor(id: string, token: string, protocolVersion: string, path: string) {
    this.id = id
    this.token = token
    this.protocolVersion = protocolVersion
    this.path = path
  }

  get headers(): Record<string, string> {
    const version: Record<string, string> =
      this.protocolVersion >= '2025-06-18' ? { 'mcp-protocol-version': this.protocolVersion } : {}
    return { 'mcp-session-id': this.id, accept: 'application/json, text/event-stream', ...version }
  }

  send(body: unknown): Promise<Answer> {
    return post(body, { token: this.token, path: this.path, headers: this.headers })
  }

  request(method: string, params?: Json): Promise<Answer> {
    return this.send(request(method, params))
  }

  async call(name: string, args: Json = {}): Promise<ToolAnswer> {
    return toolAnswer(name, await this.request('tools/call', { name, arguments: args }))
  }

  login(account: string): Promise<ToolAnswer> {
    return this.call('auth_login', { provider: 'trusted', account_id: account })
  }

  async tools(): Promise<string[]> {
    return toolNames(await this.request('tools/list'))
  }

  delete(): Promise<Answer> {
    return send('DELETE', this.path, this.token, this.headers)
  }
}

export async function connect(
  options: { token?: string; protocolVersion?: string; path?: string; clientInfo?: Json } = {},
): Promise<SessionClient> {
  const { token = DEMO_TOKEN, protocolVersion = '2025-11-25', path = '/mcp' } = options
  const { clientInfo = { name: 'test', version: '1' } } = options
  const answer = await post(request('initialize', { protocolVersion, capabilities: {}, clientInfo }), {
    token,
    path,
  })
  const id = answer.headers.get('mcp-session-id')
  if (answer.status !== 200 || id === null)
    throw new Error(`initialize: ${answer.status} ${JSON.stringify(answer.body)}`)
  return new SessionClient(id, token, protocolVersion, path)
}

export const STATELESS = '2026-07-28'

export const envelope: Json = {
  'io.modelcontextprotocol/protocolVersion': STATELESS,
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
}

export function toolNames({ body }: Answer): string[] {
  const result = body?.result as { tools: { name: string }[] } | undefined
  return (result?.tools ?? []).map(({ name }) => name)
}

/** A request of the stateless era, with the headers that it needs. */
export function stateless(method: string, params: Json = {}, more: Send = {}): Promise<Answer> {
  const name = params.name ?? params.uri
  const headers: Record<string, string> = {
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': STATELESS,
    'mcp-method': method,
    ...(typeof name === 'string' ? { 'mcp-name': name } : {}),
    ...more.headers,
  }
  return post(request(method, { ...params, _meta: envelope }), { ...more, headers })
}

export async function statelessCall(name: string, args: Json = {}, more: Send = {}): Promise<ToolAnswer> {
  return toolAnswer(name, await stateless('tools/call', { name, arguments: args }, more))
}

export interface ToolAnswer extends Answer {
  readonly isError: boolean
  readonly text: string
  readonly structured: Json
  /** `structuredContent.error.code` of a tool error. */
  readonly code: string | undefined
}

/** Of the gateway's own results text and structure must say the same, in every test that sees one. */
function toolAnswer(name: string, answer: Answer): ToolAnswer {
  const result = answer.body?.result as SaidTwice | undefined
  const isOwn = isNativeName(name) || result?._meta?.['gatehouse/error'] !== undefined
  if (result !== undefined && isOwn) expect(saidOnce(result)).toEqual([])
  const structured = result?.structuredContent ?? {}
  return {
    ...answer,
    isError: result?.isError ?? false,
    text: result?.content?.[0]?.text ?? '',
    structured,
    code: (structured.error as { code?: string } | undefined)?.code,
  }
}

export function principal(name = 'demo/agent'): DurableObjectStub<PrincipalCalls> {
  return env.PRINCIPAL.getByName(name)
}

/** Empty storage. What still runs behind earlier answers is let finish first, so that it fails nobody's test. */
export async function fresh(): Promise<void> {
  test += 1
  await Promise.allSettled(touchedOf('PrincipalObject', env.PRINCIPAL).map((object) => object.drain()))
  beforeEmptied()
  await reset()
  await makeAuditTables()
}

export const ALLOW_ALL = { version: '1', default: 'allow' }

/** Installs a grant as a tenant's administrator would, and returns its token. */
export async function installGrant(
  tenant: string,
  grant: string,
  {
    policy = ALLOW_ALL,
    settings = { identity: { trusted: true } },
    secret = `secret-of-${tenant}-${grant}`,
    expiresAtMs = null,
  }: { policy?: unknown; settings?: unknown; secret?: string; expiresAtMs?: number | null } = {},
): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(secret))
  await principal(`${tenant}/${grant}`).installGrant({
    tenant,
    name: grant,
    label: `${grant} of ${tenant}`,
    secretHash: new Uint8Array(digest),
    config: await tenantConfig(settings, policy),
    expiresAtMs,
  })
  return `gh_${tenant}_${grant}_${secret}`
}

/** What the stand-in for Legiti has received. */
export async function received(): Promise<{ path: string; method: string; body: Json; status: number }[]> {
  const events = await env.LEGITI_STAND_IN.getByName('stand-in').events()
  return events.map((event) => JSON.parse(event))
}

export async function behave(mode: 'ok' | 'slow' | 'fail' | 'reject'): Promise<void> {
  await env.LEGITI_STAND_IN.getByName('stand-in').behave(mode)
}

/** Runs `query` on a principal's own database. */
export function rows<T extends Record<string, SqlStorageValue>>(query: string, name?: string): Promise<T[]> {
  return runInDurableObject(principal(name), (_, state) => state.storage.sql.exec<T>(query).toArray())
}

/** Lets what was put behind `waitUntil` happen: the drain, with the stand-in on its other side. */
export async function settled(name?: string): Promise<void> {
  await principal(name).drain()
}
