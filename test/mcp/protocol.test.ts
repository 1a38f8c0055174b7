/** The two eras of MCP on one endpoint: each `describe` is a row of what the specification asks. */
import { beforeEach, describe, expect, test } from 'vitest'
import {
  connect,
  DEMO_TOKEN,
  envelope,
  fresh,
  open,
  post,
  request,
  rows,
  STATELESS,
  send,
  stateless,
  statelessCall,
  toolNames,
} from '../support/gateway.ts'

beforeEach(fresh)

const sessionEra = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25']
const initialize = (protocolVersion: string) =>
  request('initialize', { protocolVersion, capabilities: {}, clientInfo: { name: 'test', version: '1' } })
const error = (answer: { body: Record<string, unknown> | null }) =>
  (answer.body?.error ?? {}) as { code: number; message: string; data: Record<string, unknown> }

describe('choosing the era', () => {
  test.each(sessionEra)('initialize opens a session at %s', async (version) => {
    const answer = await post(initialize(version))
    expect(answer.status).toBe(200)
    expect(answer.headers.get('mcp-session-id')).toMatch(/^[\x21-\x7e]{16,}$/)
    expect(answer.body?.result).toMatchObject({ protocolVersion: version, serverInfo: { name: 'gatehouse' } })
  })

  test('initialize at an unknown revision is answered with one of ours', async () => {
    const answer = await post(initialize('1999-01-01'))
    expect(answer.body?.result).toMatchObject({ protocolVersion: '2025-11-25' })
  })

  test('a message without the _meta envelope is of the session era', async () => {
    const client = await connect()
    expect((await client.request('ping')).body).toMatchObject({ result: {} })
  })

  test('the envelope makes a message one of the stateless era', async () => {
    const answer = await stateless('server/discover')
    expect(answer.body?.result).toMatchObject({ supportedVersions: [STATELESS], resultType: 'complete' })
    expect(answer.headers.has('mcp-session-id')).toBe(false)
  })

  test('initialize with a stateless-era envelope is an unknown method', async () => {
    const answer = await stateless('initialize', { protocolVersion: '2025-11-25', capabilities: {} })
    expect([answer.status, error(answer).code]).toEqual([404, -32601])
  })
})

describe('headers that a request needs', () => {
  test('session era: without MCP-Protocol-Version, 2025-03-26 is assumed', async () => {
    const client = await connect({ protocolVersion: '2025-03-26' })
    const answer = await post(request('ping'), { headers: { 'mcp-session-id': client.id } })
    expect(answer.status).toBe(200)
  })

  test.each([
    ['MCP-Protocol-Version', { 'mcp-method': 'tools/list' }],
    ['Mcp-Method', { 'mcp-protocol-version': STATELESS }],
  ])('stateless era: without %s a request is refused', async (name, headers) => {
    const answer = await post(request('tools/list', { _meta: envelope }), {
      headers: headers as Record<string, string>,
    })
    expect([answer.status, error(answer).code]).toEqual([400, -32020])
    expect(error(answer).message).toContain(name)
  })

  test.each([
    ['tools/call', { name: 'auth_whoami', arguments: {} }],
    ['resources/read', { uri: 'x://y' }],
    ['prompts/get', { name: 'p' }],
  ])('stateless era: %s needs Mcp-Name', async (method, params) => {
    const headers = { 'mcp-protocol-version': STATELESS, 'mcp-method': method }
    const answer = await post(request(method, { ...params, _meta: envelope }), { headers })
    expect([answer.status, error(answer).code]).toEqual([400, -32020])
  })
})

