/**
 * What a server of the session era asks outside of the call's own stream, as SDKs do where a handler asks its server and not
 * its call: it reaches the stateless client whose call is the only one under way, and is refused at once where there are more.
 */
import type { ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import type { ServerDocument } from '../support/node/admin-api.ts'
import { bareWorkerdMissing } from '../support/node/bare-workerd.ts'
import type { RpcMessage } from '../support/node/mcp-agent.ts'
import { PATIENCE } from '../support/node/patience.ts'
import { startScripted, stream } from '../support/node/scripted.ts'
import { BOUND_MS, missing, useScriptedWorld } from '../support/node/scripted-world.ts'
import { until } from '../support/node/until.ts'

/** The SDKs wait for an answer for a minute. */
const AT_ONCE_MS = 4_000 * PATIENCE

describe.skipIf(bareWorkerdMissing !== null)(`questions outside of the call${missing}`, () => {
  const world = useScriptedWorld('outside')
  let count = 0

  /**
   * A server whose calls ask on the session's own stream, and are answered with what came back. `in`: what its call is answered in,
   * and so when the response begins.
   */
  async function asking(
    form: 'json' | 'events',
    asks: (args: unknown) => boolean,
    document: Partial<ServerDocument> = {},
  ) {
    count += 1
    const name = `s${count}`
    const streams: ServerResponse[] = []
    const calls = new Map<unknown, (said: RpcMessage) => void>()
    const refusals: RpcMessage[] = []
    let questions = 0
    const ask = () => {
      questions += 1
      const id = `outside-${questions}`
      const params = {
        message: 'Name?',
        requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
      }
      const question = { jsonrpc: '2.0', id, method: 'elicitation/create', params }
      for (const it of streams) it.write(`data: ${JSON.stringify(question)}\n\n`)
      return id
    }
    const server = await startScripted('session', ({ http, body }, response) => {
      if (http === 'GET') {
        streams.push(response)
        response.on('close', () => streams.splice(streams.indexOf(response), 1))
        return stream(response)
      }
      if (body !== null && body.method === undefined) {
        response.writeHead(202).end()
        if (body.error !== undefined) refusals.push(body)
        calls.get(body.id)?.(body)
        return true
      }
      if (body?.method !== 'tools/call') return false
      const { id } = body
      if (form === 'events') stream(response)
      const finish = (said: RpcMessage) => {
        const text = JSON.stringify(said.result?.content ?? said.error?.code ?? 'nothing')
        const answer = { jsonrpc: '2.0', id, result: { content: [{ type: 'text', text }] } }
        if (form === 'json') response.writeHead(200, { 'content-type': 'application/json' })
        response.end(form === 'json' ? JSON.stringify(answer) : `data: ${JSON.stringify(answer)}\n\n`)
      }
      if (asks(body.params?.arguments)) calls.set(ask(), finish)
      else calls.set(id, finish)
      return true
    })
    world.stopLater(server)
    await world.admin.putServer(name, { url: server.url, era: 'session', ...document })
    const token = await world.admin.putGrant(`g${count}`, { policy: 'open', servers: [name] })
    const call = async (params: Readonly<Record<string, unknown>>) => {
      const from = performance.now()
      const response = await fetch(`${world.gateway.url}/mcp/${name}`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': '2026-07-28',
          'mcp-method': 'tools/call',
          'mcp-name': 'echo',
        },
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 7,
          method: 'tools/call',
          params: {
            name: 'echo',
            arguments: {},
            ...params,
            _meta: {
              'io.modelcontextprotocol/protocolVersion': '2026-07-28',
              'io.modelcontextprotocol/clientInfo': { name: 'agent', version: '1' },
              'io.modelcontextprotocol/clientCapabilities': { elicitation: { form: {} } },
            },
          },
        }),
        signal: AbortSignal.timeout(30_000),
      })
      const text = await response.text()
      const last = text.startsWith('{') ? text : (text.match(/^data: (.*)$/gm)?.at(-1) ?? '').slice(6)
      const { result, error } = JSON.parse(last) as RpcMessage
      return { result, error, ms: performance.now() - from }
    }
    /** Has the call that was not asked about answered. */
    const answer = () => {
      for (const [id, finish] of calls)
        if (!String(id).startsWith('outside')) {
          calls.delete(id)
          finish({ result: { content: 'unasked' } })
        }
    }
    return { server, streams, call, ask, answer, refusals, calls }
  }

  test.each(['json', 'events'] as const)(
    'reach the client whose call is the only one (answered in %s)',
    async (form) => {
      const { call, server } = await asking(form, () => true, {
        timeouts: { response_seconds: 2, call_seconds: 20 },
      })
      for (let i = 0; i < 2; i++) {
        const asked = await call({})
        expect(asked.result).toMatchObject({
          resultType: 'input_required',
          inputRequests: { question1: { method: 'elicitation/create', params: { message: 'Name?' } } },
        })
        expect(asked.ms).toBeLessThan(AT_ONCE_MS)
        // What the client takes is not the server's time.
        if (i === 0) await new Promise((resolve) => setTimeout(resolve, 3_000))
        const answered = await call({
          inputResponses: { question1: { action: 'accept', content: { name: 'Ana' } } },
          requestState: asked.result?.requestState,
        })
        expect(answered.result).toMatchObject({ content: [{ text: '{"name":"Ana"}' }] })
      }
      // The stream goes through as many gateways as the calls do.
      expect(server.received('GET')[0]?.headers['gatehouse-hop']).toBe(
        server.received('tools/call')[0]?.headers['gatehouse-hop'],
      )
      // One session, and one stream of it, for all.
      expect([server.received('initialize').length, server.received('GET').length]).toEqual([1, 1])
      expect(server.received('tools/call')).toHaveLength(2)
    },
  )

  test('are refused at once where more than one call is under way', async () => {
    const { call, server, answer, refusals, calls } = await asking(
      'events',
      (args) => 'ask' in (args as object),
    )
    const first = call({ arguments: {} })
    await until('it is under way', () => calls.size === 1, BOUND_MS)
    const second = await call({ arguments: { ask: true } })
    expect(second.result).toMatchObject({ content: [{ text: '-32601' }] })
    expect(second.ms).toBeLessThan(AT_ONCE_MS)
    expect(refusals).toMatchObject([{ id: 'outside-1', error: { code: -32601 } }])
    answer()
    expect((await first).result).toMatchObject({ content: [{ text: '"unasked"' }] })
    expect(server.received('initialize')).toHaveLength(1)
  })

  test('are refused at once where none is', async () => {
    const { call, streams, ask, answer, refusals, calls } = await asking('events', () => false)
    const only = call({})
    await until('it is under way', () => calls.size === 1, BOUND_MS)
    answer()
    await only
    expect(streams).toHaveLength(1)
    await until(
      'it has left',
      async () => {
        if (refusals.length === 0) ask()
        return refusals.length > 0
      },
      BOUND_MS,
    )
    expect(refusals[0]).toMatchObject({ error: { code: -32601 } })
  })

  test('the stream is let go when no call has been under way for a while', async () => {
    const { call, streams, answer, calls } = await asking('events', () => false)
    const only = call({})
    await until('it is under way', () => calls.size === 1, BOUND_MS)
    answer()
    await only
    await until('it is let go', () => streams.length === 0, 3 * BOUND_MS)
  })

  test.each([405, 404, 503])('calls are made all the same at a server whose GET says %i', async (status) => {
    count += 1
    const name = `no-stream-${status}`
    const server = await startScripted('session', ({ http }, response) => {
      if (http !== 'GET') return false
      response.writeHead(status).end()
      return true
    })
    world.stopLater(server)
    await world.admin.putServer(name, { url: server.url, era: 'session' })
    const token = await world.admin.putGrant(`g${count}`, { policy: 'open', servers: [name] })
    const response = await fetch(`${world.gateway.url}/mcp`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/call',
        'mcp-name': `${name}__echo`,
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 7,
        method: 'tools/call',
        params: {
          name: `${name}__echo`,
          arguments: {},
          _meta: {
            'io.modelcontextprotocol/protocolVersion': '2026-07-28',
            'io.modelcontextprotocol/clientInfo': { name: 'agent', version: '1' },
            'io.modelcontextprotocol/clientCapabilities': { elicitation: {} },
          },
        },
      }),
    })
    expect(await response.text()).toContain('"echo"')
    expect(server.received('tools/call')).toHaveLength(1)
  })
})
