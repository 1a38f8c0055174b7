/** Reading is decided, counted and written down as calls are; what a URI says is not kept. */

import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { app } from '../../src/app.ts'
import type { Env } from '../../src/contract/env.ts'
import { adminWith } from '../support/admin.ts'
import { type Answer, connect, fresh, type Json, rows, SessionClient, stateless } from '../support/gateway.ts'
import { PATIENT } from '../support/patient.ts'

const bindings = { ALLOW_PRIVATE_UPSTREAMS: 'true' }
const GRANT = 'acme/bot'
const eras = ['session', 'stateless'] as const
type Era = (typeof eras)[number]

let token = ''

async function register(policy: Json | null): Promise<void> {
  const put = async (path: string, body: unknown) =>
    (await adminWith(bindings, 'PUT', `acme/${path}`, body)).body
  await put('servers/crm', { url: inject('upstream'), breaker: { failures: 1_000 } })
  if (policy !== null) await put('policies/main', { version: '1', ...policy })
  const grant = { policy: policy === null ? null : 'main', servers: ['crm', 'session'] }
  token = String((await put('grants/bot', grant))?.token)
}

/** A way to ask, in one era, at one URL. */
type Ask = (method: string, params: Json) => Promise<Answer>

async function asker(era: Era, path = '/mcp'): Promise<Ask> {
  if (era === 'stateless') return (method, params) => stateless(method, params, { token, path })
  const client = await connect({ token, path })
  return (method, params) => client.request(method, params)
}

const errorOf = ({ body }: Answer) =>
  body?.error as { code: number; message: string; data?: Json } | undefined

interface Row extends Record<string, SqlStorageValue> {
  method: string | null
  server: string
  tool: string
  decision: string
  rule: string
  outcome: string | null
  argument_names: string
  arguments_hmac: string | null
}

const audit = () =>
  rows<Row>(
    `SELECT method, server, tool, decision, rule, outcome, argument_names, arguments_hmac FROM audit
     WHERE decision <> 'end' ORDER BY seq`,
    GRANT,
  )

async function settledAudit(): Promise<Row[]> {
  return vi.waitFor(async () => {
    const all = await audit()
    expect(all.filter(({ decision }) => decision === 'allow').map(({ outcome }) => outcome)).not.toContain(
      null,
    )
    return all
  }, PATIENT)
}

beforeEach(fresh)