describe('headers and body that disagree (stateless era)', () => {
  test.each([
    ['version', { 'mcp-protocol-version': '2025-11-25' }],
    ['method', { 'mcp-method': 'tools/list' }],
    ['name', { 'mcp-name': 'auth_logout' }],
    ['encoded name', { 'mcp-name': `=?base64?${btoa('auth_logout')}?=` }],
    ['broken encoding', { 'mcp-name': '=?base64?@@@?=' }],
  ])('%s: 400 and -32020, and the tool is not called', async (_, headers) => {
    const answer = await statelessCall('auth_whoami', {}, { headers: headers as Record<string, string> })
    expect([answer.status, error(answer).code]).toEqual([400, -32020])
  })

  test('an encoded name is decoded before it is compared', async () => {
    const answer = await statelessCall(
      'auth_whoami',
      {},
      { headers: { 'mcp-name': `=?base64?${btoa('auth_whoami')}?=` } },
    )
    expect(answer.structured).toMatchObject({ logged_in: false })
  })

  test('Mcp-Param headers of arguments that no schema declares are let through', async () => {
    const answer = await statelessCall('auth_whoami', {}, { headers: { 'mcp-param-region': 'eu' } })
    expect(answer.status).toBe(200)
  })
})

describe('a version that is not supported', () => {
  test('session era: 400 that names what is', async () => {
    const client = await connect()
    const headers = { ...client.headers, 'mcp-protocol-version': '1999-01-01' }
    const answer = await post(request('ping'), { headers })
    expect(answer.status).toBe(400)
    expect(error(answer).message).toContain('2025-11-25')
  })

  test('stateless era: 400, -32022 and the list of ours', async () => {
    const version = '2099-01-01'
    const meta = { ...envelope, 'io.modelcontextprotocol/protocolVersion': version }
    const headers = { 'mcp-protocol-version': version, 'mcp-method': 'tools/list' }
    const answer = await post(request('tools/list', { _meta: meta }), { headers })
    expect([answer.status, error(answer).code]).toEqual([400, -32022])
    expect(error(answer).data).toMatchObject({ supported: [STATELESS], requested: version })
  })
})

describe('a stateless-era request that lacks part of its envelope', () => {
  test('no _meta at all: 400 and -32602', async () => {
    const headers = { 'mcp-protocol-version': STATELESS, 'mcp-method': 'tools/list' }
    const answer = await post(request('tools/list', {}), { headers })
    expect([answer.status, error(answer).code]).toEqual([400, -32602])
  })

  test.each(Object.keys(envelope))('no %s: 400 and -32602', async (key) => {
    const { [key]: _, ...meta } = envelope
    const headers = { 'mcp-protocol-version': STATELESS, 'mcp-method': 'tools/list' }
    const answer = await post(request('tools/list', { _meta: meta }), { headers })
    // Client information may be left out; version and capabilities may not.
    if (key === 'io.modelcontextprotocol/clientInfo') expect(answer.status).toBe(200)
    else expect([answer.status, error(answer).code]).toEqual([400, -32602])
  })
})

describe('an unknown method', () => {
  test('session era: -32601', async () => {
    const answer = await (await connect()).request('nothing/here')
    expect([answer.status, error(answer).code]).toEqual([200, -32601])
  })

  test('stateless era: 404 and -32601', async () => {
    const answer = await stateless('nothing/here')
    expect([answer.status, error(answer).code]).toEqual([404, -32601])
  })
})

describe('a notification', () => {
  test('session era: 202 and no body', async () => {
    const answer = await (await connect()).send({ jsonrpc: '2.0', method: 'notifications/initialized' })
    expect([answer.status, answer.body]).toEqual([202, null])
  })

  test('stateless era: 202 and no body', async () => {
    const notification = {
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: 1, _meta: envelope },
    }
    const headers = { 'mcp-protocol-version': STATELESS, 'mcp-method': 'notifications/cancelled' }
    const answer = await post(notification, { headers })
    expect([answer.status, answer.body]).toEqual([202, null])
  })

  test.each([{}, { 'mcp-protocol-version': STATELESS }])(
    'stateless era: without its headers (%j) it is refused',
    async (headers) => {
      const notification = {
        jsonrpc: '2.0',
        method: 'notifications/cancelled',
        params: { requestId: 1, _meta: envelope },
      }
      const answer = await post(notification, { headers: headers as Record<string, string> })
      expect([answer.status, error(answer).code]).toEqual([400, -32020])
    },
  )

  test('an answer to a question that was never asked is taken and dropped', async () => {
    const answer = await (await connect()).send({ jsonrpc: '2.0', id: 7, result: {} })
    expect([answer.status, answer.body]).toEqual([202, null])
  })
})

