/** The native server `legiti` as an agent sees it. */
import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { app } from '../../src/app.ts'
import type { Env } from '../../src/contract/env.ts'
import { legitiTools } from '../../src/legiti/tools/all.ts'
import { counted } from '../support/decision-log.ts'
import {
  connect,
  DEMO_TOKEN,
  envelope,
  fresh,
  installGrant,
  received,
  request,
  rows,
  STATELESS,
  settled,
  stateless,
  statelessCall,
} from '../support/gateway.ts'
import { saidOnce } from '../support/says-everything.ts'

beforeEach(fresh)
afterEach(() => vi.useRealTimers())

interface Listed {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly inputSchema: {
    type: string
    additionalProperties: unknown
    properties: Record<string, { description?: string }>
  }
  readonly annotations: Record<string, unknown>
}

async function listed(): Promise<Listed[]> {
  const { body } = await stateless('tools/list', {}, { path: '/mcp/legiti' })
  return (body?.result as { tools: Listed[] } | undefined)?.tools ?? []
}

/** A call of the stateless era to a gateway whose Legiti is at `base`, a real server that behaves as its path says. */
async function callRaw(
  base: string,
  name: string,
  args: Record<string, unknown>,
  {
    bindings = {},
    token = DEMO_TOKEN,
    signal,
  }: { bindings?: Partial<Env>; token?: string; signal?: AbortSignal } = {},
): Promise<Response> {
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'mcp-protocol-version': STATELESS,
    'mcp-method': 'tools/call',
    'mcp-name': name,
  }
  const body = JSON.stringify(request('tools/call', { name, arguments: args, _meta: envelope }))
  const init: RequestInit = { method: 'POST', headers, body, ...(signal === undefined ? {} : { signal }) }
  const context = createExecutionContext()
  const all = { ...env, LEGITI_BASE_URL: base, LEGITI_API_KEY: 'sbx_top-secret', ...bindings } as Env
  const response = await app.fetch(new Request('http://127.0.0.1:8787/mcp', init), all, context)
  await waitOnExecutionContext(context)
  return response
}

async function callAt(
  base: string,
  name: string,
  args: Record<string, unknown>,
  bindings: Partial<Env> = {},
  token = DEMO_TOKEN,
) {
  const text = await (await callRaw(base, name, args, { bindings, token })).text()
  const { result } = JSON.parse(text) as {
    result: { isError?: boolean; content: { text: string }[]; structuredContent: Record<string, unknown> }
  }
  expect(saidOnce(result)).toEqual([])
  const error = result.structuredContent.error as Record<string, unknown> | undefined
  return {
    isError: result.isError ?? false,
    text: result.content[0]?.text ?? '',
    structured: result.structuredContent,
    error,
    raw: text,
  }
}

describe('the list', () => {
  test('has all eighteen tools, with titles, annotations and schemas that admit nothing unknown', async () => {
    const tools = await listed()
    expect(tools.map(({ name }) => name)).toEqual(legitiTools.map(({ name }) => name))
    expect(tools).toHaveLength(18)
    for (const tool of tools) {
      expect(tool.title).not.toBe('')
      expect(tool.description.length).toBeGreaterThan(40)
      expect(tool.inputSchema).toMatchObject({ type: 'object', additionalProperties: false })
      expect(tool.annotations).toMatchObject({
        openWorldHint: true,
        readOnlyHint: tool.name === 'get_decision',
      })
      for (const property of Object.values(tool.inputSchema.properties))
        expect(property.description).toBeTruthy()
    }
  })
})

describe('notifications', () => {
  test('are accepted at once, and reach Legiti from the outbox', async () => {
    const accepted = await statelessCall('track_logout', { account_id: 'ana', ip: '192.0.2.1' })
    expect(accepted.structured).toEqual({
      message: `Accepted as ${accepted.structured.event}. Legiti will be told.`,
      status: 'accepted',
      event: expect.stringMatching(/^evt_/),
    })
    await settled()
    expect(await received()).toMatchObject([
      {
        method: 'POST',
        path: '/auth',
        body: { account_id: 'ana', action: 'logout', ip: '192.0.2.1' },
        status: 201,
      },
    ])
    expect(await rows('SELECT id, state, args FROM outbox')).toEqual([
      { id: accepted.structured.event, state: 'delivered', args: null },
    ])
  })

  test('the session handle is not part of what Legiti gets', async () => {
    const login = await statelessCall('auth_login', { provider: 'trusted', account_id: 'ana' })
    await statelessCall('track_signup', { account_id: 'ana', session: login.structured.session })
    await settled()
    expect((await received()).at(-1)?.body).toEqual({ account_id: 'ana', action: 'create' })
  })
})

