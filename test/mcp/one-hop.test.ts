/** The hot path makes one Durable Object call, and none that the answer waits for. */
import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, test } from 'vitest'
import { app } from '../../src/app.ts'
import type { Env } from '../../src/contract/env.ts'
import { makeGrant } from '../support/admin.ts'
import { DEMO_TOKEN, envelope, fresh, request, STATELESS } from '../support/gateway.ts'

beforeEach(fresh)

interface Counted {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
  /** Methods called on principals before the answer was there. */
  readonly before: string[]
  /** Methods called for it at all, once everything behind `waitUntil` is done. */
  readonly all: string[]
}

/** Sends one request through the Worker with a principal binding that writes down what is called on it. */
async function counted(
  method: string,
  headers: Record<string, string>,
  body?: unknown,
  token = DEMO_TOKEN,
): Promise<Counted> {
  const calls: string[] = []
  const PRINCIPAL = {
    getByName: (name: string) =>
      new Proxy(env.PRINCIPAL.getByName(name), {
        get(stub, property) {
          const member = Reflect.get(stub, property) as (...args: unknown[]) => unknown
          return (...args: unknown[]) => {
            calls.push(String(property))
            return Reflect.apply(member, stub, args)
          }
        },
      }),
  }
  const context = createExecutionContext()
  const init: RequestInit = { method, headers: { authorization: `Bearer ${token}`, ...headers } }
  if (body !== undefined) init.body = JSON.stringify(body)
  const http = new Request('http://127.0.0.1:8787/mcp', init)
  const response = await app.fetch(http, { ...env, PRINCIPAL } as unknown as Env, context)
  const before = [...calls]
  const text = response.headers.get('content-type')?.includes('json') ? await response.text() : '{}'
  await waitOnExecutionContext(context)
  return { status: response.status, headers: response.headers, body: JSON.parse(text), before, all: calls }
}

const json = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }

async function openSession(): Promise<Record<string, string>> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } }
  const opened = await counted('POST', json, request('initialize', params))
  const headers = { ...json, 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' }
  await counted('POST', headers, request('tools/list'))
  return headers
}

const call = (name: string, args = {}) => request('tools/call', { name, arguments: args })
const login = { provider: 'trusted', account_id: 'ana' }

describe('in the session era', () => {
  test.each<[string, ReturnType<typeof request>, string[]]>([
    ['a call that is only decided', call('auth_whoami'), []],
    ['a login: decided, counted, done and queued', call('auth_login', login), ['drain']],
    ['a notification for Legiti', call('track_logout', { account_id: 'a' }), ['drain']],
    [
      'a synchronous decision; how it ended is told later',
      call('get_decision', { sale_id: 's' }),
      ['settle'],
    ],
    ['a call with wrong arguments', call('track_logout', {}), []],
    ['a call of an unknown tool', call('nothing'), []],
    ['a list', request('tools/list'), []],
    ['a ping', request('ping'), []],
    ['a notification', { jsonrpc: '2.0', method: 'notifications/initialized' }, []],
    ['an unknown method', request('nothing/here'), []],
    ['something that is no message', { hello: 'world' }, []],
  ])('%s', async (_, message, after) => {
    const headers = await openSession()
    const answer = await counted('POST', headers, message)
    expect(answer.before.filter((name) => name !== 'drain')).toEqual(['admit'])
    expect(answer.all).toEqual(['admit', ...after])
  })

  test('a logout', async () => {
    const headers = await openSession()
    await counted('POST', headers, call('auth_login', login))
    const answer = await counted('POST', headers, call('auth_logout'))
    expect(answer.body.result).toMatchObject({ structuredContent: { ended: true } })
    expect(answer.all).toEqual(['admit', 'drain'])
  })

  test('the end by DELETE', async () => {
    const headers = await openSession()
    expect((await counted('DELETE', headers)).all).toEqual(['admit', 'drain'])
  })

  test('a stream: admitted by the very call that opens it', async () => {
    const headers = await openSession()
    expect((await counted('GET', { ...headers, accept: 'text/event-stream' })).before).toEqual(['fetch'])
  })
})

test('an isolate that has not met a token learns its configuration first, once', async () => {
  const token = await makeGrant('acme', `bot-${crypto.randomUUID()}`)
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } }
  const open = () => counted('POST', json, request('initialize', params), token)
  expect((await open()).before).toEqual(['admit', 'admit'])
  expect((await open()).before).toEqual(['admit'])
})

test('no answer waits for what comes after it', async () => {
  const headers = await openSession()
  // A principal whose drain never ends.
  const PRINCIPAL = {
    getByName: (name: string) => {
      const stub = env.PRINCIPAL.getByName(name)
      return {
        admit: (ask: Parameters<typeof stub.admit>[0]) => stub.admit(ask),
        drain: () => new Promise(() => {}),
      }
    },
  }
  const send = async (method: string, message?: unknown) => {
    const init: RequestInit = { method, headers: { authorization: `Bearer ${DEMO_TOKEN}`, ...headers } }
    if (message !== undefined) init.body = JSON.stringify(message)
    const http = new Request('http://127.0.0.1:8787/mcp', init)
    const response = await app.fetch(http, { ...env, PRINCIPAL } as unknown as Env, createExecutionContext())
    return response.status
  }
  expect(await send('POST', call('auth_login', login))).toBe(200)
  expect(await send('POST', call('track_logout', { account_id: 'a' }))).toBe(200)
  expect(await send('POST', call('auth_logout'))).toBe(200)
  Object.assign(headers, await openSession())
  expect(await send('DELETE')).toBe(200)
})

test('in the stateless era a call makes one, too', async () => {
  await openSession()
  const headers = {
    ...json,
    'mcp-protocol-version': STATELESS,
    'mcp-method': 'tools/call',
    'mcp-name': 'auth_whoami',
  }
  const message = request('tools/call', { name: 'auth_whoami', arguments: {}, _meta: envelope })
  expect((await counted('POST', headers, message)).all).toEqual(['admit'])
})

test('a request that is refused at the door makes none', async () => {
  expect((await counted('POST', { ...json, origin: 'https://evil.example' }, request('ping'))).all).toEqual(
    [],
  )
  expect((await counted('POST', { ...json, authorization: 'Bearer nothing' }, request('ping'))).all).toEqual(
    [],
  )
})
