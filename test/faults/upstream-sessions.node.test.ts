/** Sessions of an upstream: forgotten, kept apart, and ended. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bareWorkerdMissing } from '../support/node/bare-workerd.ts'
import { connectAgent, eras } from '../support/node/mcp-agent.ts'
import { startMisbehaving } from '../support/node/misbehaving.ts'
import { until } from '../support/node/until.ts'
import { entrances, startUpstreamWorld, type UpstreamWorld } from '../support/node/upstream-world.ts'
import { within } from '../support/node/within.ts'

const BOUND_MS = 5_000
/** So that agents of both eras have to do with sessions of the upstream. */
const sessionOnly = { eras: { session: true, stateless: false } }

describe.skipIf(bareWorkerdMissing !== null)(`upstream sessions ${bareWorkerdMissing ?? ''}`, () => {
  let world: UpstreamWorld
  beforeAll(async () => {
    world = await startUpstreamWorld()
  })
  afterAll(() => world.stop())

  describe.each(eras)('of an agent of the %s era', (era) => {
    test.each(entrances)('forgotten once, it is renewed and nobody notices (%s)', async (entrance) => {
      const { server, connect } = await world.add(`forgets-${entrance}-${era}`, {}, sessionOnly)
      const agent = await connect(era, entrance)
      expect((await agent.callBad({ text: 'before' })).text).toBe('before')
      const known = server.sessions()
      server.forgetSessions('once')
      expect(await agent.callBad({ text: 'after' })).toMatchObject({ isError: false, text: 'after' })
      expect([server.executions('before'), server.executions('after')]).toEqual([1, 1])
      expect(server.sessions()).toHaveLength(1)
      expect(known).not.toContain(server.sessions()[0])
    })

    test('forgotten by many calls at once, each is carried out once', async () => {
      const { server, connect } = await world.add(`forgets-many-${era}`, {}, sessionOnly)
      const agent = await connect(era, 'one')
      await agent.callBad({ text: 'before' })
      server.forgetSessions('once')
      const texts = Array.from({ length: 10 }, (_, i) => `text-${i}`)
      const outcomes = await Promise.all(texts.map((text) => agent.callBad({ text })))
      expect(outcomes.map(({ text }) => text)).toEqual(texts)
      expect(texts.map((text) => server.executions(text))).toEqual(texts.map(() => 1))
    })

    test('forgotten always, it is renewed once a call and then given up', async () => {
      const { server, connect, name } = await world.add(`forgets-always-${era}`, {}, sessionOnly)
      const agent = await connect(era, 'one')
      await agent.callBad({ text: 'before' })
      server.forgetSessions('always')
      const before = server.received('initialize').length
      const outcome = await within('an answer', BOUND_MS, agent.callBad({ text: 'after' }))
      expect([outcome.isError, outcome.status]).toEqual([true, 200])
      expect(['upstream_broken', 'upstream_unavailable', 'upstream_refused']).toContain(outcome.code)
      expect(outcome.text).toContain(name)
      expect(server.received('initialize').length - before).toBe(1)
      expect(server.executions('after')).toBe(0)
    })

    test.each([
      [400, 'Card was charged, but the checkout session could not be confirmed'],
      [400, 'Session not found'],
      [404, 'There is no customer of this name'],
    ])('an error of the call itself is no forgotten session: %i %s', async (status, message) => {
      const { server, connect } = await world.add(`errs-${era}-${status}-${message.length}`, {}, sessionOnly)
      const agent = await connect(era, 'one')
      const behave = { kind: 'error', status, code: -32_000, message, isDone: true }
      const { answer, status: seen } = await agent.send('tools/call', {
        name: 'echo',
        arguments: { text: 'pay', behave },
      })
      expect(answer?.error).toMatchObject({ code: -32_000, message })
      expect(server.executions('pay')).toBe(1)
      expect(server.sessions()).toHaveLength(1)
      // To an agent of the session era 404 would say that its own session is dead.
      expect(seen).toBe(200)
    })

    test('that the server does not know, by a 400 to nobody, is renewed', async () => {
      const { server, connect } = await world.add(`says-400-${era}`, {}, sessionOnly)
      const agent = await connect(era, 'one')
      await agent.callBad({ text: 'before' })
      const message = 'Bad Request: No valid session ID provided'
      let isFirst = true
      server.behave(({ rpc }) => {
        if (rpc !== 'tools/call' || !isFirst) return { kind: 'ok' }
        isFirst = false
        return { kind: 'error', status: 400, code: -32_000, message, isOwn: false }
      })
      expect(await agent.callBad({ text: 'after' })).toMatchObject({ isError: false, text: 'after' })
    })

    test('forgotten by the server always, the agent still has its own', async () => {
      const { server, connect } = await world.add(`keeps-own-${era}`, {}, sessionOnly)
      const agent = await connect(era, 'all')
      await agent.callBad({ text: 'before' })
      server.behave({ 'tools/call': { kind: 'forgotten' } })
      expect((await agent.send('tools/call', { name: `keeps-own-${era}__echo`, arguments: {} })).status).toBe(
        200,
      )
    })

    test('is not taken along when the server is registered with another URL', async () => {
      const { server, connect, name } = await world.add(`moves-${era}`, {}, sessionOnly)
      const agent = await connect(era, 'all')
      await agent.callBad({ text: 'before' })
      const known = server.sessions()
      const next = await startMisbehaving(sessionOnly)
      try {
        await world.admin.putServer(name, { url: next.url })
        expect(await agent.callBad({ text: 'after' })).toMatchObject({ isError: false, text: 'after' })
        expect([server.executions('after'), next.executions('after')]).toEqual([0, 1])
        for (const { headers } of next.requests) expect(known).not.toContain(headers['mcp-session-id'])
      } finally {
        await next.stop()
      }
    })

    test('agents of two grants never share one', async () => {
      const { server, connect, name } = await world.add(`apart-${era}`, {}, sessionOnly)
      const mine = await connect(era, 'one')
      const token = await world.admin.putGrant(`other-${name}`, { policy: 'open', servers: [name] })
      const theirs = await connectAgent(era, `${world.gateway.url}/mcp/${name}`, {
        authorization: `Bearer ${token}`,
      })
      await mine.callBad({ text: 'mine' })
      await theirs.call('echo', { text: 'theirs' })
      await mine.callBad({ text: 'mine' })
      const used = (text: string) =>
        new Set(
          server
            .received('tools/call')
            .filter(({ body }) => JSON.stringify(body).includes(`"${text}"`))
            .flatMap(({ headers }) => headers['mcp-session-id'] ?? []),
        )
      expect([used('mine').size, used('theirs').size]).toEqual([1, 1])
      expect(used('mine').isDisjointFrom(used('theirs'))).toBe(true)
    })
  })

  test('is one for all that a client of the stateless era declares, but for what it can be asked', async () => {
    const { server, name, token } = await world.add('declares', {}, sessionOnly)
    for (let i = 0; i < 12; i++) {
      const params = {
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientInfo': { name: 'agent', version: '1' },
          'io.modelcontextprotocol/clientCapabilities': { experimental: { [`n${i}`]: {} } },
        },
      }
      const response = await fetch(`${world.gateway.url}/mcp/${name}`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': '2026-07-28',
          'mcp-method': 'tools/list',
        },
        body: JSON.stringify({ jsonrpc: '2.0', id: i, method: 'tools/list', params }),
      })
      expect(await response.json()).toMatchObject({ result: { tools: [{ name: 'echo' }] } })
    }
    expect(server.received('initialize')).toHaveLength(1)
  })

  test('ends with the session of the agent', async () => {
    const { server, connect, name, token } = await world.add('ends', {}, sessionOnly)
    const agent = await connect('session', 'one')
    await agent.callBad({ text: 'hi' })
    expect(server.sessions()).toHaveLength(1)
    const ended = await fetch(`${world.gateway.url}/mcp/${name}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${token}`, 'mcp-session-id': agent.session ?? '' },
    })
    expect(ended.ok).toBe(true)
    await until('it is ended there', () => server.sessions().length === 0, BOUND_MS)
  })

  test("the agent's own headers stay here; those of the server's document are added", async () => {
    const { server, name, token } = await world.add('headers', {
      headers: { authorization: 'Bearer for-the-upstream', 'x-team': 'blue' },
    })
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    for (const era of eras) {
      const agent = await connectAgent(era, `${world.gateway.url}/mcp/${name}`, {
        authorization: `Bearer ${token}`,
        cookie: 'secret=1',
        traceparent,
      })
      await agent.call('echo', { text: era })
      const calls = server.received('tools/call').at(-1)
      expect(calls?.headers).toMatchObject({ authorization: 'Bearer for-the-upstream', 'x-team': 'blue' })
      expect(calls?.headers.traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-/)
      expect(calls?.headers.cookie).toBeUndefined()
      if (agent.session !== null) expect(calls?.headers['mcp-session-id']).not.toBe(agent.session)
    }
    expect(JSON.stringify(server.requests)).not.toContain(token)
    expect(world.gateway.output()).not.toContain('for-the-upstream')
  })
})
