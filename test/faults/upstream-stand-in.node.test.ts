/** The misbehaving server itself, asked directly: the other fault tests are worth only what it does. */
import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { connectAgent, eras } from '../support/node/mcp-agent.ts'
import {
  type Behaviour,
  type Form,
  type MisbehavingServer,
  manyTools,
  startMisbehaving,
} from '../support/node/misbehaving.ts'
import { until } from '../support/node/until.ts'

const SOON_MS = 5_000
const MEGABYTE = 1_048_576

let server: MisbehavingServer
beforeEach(async () => {
  server = await startMisbehaving()
})
afterEach(() => server.stop())

describe.each(eras)('in the %s era', (era) => {
  const call = async (behave?: Behaviour, text = 'hi', signal?: AbortSignal) => {
    const agent = await connectAgent(era, server.url)
    return agent.call(
      'echo',
      { text, ...(behave === undefined ? {} : { behave }) },
      { progressToken: 'p', ...(signal === undefined ? {} : { signal }) },
    )
  }

  test('it is a server like any other until it is told to misbehave', async () => {
    const agent = await connectAgent(era, server.url)
    expect(agent.session === null).toBe(era === 'stateless')
    expect(await agent.tools()).toEqual(['echo'])
    expect((await agent.send('ping')).answer?.result).toBeDefined()
    expect(await agent.call('echo', { text: 'hi' })).toMatchObject({
      status: 200,
      isError: false,
      text: 'hi',
    })
    expect((await agent.send('no/such')).answer?.error?.code).toBe(-32601)
    expect(server.executions('hi')).toBe(1)
    expect(server.executions()).toBe(1)
    expect(server.received('tools/call').map(({ method, path }) => [method, path])).toEqual([
      ['POST', '/mcp'],
    ])
  })

  test.each<[Behaviour, number]>([
    [{ kind: 'stream' }, 2],
    [{ kind: 'events', count: 3, everyMs: 5 }, 4],
    [{ kind: 'drip', pieces: 4, everyMs: 5 }, 1],
    [{ kind: 'gzip' }, 1],
  ])('odd but proper: %j', async (behave, messages) => {
    const { text, messages: all } = await call(behave)
    expect([text, all.length]).toEqual(['hi', messages])
  })

  test.each<[Form, boolean]>([
    ['stream', false],
    ['json', false],
    ['json', true],
  ])('a large result in %s (length declared: %s)', async (form, declared) => {
    const { text, headers } = await call({ kind: 'large', bytes: 3 * MEGABYTE + 1, in: form, declared })
    expect(text.length).toBe(3 * MEGABYTE + 1)
    expect(headers.has('content-length')).toBe(declared)
  })

  test.each<Behaviour['kind'] & ('hang' | 'hang_in_stream' | 'hang_in_json')>([
    'hang',
    'hang_in_stream',
    'hang_in_json',
  ])('%s: no answer, and it counts as carried out', async (kind) => {
    const gone = new AbortController()
    const called = call({ kind }, 'hi', gone.signal)
    await until('it has the call', () => server.executions('hi') === 1, SOON_MS)
    gone.abort()
    await expect(called).rejects.toThrow()
    await until('it notices', () => server.received('tools/call')[0]?.gaveUp === true, SOON_MS)
  })

  test.each<Behaviour['kind'] & ('reset' | 'reset_in_stream' | 'reset_in_json')>([
    'reset',
    'reset_in_stream',
    'reset_in_json',
  ])('%s: the connection breaks', async (kind) => {
    await expect(call({ kind })).rejects.toThrow()
    expect(server.executions('hi')).toBe(1)
  })

  test.each<[Behaviour, number, string | null, number]>([
    [{ kind: 'html', status: 200 }, 200, 'text/html', 1],
    [{ kind: 'html', status: 502 }, 502, 'text/html', 1],
    [{ kind: 'status', status: 500 }, 500, 'application/json', 0],
    [{ kind: 'invalid_json' }, 200, 'application/json', 1],
    [{ kind: 'wrong_id' }, 200, 'application/json', 1],
    [{ kind: 'empty' }, 200, 'application/json', 1],
    [{ kind: 'stream_without_answer' }, 200, 'text/event-stream', 1],
    [{ kind: 'rate_limited', retryAfter: '7' }, 429, 'application/json', 0],
    [{ kind: 'unauthorized' }, 401, 'application/json', 0],
    [{ kind: 'redirect', location: 'http://169.254.169.254/' }, 307, null, 0],
    [{ kind: 'forgotten' }, 404, 'application/json', 0],
  ])('spoiled: %j', async (behave, status, type, executions) => {
    server.behave({ 'tools/call': behave })
    const agent = await connectAgent(era, server.url)
    const name = { params: { name: 'echo', arguments: { text: 'hi' } } }
    const stateless = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }
    const response = await fetch(server.url, {
      method: 'POST',
      redirect: 'manual',
      headers: agent.session === null ? {} : { 'mcp-session-id': agent.session },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 9,
        method: 'tools/call',
        params: { ...name.params, ...(era === 'stateless' ? { _meta: stateless } : {}) },
      }),
    })
    const text = await response.text()
    expect([response.status, response.headers.get('content-type')]).toEqual([status, type])
    expect(text.includes('"id":9,"result"') && isJson(text)).toBe(false)
    expect(response.headers.get('retry-after')).toBe(behave.kind === 'rate_limited' ? '7' : null)
    expect(response.headers.has('www-authenticate')).toBe(behave.kind === 'unauthorized')
    expect(response.headers.get('location')).toBe(
      behave.kind === 'redirect' ? 'http://169.254.169.254/' : null,
    )
    expect(server.executions()).toBe(executions)
  })

  test('5,000 tools, over pages and in one, and a list that changes', async () => {
    const agent = await connectAgent(era, server.url)
    server.list({ tools: manyTools(5_000) })
    expect(await agent.tools()).toHaveLength(5_000)
    server.list({ tools: manyTools(5_000), pageSize: 500 })
    const names = await agent.tools()
    expect([names.length, new Set(names).size]).toEqual([5_000, 5_000])
    expect(server.received('tools/list')).toHaveLength(11)
    server.list({ tools: manyTools(2) })
    expect(await agent.tools()).toEqual(['echo', 'tool_0001'])
  })

  test('a cursor that leads nowhere', async () => {
    server.list({ tools: manyTools(4), pageSize: 2, loop: true })
    const agent = await connectAgent(era, server.url)
    for (const cursor of [undefined, 'again', 'again']) {
      const { answer } = await agent.send('tools/list', cursor === undefined ? {} : { cursor })
      expect(answer?.result).toMatchObject({ nextCursor: 'again', tools: [{ name: 'echo' }, {}] })
    }
  })
})

