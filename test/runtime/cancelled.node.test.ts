/** A cancellation reaches the server whichever isolate hears it: in production, any. */
import type { ServerResponse } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AdminApi, adminApi } from '../support/node/admin-api.ts'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { connectAgent } from '../support/node/mcp-agent.ts'
import { type ScriptedServer, startScripted, stream } from '../support/node/scripted.ts'
import { until } from '../support/node/until.ts'

const BOUND_MS = 15_000
const missing = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`

describe.skipIf(bareWorkerdMissing !== null)(`a cancellation in another isolate${missing}`, () => {
  let gateway: BareGateway
  let admin: AdminApi
  let server: ScriptedServer
  const calls = new Map<unknown, ServerResponse>()
  beforeAll(async () => {
    gateway = await startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' }, { isolates: 2 })
    admin = adminApi(gateway.url, 'taken')
    await admin.putTenant()
    await admin.putPolicy('open', { version: '1', default: 'allow' })
    server = await startScripted('session', ({ body }, response) => {
      if (body?.method === 'notifications/cancelled') {
        response.writeHead(202).end()
        const { requestId } = body.params as { requestId: unknown }
        calls.get(requestId)?.end()
        return true
      }
      if (body?.method !== 'tools/call') return false
      stream(response)
      calls.set(body.id, response)
      return true
    })
    await admin.putServer('slow', { url: server.url })
  })
  afterAll(async () => {
    await server?.stop()
    await gateway?.stop()
  })

  test.each([
    ['all', 0],
    ['all', 4_000],
    ['one', 0],
    ['one', 4_000],
  ] as const)('at the URL of %s, after %i ms', async (entrance, afterMs) => {
    const token = await admin.putGrant(`${entrance}-${afterMs}`, { policy: 'open', servers: ['slow'] })
    const url = `${gateway.url}/mcp${entrance === 'one' ? '/slow' : ''}`
    const headers = { authorization: `Bearer ${token}` }
    const agent = await connectAgent('session', url, { ...headers, 'x-to-isolate': '0' })
    const cancel = (requestId: unknown) =>
      fetch(url, {
        method: 'POST',
        headers: {
          ...headers,
          'x-to-isolate': '1',
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-session-id': agent.session ?? '',
          'mcp-protocol-version': '2025-11-25',
        },
        body: JSON.stringify({
          jsonrpc: '2.0',
          method: 'notifications/cancelled',
          params: { requestId, reason: 'no more' },
        }),
      })
    const before = calls.size
    const told = () => server.received('notifications/cancelled')
    const toldBefore = told().length
    // The agent counts its requests: this is the second.
    const call = agent.send('tools/call', { name: entrance === 'one' ? 'echo' : 'slow__echo' })
    await until('it is under way', () => calls.size > before, BOUND_MS)
    await new Promise((resolve) => setTimeout(resolve, afterMs))
    expect((await cancel(77)).status).toBe(202)
    expect((await cancel(2)).status).toBe(202)
    await until('the server hears it', () => told().length > toldBefore, BOUND_MS)
    await call
    const id = [...calls.keys()].at(-1)
    expect(told().slice(toldBefore)).toMatchObject([
      { body: { params: { requestId: id, reason: 'no more' } } },
    ])
  })
})
