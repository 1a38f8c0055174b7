/** What a request does to its server's standing, and to the place that it has there: cancelled, asked about, answered early. */
import type { ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { bareWorkerdMissing } from '../support/node/bare-workerd.ts'
import { connectAgent, type Era, eras, type McpAgent } from '../support/node/mcp-agent.ts'
import { PATIENCE } from '../support/node/patience.ts'
import { type Script, stream } from '../support/node/scripted.ts'
import { BOUND_MS, entrances, missing, useScriptedWorld } from '../support/node/scripted-world.ts'
import { until } from '../support/node/until.ts'

describe.skipIf(bareWorkerdMissing !== null)(`requests at a server${missing}`, () => {
  const world = useScriptedWorld('requests')
  let grants = 0

  const { add } = world

  /** An agent whose grant reaches these servers, and how it says what is not answered. */
  async function connect(servers: readonly string[], entrance: 'all' | 'one', era: Era = 'session') {
    grants += 1
    const token = await world.admin.putGrant(`g${grants}`, { policy: 'open', servers })
    const url = `${world.gateway.url}/mcp${entrance === 'one' ? `/${servers[0]}` : ''}`
    const agent = await connectAgent(era, url, { authorization: `Bearer ${token}` })
    const tool = (server = servers[0]) => (entrance === 'one' ? 'echo' : `${server}__echo`)
    const tell = (message: object) =>
      fetch(url, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-session-id': agent.session ?? '',
          'mcp-protocol-version': '2025-11-25',
        },
        body: JSON.stringify({ jsonrpc: '2.0', ...message }),
      })
    const cancel = (requestId: unknown) => tell({ method: 'notifications/cancelled', params: { requestId } })
    return { agent, tool, tell, cancel }
  }

  /** The ids that the agent's requests have: it counts them. */
  const counted = (agent: McpAgent) => {
    let id = agent.era === 'session' ? 1 : 0
    return () => ++id
  }

  const fragile = { breaker: { failures: 1, open_seconds: 30 } }

  test.each<readonly [string, (id: unknown, response: ServerResponse) => void]>([
    ['ends without an answer', (_, response) => response.end()],
    ['breaks the connection', (_, response) => response.socket?.resetAndDestroy()],
    ['answers half', (_, response) => response.socket?.end('data: {"jsonrpc"')],
    [
      'answers an error',
      (id, response) =>
        response.end(
          `data: ${JSON.stringify({ jsonrpc: '2.0', id, error: { code: 0, message: 'Request cancelled' } })}\n\n`,
        ),
    ],
  ])('a cancelled call is no fault of a server that then %s', async (how, stop) => {
    const name = `stops-${how.replaceAll(' ', '-')}`
    const running = new Map<unknown, ServerResponse>()
    const server = await add(
      name,
      ({ body }, response) => {
        if (body?.method === 'notifications/cancelled') {
          response.writeHead(202).end()
          const { requestId } = body.params as { requestId: unknown }
          const call = running.get(requestId)
          if (call !== undefined) stop(requestId, call)
          return true
        }
        if (body?.method !== 'tools/call' || body.params?.arguments !== undefined) return false
        stream(response)
        running.set(body.id, response)
        return true
      },
      fragile,
    )
    for (const entrance of entrances) {
      const { agent, tool, cancel } = await connect([name], entrance)
      const next = counted(agent)
      const other = await connect([name], entrance)
      const asked = server.received('tools/call').length
      const id = next()
      const call = agent.send('tools/call', { name: tool() })
      await until('it is under way', () => server.received('tools/call').length > asked, BOUND_MS)
      expect((await cancel(id)).status).toBe(202)
      await call
      expect((await other.agent.call(other.tool(), {})).text).toBe('echo')
    }
    expect(server.received('notifications/cancelled')).toHaveLength(2)
  })

  test.each([499, 500])('nor of one that has not begun, and answers HTTP %i', async (status) => {
    const name = `says-${status}`
    let held: ServerResponse | null = null
    await add(
      name,
      ({ body }, response) => {
        if (body?.method === 'notifications/cancelled') {
          response.writeHead(202).end()
          held?.writeHead(status).end()
          return true
        }
        if (body?.method !== 'tools/call' || body.params?.arguments !== undefined) return false
        held = response
        return true
      },
      fragile,
    )
    const { agent, tool, cancel } = await connect([name], 'all')
    const id = counted(agent)()
    const call = agent.send('tools/call', { name: tool() })
    await until('it is under way', () => held !== null, BOUND_MS)
    await cancel(id)
    await call
    expect((await agent.call(tool(), {})).text).toBe('echo')
  })

  test('a server that goes on as if nothing had been said is left, and its place is free', async () => {
    let count = 0
    await add(
      'goes-on',
      ({ body }, response) => {
        if (body?.method !== 'tools/call' || body.params?.arguments !== undefined) return false
        count += 1
        return stream(response)
      },
      { ...fragile, limits: { concurrent: 1 } },
    )
    const { agent, tool, cancel } = await connect(['goes-on'], 'all')
    const id = counted(agent)()
    const call = agent.send('tools/call', { name: tool() })
    await until('it is under way', () => count === 1, BOUND_MS)
    await cancel(id)
    await call
    expect((await agent.call(tool(), {})).text).toBe('echo')
  })

  test('what a client cancels is told to the server that has it under way, and to nobody else', async () => {
    const held: ServerResponse[] = []
    const hold: Script = ({ body }, response) => {
      if (body?.method !== 'tools/call' || body.params?.arguments !== undefined) return false
      held.push(response)
      return stream(response)
    }
    const [one, two] = [await add('cancel-one', hold), await add('cancel-two', hold)]
    const { agent, tool, cancel } = await connect(['cancel-one', 'cancel-two'], 'all')
    const next = counted(agent)
    await agent.call(tool('cancel-one'), {})
    await agent.call(tool('cancel-two'), {})
    const finished = [next(), next()]
    const id = next()
    const call = agent.send('tools/call', { name: tool('cancel-two') })
    await until('it is under way', () => held.length === 1, BOUND_MS)
    // One client cancels each call that is answered; and what never was.
    for (const it of [...finished, 999, 'no-such', null, {}]) expect((await cancel(it)).status).toBe(202)
    expect((await cancel(id)).status).toBe(202)
    await until('it is told', () => two.received('notifications/cancelled').length > 0, BOUND_MS)
    held[0]?.end()
    await call
    const [told, ...more] = two.received('notifications/cancelled')
    const asked = two.received('tools/call').at(-1)
    expect(told?.body?.params).toEqual({ requestId: asked?.body?.id })
    expect(told?.headers['mcp-session-id']).toBe(asked?.headers['mcp-session-id'])
    expect([more.length, one.received('notifications/cancelled').length]).toEqual([0, 0])
  })

  test('a call that is cancelled while its session is being opened is not made', async () => {
    const held: ServerResponse[] = []
    const ids: unknown[] = []
    let isHolding = false
    const server = await add('opening', ({ body }, response) => {
      if (body?.method !== 'initialize' || !isHolding) return false
      held.push(response)
      ids.push(body.id)
      return true
    })
    // What it lists is known, so that the call is what its session is opened for.
    await world.admin.scan('opening')
    const { agent, tool, cancel } = await connect(['opening'], 'all')
    isHolding = true
    const id = counted(agent)()
    const call = agent.send('tools/call', { name: tool() })
    await until('a session is being opened', () => held.length > 0, BOUND_MS)
    expect((await cancel(id)).status).toBe(202)
    isHolding = false
    const result = {
      protocolVersion: '2025-11-25',
      capabilities: { tools: {} },
      serverInfo: { name: 'scripted', version: '1' },
    }
    for (const [i, response] of held.entries()) {
      response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': `held-${i}` })
      response.end(JSON.stringify({ jsonrpc: '2.0', id: ids[i], result }))
    }
    await call
    expect(server.received('tools/call')).toEqual([])
    expect(server.received('notifications/cancelled')).toEqual([])
    expect((await agent.call(tool(), {})).text).toBe('echo')
  })

  test('nobody can cancel what another client has under way', async () => {
    const held: ServerResponse[] = []
    const server = await add('others', ({ body }, response) => {
      if (body?.method !== 'tools/call') return false
      held.push(response)
      return stream(response)
    })
    const [mine, theirs] = [await connect(['others'], 'one'), await connect(['others'], 'one')]
    const id = counted(mine.agent)()
    const call = mine.agent.send('tools/call', { name: 'echo' })
    await until('it is under way', () => held.length === 1, BOUND_MS)
    expect((await theirs.cancel(id)).status).toBe(202)
    const answer = { jsonrpc: '2.0', id: server.received('tools/call')[0]?.body?.id, result: { content: [] } }
    held[0]?.end(`data: ${JSON.stringify(answer)}\n\n`)
    expect((await call).answer?.result).toEqual({ content: [] })
    expect(server.received('notifications/cancelled')).toEqual([])
  })

  test.each(entrances)(
    'an answer to a question passes at the cap and while the server rests (%s)',
    async (entrance) => {
      let isIll = false
      const waiting = new Map<unknown, () => void>()
      const name = `asks-${entrance}`
      await add(
        name,
        ({ body }, response) => {
          if (body?.method === undefined && body !== null) {
            response.writeHead(202).end()
            waiting.get(body.id)?.()
            return true
          }
          if (isIll) {
            response.writeHead(503).end()
            return true
          }
          if (body?.method !== 'tools/call' || body.params?.arguments !== undefined) return false
          const { id } = body
          waiting.set(7, () =>
            response.end(`data: ${JSON.stringify({ jsonrpc: '2.0', id, result: { content: [] } })}\n\n`),
          )
          return stream(response, { jsonrpc: '2.0', id: 7, method: 'roots/list' })
        },
        { limits: { concurrent: 2 }, breaker: { failures: 1, open_seconds: 30 } },
      )
      const { agent, tool, tell } = await connect([name], entrance)
      await agent.call(tool(), {})
      const response = await agent.open('tools/call', { name: tool() })
      const reader = response.body?.getReader()
      let text = ''
      const read = async (what: string) => {
        while (!text.includes(what)) {
          const piece = await reader?.read()
          if (piece?.done !== false) throw new Error(`it ended: ${text}`)
          text += new TextDecoder().decode(piece.value)
        }
      }
      await read('roots/list')
      const asked = JSON.parse(/^data: (.*roots\/list.*)$/m.exec(text)?.[1] ?? '') as { id: unknown }
      isIll = true
      expect((await agent.call(tool(), {})).code).toBe('upstream_unavailable')
      // It rests now.
      expect((await agent.call(tool(), {})).text).toContain('left alone')
      expect((await tell({ id: asked.id, result: { roots: [] } })).status).toBe(202)
      await read('"content"')
    },
  )

  test.each(entrances)('that an answer did not arrive is no secret (%s)', async (entrance) => {
    const name = `deaf-${entrance}`
    await add(name, ({ body }, response) => {
      if (body === null || body.method !== undefined) return false
      response.writeHead(500).end()
      return true
    })
    const { agent, tool, tell } = await connect([name], entrance)
    await agent.call(tool(), {})
    const id = entrance === 'one' ? 7 : `${name}:7`
    const response = await tell({ id, result: {} })
    expect(response.status).toBe(502)
    expect(await response.json()).toMatchObject({ error: { message: expect.stringContaining(name) } })
  })

  test.each(eras)(
    'a stream that is left open behind its answer ends, and its place is free (%s)',
    async (era) => {
      const name = `lingers-${era}`
      let closed = 0
      await add(
        name,
        ({ body }, response) => {
          if (body?.method !== 'tools/call') return false
          const result = { content: [{ type: 'text', text: 'done' }], resultType: 'complete' }
          stream(response, { jsonrpc: '2.0', id: body.id, result })
          const beat = setInterval(() => response.write(': still here\n\n'), 100)
          response.on('close', () => {
            closed += 1
            clearInterval(beat)
          })
          return true
        },
        { limits: { concurrent: 1 } },
        era,
      )
      for (const entrance of entrances) {
        for (const client of eras) {
          const { agent, tool } = await connect([name], entrance, client)
          for (let i = 0; i < 2; i++) {
            const { text, ms } = await agent.call(tool(), {})
            expect(text).toBe('done')
            expect(ms).toBeLessThan(5_000 * PATIENCE)
          }
        }
      }
      await until('the server is rid of all', () => closed === 8, BOUND_MS)
    },
  )

  test.each([400, 403, 404, 409, 422, 500, 501, 503])(
    'an error under its id is the answer, with HTTP %i',
    async (status) => {
      const name = `errs-${status}`
      await add(
        name,
        ({ body }, response) => {
          if (body?.method !== 'tools/call' || body.params?.arguments !== undefined) return false
          const isStream = body.id !== undefined && String(body.params?.name).length > 0 && status % 2 === 1
          const error = {
            jsonrpc: '2.0',
            id: body.id,
            error: { code: -32_603, message: 'no such record: 17' },
          }
          response.writeHead(status, { 'content-type': isStream ? 'text/event-stream' : 'text/plain' })
          response.end(isStream ? `data: ${JSON.stringify(error)}\n\n` : JSON.stringify(error))
          return true
        },
        fragile,
      )
      for (const entrance of entrances) {
        for (const era of eras) {
          const { agent, tool } = await connect([name], entrance, era)
          const { answer } = await agent.send('tools/call', { name: tool() })
          expect(answer?.error).toMatchObject({ code: -32_603, message: 'no such record: 17' })
          expect((await agent.call(tool(), {})).text).toBe('echo')
        }
      }
    },
  )
})
