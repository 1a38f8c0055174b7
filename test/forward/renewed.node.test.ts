/** A session that its server has forgotten: how that is noticed, and what the new one is like. */
import type { ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import type { ServerDocument } from '../support/node/admin-api.ts'
import { bareWorkerdMissing } from '../support/node/bare-workerd.ts'
import { connectAgent, type Era, eras } from '../support/node/mcp-agent.ts'
import { PATIENCE } from '../support/node/patience.ts'
import { type ScriptedRequest, startScripted, stream } from '../support/node/scripted.ts'
import { BOUND_MS, entrances, missing, useScriptedWorld } from '../support/node/scripted-world.ts'
import { until } from '../support/node/until.ts'

/** How a server says that it does not know a session. */
type Words = (response: ServerResponse, id: unknown) => void
const json =
  (status: number, message: string, id: unknown, type = 'application/json'): Words =>
  (response, own) => {
    const said = { jsonrpc: '2.0', id: id === 'own' ? own : id, error: { code: -32_000, message } }
    const text = JSON.stringify(said)
    response.writeHead(status, { 'content-type': type })
    response.end(type === 'text/event-stream' ? `event: message\ndata: ${text}\n\n` : text)
  }
const prose =
  (status: number, text: string, type?: string): Words =>
  (response) => {
    response.writeHead(status, type === undefined ? {} : { 'content-type': type }).end(text)
  }

const forms: readonly (readonly [string, Words])[] = [
  ['404 and nothing', prose(404, '')],
  ['404 and a page', prose(404, '<h1>Not Found</h1>', 'text/html')],
  ['404 to the request', json(404, 'Session not found', 'own')],
  ['400 and text without a type', prose(400, 'Bad Request: No valid session ID provided')],
  ['400 and a page', prose(400, '<p>Session 17 does not exist</p>', 'text/html')],
  [
    '400 and JSON that is not of MCP',
    prose(400, '{"error":"Invalid or missing session ID"}', 'application/json'),
  ],
  ['400 to an empty id', json(400, 'Session not found', '')],
  ['400 to a made-up id', json(400, 'Bad Request: Missing session ID', 'server-error')],
  ['400 to the request', json(400, 'Bad Request: No valid session ID provided', 'own')],
  ['400 to the request, in few words', json(400, 'Session not found', 'own')],
  [
    '400 to the request, in events',
    json(400, 'Invalid Request: Session not found', 'own', 'text/event-stream'),
  ],
  ['401', prose(401, 'Unauthorized: Session not found', 'text/plain')],
  ['410', prose(410, 'Gone')],
  ['422', prose(422, 'Unexpected message, expect initialize request', 'text/plain')],
]

describe.skipIf(bareWorkerdMissing !== null)(`forgotten sessions${missing}`, () => {
  const world = useScriptedWorld('renewed')
  let count = 0

  /** A server that keeps sessions, and says in `words` what it does not know. */
  async function keeping(
    words: Words,
    own: (request: ScriptedRequest, response: ServerResponse) => boolean = () => false,
    document: Partial<ServerDocument> = {},
  ) {
    count += 1
    const name = `s${count}`
    const alive = new Set<string>()
    let opened = 0
    const say = (
      response: ServerResponse,
      id: unknown,
      result: object,
      headers: Record<string, string> = {},
    ) => {
      response.writeHead(200, { 'content-type': 'application/json', ...headers })
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
      return true
    }
    const server = await startScripted('session', (request, response) => {
      const { body, headers, http } = request
      if (body?.method === 'initialize') {
        opened += 1
        const id = `session-${opened}`
        alive.add(id)
        const capabilities = { tools: {}, logging: {}, resources: { subscribe: true } }
        const serverInfo = { name: 'keeping', version: '1' }
        return say(
          response,
          body.id,
          { protocolVersion: '2025-11-25', capabilities, serverInfo },
          {
            'mcp-session-id': id,
          },
        )
      }
      if (body?.method === 'server/discover' || http === 'DELETE') return false
      if (!alive.has(String(headers['mcp-session-id']))) {
        words(response, body?.id)
        return true
      }
      if (own(request, response)) return true
      const isAsked = body?.method === 'resources/subscribe' || body?.method === 'logging/setLevel'
      return (isAsked || body?.method === 'resources/unsubscribe') && say(response, body?.id, {})
    })
    world.stopLater(server)
    await world.admin.putServer(name, { url: server.url, ...document })
    const opens = () => server.received('initialize').length
    return { server, name, opens, forget: () => alive.clear(), alive }
  }

  async function connect(
    name: string,
    entrance: 'all' | 'one',
    era: Era = 'session',
    servers: readonly string[] | '*' = [name],
    policy = 'open',
  ) {
    count += 1
    const token = await world.admin.putGrant(`g${count}`, { policy, servers })
    const url = `${world.gateway.url}/mcp${entrance === 'one' ? `/${name}` : ''}`
    const authorization = `Bearer ${token}`
    const agent = await connectAgent(era, url, { authorization })
    const call = () => agent.call(entrance === 'one' ? 'echo' : `${name}__echo`, {})
    const listen = async () => {
      const abort = new AbortController()
      world.stopLater({ stop: () => abort.abort() })
      const headers = {
        authorization,
        accept: 'text/event-stream',
        'mcp-session-id': agent.session ?? '',
        'mcp-protocol-version': '2025-11-25',
      }
      const response = await fetch(url, { headers, signal: abort.signal })
      let text = ''
      const read = async () => {
        for await (const piece of response.body ?? []) text += new TextDecoder().decode(piece)
      }
      read().catch(() => {})
      return () => text
    }
    return { agent, call, listen }
  }

  test.each(forms)('said by %s', async (_, words) => {
    const { name, forget, opens } = await keeping(words)
    for (const era of eras) {
      for (const entrance of entrances) {
        const { call } = await connect(name, entrance, era)
        expect((await call()).text).toBe('echo')
        forget()
        const before = opens()
        expect((await call()).text).toBe('echo')
        expect((await call()).text).toBe('echo')
        expect(opens() - before).toBe(1)
      }
    }
  })

  test.each(eras)(
    'an error of the call with HTTP 404 is passed on, and the next call has another session (%s)',
    async (era) => {
      let calls = 0
      const { name, server, opens } = await keeping(prose(404, ''), ({ body }, response) => {
        if (body?.method !== 'tools/call') return false
        calls += 1
        if (calls !== 2) return false
        json(404, 'There is no customer of this name', 'own')(response, body.id)
        return true
      })
      const { agent, call } = await connect(name, 'all', era)
      await call()
      const before = opens()
      const { answer } = await agent.send('tools/call', { name: `${name}__echo`, arguments: {} })
      expect(answer?.error).toMatchObject({ message: 'There is no customer of this name' })
      await until(
        'it is forgotten here',
        async () => (await call()).text === 'echo' && opens() > before,
        BOUND_MS,
      )
      const used = server.received('tools/call').map(({ headers }) => headers['mcp-session-id'])
      expect(used[1]).toBe(used[0])
      expect(used.at(-1)).not.toBe(used[0])
    },
  )

  test('a 404 to a notification ends the session as well', async () => {
    const { name, forget, opens } = await keeping(prose(404, ''))
    const { agent, call } = await connect(name, 'one')
    await call()
    forget()
    const before = opens()
    const response = await agent.open('x', {}).then((it) => it.text())
    expect(response).toContain('Method not found')
    await call()
    expect(opens() - before).toBe(1)
  })

  test.each(eras)('asked for by several requests at once, one is opened (%s)', async (era) => {
    const { name, server, forget, opens } = await keeping(prose(404, ''))
    for (const entrance of entrances) {
      const { call } = await connect(name, entrance, era)
      const before = opens()
      const first = await Promise.all([call(), call(), call()])
      expect(first.map(({ text }) => text)).toEqual(['echo', 'echo', 'echo'])
      // At the URL of the server its client has opened it.
      const opened = entrance === 'one' && era === 'session' ? 0 : 1
      expect(opens() - before).toBe(opened)
      forget()
      const again = await Promise.all([call(), call(), call()])
      expect(again.map(({ text }) => text)).toEqual(['echo', 'echo', 'echo'])
      expect(opens() - before).toBe(opened + 1)
    }
    expect(server.received('DELETE')).toEqual([])
  })

  test.each(entrances)('what the client has asked for is asked for again (%s)', async (entrance) => {
    const { name, server, forget } = await keeping(prose(404, ''))
    const { agent, call } = await connect(name, entrance)
    const uri = (path: string) => (entrance === 'one' ? `file:///${path}` : `${name}+file:///${path}`)
    await call()
    await agent.send('logging/setLevel', { level: 'info' })
    await agent.send('logging/setLevel', { level: 'debug' })
    for (const path of ['a', 'b', 'c']) await agent.send('resources/subscribe', { uri: uri(path) })
    await agent.send('resources/unsubscribe', { uri: uri('b') })
    forget()
    const from = server.requests.length
    expect((await call()).text).toBe('echo')
    const told = server.requests
      .slice(from)
      .filter(({ headers }) => headers['mcp-session-id'] === 'session-2')
      .map(({ body }) => [body?.method, body?.params?.uri ?? body?.params?.level])
    expect(told.slice(0, 2)).toEqual([
      ['notifications/initialized', undefined],
      ['logging/setLevel', 'debug'],
    ])
    const watched = told.filter(([method]) => method === 'resources/subscribe').map(([, it]) => it)
    expect(watched.toSorted()).toEqual(['file:///a', 'file:///c'])
    // All of it before the call, which may depend on it.
    expect(told.at(-1)).toEqual(['tools/call', undefined])
  })

  test.each(entrances)('what the server does not grant again is told (%s)', async (entrance) => {
    let isStrict = false
    const { name, forget } = await keeping(prose(404, ''), ({ http, body }, response) => {
      if (http === 'GET') return stream(response)
      if (body?.method !== 'resources/subscribe' || !isStrict) return false
      json(200, 'No such resource', 'own')(response, body.id)
      return true
    })
    const { agent, call, listen } = await connect(name, entrance)
    const uri = entrance === 'one' ? 'file:///a:b' : `${name}+file:///a:b`
    await call()
    await agent.send('resources/subscribe', { uri })
    const heard = await listen()
    await until('it is open', () => heard().includes(': open'), BOUND_MS)
    isStrict = true
    forget()
    expect((await call()).text).toBe('echo')
    await until('it is told', () => heard().includes('notifications/resources/updated'), BOUND_MS)
    expect(heard()).toContain(JSON.stringify({ uri }))
  })

  test('what the server asks meanwhile is answered', async () => {
    const waiting: (() => void)[] = []
    let isCurious = false
    let answered: unknown = null
    const { name, forget } = await keeping(prose(404, ''), ({ body }, response) => {
      if (body !== null && body.method === undefined) {
        response.writeHead(202).end()
        answered = body
        for (const go of waiting.splice(0)) go()
        return true
      }
      if (body?.method !== 'resources/subscribe' || !isCurious) return false
      stream(response, { jsonrpc: '2.0', id: 'q', method: 'ping' })
      const said = { jsonrpc: '2.0', id: body.id, result: {} }
      waiting.push(() => response.end(`data: ${JSON.stringify(said)}\n\n`))
      return true
    })
    const { agent, call } = await connect(name, 'one')
    await call()
    await agent.send('resources/subscribe', { uri: 'file:///a' })
    isCurious = true
    forget()
    const { text, ms } = await call()
    expect(text).toBe('echo')
    expect(ms).toBeLessThan(4_000 * PATIENCE)
    expect(answered).toMatchObject({ id: 'q', result: {} })
  })

  const onSecret = (name: string, rules: object) => ({ [`${name}+file:///secret`]: rules, '*': {} })
  const uriIs = (value: string) => [{ path: 'args.uri', op: 'contains', value }]
  test.each<[string, (name: string) => object]>([
    ['hidden', (name) => onSecret(name, { hide: true })],
    ['denied', (name) => onSecret(name, { deny_if: [{ conditions: [] }] })],
    ['denied by its URI', () => ({ '*': { deny_if: [{ conditions: uriIs('secret') }] } })],
    ['required to be another', () => ({ '*': { require: uriIs('open') } })],
    ['ambiguous', (name) => ({ [`${name}+file:///secret/*`]: { hide: true }, '*': {} })],
  ])(
    'of what the policy has come to withhold nothing is asked again, and that is told: %s',
    async (how, now) => {
      const { name, server, forget } = await keeping(
        prose(404, ''),
        ({ http }, response) => http === 'GET' && stream(response),
      )
      const policy = `of-${name}`
      const document = (resources?: object) => ({
        version: '1',
        default: 'allow',
        ...(resources && { resources }),
      })
      await world.admin.putPolicy(policy, document())
      const { agent, call, listen } = await connect(name, 'all', 'session', [name], policy)
      const secret = how === 'ambiguous' ? 'file:///public/../secret/a' : 'file:///secret'
      await call()
      for (const uri of [secret, 'file:///open'])
        expect((await agent.send('resources/subscribe', { uri: `${name}+${uri}` })).answer?.result).toEqual(
          {},
        )
      const heard = await listen()
      await until('it is open', () => heard().includes(': open'), BOUND_MS)
      await world.admin.putPolicy(policy, document(now(name)))
      forget()
      const from = server.requests.length
      expect((await call()).text).toBe('echo')
      const asked = server.requests
        .slice(from)
        .filter(({ body }) => body?.method === 'resources/subscribe')
        .map(({ body }) => body?.params?.uri)
      expect(asked).toEqual(['file:///open'])
      await until(
        'it is told',
        () => heard().includes(JSON.stringify({ uri: `${name}+${secret}` })),
        BOUND_MS,
      )
    },
  )

  test('nothing is asked of a server that was registered anew under its name', async () => {
    const first = await keeping(prose(404, ''))
    const { agent, call } = await connect(first.name, 'all', 'session', '*')
    await agent.send('resources/subscribe', { uri: `${first.name}+file:///secret` })
    const second = await keeping(prose(404, ''))
    await world.admin.deleteServer(first.name)
    await world.admin.putServer(first.name, { url: second.server.url })
    expect((await call()).text).toBe('echo')
    expect(JSON.stringify(second.server.requests)).not.toContain('secret')
  })
})
