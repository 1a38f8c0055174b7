/** What is written down of calls that are passed on: what was decided, how it ended, what was given back. */

import { beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { adminWith } from '../support/admin.ts'
import {
  connect,
  fresh,
  type Json,
  open,
  request,
  rows,
  type SessionClient,
  stateless,
} from '../support/gateway.ts'
import { PATIENT } from '../support/patient.ts'

const bindings = { ALLOW_PRIVATE_UPSTREAMS: 'true' }
const GRANT = 'acme/bot'
const limits = [{ counter: 'calls', window: 'day', max: 100 }]

let token = ''

async function register(document: Json = {}, policy: Json = {}): Promise<void> {
  const put = async (path: string, body: unknown) =>
    (await adminWith(bindings, 'PUT', `acme/${path}`, body)).body
  await put('servers/crm', {
    url: inject('upstream'),
    timeouts: { response_seconds: 1, idle_seconds: 1, call_seconds: 2 },
    breaker: { failures: 1_000 },
    ...document,
  })
  await put('policies/main', { version: '1', default: 'allow', tools: { crm__echo: { limits } }, ...policy })
  token = String((await put('grants/bot', { policy: 'main', servers: ['crm'] }))?.token)
}

interface Row extends Record<string, SqlStorageValue> {
  server: string
  tool: string
  decision: string
  rule: string
  outcome: string | null
  upstream_status: number | null
  latency_ms: number | null
  argument_names: string
  refunded: number
}

const audit = () =>
  rows<Row>(
    `SELECT server, tool, decision, rule, outcome, upstream_status, latency_ms, argument_names,
       refunded_at IS NOT NULL AS refunded FROM audit ORDER BY seq`,
    GRANT,
  )

/** The rows once it is written down of all of them how they ended, which happens behind the answers. */
async function settledAudit(): Promise<Row[]> {
  return vi.waitFor(async () => {
    const all = await audit()
    expect(all.map(({ outcome }) => outcome)).not.toContain(null)
    return all
  }, PATIENT)
}

/** Calls, and reads the answer to its end. */
async function call(client: SessionClient, name: string, args: Json): Promise<void> {
  const headers = { ...client.headers, 'content-type': 'application/json' }
  const message = request('tools/call', { name, arguments: args })
  const response = await open('POST', client.path, token, headers, message)
  await response.text().catch(() => '')
}

beforeEach(fresh)

describe('how a call ended', () => {
  test.each<[string, Json, string, number | null]>([
    ['ok', {}, 'result', 200],
    ['stream', {}, 'result', 200],
    ['rpc_error', {}, 'rpc_error', 200],
    ['hang', {}, 'timeout', null],
    ['hang_in_json', {}, 'timeout', null],
    ['reset_in_stream', {}, 'broken', 200],
    ['stream_without_answer', {}, 'broken', 200],
    ['wrong_id', {}, 'broken', 200],
    ['html', { status: 502 }, 'broken', 502],
    ['html', { status: 404 }, 'not_delivered', 404],
    ['rate_limited', { retryAfter: '7' }, 'not_delivered', 429],
    ['unauthorized', {}, 'not_delivered', 401],
    ['redirect', { location: '/' }, 'refused', 307],
  ])('%s %j', async (kind, more, outcome, status) => {
    await register()
    const client = await connect({ token })
    await call(client, 'crm__echo', { text: `told to be ${kind}`, behave: { kind, ...more } })
    const [row] = await settledAudit()
    expect(row).toMatchObject({
      server: 'crm',
      tool: 'echo',
      decision: 'allow',
      outcome,
      upstream_status: status,
      argument_names: '["text","behave"]',
    })
    expect(row?.latency_ms).toBeGreaterThanOrEqual(kind.startsWith('hang') ? 990 : 0)
    // A server that refuses the gateway's own credentials was not used; its redirect, 404 and 429 keep the charge.
    expect(row?.refunded).toBe(kind === 'unauthorized' ? 1 : 0)
  })

  test('a tool that says that it failed', async () => {
    await register()
    await call(await connect({ token }), 'crm__echo', { fails: true })
    expect(await settledAudit()).toMatchObject([
      { tool: 'echo', outcome: 'tool_error', upstream_status: 200 },
    ])
  })

  test.each(['hang', 'hang_in_stream', 'hang_in_json'])(
    '%s, and then taken back by its client',
    async (kind) => {
      await register()
      const client = await connect({ token })
      const headers = { ...client.headers, 'content-type': 'application/json' }
      const message = request('tools/call', { name: 'crm__echo', arguments: { behave: { kind } } })
      const called = open('POST', client.path, token, headers, message)
      await vi.waitFor(async () => expect(await audit()).toHaveLength(1), PATIENT)
      // Until it has been sent.
      await new Promise((resolve) => setTimeout(resolve, 100))
      const params = { requestId: message.id }
      await client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params })
      await (await called).text()
      const [row] = await settledAudit()
      expect(row).toMatchObject({ decision: 'allow', outcome: 'cancelled', refunded: 0 })
    },
  )

  test('at a server’s own URL, and in the stateless era, it is the same', async () => {
    await register()
    await call(await connect({ token, path: '/mcp/crm' }), 'echo', { text: 'x' })
    const call_ = { name: 'echo', arguments: { text: 'x' } }
    await stateless('tools/call', call_, { token, path: '/mcp/crm' })
    expect(await settledAudit()).toMatchObject([{ outcome: 'result' }, { tool: 'echo', outcome: 'result' }])
  })
})

describe('what is refused is written down, and never sent', () => {
  test.each<[string, Json, string, Json, string, string]>([
    ['a tool of no server', {}, 'erp__echo', {}, 'refuse', '(unknown tool)'],
    ['a hidden tool', { hide: ['echo'] }, 'crm__echo', {}, 'deny', '(hidden)'],
    ['what the default denies', { default: 'deny' }, 'crm__other', {}, 'deny', '(default deny)'],
  ])('%s', async (_, policy, name, args, decision, rule) => {
    await register({}, policy)
    await call(await connect({ token }), name, args)
    expect(await audit()).toMatchObject([{ decision, rule, outcome: null }])
  })

  test('a number that would arrive as another', async () => {
    await register()
    const client = await connect({ token })
    const body =
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"crm__echo","arguments":{"n":9007199254740993}}}'
    const answer = await client.send(body)
    expect(answer.body?.result).toMatchObject({ isError: true })
    expect(await audit()).toMatchObject([
      { tool: 'echo', decision: 'refuse', rule: '(number)', argument_names: '["n"]', outcome: null },
    ])
  })

  test('what the policy asks of a tool of which nothing is known', async () => {
    const all_tools = { require: [{ path: 'tool.annotations.readOnlyHint', op: 'eq', value: true }] }
    await register({}, { all_tools })
    await stateless('tools/call', { name: 'crm__echo', arguments: {} }, { token })
    expect(await audit()).toMatchObject([{ decision: 'refuse', rule: '(annotations)' }])
  })

  test('odd names of arguments are not written down', async () => {
    await register()
    await call(await connect({ token }), 'crm__echo', { text: 'x', 'a b': 1, ['k'.repeat(65)]: 2 })
    expect(await audit()).toMatchObject([{ argument_names: '["text","(other)"]' }])
  })
})