describe('logins', () => {
  const track = async () => (await received()).map(({ body }) => body)

  test('are reported, failed ones with the account that was claimed', async () => {
    const token = await installGrant('acme', 'bot', { settings: {} })
    await statelessCall('auth_login', { provider: 'trusted', account_id: 'ana' }, { token })
    await settled('acme/bot')
    await statelessCall('auth_login', { provider: 'trusted', account_id: 'bea' })
    await settled()
    expect(await track()).toEqual([
      { account_id: 'ana', action: 'login', success: false },
      { account_id: 'bea', action: 'login', success: true },
    ])
  })

  test('a failed login that names no account is nobody’s', async () => {
    await statelessCall('auth_login', { provider: 'jwt', token: 'nonsense' })
    await settled()
    expect(await track()).toEqual([])
  })
})

describe('a full card number', () => {
  test.each<[string, string, Record<string, unknown>, string]>([
    ['a decision', 'get_decision', { sale_id: '4111 1111 1111 1111' }, '/sale_id'],
    [
      'a notification',
      'track_logout',
      { account_id: 'a', user_agent: 'card 5555-5555-5555-4444' },
      '/user_agent',
    ],
    [
      'something nested',
      'track_account',
      { action: 'create', account_id: 'a', account_name: '378282246310005' },
      '/account_name',
    ],
  ])('is refused in %s before anything is counted or sent', async (_, name, args, pointer) => {
    const refused = await statelessCall(name, args)
    expect([refused.isError, refused.code]).toEqual([true, 'card_number'])
    expect(refused.text).toContain(pointer)
    expect(JSON.stringify(refused.body)).not.toMatch(/4111|5555|3782/)
    await settled()
    expect(await received()).toEqual([])
    expect(await counted()).toEqual([])
    expect(await rows<{ decision: string; rule: string }>('SELECT decision, rule FROM audit')).toEqual([
      { decision: 'refuse', rule: '(card_number)' },
    ])
  })
})

test('a full card number is no account, neither asserted nor proven', async () => {
  const refused = await statelessCall('auth_login', { provider: 'trusted', account_id: '4111111111111111' })
  expect([refused.isError, refused.code]).toEqual([true, 'card_number'])
  expect(await rows('SELECT id FROM sessions')).toEqual([])
  await settled()
  expect(await received()).toEqual([])
})

describe('decisions', () => {
  const at = (path: string) => `${inject('otherSide')}/${path}`
  const decide = (path: string) => callAt(at(path), 'get_decision', { sale_id: 's-1' })

  test('are Legiti’s own answer', async () => {
    const answer = await statelessCall('get_decision', { sale_id: 's-1' })
    expect(answer.structured).toEqual({ decision: 'approve', stand_in: true })
  })

  test('are asked for with our key, in a header', async () => {
    const { structured } = await decide('echo')
    expect(structured).toMatchObject({ method: 'GET', url: '/echo/v2/order/s-1' })
    expect(structured.headers).toMatchObject({ authorization: 'Bearer sbx_top-secret' })
  })

  test.each<[string, string, string, RegExp]>([
    ['400', 'status/400', 'legiti_refused', /the sale is unknown \(sale_unknown\).*Correct the arguments/],
    ['404', 'status/404', 'legiti_refused', /HTTP 404/],
    ['401', 'status/401', 'legiti_unauthorized', /LEGITI_API_KEY/],
    ['403', 'status/403', 'legiti_unauthorized', /LEGITI_API_KEY/],
    ['429', 'busy', 'legiti_busy', /Try again in 7 s/],
    ['500', 'status/500', 'legiti_failed', /Try again later/],
    ['a redirect', 'redirect', 'legiti_failed', /HTTP 302/],
  ])('%s is a tool error that says what to do, without the key', async (_, path, code, words) => {
    const answer = await decide(path)
    expect([answer.isError, answer.error?.code]).toEqual([true, code])
    expect(answer.text).toMatch(words)
    expect(answer.raw).not.toContain('top-secret')
  })

  test('an answer that is no JSON is passed on as text', async () => {
    expect((await decide('html')).structured).toEqual({ status: 200, answer: '<p>maintenance</p>' })
  })

  test('an answer without end is not read to it', async () => {
    expect((await decide('large')).raw.length).toBeLessThan(10_000)
  })

  test('a Legiti that cannot be reached is a tool error', async () => {
    const answer = await callAt('http://127.0.0.1:1', 'get_decision', { sale_id: 's-1' })
    expect([answer.isError, answer.error?.code]).toEqual([true, 'legiti_unavailable'])
  })

  test('after 25 s without an answer, the agent is told that it may have been acted on', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const order = { sale_id: 's-1', status: 'cancelled' }
    const pending = callAt(at('hang'), 'update_order', order)
    while (vi.getTimerCount() === 0) await scheduler.wait(5)
    await vi.advanceTimersByTimeAsync(24_999)
    expect(vi.getTimerCount()).toBe(1)
    await vi.advanceTimersByTimeAsync(1)
    // How the call ended is told a little later, maybe by a timer that is set already.
    await vi.advanceTimersByTimeAsync(1_000)
    vi.useRealTimers()
    const answer = await pending
    expect([answer.isError, answer.error?.code]).toEqual([true, 'legiti_unavailable'])
    expect(answer.text).toMatch(/did not answer in time.*get_decision/)
  })

  describe('a client that goes away', () => {
    const order = { sale_id: 's-1', status: 'cancelled' }

    test('cancels in the stateless era', async () => {
      const client = new AbortController()
      const pending = callRaw(at('hang'), 'update_order', order, { signal: client.signal })
      await scheduler.wait(50)
      client.abort()
      // Nobody is left to read the answer; that there is one shows that nothing waits for Legiti any more.
      await expect(pending).resolves.toMatchObject({ status: 499 })
    })

    test('does not cancel in the session era: Legiti’s answer is waited for', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      const session = await connect()
      const context = createExecutionContext()
      const client = new AbortController()
      const body = JSON.stringify(request('tools/call', { name: 'update_order', arguments: order }))
      const headers = {
        ...session.headers,
        authorization: `Bearer ${session.token}`,
        'content-type': 'application/json',
      }
      const init = { method: 'POST', headers, body, signal: client.signal }
      const bindings = { ...env, LEGITI_BASE_URL: at('hang'), LEGITI_API_KEY: 'k' } as Env
      const pending = app.fetch(new Request('http://127.0.0.1:8787/mcp', init), bindings, context)
      while (vi.getTimerCount() === 0) await scheduler.wait(5)
      client.abort()
      await scheduler.wait(50)
      expect(vi.getTimerCount()).toBe(1)
      await vi.advanceTimersByTimeAsync(25_000)
      vi.useRealTimers()
      expect((await pending).status).toBe(200)
    })
  })

  test.each<[string, Partial<Env>]>([
    ['no key', { LEGITI_API_KEY: '' }],
    ['a URL that is not encrypted', { LEGITI_BASE_URL: 'http://legiti.example.com' }],
    ['a URL that is none', { LEGITI_BASE_URL: 'legiti' }],
    ['an unknown profile', { LEGITI_PROFILE: 'nothing' }],
  ])('with %s nothing is sent, and the operator is named', async (_, bindings) => {
    const answer = await callAt(at('echo'), 'get_decision', { sale_id: 's-1' }, bindings)
    expect([answer.isError, answer.error?.code]).toEqual([true, 'not_configured'])
  })
})

