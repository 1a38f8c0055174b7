/**
 * Logins side by side on one connection: what its client says of a question reaches the session whose server has asked it, and no
 * other login's.
 */
import type { ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import type { GrantDocument } from '../support/node/admin-api.ts'
import { bareWorkerdMissing } from '../support/node/bare-workerd.ts'
import type { RpcMessage } from '../support/node/mcp-agent.ts'
import type { ScriptedRequest, ScriptedServer } from '../support/node/scripted.ts'
import { stream } from '../support/node/scripted.ts'
import {
  BOUND_MS,
  type Entrance,
  entrances,
  missing,
  useScriptedWorld,
} from '../support/node/scripted-world.ts'
import { until } from '../support/node/until.ts'

const HANDLE = 'gatehouse/session'
const capabilities = { roots: { listChanged: true }, elicitation: { form: {}, url: {} } }

describe.skipIf(bareWorkerdMissing !== null)(`who has asked${missing}`, () => {
  const world = useScriptedWorld('askers', { identity: { trusted: true } })
  let count = 0
  let server: ScriptedServer
  /** Sessions that the server does not know any more. */
  const forgotten = new Set<string>()
  /** Streams by session. */
  const standing = new Map<string, ServerResponse>()
  let asking: (call: RpcMessage, response: ServerResponse, session: string) => boolean = () => false
  let onGet: (request: ScriptedRequest, response: ServerResponse) => boolean = () => false

  const sessionOf = ({ headers }: ScriptedRequest) => String(headers['mcp-session-id'])

  /** A server whose calls are met by `asking`, and a client with as many logins as named accounts on one connection. */
  async function connected(entrance: Entrance, sessions: GrantDocument['sessions'], version = '2025-11-25') {
    count += 1
    const name = `s${count}`
    asking = () => false
    onGet = () => false
    forgotten.clear()
    standing.clear()
    server = await world.add(name, (request, response) => {
      const { http, body } = request
      const session = sessionOf(request)
      if (forgotten.has(session) && http !== 'DELETE') {
        response.writeHead(404).end()
        return true
      }
      if (http === 'GET') {
        standing.set(session, response)
        return onGet(request, response) || stream(response)
      }
      if (body?.method === 'initialize' && version !== '2025-11-25') {
        response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': `old-${++count}` })
        const result = {
          protocolVersion: version,
          capabilities: { tools: {} },
          serverInfo: { name, version },
        }
        response.end(JSON.stringify({ jsonrpc: '2.0', id: body.id, result }))
        return true
      }
      if (body?.method === 'resources/subscribe' || body?.method === 'logging/setLevel') {
        response.writeHead(200, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ jsonrpc: '2.0', id: body.id, result: {} }))
        return true
      }
      return body?.method === 'tools/call' && asking(body, response, session)
    })
    const token = await world.admin.putGrant(`g${count}`, {
      policy: 'open',
      servers: ['session', name],
      ...(sessions === undefined ? {} : { sessions }),
    })
    const url = `${world.gateway.url}/mcp${entrance === 'one' ? `/${name}` : ''}`
    return { name, connect: () => connect(url, token, name, entrance, version) }
  }

  async function connect(url: string, token: string, name: string, entrance: Entrance, version: string) {
    const headers: Record<string, string> = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': version,
    }
    let id = 0
    const post = (message: object, to = url) =>
      fetch(to, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', ...message }) })
    const opened = await post({
      id: 'open',
      method: 'initialize',
      params: { protocolVersion: version, capabilities, clientInfo: { name: 'raw', version: '1' } },
    })
    headers['mcp-session-id'] = opened.headers.get('mcp-session-id') ?? ''
    await opened.text()
    await post({ method: 'notifications/initialized' })
    /** The tools of the gateway are at the URL of everything. */
    const own = async (tool: string, args: object) => {
      const response = await post(
        { id: ++id, method: 'tools/call', params: { name: tool, arguments: args } },
        `${world.gateway.url}/mcp`,
      )
      const { result } = (await response.json()) as { result: { structuredContent: { session?: string } } }
      return result.structuredContent
    }
    const login = async (account: string, session?: string) =>
      String((await own('auth_login', { provider: 'trusted', account_id: account, session })).session)
    const call = (handle?: string, more: object = {}) =>
      post({
        id: ++id,
        method: 'tools/call',
        params: {
          name: entrance === 'one' ? 'echo' : `${name}__echo`,
          arguments: {},
          ...(handle === undefined ? {} : { _meta: { [HANDLE]: handle } }),
          ...more,
        },
      })
    const listen = async (lastEventId?: string) => {
      const abort = new AbortController()
      world.stopLater({ stop: () => abort.abort() })
      const { 'content-type': _, ...others } = headers
      const response = await fetch(url, {
        headers: {
          ...others,
          accept: 'text/event-stream',
          ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
        },
        signal: abort.signal,
      })
      return heard(response)
    }
    return { own, login, call, post, listen, lastId: () => id }
  }

  /** What a response has said so far. */
  function heard(response: Response) {
    let text = ''
    const read = async () => {
      const decoder = new TextDecoder()
      for await (const piece of response.body ?? []) text += decoder.decode(piece, { stream: true })
    }
    const over = read().catch(() => {})
    const messages = () =>
      [...text.matchAll(/^data: (.+)$/gm)].map(([, data]) => JSON.parse(String(data)) as RpcMessage)
    const found = async (is: (message: RpcMessage) => boolean) => {
      await until(
        () => `it is heard: ${text}`,
        () => messages().some(is),
        BOUND_MS,
      )
      return messages().find(is) as RpcMessage
    }
    return { text: () => text, messages, found, over }
  }

  const isQuestion = ({ id, method }: RpcMessage) => method !== undefined && id !== undefined
  const answersTo = (id: unknown) =>
    server.requests.filter(({ body }) => body?.id === id && body?.method === undefined)
  const callsIn = () => server.received('tools/call').map(sessionOf)

  /** Asks in each call and answers it with what the client said. */
  function askInCalls(id: unknown, params: object = {}) {
    const calls: { session: string; finish: () => void }[] = []
    asking = (call, response, session) => {
      stream(response, { jsonrpc: '2.0', id, method: 'roots/list', params })
      const result = { content: [{ type: 'text', text: session }] }
      calls.push({
        session,
        finish: () => response.end(`data: ${JSON.stringify({ jsonrpc: '2.0', id: call.id, result })}\n\n`),
      })
      return true
    }
    return calls
  }

  describe.each(entrances)('at the URL of %s,', (entrance) => {
    test.each([7, 'seven', 0, '~0123456789abcdef:7'])(
      'an answer goes to the session that has asked, under the very id: %j',
      async (id) => {
        const { connect } = await connected(entrance, 'many')
        const client = await connect()
        const [ana, bea] = [await client.login('ana'), await client.login('bea')]
        const calls = askInCalls(id)
        const streams = [
          heard(await client.call(ana)),
          heard(await client.call(bea)),
          heard(await client.call()),
        ]
        const questions = await Promise.all(streams.map((it) => it.found(isQuestion)))
        expect(new Set(questions.map((it) => it.id)).size).toBe(3)
        expect(new Set(calls.map(({ session }) => session)).size).toBe(3)
        // In another order than they were asked in.
        for (const index of [2, 0, 1]) {
          const before = answersTo(id).length
          const said = await client.post({ id: questions[index]?.id, result: { roots: [] } })
          expect(said.status).toBe(202)
          expect(answersTo(id).slice(before).map(sessionOf)).toEqual([calls[index]?.session])
        }
        for (const { finish } of calls) finish()
        await Promise.all(streams.map(({ over }) => over))
        for (const [index, it] of streams.entries())
          expect(it.messages().at(-1)).toMatchObject({
            result: { content: [{ text: calls[index]?.session }] },
          })
      },
    )

    test('an error is an answer, and so is one to a ping', async () => {
      const { connect } = await connected(entrance, 'many')
      const client = await connect()
      const ana = await client.login('ana')
      asking = (_, response) => stream(response, { jsonrpc: '2.0', id: 'p', method: 'ping' })
      const said = heard(await client.call(ana))
      const { id } = await said.found(isQuestion)
      await client.post({ id, error: { code: -32_603, message: 'no' } })
      expect(answersTo('p').map(sessionOf)).toEqual(callsIn())
    })

    test('progress goes there as well, under the very token', async () => {
      const { connect } = await connected(entrance, 'many')
      const client = await connect()
      const [ana, bea] = [await client.login('ana'), await client.login('bea')]
      askInCalls(7, { _meta: { progressToken: 'token', other: 1 } })
      for (const [index, handle] of [ana, bea].entries()) {
        const { params } = await heard(await client.call(handle)).found(isQuestion)
        const { progressToken, other } = (params?._meta ?? {}) as Record<string, unknown>
        expect(other).toBe(1)
        const told = { method: 'notifications/progress', params: { progressToken, progress: 1 } }
        expect((await client.post(told)).status).toBe(202)
        await until('it is told', () => server.received('notifications/progress').length > index, BOUND_MS)
        const arrived = server.received('notifications/progress').at(-1)
        expect(arrived?.body?.params).toEqual({ progressToken: 'token', progress: 1 })
        expect(arrived && sessionOf(arrived)).toBe(callsIn().at(-1))
      }
    })

    test('a cancellation goes to the session that has the request, or has asked', async () => {
      const { connect } = await connected(entrance, 'many')
      const client = await connect()
      const [ana, bea] = [await client.login('ana'), await client.login('bea')]
      const calls = askInCalls(7)
      await heard(await client.call(bea)).found(isQuestion)
      const pending = heard(await client.call(ana))
      const { id } = await pending.found(isQuestion)
      const cancel = (requestId: unknown) =>
        client.post({ method: 'notifications/cancelled', params: { requestId } })
      const cancelled = () => server.received('notifications/cancelled')
      expect((await cancel(id)).status).toBe(202)
      await until('the question is taken back', () => cancelled().length === 1, BOUND_MS)
      expect((await cancel(client.lastId())).status).toBe(202)
      await until('the call is taken back', () => cancelled().length === 2, BOUND_MS)
      expect(cancelled().map((it) => [sessionOf(it), it.body?.params?.requestId])).toEqual([
        [calls[1]?.session, 7],
        [calls[1]?.session, server.received('tools/call').at(-1)?.body?.id],
      ])
    })

    test('a question that its server takes back is taken back by the name that the client knows', async () => {
      const { connect } = await connected(entrance, 'many')
      const client = await connect()
      const ana = await client.login('ana')
      asking = (_, response) =>
        stream(
          response,
          { jsonrpc: '2.0', id: 7, method: 'roots/list' },
          { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7, reason: 'enough' } },
        )
      const said = heard(await client.call(ana))
      const { id } = await said.found(isQuestion)
      const { params } = await said.found(({ method }) => method === 'notifications/cancelled')
      expect(params).toEqual({ requestId: id, reason: 'enough' })
    })

    test('that a page was visited is told by the name that the question had', async () => {
      const { connect } = await connected(entrance, 'many')
      const client = await connect()
      const ana = await client.login('ana')
      const page = { mode: 'url', message: 'Go', url: 'https://example.com/', elicitationId: 'page' }
      const complete = { method: 'notifications/elicitation/complete', params: { elicitationId: 'page' } }
      asking = (_, response) =>
        stream(
          response,
          { jsonrpc: '2.0', id: 7, method: 'elicitation/create', params: page },
          { jsonrpc: '2.0', ...complete },
        )
      const said = heard(await client.call(ana))
      const asked = (await said.found(isQuestion)).params?.elicitationId
      const told = (await said.found(({ method }) => method === complete.method)).params?.elicitationId
      expect(told).toBe(asked)
    })

    test.each(['many', 'auto', 'one'] as const)(
      'an answer to a question of a login that has ended is refused, and nobody is told: %s',
      async (sessions) => {
        const { connect } = await connected(entrance, sessions)
        const client = await connect()
        const ana = await client.login('ana')
        const named = sessions === 'many' ? ana : undefined
        askInCalls(7, { _meta: { progressToken: 7 } })
        const { id, params } = await heard(await client.call(named)).found(isQuestion)
        const { progressToken } = (params?._meta ?? {}) as Record<string, unknown>
        await client.own('auth_logout', { session: ana })
        const bea = await client.login('bea')
        // The next login has a session of its own, in which the same id was asked.
        const next = await heard(await client.call(sessions === 'many' ? bea : undefined)).found(isQuestion)
        const refused = await client.post({ id, result: { roots: [] } })
        expect(refused.status).toBe(400)
        expect(await refused.json()).toMatchObject({
          error: { message: expect.stringContaining('has ended') },
        })
        const lost = { method: 'notifications/progress', params: { progressToken, progress: 1 } }
        expect((await client.post(lost)).status).toBe(400)
        const late = { method: 'notifications/cancelled', params: { requestId: id } }
        expect((await client.post(late)).status).toBe(202)
        expect((await client.post({ id: next.id, result: { roots: [] } })).status).toBe(202)
        expect(answersTo(7).map(sessionOf)).toEqual([callsIn()[1]])
        expect(server.received('notifications/progress')).toEqual([])
        expect(server.received('notifications/cancelled')).toEqual([])
      },
    )

    test('a session that was renewed has not asked what the one before has', async () => {
      const { connect } = await connected(entrance, 'auto')
      const client = await connect()
      await client.login('ana')
      askInCalls(7)
      const { id } = await heard(await client.call()).found(isQuestion)
      forgotten.add(String(callsIn()[0]))
      asking = () => false
      await (await client.call()).text()
      expect((await client.post({ id, result: { roots: [] } })).status).toBe(400)
      expect(answersTo(7)).toEqual([])
    })

    test.each(['many', 'auto'] as const)(
      'what one login watches is asked for again in its own sessions, and in no other’s: %s',
      async (sessions) => {
        const { name, connect } = await connected(entrance, sessions)
        const [client, other] = [await connect(), await connect()]
        const ana = await client.login('ana')
        const bea = await (sessions === 'auto' ? other : client).login('bea')
        const ask = async (handle: string, method: string, params: object) => {
          const more = { ...params, _meta: { [HANDLE]: handle } }
          const said = await (await client.post({ id: 'w', method, params: more })).text()
          expect(said).not.toContain('error')
        }
        const uri = (path: string) => (entrance === 'one' ? path : `${name}+${path}`)
        for (const [handle, path, level] of [
          [ana, 'ana:1', 'debug'],
          [bea, 'bea:1', 'error'],
        ] as const) {
          await (await client.call(handle)).text()
          await ask(handle, 'resources/subscribe', { uri: uri(path) })
          await ask(handle, 'logging/setLevel', { level })
        }
        const before = callsIn()
        for (const session of before) forgotten.add(session)
        const from = server.requests.length
        for (const handle of [bea, ana]) await (await client.call(handle)).text()
        const told = server.requests
          .slice(from)
          .filter((it) => !before.includes(sessionOf(it)))
          .flatMap((it) => {
            const { uri: watched, level } = it.body?.params ?? {}
            return watched === undefined && level === undefined ? [] : [[sessionOf(it), level ?? watched]]
          })
        const [ofBea, ofAna] = callsIn().filter((it) => !before.includes(it))
        expect(told).toEqual([
          [ofBea, 'error'],
          [ofBea, 'bea:1'],
          [ofAna, 'debug'],
          [ofAna, 'ana:1'],
        ])
      },
    )

    test('another connection of the grant can answer nothing, whatever it names', async () => {
      const { connect } = await connected(entrance, 'many')
      const [client, other] = [await connect(), await connect()]
      const ana = await client.login('ana')
      askInCalls(7)
      await heard(await other.call(ana)).found(isQuestion)
      const { id } = await heard(await client.call(ana)).found(isQuestion)
      expect((await other.post({ id, result: { roots: [] } })).status).toBe(400)
      expect(answersTo(7)).toEqual([])
      expect((await client.post({ id, result: { roots: [] } })).status).toBe(202)
      expect(answersTo(7).map(sessionOf)).toEqual([callsIn()[1]])
    })

    test('what was opened before a login and is its own now is answered there', async () => {
      const { connect } = await connected(entrance, 'auto')
      const client = await connect()
      askInCalls(7)
      const { id } = await heard(await client.call()).found(isQuestion)
      await client.login('ana')
      expect((await client.post({ id, result: { roots: [] } })).status).toBe(202)
      expect(answersTo(7).map(sessionOf)).toEqual(callsIn())
    })

    test('a handle beside the login of the connection has its own questions', async () => {
      const { connect } = await connected(entrance, 'auto')
      const [client, other] = [await connect(), await connect()]
      await client.login('ana')
      const bea = await other.login('bea')
      askInCalls(7)
      const asked = [
        await heard(await client.call()).found(isQuestion),
        await heard(await client.call(bea)).found(isQuestion),
      ]
      for (const { id } of asked.toReversed()) await client.post({ id, result: { roots: [] } })
      expect(answersTo(7).map(sessionOf)).toEqual(callsIn().toReversed())
    })

    test('that the roots have changed is told in every session of the connection that is live, and in no other', async () => {
      const { connect } = await connected(entrance, 'many')
      const [client, other] = [await connect(), await connect()]
      const [ana, bea, cem] = [
        await client.login('ana'),
        await client.login('bea'),
        await client.login('cem'),
      ]
      for (const handle of [ana, bea, cem, undefined]) await (await client.call(handle)).text()
      const live = callsIn().filter((_, index) => index !== 1)
      await (await other.call(ana)).text()
      await client.own('auth_logout', { session: bea })
      const changed = { method: 'notifications/roots/list_changed' }
      expect((await client.post(changed)).status).toBe(202)
      await until('all are told', () => server.received(changed.method).length >= 3, BOUND_MS)
      expect(server.received(changed.method).map(sessionOf).toSorted()).toEqual(live.toSorted())
      const named = { ...changed, params: { _meta: { [HANDLE]: cem } } }
      expect((await client.post(named)).status).toBe(202)
      await until('one is told', () => server.received(changed.method).length >= 4, BOUND_MS)
      expect(server.received(changed.method).slice(3).map(sessionOf)).toEqual([callsIn()[2]])
    })

    test('a stream is resumed in the session that it was of, and nowhere else', async () => {
      const { connect } = await connected(entrance, 'many')
      const client = await connect()
      const [ana, bea] = [await client.login('ana'), await client.login('bea')]
      await (await client.call()).text()
      await (await client.call(bea)).text()
      let sent: unknown
      asking = (call, response) => {
        sent = call.id
        stream(response)
        response.end('id: e.1\ndata: \n\n')
        return true
      }
      const broken = await (await client.call(ana)).text()
      const mine = String(callsIn().at(-1))
      const last = /^id: (.*)$/m.exec(broken)?.[1]
      onGet = ({ headers }, response) =>
        headers['last-event-id'] === 'e.1' &&
        stream(
          response,
          { jsonrpc: '2.0', id: 7, method: 'roots/list' },
          { jsonrpc: '2.0', id: sent, result: { late: true } },
        )
      const rest = await client.listen(last)
      expect(await rest.found(({ result }) => result !== undefined)).toMatchObject({
        id: client.lastId(),
        result: { late: true },
      })
      const resumed = () =>
        server.received('GET').filter(({ headers }) => headers['last-event-id'] !== undefined)
      expect(resumed().map(sessionOf)).toEqual([mine])
      if (entrance === 'one') {
        const { id } = await rest.found(isQuestion)
        expect((await client.post({ id, result: { roots: [] } })).status).toBe(202)
        expect(answersTo(7).map(sessionOf)).toEqual([mine])
      }
      await client.own('auth_logout', { session: ana })
      await client.listen(last)
      await until('there is another stream', () => server.received('GET').length > 1, BOUND_MS)
      expect(resumed().map(sessionOf)).toEqual([mine])
    })

    test('a question on the session’s own stream is answered in that session', async () => {
      const { connect } = await connected(entrance, 'auto')
      const client = await connect()
      await (await client.call()).text()
      const stream = await client.listen()
      const first = String(callsIn()[0])
      await until('it is joined', () => standing.has(first), BOUND_MS)
      const question = {
        jsonrpc: '2.0',
        id: 7,
        method: 'roots/list',
        params: { _meta: { progressToken: 'g' } },
      }
      standing.get(first)?.write(`id: e.5\ndata: ${JSON.stringify(question)}\n\n`)
      const { id } = await stream.found(isQuestion)
      await client.login('ana')
      expect((await client.post({ id, result: { roots: [] } })).status).toBe(202)
      expect(answersTo(7).map(sessionOf)).toEqual([first])
      await client.own('auth_logout', {})
      await (await client.call()).text()
      expect((await client.post({ id, result: { roots: [] } })).status).toBe(400)
      // Nor does another session learn where the stream of that one was.
      const last = /^id: (.*)$/m.exec(stream.text())?.[1]
      await client.listen(last)
      await until('it is opened', () => server.received('GET').length > 2, BOUND_MS)
      expect(server.received('GET').filter(({ headers }) => headers['last-event-id'] !== undefined)).toEqual(
        [],
      )
    })

    test('questions in one array, of the revision that has such, are told apart', async () => {
      const { connect } = await connected(entrance, 'many', '2025-03-26')
      const client = await connect()
      const [ana, bea] = [await client.login('ana'), await client.login('bea')]
      asking = (call, response) => {
        const questions = [7, 8].map((id) => ({ jsonrpc: '2.0', id, method: 'roots/list' }))
        const answer = { jsonrpc: '2.0', id: call.id, result: { content: [] } }
        response.writeHead(200, { 'content-type': 'application/json' })
        response.end(JSON.stringify([...questions, answer]))
        return true
      }
      for (const handle of [ana, bea]) {
        const said = heard(await client.call(handle))
        await said.over
        for (const { id } of said.messages().filter(isQuestion))
          await client.post({ id, result: { roots: [] } })
      }
      const answers = server.requests.filter(
        ({ body }) => body !== null && body.method === undefined && 'result' in body,
      )
      const [one, two] = callsIn()
      expect(answers.map((it) => [it.body?.id, sessionOf(it)])).toEqual([
        [7, one],
        [8, one],
        [7, two],
        [8, two],
      ])
    })
  })
})
