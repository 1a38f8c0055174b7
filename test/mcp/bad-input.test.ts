/** What no client should send. None of it reaches a tool, none of it is a 500. */
import { runInDurableObject } from 'cloudflare:test'
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import {
  connect,
  DEMO_TOKEN,
  envelope,
  fresh,
  post,
  principal,
  request,
  STATELESS,
  send,
  stateless,
} from '../support/gateway.ts'

beforeEach(fresh)

/** The number of the newest call that was let through; 0 for none. Numbers go up, rows are carried away. */
async function newestAllowed(): Promise<number> {
  return runInDurableObject(
    principal(),
    (_, { storage }) =>
      storage.sql
        .exec<{ newest: number }>(
          "SELECT coalesce(max(seq), 0) AS newest FROM audit WHERE decision = 'allow'",
        )
        .one().newest,
  )
}

const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`

describe.each(['session', 'stateless'] as const)('in the %s era', (era) => {
  async function headers(): Promise<Record<string, string>> {
    if (era === 'session') return (await connect()).headers
    return { 'mcp-protocol-version': STATELESS, 'mcp-method': 'tools/call', 'mcp-name': 'track_logout' }
  }
  const message = (params: Record<string, unknown>) =>
    request('tools/call', era === 'stateless' ? { ...params, _meta: envelope } : params)

  test.each<[string, unknown, number]>([
    ['nothing', '', 400],
    ['not JSON', 'not json', 400],
    ['half of a JSON', '{"jsonrpc":"2.0"', 400],
    ['a JSON that is no object', '"hello"', 400],
    ['null', 'null', 400],
    ['an empty batch', '[]', 400],
    ['not JSON-RPC', { hello: 'world' }, 400],
    ['another version of JSON-RPC', { jsonrpc: '1.0', id: 1, method: 'ping' }, 400],
    ['an id that is an object', { jsonrpc: '2.0', id: {}, method: 'ping' }, 400],
    ['a method that is a number', { jsonrpc: '2.0', id: 1, method: 5 }, 400],
    ['a body of 2 MiB', `"${'x'.repeat(2 * 1024 * 1024)}"`, 413],
    ['JSON of depth 10,000', deep(10_000), 400],
    ['JSON one level too deep', deep(65), 400],
  ])('%s', async (_, body, status) => {
    const answer = await post(body, { headers: await headers() })
    expect(answer.status).toBe(status)
    expect(answer.body).toMatchObject({ jsonrpc: '2.0', error: { code: expect.any(Number) } })
    expect(await newestAllowed()).toBe(0)
  })

  test.each(['text/plain', 'application/xml', 'application/jsonx', 'multipart/form-data', ''])(
    'the content type "%s" is 415',
    async (type) => {
      const answer = await post(request('ping'), { headers: { ...(await headers()), 'content-type': type } })
      expect(answer.status).toBe(415)
    },
  )

  test.each<[string, Record<string, unknown>]>([
    ['arguments that are an array', { name: 'track_logout', arguments: ['a'] }],
    ['arguments that are a string', { name: 'track_logout', arguments: 'a' }],
    ['no name', { arguments: {} }],
    ['a name that is a number', { name: 5, arguments: {} }],
  ])('a call with %s is -32602', async (_, params) => {
    const answer = await post(message(params), { headers: await headers() })
    expect(answer.body).toMatchObject({ error: { code: -32602 } })
    expect(await newestAllowed()).toBe(0)
  })

  test('an unknown tool is -32602 that names it', async () => {
    const given = await headers()
    const answer = await post(message({ name: 'no_such_tool', arguments: {} }), {
      headers: era === 'stateless' ? { ...given, 'mcp-name': 'no_such_tool' } : given,
    })
    expect(answer.body).toMatchObject({ error: { code: -32602, message: 'Unknown tool: no_such_tool' } })
    expect(await newestAllowed()).toBe(0)
  })

  test.each<[string, Record<string, unknown>, string, string]>([
    ['of the wrong type', { account_id: 5 }, '/account_id', 'string'],
    ['that are missing', {}, '/account_id', 'string'],
    ['that are unknown', { account_id: 'a', acount: 'b' }, '/acount', 'account_id'],
    ['named __proto__', JSON.parse('{"account_id":"a","__proto__":{"x":1}}'), '/__proto__', 'account_id'],
  ])(
    'arguments %s are a tool error that says where, what and what is allowed',
    async (_, args, pointer, allowed) => {
      const answer = await post(message({ name: 'track_logout', arguments: args }), {
        headers: await headers(),
      })
      const result = answer.body?.result as {
        isError: boolean
        structuredContent: { error: Record<string, unknown> }
      }
      expect(result.isError).toBe(true)
      expect(result.structuredContent.error).toMatchObject({ code: 'invalid_arguments' })
      const [problem] = result.structuredContent.error.problems as { pointer: string; allowed: string }[]
      expect(problem?.pointer).toBe(pointer)
      expect(problem?.allowed).toContain(allowed)
      expect(await newestAllowed()).toBe(0)
    },
  )
})

test('headers of more than 16 KiB are 431', async () => {
  const answer = await post(request('ping'), { headers: { 'x-large': 'x'.repeat(17 * 1024) } })
  expect(answer.status).toBe(431)
})

test('a forged session id is as dead as any, however near to a real one', async () => {
  const client = await connect()
  const other = await send('DELETE', '/mcp', DEMO_TOKEN, { 'mcp-session-id': `${client.id}x` })
  const forged = await post(request('ping'), { headers: { 'mcp-session-id': 'x'.repeat(4_000) } })
  expect([other.status, forged.status]).toEqual([404, 404])
  expect((await client.request('ping')).status).toBe(200)
})

test('a call that was let through is answered with its result: nothing is refused after its work was done', async () => {
  const client = await connect()
  // Whatever the request carries besides, its answer tells what happened in the principal.
  const keys = fc.constantFrom(
    '_meta',
    'task',
    'cursor',
    'inputResponses',
    'requestState',
    'progressToken',
    'x',
  )
  const values = fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.object({ maxDepth: 2 }))
  await fc.assert(
    fc.asyncProperty(fc.dictionary(keys, values), fc.boolean(), async (more, isStateless) => {
      const before = await newestAllowed()
      const params = { ...more, name: 'auth_whoami', arguments: {} }
      const answer = await (isStateless
        ? stateless('tools/call', params)
        : client.request('tools/call', params))
      expect(answer.status).toBeLessThan(500)
      expect(answer.body?.result !== undefined).toBe((await newestAllowed()) > before)
    }),
    { numRuns: 200 },
  )
})

test('a fuzzed body is never a 5xx', async () => {
  const client = await connect()
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), async (body) => {
      const answer = await client.send(body)
      expect(answer.status).toBeLessThan(500)
    }),
    { numRuns: 100 },
  )
  expect(await newestAllowed()).toBe(0)
})