describe('GET and DELETE', () => {
  test('session era: GET opens an event stream', async () => {
    const client = await connect()
    const stream = await open('GET', '/mcp', DEMO_TOKEN, { ...client.headers, accept: 'text/event-stream' })
    expect([stream.status, stream.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
    await stream.body?.cancel()
  })

  test('session era: GET that does not accept an event stream is 406', async () => {
    const client = await connect()
    expect(
      (await send('GET', '/mcp', DEMO_TOKEN, { ...client.headers, accept: 'application/json' })).status,
    ).toBe(406)
  })

  test('session era: DELETE ends the session, which is dead from then on', async () => {
    const client = await connect()
    expect((await client.delete()).status).toBe(200)
    expect((await client.request('ping')).status).toBe(404)
    expect((await client.delete()).status).toBe(404)
  })

  test.each(['GET', 'DELETE'])('stateless era: %s is 405', async (method) => {
    const answer = await send(method, '/mcp', DEMO_TOKEN, {
      'mcp-protocol-version': STATELESS,
      accept: '*/*',
    })
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST'])
  })

  test.each(['PUT', 'PATCH'])('%s is 405 in both', async (method) => {
    const answer = await send(method, '/mcp', DEMO_TOKEN)
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, POST, DELETE'])
  })
})

describe('a missing session id', () => {
  test.each(['POST', 'GET', 'DELETE'])('session era: %s is 400, never 404', async (method) => {
    const headers = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' }
    const answer = await send(
      method,
      '/mcp',
      DEMO_TOKEN,
      headers,
      method === 'POST' ? request('ping') : undefined,
    )
    expect(answer.status).toBe(400)
  })

  test('stateless era: the header is ignored, whatever it says, and never minted', async () => {
    const answer = await stateless('tools/list', {}, { headers: { 'mcp-session-id': 'forged' } })
    expect([answer.status, answer.headers.has('mcp-session-id')]).toEqual([200, false])
  })
})

describe('a dead session id', () => {
  test.each(['POST', 'GET', 'DELETE'])('%s is 404', async (method) => {
    const headers = {
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'mcp-session-id': 'forged',
    }
    const answer = await send(
      method,
      '/mcp',
      DEMO_TOKEN,
      headers,
      method === 'POST' ? request('ping') : undefined,
    )
    expect([answer.status, error(answer).code]).toEqual([404, -32001])
  })
})

describe('a resource that does not exist', () => {
  test('session era: -32002', async () => {
    const answer = await (await connect()).request('resources/read', { uri: 'x://y' })
    expect(error(answer)).toMatchObject({ code: -32002, data: { uri: 'x://y' } })
  })

  test('stateless era: -32602', async () => {
    const answer = await stateless('resources/read', { uri: 'x://y' })
    expect(error(answer)).toMatchObject({ code: -32602, data: { uri: 'x://y' } })
  })

  test.each(['resources/list', 'resources/templates/list', 'prompts/list'])('%s is empty', async (method) => {
    const list = Object.values((await (await connect()).request(method)).body?.result as object)
    expect(list).toEqual([[]])
    expect((await stateless(method)).body?.result).toMatchObject({ cacheScope: 'private' })
  })

  test.each(['tools/list', 'resources/list', 'prompts/list'])(
    '%s refuses a cursor that it never gave',
    async (method) => {
      expect(error(await (await connect()).request(method, { cursor: 'x' })).code).toBe(-32602)
    },
  )
})

describe('batches', () => {
  const batch = () => [
    request('ping'),
    { jsonrpc: '2.0', method: 'notifications/initialized' },
    request('tools/call', { name: 'auth_whoami', arguments: {} }),
    request('tools/call', { name: 'nothing' }),
  ]

  test.each(['2024-11-05', '2025-03-26'])(
    '%s: each message is answered as if it had come alone',
    async (version) => {
      const client = await connect({ protocolVersion: version })
      const messages = batch()
      const answer = await client.send(messages)
      expect(answer.status).toBe(200)
      const answers = answer.body as unknown as Record<string, unknown>[]
      expect(answers.map(({ id }) => id)).toEqual(
        [messages[0], messages[2], messages[3]].map((message) => message?.id),
      )
      expect(answers[1]).toMatchObject({ result: { structuredContent: { logged_in: false } } })
      expect(answers[2]).toMatchObject({ error: { code: -32602 } })
    },
  )

  test('its rows are found by the id of its answer, with the place of their message', async () => {
    const client = await connect({ protocolVersion: '2025-03-26' })
    const id = (await client.send(batch())).headers.get('x-request-id')
    const found = await rows<{ request_id: string; tool: string }>(
      'SELECT request_id, tool FROM audit ORDER BY seq',
    )
    expect(found).toEqual([
      { request_id: `${id}.2`, tool: 'auth_whoami' },
      { request_id: `${id}.3`, tool: '(unknown)' },
    ])
    const alone = await client.send(request('tools/call', { name: 'auth_whoami', arguments: {} }))
    const [last] = await rows<{ request_id: string }>(
      'SELECT request_id FROM audit ORDER BY seq DESC LIMIT 1',
    )
    expect(last?.request_id).toBe(alone.headers.get('x-request-id'))
  })

  test('2025-03-26: a batch of notifications alone is 202', async () => {
    const client = await connect({ protocolVersion: '2025-03-26' })
    const answer = await client.send([{ jsonrpc: '2.0', method: 'notifications/initialized' }])
    expect([answer.status, answer.body]).toEqual([202, null])
  })

  test('2025-03-26: a batch may not initialize, and its other messages are still answered', async () => {
    const client = await connect({ protocolVersion: '2025-03-26' })
    const answer = await client.send([initialize('2025-03-26'), request('ping')])
    expect(answer.body).toMatchObject([{ error: { code: -32600 } }, { result: {} }])
  })

  test('2025-03-26: what was done is answered, even when a later message names the session that has ended', async () => {
    const client = await connect({ protocolVersion: '2025-03-26' })
    await client.login('ana')
    const { session } = (await client.call('auth_whoami')).structured
    const logout = request('tools/call', { name: 'auth_logout', arguments: {} })
    const [after, notification] = [
      request('tools/list', { _meta: { 'gatehouse/session': session } }),
      { jsonrpc: '2.0', method: 'notifications/initialized' },
    ]
    const answer = await client.send([logout, notification, after])
    expect(answer.status).toBe(200)
    expect(answer.body).toMatchObject([
      { id: logout.id, result: { structuredContent: { ended: true } } },
      { id: after.id, error: { code: -32602 } },
    ])
    expect(answer.body).toHaveLength(2)
  })

  test('2025-03-26: a batch is at most 50 messages', async () => {
    const client = await connect({ protocolVersion: '2025-03-26' })
    const answer = await client.send(Array.from({ length: 51 }, () => request('ping')))
    expect([answer.status, error(answer).code]).toEqual([400, -32600])
  })

  test.each(['2025-06-18', '2025-11-25'])('%s: 400, and none of it is done', async (version) => {
    const client = await connect({ protocolVersion: version })
    await client.login('ana')
    const answer = await client.send([request('tools/call', { name: 'auth_logout', arguments: {} })])
    expect([answer.status, error(answer).code]).toEqual([400, -32600])
    expect((await client.call('auth_whoami')).structured).toMatchObject({ account: 'ana' })
  })

  test('stateless era: 400, and none of it is done', async () => {
    const call = request('tools/call', { name: 'auth_whoami', arguments: {}, _meta: envelope })
    const answer = await post([call], {
      headers: { 'mcp-protocol-version': STATELESS, 'mcp-method': 'tools/call' },
    })
    expect([answer.status, error(answer).code]).toEqual([400, -32600])
  })
})

describe('results of the stateless era', () => {
  test('a list says how long and by whom it may be cached: it is filtered for one grant', async () => {
    const { body } = await stateless('tools/list')
    expect(body?.result).toMatchObject({
      resultType: 'complete',
      ttlMs: expect.any(Number),
      cacheScope: 'private',
    })
  })

  test('a tool result says that it is complete', async () => {
    expect((await statelessCall('auth_whoami')).body?.result).toMatchObject({ resultType: 'complete' })
  })

  test('session-era results have none of it', async () => {
    const { body } = await (await connect()).request('tools/list')
    expect(Object.keys(body?.result as object)).toEqual(['tools'])
  })
})

describe('Origin', () => {
  test.each(['https://evil.example', 'null', 'http://127.0.0.1.evil.example', 'not a url'])(
    '%s is 403',
    async (origin) => {
      for (const answer of [
        await post(initialize('2025-11-25'), { headers: { origin } }),
        await stateless('server/discover', {}, { headers: { origin } }),
      ]) {
        expect(answer.status).toBe(403)
      }
    },
  )

  test('pages of this machine may use the local demo, and are told so', async () => {
    const answer = await post(initialize('2025-11-25'), { headers: { origin: 'http://localhost:6274' } })
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([
      200,
      'http://localhost:6274',
    ])
    expect(answer.headers.get('access-control-expose-headers')).toContain('mcp-session-id')
  })

  test('a preflight from elsewhere is not granted', async () => {
    const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST' }
    const answer = await send('OPTIONS', '/mcp', null, headers)
    expect(answer.headers.has('access-control-allow-origin')).toBe(false)
  })
})

describe('the order of checks: token, session, message', () => {
  const bad = { token: 'gh_demo_agent_not-the-right-secret' }

  test('a bad token is 401 with a challenge in both eras, whatever else is wrong', async () => {
    const answers = [
      await post('not json', bad),
      await post(request('ping'), { ...bad, headers: { 'mcp-session-id': 'forged' } }),
      await stateless('nothing/here', {}, bad),
      await stateless('server/discover', {}, bad),
      await send('DELETE', '/mcp', bad.token, { 'mcp-session-id': 'forged' }),
      await send('GET', '/mcp', bad.token, { 'mcp-protocol-version': STATELESS }),
    ]
    for (const answer of answers) {
      expect(answer.status).toBe(401)
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer /)
    }
  })

  test('a dead session is 404, whatever is wrong with the message', async () => {
    const headers = { 'mcp-session-id': 'forged' }
    expect((await post('not json', { headers })).status).toBe(404)
    expect((await post(request('nothing/here'), { headers })).status).toBe(404)
  })
})

describe('one native server alone', () => {
  test.each([
    ['/mcp/session', 3],
    ['/mcp/legiti', 18],
    ['/mcp', 21],
    ['/t/demo/mcp', 21],
    ['/t/demo/mcp/session', 3],
  ])('%s lists %i tools', async (path, count) => {
    expect(await (await connect({ path })).tools()).toHaveLength(count)
    expect(toolNames(await stateless('tools/list', {}, { path }))).toHaveLength(count)
  })

  test('tools of the other server are unknown there', async () => {
    const answer = await statelessCall('track_logout', { account_id: 'a' }, { path: '/mcp/session' })
    expect(error(answer)).toMatchObject({ code: -32602, message: 'Unknown tool: track_logout' })
  })

  test('a server that does not exist is 404', async () => {
    expect((await stateless('ping', {}, { path: '/mcp/nothing' })).status).toBe(404)
  })
})
