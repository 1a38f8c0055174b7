/** The cap on open requests where a call may wait for its client. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AdminApi, adminApi } from '../support/node/admin-api.ts'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { connectAgent } from '../support/node/mcp-agent.ts'
import { PATIENCE } from '../support/node/patience.ts'
import { type ScriptedServer, startScripted, stream } from '../support/node/scripted.ts'
import { until } from '../support/node/until.ts'

const missing = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`

describe.skipIf(bareWorkerdMissing !== null)(`calls that may ask their client${missing}`, () => {
  let gateway: BareGateway
  let admin: AdminApi
  let server: ScriptedServer
  const waiting: (() => void)[] = []
  beforeAll(async () => {
    gateway = await startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' })
    server = await startScripted('session', ({ body }, response) => {
      if (body?.method !== 'tools/call') return false
      const result = { content: [{ type: 'text', text: 'done' }] }
      waiting.push(() => {
        response.writeHead(200, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ jsonrpc: '2.0', id: body.id, result }))
      })
      return true
    })
    admin = adminApi(gateway.url, 'capacity')
    await admin.putTenant()
    await admin.putPolicy('open', { version: '1', default: 'allow' })
  })
  afterAll(async () => {
    await gateway?.stop()
    await server?.stop()
  })

  test('take a place each', async () => {
    await admin.putServer('asks', { url: server.url, limits: { concurrent: 2 } })
    const token = await admin.putGrant('asks', { policy: 'open', servers: ['asks'] })
    const headers = { authorization: `Bearer ${token}` }
    const agent = await connectAgent('stateless', `${gateway.url}/mcp/asks`, headers)
    const _meta = { 'io.modelcontextprotocol/clientCapabilities': { elicitation: {} } }
    const call = () => agent.send('tools/call', { name: 'echo', arguments: {}, _meta })
    // The session is opened beforehand: that takes places, too.
    await agent.send('tools/list', { _meta })
    const both = [call(), call()]
    await until('both are out', () => waiting.length === 2, 5_000)
    const third = await call()
    expect(JSON.stringify(third.answer?.result)).toContain('upstream_busy')
    for (const answer of waiting.splice(0)) answer()
    for (const one of await Promise.all(both)) expect(JSON.stringify(one.answer?.result)).toContain('done')
    const next = call()
    await until('there is room again', () => waiting.length === 1, 5_000)
    for (const answer of waiting.splice(0)) answer()
    expect(JSON.stringify((await next).answer?.result)).toContain('done')
  })

  const clients = { 'may be asked': { elicitation: {} }, 'may not': {} }
  test.each(Object.entries(clients))(
    'keep it while their stream is resumed, and their time goes on: a client that %s',
    async (_, capabilities) => {
      const polls: string[] = []
      /** Whether the server ever answers, and after how many polls. */
      let answersAfter = 3
      const polling = await startScripted('session', ({ http, headers, body }, response) => {
        if (http === 'GET' && headers['last-event-id'] === undefined) return false
        if (http !== 'GET' && body?.method !== 'tools/call') return false
        const id = http === 'GET' ? String(headers['last-event-id']).split(' ')[0] : String(body?.id)
        const count = polls.push(id ?? '')
        const isDone = http === 'GET' && count > answersAfter
        const result = { content: [{ type: 'text', text: 'done' }] }
        // Something new each time, so that it may be resumed without number.
        const said = isDone
          ? { jsonrpc: '2.0', id, result }
          : {
              jsonrpc: '2.0',
              method: 'notifications/progress',
              params: { progressToken: id, progress: count },
            }
        stream(response)
        response.end(`retry: 300\nid: ${id} ${count}\ndata: ${JSON.stringify(said)}\n\n`)
        return true
      })
      const name = `polls-${Object.keys(capabilities).length}`
      try {
        const register = (callSeconds: number) =>
          admin.putServer(name, {
            url: polling.url,
            limits: { concurrent: 1 },
            timeouts: { call_seconds: callSeconds },
          })
        await register(120)
        const token = await admin.putGrant(name, { policy: 'open', servers: [name] })
        const agent = await connectAgent('stateless', `${gateway.url}/mcp/${name}`, {
          authorization: `Bearer ${token}`,
        })
        const _meta = { 'io.modelcontextprotocol/clientCapabilities': capabilities }
        const call = () => agent.send('tools/call', { name: 'echo', arguments: {}, _meta })
        await agent.send('tools/list', { _meta })
        const first = call()
        await until('it is resumed', () => polls.length === 2, 5_000 * PATIENCE)
        // Its place is not free for another in the meantime, or it could not go on.
        expect(JSON.stringify((await call()).answer?.result)).toContain('upstream_busy')
        expect(JSON.stringify((await first).answer?.result)).toContain('done')
        answersAfter = Number.POSITIVE_INFINITY
        await register(3)
        const endless = await call()
        expect(JSON.stringify(endless.answer?.result)).toContain('upstream_timeout')
        expect(endless.ms).toBeLessThan(6_000 * PATIENCE)
        answersAfter = 0
        await register(120)
        // Whatever became of it, its place is free.
        expect(JSON.stringify((await call()).answer?.result)).toContain('done')
      } finally {
        await polling.stop()
      }
    },
  )
})
