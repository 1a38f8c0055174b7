/** What in a request to the gateway, and in its answer, is a secret or a value: nobody has to register these. PURE. */
import { isOnRecord } from './may-stand.ts'
import type { Needles } from './needles.ts'

export interface SpokenRequest {
  readonly path: string
  header(name: string): string | null
  /** Empty where there is none. */
  readonly body: string
}

/** Headers in which something comes that opens something. */
const OPENING_HEADERS = ['cf-access-jwt-assertion', 'cf-access-client-secret', 'x-api-key'] as const

/** Registers what a client says. */
export function hearRequest(needles: Needles, { path, header, body }: SpokenRequest): void {
  const bearer = /^Bearer (.+)$/i.exec(header('authorization') ?? '')?.[1]
  if (bearer !== undefined) needles.addToken(`the bearer token at ${placeOf(path)}`, bearer)
  for (const name of OPENING_HEADERS) {
    const value = header(name)
    if (value !== null) needles.add('identity token', `the header ${name}`, value)
  }
  for (const pair of (header('cookie') ?? '').split(';')) {
    const [name = '', value = ''] = pair.trim().split(/=(.*)/s)
    if (value !== '') needles.add('identity token', `the cookie ${name}`, value)
  }
  if (body === '') return
  const pasted = header('content-type')?.startsWith('application/x-www-form-urlencoded')
    ? new URLSearchParams(body).get('token')
    : null
  if (pasted !== null) needles.addToken(`the token pasted at ${placeOf(path)}`, pasted.trim())
  const form = /^logout_token=([^&]+)/.exec(body)?.[1]
  if (form !== undefined) needles.add('identity token', 'a logout token', form)
  const json = parsed(body)
  if (path.startsWith('/api/')) hearAdministrator(needles, path, json)
  else for (const message of Array.isArray(json) ? json : [json]) hearAgent(needles, message)
}

/** Registers what the administration API tells once: tokens and the secrets of webhooks. */
export function hearAnswer(needles: Needles, path: string, body: string): void {
  const json = parsed(body)
  if (!path.startsWith('/api/') || !isObject(json)) return
  const { token, secret } = json
  if (typeof token === 'string') needles.addToken(`the token told by ${placeOf(path)}`, token)
  if (typeof secret === 'string') needles.add('webhook secret', `the secret told by ${placeOf(path)}`, secret)
}

function hearAdministrator(needles: Needles, path: string, json: unknown): void {
  if (!isObject(json)) return
  const { headers, value, url } = json
  if (/\/servers\/[^/]+$/.test(path) && typeof url === 'string' && URL.canParse(url))
    for (const [name, it] of new URL(url).searchParams)
      needles.add('key in a URL', `the parameter ${name} of a server's URL`, it)
  if (/\/servers\/[^/]+$/.test(path) && isObject(headers))
    for (const [name, it] of Object.entries(headers))
      if (typeof it === 'string') needles.add('credential', `the header ${name} of a server`, it)
  if (/\/secrets\/[^/]+$/.test(path) && typeof value === 'string')
    needles.add('named secret', 'the value of a secret', value)
}

function hearAgent(needles: Needles, message: unknown): void {
  if (!isObject(message)) return
  const { method, params, result } = message
  if (method === 'tools/call' && isObject(params)) {
    const tool = typeof params.name === 'string' ? params.name : ''
    for (const { path, text } of leaves(params.arguments, '')) hearArgument(needles, tool, path, text)
    for (const { path, text } of leaves(ownMeta(params._meta), ''))
      hearArgument(needles, tool, `_meta.${path}`, text)
    for (const { path, text } of leaves(params.inputResponses, ''))
      needles.add('answer', `the answer ${path} to a question of ${tool}`, text)
  }
  if (method === 'prompts/get' && isObject(params))
    for (const { path, text } of leaves(params.arguments, ''))
      needles.add('argument', `the argument ${path} of a prompt`, text)
  // What a client answers to a server that asks: elicitation and sampling.
  if (method === undefined && isObject(result))
    for (const { path, text } of leaves(result.content, ''))
      needles.add('answer', `the answer ${path} to a question`, text)
}

/** What a client adds to a call of its own accord: neither the protocol's nor the gateway's. */
function ownMeta(meta: unknown): unknown {
  if (!isObject(meta)) return {}
  const isOwn = (name: string) => !/^io\.modelcontextprotocol\/|^gatehouse\/|^progressToken$/.test(name)
  return Object.fromEntries(Object.entries(meta).filter(([name]) => isOwn(name)))
}

function hearArgument(needles: Needles, tool: string, path: string, text: string): void {
  const own = tool.replace(/^.*__/, '')
  const label = `the argument ${path} of ${tool}`
  if (own === 'auth_login' && path === 'password') needles.add('password', label, text)
  else if (own === 'auth_login' && path === 'token') needles.add('identity token', label, text)
  else if (!isOnRecord(own, path)) needles.add('argument', label, text, own)
}

/** Every string in it, and every long number, with the way there; places in lists are not told apart. */
function* leaves(value: unknown, path: string): Generator<{ path: string; text: string }> {
  if (typeof value === 'string') yield { path, text: value }
  else if (typeof value === 'number') yield { path, text: String(value) }
  else if (Array.isArray(value)) for (const it of value) yield* leaves(it, `${path}[]`)
  else if (isObject(value))
    for (const [name, it] of Object.entries(value)) yield* leaves(it, path === '' ? name : `${path}.${name}`)
}

/** A path without its query, which may be long. */
function placeOf(path: string): string {
  return path.replace(/\?.*$/, '')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
