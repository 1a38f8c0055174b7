/** What a server of the session era says nested more deeply than can be written again: its client is told so, and does not wait. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type AdminApi, adminApi } from '../support/node/admin-api.ts'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { connectAgent } from '../support/node/mcp-agent.ts'
import { PATIENCE } from '../support/node/patience.ts'
import { type Script, type ScriptedServer, startScripted, stream } from '../support/node/scripted.ts'

const missing = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`
const DEPTH = 100_000
// A number that JavaScript would write otherwise: JSON with none is written at any depth.
const deep = `${'['.repeat(DEPTH)}12345678901234567890${']'.repeat(DEPTH)}`
const elicits = { elicitation: { form: {} } }

describe.skipIf(bareWorkerdMissing !== null)(`deep answers between the eras${missing}`, () => {
  let gateway: BareGateway
  let admin: AdminApi
  let count = 0
  beforeAll(async () => {
    gateway = await startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' })
    admin = adminApi(gateway.url, 'deep')
    await admin.putTenant()
    await admin.putPolicy('open', { version: '1', default: 'allow' })
  })
  afterAll(() => gateway?.stop())
  const open: ScriptedServer[] = []
  afterEach(async () => {
    for (const server of open.splice(0)) await server.stop()
  })

  const agentAt = async (script: Script, capabilities: object) => {
    count += 1
    const server = await startScripted('session', script)
    open.push(server)
    await admin.putServer(`s${count}`, { url: server.url, era: 'session' })
    const token = await admin.putGrant(`g${count}`, { policy: 'open', servers: [`s${count}`] })
    const headers = { authorization: `Bearer ${token}` }
    return connectAgent('stateless', `${gateway.url}/mcp/s${count}`, headers, { ...capabilities })
  }
  const answered =
    (isStream: boolean): Script =>
    ({ body }, response) => {
      if (body?.method !== 'tools/call') return false
      const answer = `{"jsonrpc":"2.0","id":${JSON.stringify(body.id)},"result":{"content":[],"structuredContent":{"x":${deep}}}}`
      if (isStream) stream(response)
      else response.writeHead(200, { 'content-type': 'application/json' })
      response.end(isStream ? `data: ${answer}\n\n` : answer)
      return true
    }

  test.each([
    ['json', {}],
    ['events', {}],
    ['json', elicits],
    ['events', elicits],
  ])('a result in %s, to a client of %j', async (form, capabilities) => {
    const agent = await agentAt(answered(form === 'events'), capabilities)
    const { code, ms } = await agent.call('echo', {})
    expect(code).toBe('upstream_broken')
    expect(ms).toBeLessThan(15_000 * PATIENCE)
  })

  test('a question', async () => {
    const agent = await agentAt(({ body }, response) => {
      if (body?.method !== 'tools/call') return false
      stream(response)
      response.write(
        `data: {"jsonrpc":"2.0","id":1,"method":"elicitation/create","params":{"message":"?","requestedSchema":{"type":"object","properties":{"x":${deep}}}}}\n\n`,
      )
      return true
    }, elicits)
    const { code, ms } = await agent.call('echo', {})
    expect(code).toBe('upstream_broken')
    expect(ms).toBeLessThan(15_000 * PATIENCE)
  })

  test('a notification is left out, or ends the call', async () => {
    const agent = await agentAt(({ body }, response) => {
      if (body?.method !== 'tools/call') return false
      const token = JSON.stringify(
        (body.params?._meta as { progressToken?: unknown } | undefined)?.progressToken,
      )
      stream(response)
      response.write(
        `data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${token},"progress":1,"x":${deep}}}\n\n`,
      )
      return true
    }, {})
    const { code, ms } = await agent.call('echo', {}, { progressToken: 'p' })
    expect(code).toBe('upstream_broken')
    expect(ms).toBeLessThan(15_000 * PATIENCE)
  })
})