describe.each(eras)('in the %s era', (era) => {
  test('each request to read has a row that says what was decided, and of the URI its HMAC alone', async () => {
    await register({ default: 'deny' })
    const ask = await asker(era)
    const uri = 'crm+file:///secret-token-4711'
    expect((await ask('resources/read', { uri })).body?.result).toMatchObject({ contents: [{ uri }] })
    await ask('resources/read', { uri })
    await ask('prompts/get', { name: 'crm__draft', arguments: { tone: 'rude-4711-tone' } })
    await ask('completion/complete', {
      ref: { type: 'ref/prompt', name: 'crm__draft' },
      argument: { name: 'tone', value: 'r' },
    })
    const all = await settledAudit()
    const row = { server: 'crm', decision: 'allow', rule: '(reading allowed)', outcome: 'result' }
    expect(all).toMatchObject([
      { ...row, method: 'resources/read', tool: 'resource', argument_names: '["uri"]' },
      { ...row, method: 'resources/read', tool: 'resource' },
      { ...row, method: 'prompts/get', tool: 'prompt', argument_names: '["tone"]' },
      { ...row, method: 'completion/complete', tool: 'prompt' },
    ])
    expect(all[0]?.arguments_hmac).toMatch(/^[\w-]+:/)
    expect(all[1]?.arguments_hmac).toBe(all[0]?.arguments_hmac)
    expect(JSON.stringify(all)).not.toContain('4711')
  })

  test('a grant without a policy reads nothing, and is told of nothing', async () => {
    await register(null)
    const ask = await asker(era)
    for (const [method, params] of [
      ['resources/read', { uri: 'crm+file:///a' }],
      ['prompts/get', { name: 'crm__draft' }],
      [
        'completion/complete',
        { ref: { type: 'ref/resource', uri: 'crm+file:///{x}' }, argument: { name: 'x', value: '' } },
      ],
    ] as const)
      expect(errorOf(await ask(method, params))?.message).toMatch(/no policy/)
    for (const [method, member] of [
      ['resources/list', 'resources'],
      ['resources/templates/list', 'resourceTemplates'],
      ['prompts/list', 'prompts'],
    ] as const)
      expect((await ask(method, {})).body?.result).toMatchObject({ [member]: [] })
    expect((await audit()).map(({ decision, rule }) => `${decision} ${rule}`)).toEqual(
      Array(3).fill('deny (no policy)'),
    )
  })

  test('what is hidden is answered as what is not there, and what is denied in the rule’s words', async () => {
    const resources = {
      '*': {},
      'crm+file:///hidden/*': { hide: true },
      'crm+file:///denied/*': { deny_if: [{ conditions: [], on_deny: 'Ask Ana.' }] },
    }
    await register({ default: 'allow', resources })
    const ask = await asker(era)
    const code = era === 'session' ? -32_002 : -32_602
    const uri = 'crm+file:///hidden/a'
    expect(errorOf(await ask('resources/read', { uri }))).toEqual({
      code,
      message: 'Resource not found',
      data: { uri },
    })
    const denied = errorOf(await ask('resources/read', { uri: 'crm+file:///denied/a' }))
    expect(denied).toMatchObject({ code, data: { uri: 'crm+file:///denied/a', code: 'denied' } })
    expect(denied?.message).toMatch(
      /^Ask Ana\. \(policy rule: \/resources\/crm\+file:~1~1~1denied~1\*\/deny_if\/0\)/,
    )
    expect(errorOf(await ask('resources/read', { uri: 'crm+file:///%68idden/a' }))?.data).toMatchObject({
      code: 'ambiguous',
    })
    expect((await ask('resources/read', { uri: 'crm+file:///open' })).body?.error).toBeUndefined()
    expect((await settledAudit()).map(({ decision, rule }) => `${decision} ${rule}`)).toEqual([
      'deny (hidden)',
      'deny /resources/crm+file:~1~1~1denied~1*/deny_if/0',
      'deny (ambiguous)',
      'allow /resources/*',
    ])
  })

  test('a completion is judged by what is typed, whatever its arguments are called', async () => {
    await register({
      default: 'deny',
      resources: {
        'crm+n://*': { deny_if: [{ conditions: [{ path: 'args.uri', op: 'contains', value: 'secret' }] }] },
        'crm+n://hidden/*': { hide: true },
      },
      prompts: {
        'crm__*': {
          deny_if: [{ conditions: [{ path: 'completion.argument.name', op: 'eq', value: 'ref' }] }],
        },
      },
    })
    const ask = await asker(era)
    const complete = async (ref: Json, name: string, value: string, settled: Json = {}) => {
      const context = { arguments: settled }
      const answer = await ask('completion/complete', { ref, argument: { name, value }, context })
      return answer.body?.result === undefined
        ? (errorOf(answer)?.data?.code ?? errorOf(answer)?.message)
        : 'sent'
    }
    const template = (uri: string) => ({ type: 'ref/resource', uri: `crm+${uri}` })
    expect(await complete(template('n://{uri}'), 'uri', 'open')).toBe('sent')
    expect(await complete(template('n://{uri}'), 'uri', 'other')).toBe('sent')
    expect(await complete(template('n://{uri}'), 'uri', 'secret')).toBe('denied')
    expect(await complete(template('n://{x}{?uri,y}'), 'x', '', { uri: 'secret' })).toBe('denied')
    expect(await complete(template('n://{+path}'), 'path', 'a/secret')).toBe('denied')
    expect(await complete(template('n://{+path}'), 'path', 'hidden/a')).toBe('Resource not found')
    expect(await complete(template('n://{+path}'), 'path', 'x/../hidden/a')).toBe('ambiguous')
    expect(await complete({ type: 'ref/prompt', name: 'crm__draft' }, 'tone', 'secret')).not.toBe('denied')
    expect(await complete({ type: 'ref/prompt', name: 'crm__draft' }, 'ref', 'x')).toBe('denied')
    const hmacs = (await settledAudit()).slice(0, 2).map(({ arguments_hmac }) => arguments_hmac)
    expect(new Set(hmacs).size).toBe(2)
    expect(JSON.stringify(await audit())).not.toContain('secret')
  })

  test('a limit on everything counts reading and calls together, and says when to come back', async () => {
    await register({
      default: 'allow',
      all: { limits: [{ counter: 'all', window: 'day', max: 2, on_deny: 'Enough.' }] },
    })
    const ask = await asker(era)
    expect((await ask('resources/read', { uri: 'crm+file:///a' })).body?.result).toBeDefined()
    await ask('tools/call', { name: 'auth_whoami', arguments: {} })
    const limited = await ask('prompts/get', { name: 'crm__draft' })
    expect(errorOf(limited)).toMatchObject({
      code: -32_603,
      message: expect.stringMatching(/^Enough\. Rate limited by policy rule \/all\/limits\/0/),
      data: {
        code: 'rate_limited',
        rule: '/all/limits/0',
        limit: 2,
        retry_after_seconds: expect.any(Number),
      },
    })
    expect(limited.headers.get('retry-after')).toMatch(/^\d+$/)
    expect(limited.headers.get('ratelimit')).toMatch(/r=0/)
    expect((await settledAudit()).map(({ method, decision }) => [method, decision])).toEqual([
      ['resources/read', 'allow'],
      [null, 'allow'],
      ['prompts/get', 'limit'],
    ])
  })

  test('at a server’s own URL its own names are judged, as they are sent', async () => {
    await register({ default: 'deny', resources: { 'crm+file:///docs/*': {} }, prompts: {} })
    const ask = await asker(era, '/mcp/crm')
    const read = async (uri: string) => errorOf(await ask('resources/read', { uri }))?.data?.code ?? 'read'
    expect(await read('file:///docs/a')).toBe('read')
    expect(await read('file:///docs/../etc/passwd')).toBe('ambiguous')
    expect(await read('FILE:///docs/a')).toBe('default_deny')
    expect(await read('crm+file:///docs/a')).toBe('default_deny')
    expect(errorOf(await ask('prompts/get', { name: 'draft' }))?.data).toMatchObject({ code: 'default_deny' })
  })

  test('what is no request to read is refused, and written down as such', async () => {
    await register({ default: 'allow' })
    const ask = await asker(era, '/mcp/crm')
    for (const [method, params] of [
      ['resources/read', {}],
      ['resources/read', { uri: 7 }],
      ['prompts/get', { name: 'x', arguments: { a: 1 } }],
      ['completion/complete', { ref: { type: 'ref/other', name: 'x' }, argument: { name: 'a', value: '' } }],
    ] as const)
      expect([method, errorOf(await ask(method, params))?.code]).toEqual([method, -32_602])
    expect((await audit()).map(({ rule }) => rule)).toEqual(Array(4).fill('(request)'))
  })

  test('a policy that asks for the account is told who it is', async () => {
    const require = [{ path: 'session.account', op: 'eq', value: 'ana' }]
    await register({ default: 'allow', resources: { '*': { require } } })
    if (era === 'stateless') return
    await adminWith(bindings, 'PUT', 'acme', { identity: { trusted: true } })
    const client = await connect({ token })
    const read = async () =>
      errorOf(await client.request('resources/read', { uri: 'crm+file:///a' }))?.data?.code
    expect(await read()).toBe('denied')
    await client.login('ana')
    expect(await read()).toBeUndefined()
  })
})