describe('what a decision costs', () => {
  const policy = {
    version: '1',
    default: 'allow',
    tools: { get_decision: { limits: [{ counter: 'c', window: 'day', max: 5, scope: 'grant' }] } },
  }
  const used = async () => Number((await counted('acme/bot'))[0]?.used)

  test.each<[string, number]>([
    ['status/200', 1],
    ['status/500', 1],
    ['status/400', 1],
    ['status/404', 1],
    ['busy', 1],
    ['status/401', 0],
    ['status/403', 0],
  ])('%s: charged %i, because only what surely did not happen is given back', async (path, charged) => {
    const token = await installGrant('acme', 'bot', { policy })
    await callAt(`${inject('otherSide')}/${path}`, 'get_decision', { sale_id: 's-1' }, {}, token)
    expect(await used()).toBe(charged)
  })

  test('what was not sent costs nothing', async () => {
    const token = await installGrant('acme', 'bot', { policy })
    const bindings = { LEGITI_API_KEY: '' }
    await callRaw(`${inject('otherSide')}/echo`, 'get_decision', { sale_id: 's-1' }, { bindings, token })
    expect(await used()).toBe(0)
  })

  test('an agent in a loop is stopped, even when Legiti refuses every time', async () => {
    const token = await installGrant('acme', 'bot', { policy })
    const codes: unknown[] = []
    for (let i = 0; i < 7; i++) {
      const base = `${inject('otherSide')}/status/404`
      codes.push((await callAt(base, 'get_decision', { sale_id: 's-1' }, {}, token)).error?.code)
    }
    expect(codes).toEqual([...Array(5).fill('legiti_refused'), 'rate_limited', 'rate_limited'])
  })

  test('a refund goes to the window that was charged, once', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    vi.setSystemTime('2030-01-01T23:59:59Z')
    const token = await installGrant('acme', 'bot', { policy })
    const base = `${inject('otherSide')}/status/200`
    await callAt(base, 'get_decision', { sale_id: 's-1' }, {}, token)
    const [row] = await rows<{ request_id: string }>('SELECT request_id FROM audit', 'acme/bot')
    vi.setSystemTime('2030-01-02T00:00:01Z')
    await callAt(base, 'get_decision', { sale_id: 's-1' }, {}, token)
    const object = env.PRINCIPAL.getByName('acme/bot')
    await object.refund(row?.request_id ?? '')
    await object.refund(row?.request_id ?? '')
    await object.refund('no-such-request')
    expect((await counted('acme/bot')).map((counter) => Number(counter.used))).toEqual([0, 1])
  })
})