test('it forgets its sessions, once or always, and ends them when asked', async () => {
  const agent = await connectAgent('session', server.url)
  server.forgetSessions('once')
  expect((await agent.send('tools/list')).status).toBe(404)
  const again = await connectAgent('session', server.url)
  expect((await again.send('tools/list')).status).toBe(200)
  expect(server.sessions()).toEqual([again.session])
  await fetch(server.url, { method: 'DELETE', headers: { 'mcp-session-id': again.session ?? '' } })
  expect(server.sessions()).toEqual([])
  server.forgetSessions('always')
  const third = await connectAgent('session', server.url)
  expect((await third.send('tools/list')).status).toBe(404)
  expect(server.executions()).toBe(0)
})

test('it speaks one era only, if told so', async () => {
  for (const [era, other] of [
    ['session', 'stateless'],
    ['stateless', 'session'],
  ] as const) {
    const only = await startMisbehaving({
      eras: { session: era === 'session', stateless: era === 'stateless' },
    })
    try {
      expect(await (await connectAgent(era, only.url)).tools()).toEqual(['echo'])
      await expect(connectAgent(other, only.url).then((agent) => agent.tools())).rejects.toThrow(
        'answered 400',
      )
    } finally {
      await only.stop()
    }
  }
})

test('down, its port refuses connections; up again, it answers', async () => {
  await server.down()
  const refused = await new Promise((resolve) => {
    const socket = connect(server.port, '127.0.0.1')
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code))
    socket.once('connect', () => resolve('connected'))
  })
  expect(refused).toBe('ECONNREFUSED')
  await server.up()
  expect(await (await connectAgent('session', server.url)).tools()).toEqual(['echo'])
})

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