test.each(['/mcp', '/mcp/crm'])('the stateless era has no method to subscribe at %s', async (path) => {
  await register({ default: 'allow' })
  const uri = path === '/mcp' ? 'crm+file:///a' : 'file:///a'
  for (const method of ['resources/subscribe', 'resources/unsubscribe']) {
    const answer = await stateless(method, { uri }, { token, path })
    expect([answer.status, errorOf(answer)?.code]).toEqual([404, -32_601])
  }
  expect(await audit()).toEqual([])
})

test('what watches a resource no more is let go, however much was used', async () => {
  const limits = [{ counter: 'reads', window: 'day', max: 1 }]
  await register({ default: 'allow', resources: { '*': { limits } } })
  const ask = await asker('session')
  const uri = 'crm+file:///a'
  expect((await ask('resources/subscribe', { uri })).body?.error).toBeUndefined()
  expect(errorOf(await ask('resources/subscribe', { uri }))?.data).toMatchObject({ code: 'rate_limited' })
  expect((await ask('resources/unsubscribe', { uri })).body?.error).toBeUndefined()
})

test('a dead session is said, and on record', async () => {
  await register({ default: 'allow' })
  const client = await connect({ token })
  const dead = new SessionClient('nobody', token, client.protocolVersion, client.path)
  expect((await dead.request('resources/read', { uri: 'crm+file:///a' })).status).toBe(404)
  expect(await audit()).toMatchObject([
    { method: 'resources/read', decision: 'refuse', rule: '(session ended)' },
  ])
})

test('reading makes one Durable Object call', async () => {
  await register({
    default: 'allow',
    resources: { '*': {} },
    all: { limits: [{ counter: 'a', window: 'day', max: 9 }] },
  })
  const client = await connect({ token })
  const read = { jsonrpc: '2.0', id: 7, method: 'resources/read', params: { uri: 'crm+file:///a' } }
  // The first request finds out which era the server speaks, which becomes part of the configuration.
  for (let i = 0; i < 3; i++) await client.send(read)
  const calls: string[] = []
  const watched = (binding: string) => ({
    getByName: (name: string) =>
      new Proxy(
        (env as unknown as Record<string, DurableObjectNamespace>)[binding]?.getByName(name) as object,
        {
          get(stub, property) {
            const member = Reflect.get(stub, property) as (...args: unknown[]) => unknown
            return (...args: unknown[]) => {
              calls.push(`${binding}.${String(property)}`)
              return Reflect.apply(member, stub, args)
            }
          },
        },
      ),
  })
  const context = createExecutionContext()
  const http = new Request('http://127.0.0.1:8787/mcp', {
    method: 'POST',
    headers: { ...client.headers, authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(read),
  })
  const bound = { ...env, ...bindings, PRINCIPAL: watched('PRINCIPAL'), TENANT: watched('TENANT') }
  const response = await app.fetch(http, bound as unknown as Env, context)
  expect(await response.json()).toMatchObject({ result: { contents: [{ text: 'read' }] } })
  const before = [...calls]
  await waitOnExecutionContext(context)
  expect(before).toEqual(['PRINCIPAL.admit'])
})
