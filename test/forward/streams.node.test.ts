/** What one server does to the streams of a client: to its own, and to those that it shares with others. */
import { describe, expect, test } from 'vitest'
import type { ServerDocument } from '../support/node/admin-api.ts'
import { bareWorkerdMissing } from '../support/node/bare-workerd.ts'
import { connectAgent, type Era, type McpAgent } from '../support/node/mcp-agent.ts'
import { PATIENCE } from '../support/node/patience.ts'
import { type Script, type ScriptedServer, stream } from '../support/node/scripted.ts'
import { BOUND_MS, missing, useScriptedWorld } from '../support/node/scripted-world.ts'
import { until } from '../support/node/until.ts'

const changed = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' }

describe.skipIf(bareWorkerdMissing !== null)(`streams${missing}`, () => {
  const world = useScriptedWorld('streams')

  const add = (name: string, era: Era, script: Script, document: Partial<ServerDocument> = {}) =>
    world.add(name, script, document, era)

  /** An agent whose grant reaches these servers, at the URL of one of them or of all. */
  async function connect(era: Era, servers: readonly string[], at = '/mcp') {
    const token = await world.admin.putGrant(`g-${servers.join('-')}`, { policy: 'open', servers })
    const headers = { authorization: `Bearer ${token}` }
    const agent = await connectAgent(era, `${world.gateway.url}${at}`, headers)
    return { agent, token, url: `${world.gateway.url}${at}` }
  }

  /** What a stream has said so far. */
  function heard(response: Response, abort: AbortController) {
    let text = ''
    let isOver = false
    const read = async () => {
      const decoder = new TextDecoder()
      for await (const piece of response.body ?? []) text += decoder.decode(piece, { stream: true })
    }
    read()
      .catch(() => {})
      .finally(() => {
        isOver = true
      })
    world.stopLater({ stop: () => abort.abort() })
    return {
      status: response.status,
      text: () => text,
      count: (part: string) => text.split(part).length - 1,
      isOver: () => isOver,
    }
  }

  async function listen({ agent, token, url }: Awaited<ReturnType<typeof connect>>, lastEventId?: string) {
    const abort = new AbortController()
    const headers = {
      authorization: `Bearer ${token}`,
      accept: 'text/event-stream',
      'mcp-session-id': agent.session ?? '',
      'mcp-protocol-version': '2025-11-25',
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    }
    return heard(await fetch(url, { headers, signal: abort.signal }), abort)
  }

  async function subscribe(agent: McpAgent) {
    const abort = new AbortController()
    const params = { notifications: { toolsListChanged: true } }
    return heard(await agent.open('subscriptions/listen', params, { signal: abort.signal }), abort)
  }

  const gets = (server: ScriptedServer) => server.received('GET')

  /**
   * Waits until the server's stream is not asked for any more. That the server has answered does not say that the gateway has heard it:
   * until then a stream may ask once more.
   */
  async function untilLeft(
    server: ScriptedServer,
    connected: Awaited<ReturnType<typeof connect>>,
    tool: string,
  ) {
    let silent = 0
    const listenOnce = async () => {
      const before = gets(server).length
      await listen(connected)
      await connected.agent.call(tool, {})
      silent = gets(server).length === before ? silent + 1 : 0
      return silent === 5
    }
    await until('it is not asked any more', listenOnce, BOUND_MS)
  }

  test('a server that several share a URL with answers nobody else’s requests', async () => {
    const forged = { jsonrpc: '2.0', id: 99, result: { forged: true } }
    const server = await add('forger', 'session', ({ http, body }, response) => {
      if (http === 'GET') return stream(response, forged, [forged], changed)
      if (body?.method !== 'tools/call') return false
      stream(response, forged, [forged])
      response.end(`id: e.1\ndata: ${JSON.stringify(changed)}\n\n`)
      return true
    })
    const connected = await connect('session', ['forger'])
    const call = await (await connected.agent.open('tools/call', { name: 'forger__echo' })).text()
    expect(call).not.toContain('forged')
    const lastEventId = /^id: (.*)$/m.exec(call)?.[1]
    expect(lastEventId).toMatch(/^forger:\d+\.gatehouse-ids=[^.]+\.e\.1$/)
    for (const id of [undefined, lastEventId]) {
      const stream = await listen(connected, id)
      await until('it is heard', () => stream.count('list_changed') > 0, BOUND_MS)
      expect(stream.text()).not.toContain('forged')
    }
    expect(gets(server).map(({ headers }) => headers['last-event-id'])).toEqual([undefined, 'e.1'])
  })

  test('an answer that is resumed arrives', async () => {
    let id: unknown
    await add('resumed', 'session', ({ http, body }, response) => {
      if (http === 'GET') return stream(response, { jsonrpc: '2.0', id, result: { late: true } })
      if (body?.method !== 'tools/call') return false
      id = body.id
      stream(response)
      response.end('id: 7\ndata: \n\n')
      return true
    })
    const connected = await connect('session', ['resumed'])
    const call = await (await connected.agent.open('tools/call', { name: 'resumed__echo' })).text()
    const stream_ = await listen(connected, /^id: (.*)$/m.exec(call)?.[1])
    await until('it is answered', () => stream_.text().includes('"late":true'), BOUND_MS)
  })

  describe('a refusal of a subscription that never ends', () => {
    const bounds = { timeouts: { response_seconds: 1, idle_seconds: 1, call_seconds: 2 } }
    const endless: Script = ({ body }, response) => {
      if (body?.method !== 'subscriptions/listen') return false
      response.writeHead(200, { 'content-type': 'application/json' })
      const drip = setInterval(() => response.write(' '), 100)
      response.on('close', () => clearInterval(drip))
      return true
    }

    test('is cut off', async () => {
      await add('drips', 'stateless', endless, bounds)
      const { agent } = await connect('stateless', ['drips'], '/mcp/drips')
      const { answer, ms } = await agent.send('subscriptions/listen', { notifications: {} })
      expect(answer?.error?.data).toMatchObject({ server: 'drips', code: 'upstream_timeout' })
      expect(ms).toBeLessThan(5_000 * PATIENCE)
    })

    test('holds up nobody else', async () => {
      await add('drips-too', 'stateless', endless)
      await add('well', 'stateless', ({ body }, response) =>
        body?.method === 'subscriptions/listen' ? stream(response, changed) : false,
      )
      const { agent } = await connect('stateless', ['drips-too', 'well'])
      const subscription = await subscribe(agent)
      await until('the other is heard', () => subscription.count('list_changed') > 0, BOUND_MS)
      const methods = [...subscription.text().matchAll(/"method":"([^"]*)"/g)].map(([, method]) => method)
      expect(methods[0]).toBe('notifications/subscriptions/acknowledged')
    })
  })

  test('a change of the policy is told once, however many servers there are', async () => {
    const names = ['first', 'second', 'third']
    for (const name of names)
      await add(name, 'stateless', ({ body }, response) =>
        body?.method === 'subscriptions/listen' ? stream(response) : false,
      )
    await world.admin.putPolicy('told', { version: '1', default: 'allow' })
    const token = await world.admin.putGrant('told', { policy: 'told', servers: names })
    const agent = await connectAgent('stateless', `${world.gateway.url}/mcp`, {
      authorization: `Bearer ${token}`,
    })
    await agent.tools()
    const subscription = await subscribe(agent)
    await until('it stands', () => subscription.count('acknowledged') > 0, BOUND_MS)
    await world.admin.putPolicy('told', { version: '1', default: 'allow', hide: ['x'] })
    await until('it is told', () => subscription.count('list_changed') > 0, BOUND_MS)
    await world.admin.putPolicy('told', { version: '1', default: 'allow', hide: ['y'] })
    await until('it is told again', () => subscription.count('list_changed') > 1, BOUND_MS)
    expect(subscription.count('list_changed')).toBe(2)
  })

  test('a server whose stream does not come holds nobody up, and is not taken for ill', async () => {
    const mute = await add('mute', 'session', ({ http }) => http === 'GET', {
      breaker: { failures: 1, open_seconds: 30 },
      timeouts: { response_seconds: 1, idle_seconds: 1, call_seconds: 3 },
    })
    const connected = await connect('session', ['mute'])
    await connected.agent.call('mute__echo', {})
    const stream = await listen(connected)
    expect(stream.status).toBe(200)
    // It was given up, and is asked again.
    await until('it is asked again', () => gets(mute).length > 1, BOUND_MS)
    expect((await connected.agent.call('mute__echo', {})).text).toBe('echo')
    expect(stream.isOver()).toBe(false)
  })

  test('a server whose stream ends is joined again behind its last event', async () => {
    let count = 0
    const server = await add('restless', 'session', ({ http }, response) => {
      if (http !== 'GET') return false
      count += 1
      if (count === 2) {
        response.writeHead(503).end()
        return true
      }
      stream(response)
      response.write(`id: event-${count}\ndata: ${JSON.stringify(changed)}\n\n`)
      if (count === 1) response.end()
      return true
    })
    const connected = await connect('session', ['restless'])
    await connected.agent.call('restless__echo', {})
    const stream_ = await listen(connected)
    await until('it is heard again', () => stream_.count('list_changed') === 2, BOUND_MS)
    expect(gets(server).map(({ headers }) => headers['last-event-id'])).toEqual([
      undefined,
      'event-1',
      'event-1',
    ])
    expect(stream_.isOver()).toBe(false)
  })

  test('a stream of one server gets what its new session says', async () => {
    let isForgotten = false
    const server = await add('forgetful', 'session', ({ http, headers }, response) => {
      if (isForgotten && headers['mcp-session-id'] === 'session-1') {
        response.writeHead(404, { 'content-type': 'application/json' })
        response.end('{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}')
        return true
      }
      return http === 'GET' && stream(response, changed)
    })
    const connected = await connect('session', ['forgetful'], '/mcp/forgetful')
    isForgotten = true
    const stream_ = await listen(connected)
    await connected.agent.call('echo', {})
    await until('it is heard', () => stream_.count('list_changed') > 0, BOUND_MS)
    expect(gets(server).map(({ headers }) => headers['mcp-session-id'])).toEqual(['session-1', 'session-2'])
  })

  test('a notification does not wait for the servers that it is for', async () => {
    const server = await add('deaf', 'session', ({ body }) => body?.method === 'notifications/x')
    const { agent, token, url } = await connect('session', ['deaf'])
    await agent.call('deaf__echo', {})
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-session-id': agent.session ?? '',
        'mcp-protocol-version': '2025-11-25',
      },
      body: JSON.stringify({ jsonrpc: '2.0', method: 'notifications/x' }),
      signal: AbortSignal.timeout(BOUND_MS),
    })
    expect(response.status).toBe(202)
    await until('it is told', () => server.received('notifications/x').length === 1, BOUND_MS)
  })

  test('what a client does not read of a server of the other era does not pile up', async () => {
    let isLetGo = false
    await add('floods', 'stateless', ({ body }, response) => {
      if (body?.method !== 'subscriptions/listen') return false
      const uri = `test://${'x'.repeat(1024 * 1024)}`
      const update = { jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri } }
      stream(response)
      response.on('close', () => {
        isLetGo = true
      })
      const more = () => {
        while (!isLetGo && response.write(`data: ${JSON.stringify(update)}\n\n`));
      }
      response.on('drain', more)
      more()
      return true
    })
    const { agent, token, url } = await connect('session', ['floods'], '/mcp/floods')
    const abort = new AbortController()
    world.stopLater({ stop: () => abort.abort() })
    const headers = {
      authorization: `Bearer ${token}`,
      accept: 'text/event-stream',
      'mcp-session-id': agent.session ?? '',
      'mcp-protocol-version': '2025-11-25',
    }
    expect((await fetch(url, { headers, signal: abort.signal })).status).toBe(200)
    await until('the server is rid of it', () => isLetGo, BOUND_MS)
  })

  test('a server that the grant loses while it is being joined is left', async () => {
    let isLeft = false
    const server = await add('leaving', 'session', ({ http }, response) => {
      if (http !== 'GET') return false
      response.on('close', () => {
        isLeft = true
      })
      return true
    })
    await add('staying', 'session', ({ http }, response) => http === 'GET' && stream(response))
    const connected = await connect('session', ['leaving', 'staying'])
    await connected.agent.call('leaving__echo', {})
    const stream_ = await listen(connected)
    await until('it is being joined', () => gets(server).length === 1, BOUND_MS)
    await world.admin.changeGrant('g-leaving-staying', { policy: 'open', servers: ['staying'] })
    await until('it is left', () => isLeft, BOUND_MS)
    expect(stream_.isOver()).toBe(false)
    expect(gets(server)).toHaveLength(1)
  })

  test.each([405, 501])('HTTP %i says for good that a session has no stream', async (status) => {
    const name = `none-${status}`
    const server = await add(name, 'session', ({ http }, response) => {
      if (http !== 'GET') return false
      response.writeHead(status).end()
      return true
    })
    const other = await add(
      `beside-${status}`,
      'session',
      ({ http }, response) => http === 'GET' && stream(response),
    )
    const connected = await connect('session', [name, `beside-${status}`])
    await connected.agent.call(`${name}__echo`, {})
    await connected.agent.call(`beside-${status}__echo`, {})
    const first = await listen(connected)
    await until('it was asked', () => gets(server).length === 1 && gets(other).length === 1, BOUND_MS)
    // All servers are joined again where what the grant reaches may have changed, and for another stream.
    await world.admin.putPolicy('open', { version: '1', default: 'allow', hide: [`nothing-${status}`] })
    await until('that is told', () => first.count('list_changed') > 0, BOUND_MS)
    await listen(connected)
    await until('it is open', () => gets(other).length === 2, BOUND_MS)
    expect(gets(server)).toHaveLength(1)
  })

  test.each(['/mcp', '/mcp/refuses-one'])(
    'a stream that is refused is asked for again, when the server wants to be (%s)',
    async (at) => {
      const times: number[] = []
      const answers: [number, Record<string, string>][] = [
        [409, {}],
        [503, { 'retry-after': '3' }],
        [401, {}],
      ]
      const name = at === '/mcp' ? 'refuses-all' : 'refuses-one'
      await add(name, 'session', ({ http }, response) => {
        if (http !== 'GET') return false
        times.push(Date.now())
        const [status, headers] = answers[times.length - 1] ?? [200, {}]
        if (status === 200) return stream(response, changed)
        response.writeHead(status, headers).end()
        return true
      })
      const connected = await connect('session', [name], at)
      await connected.agent.call(at === '/mcp' ? `${name}__echo` : 'echo', {})
      const heard = await listen(connected)
      await until('it is heard', () => heard.count('list_changed') > 0, 2 * BOUND_MS)
      expect(times).toHaveLength(4)
      expect((times[2] ?? 0) - (times[1] ?? 0)).toBeGreaterThanOrEqual(2_900)
      expect(heard.isOver()).toBe(false)
    },
  )

  test.each(['/mcp', '/mcp/forgot-one'])(
    'a stream in a session that was forgotten is opened in another (%s)',
    async (at) => {
      let isForgotten = false
      const name = at === '/mcp' ? 'forgot-all' : 'forgot-one'
      const server = await add(name, 'session', ({ http, headers, body }, response) => {
        if (isForgotten && headers['mcp-session-id'] === 'session-1') {
          response.writeHead(404).end()
          return true
        }
        return http === 'GET' && body === null && stream(response, changed)
      })
      const connected = await connect('session', [name], at)
      await connected.agent.call(at === '/mcp' ? `${name}__echo` : 'echo', {})
      isForgotten = true
      const heard = await listen(connected)
      await until('it is heard', () => heard.count('list_changed') > 0, BOUND_MS)
      expect((await connected.agent.call(at === '/mcp' ? `${name}__echo` : 'echo', {})).text).toBe('echo')
      expect(server.received('initialize')).toHaveLength(2)
      expect(
        gets(server)
          .map((it) => it.headers['mcp-session-id'])
          .slice(0, 2),
      ).toEqual(['session-1', 'session-2'])
      expect(server.received('tools/call').at(-1)?.headers['mcp-session-id']).toBe('session-2')
    },
  )

  test('a server that answers every GET with a page has no stream, and keeps its session', async () => {
    const server = await add('pages', 'session', ({ http }, response) => {
      if (http !== 'GET') return false
      response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>Not Found</h1>')
      return true
    })
    const connected = await connect('session', ['pages'])
    await connected.agent.call('pages__echo', {})
    await listen(connected)
    await until('it was asked', () => server.received('ping').length >= 1, BOUND_MS)
    await untilLeft(server, connected, 'pages__echo')
    expect(server.received('initialize')).toHaveLength(1)
    expect(server.received('DELETE')).toEqual([])
    const used = server.received('tools/call').map(({ headers }) => headers['mcp-session-id'])
    expect(new Set(used)).toEqual(new Set(['session-1']))
  })

  test('so has one without ids of sessions, which is not asked again either', async () => {
    const server = await add('plain', 'session', ({ http, body }, response) => {
      if (body?.method === 'initialize') {
        const capabilities = { tools: {} }
        const result = {
          protocolVersion: '2025-11-25',
          capabilities,
          serverInfo: { name: 'plain', version: '1' },
        }
        response.writeHead(200, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ jsonrpc: '2.0', id: body.id, result }))
        return true
      }
      if (http !== 'GET') return false
      response.writeHead(404).end()
      return true
    })
    const connected = await connect('session', ['plain'])
    await connected.agent.call('plain__echo', {})
    await listen(connected)
    await until('it was asked', () => gets(server).length === 1, BOUND_MS)
    await untilLeft(server, connected, 'plain__echo')
    expect(server.received('initialize')).toHaveLength(1)
  })

  test('nor does a server that cannot say whether it knows the session lose it', async () => {
    let isIll = true
    const server = await add('ill', 'session', ({ http, body }, response) => {
      if (http !== 'GET' && body?.method !== 'ping') return false
      if (!isIll && http === 'GET') return stream(response, changed)
      response.writeHead(http === 'GET' ? 404 : 500).end()
      return true
    })
    const connected = await connect('session', ['ill'])
    await connected.agent.call('ill__echo', {})
    const heard = await listen(connected)
    await until('it was asked', () => server.received('ping').length > 0, BOUND_MS)
    isIll = false
    await until('it is heard', () => heard.count('list_changed') > 0, BOUND_MS)
    expect(server.received('initialize')).toHaveLength(1)
  })
})
