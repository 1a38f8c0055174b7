/** The cap on open requests where a call may wait for its client. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AdminApi, adminApi } from '../support/node/admin-api.ts'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { connectAgent } from '../support/node/mcp-agent.ts'
import { type ScriptedServer, startScripted } from '../support/node/scripted.ts'
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
})
