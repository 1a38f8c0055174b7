/**
 * Deployments with and without Legiti, as the runtime runs them: what needs it, what hears of it, and what becomes of events
 * when a deployment has it no longer.
 */
import { expect, onTestFinished, test } from 'vitest'
import { adminApi } from '../support/node/admin-api.ts'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { type FakeLegiti, startFakeLegiti } from '../support/node/fake-legiti.ts'
import { openSession } from '../support/node/session-client.ts'
import { until } from '../support/node/until.ts'

const ROOT_TOKEN = 'root-token-of-a-deployment-that-has-one'
const NOTHING = { ROOT_TOKEN }
const ARRIVES_MS = 60_000
const TENANT = { identity: { trusted: true } }
const OPEN = { version: '1', default: 'allow' }

const variablesOf = (legiti: FakeLegiti) => ({
  ROOT_TOKEN,
  LEGITI_BASE_URL: legiti.url,
  LEGITI_API_KEY: 'sbx_of-a-deployment',
  LEGITI_REPORT_LOGINS: 'false',
})

async function deployed(vars: Readonly<Record<string, string>>): Promise<BareGateway> {
  const gateway = await startBare(vars)
  onTestFinished(gateway.stop)
  return gateway
}

async function legitiFor(): Promise<FakeLegiti> {
  const legiti = await startFakeLegiti()
  onTestFinished(legiti.stop)
  return legiti
}

/** A tenant with a grant that has these servers; answers the grant's token. */
async function agentOf(
  gateway: BareGateway,
  tenant: string,
  servers: readonly string[] | '*',
): Promise<string> {
  const api = adminApi(gateway.url, tenant, ROOT_TOKEN)
  await api.putTenant(TENANT)
  await api.putPolicy('open', OPEN)
  return api.putGrant('agent', { policy: 'open', servers })
}

async function get(gateway: BareGateway, path: string): Promise<Record<string, unknown>> {
  const response = await fetch(`${gateway.url}${path}`, {
    headers: { authorization: `Bearer ${ROOT_TOKEN}` },
  })
  expect([path, response.status]).toEqual([path, 200])
  return (await response.json()) as Record<string, unknown>
}
const outboxOf = (gateway: BareGateway, tenant: string) =>
  get(gateway, `/api/v1/tenants/${tenant}/grants/agent/outbox`)

async function toolsOf(gateway: BareGateway, token: string): Promise<string[]> {
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/list',
  }
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta } })
  const response = await fetch(`${gateway.url}/mcp`, { method: 'POST', headers, body })
  const { result } = (await response.json()) as { result: { tools: { name: string }[] } }
  return result.tools.map(({ name }) => name)
}

/** Logs an account in, and out. */
async function comeAndGo(gateway: BareGateway, token: string, account: string): Promise<void> {
  const client = await openSession(gateway.url, token)
  const login = await client.call('auth_login', { provider: 'trusted', account_id: account })
  expect(login).toMatchObject({ status: 200, isError: false })
  const logout = await client.call('auth_logout', {})
  expect(logout.text).toMatch(/^Logged out successfully/)
  client.close()
}

const logoutsAt = (legiti: FakeLegiti) =>
  legiti.accepted().map(({ body }) => (body as { account_id: string }).account_id)

test.skipIf(bareWorkerdMissing !== null)(
  'a deployment without any variable of Legiti’s is well, has no tool of it, and queues nothing',
  async () => {
    const gateway = await deployed(NOTHING)
    expect(await get(gateway, '/healthz')).toMatchObject({ status: 'ok' })
    expect(await get(gateway, '/readyz')).toMatchObject({
      status: 'ready',
      native_servers: { session: 'on', legiti: 'off' },
    })
    const [plain, signing, asking] = await Promise.all([
      agentOf(gateway, 'plain', '*'),
      agentOf(gateway, 'signing', ['*', 'session']),
      agentOf(gateway, 'asking', ['session', 'legiti']),
    ])
    expect(await toolsOf(gateway, plain)).toEqual([])
    for (const token of [signing, asking]) {
      expect(await toolsOf(gateway, token)).toEqual(['auth_login', 'auth_logout', 'auth_whoami'])
      const client = await openSession(gateway.url, token)
      await expect(client.call('track_logout', { account_id: 'ana' })).rejects.toThrow(
        'Unknown tool: track_logout',
      )
      client.close()
    }
    await comeAndGo(gateway, signing, 'ana')
    const client = await openSession(gateway.url, signing)
    await client.call('auth_login', { provider: 'trusted', account_id: 'bea' })
    await client.call('auth_login', { provider: 'jwt', token: 'none' })
    await adminApi(gateway.url, 'signing', ROOT_TOKEN).deleteGrant('agent')
    client.close()
    for (const tenant of ['signing', 'asking'])
      expect(await outboxOf(gateway, tenant)).toMatchObject({
        ...{ pending: 0, dead: 0, delivered: 0 },
        destination: { state: 'off', retry_at: null },
      })
    const { items } = (await get(gateway, '/api/v1/tenants/asking/grants/agent/sessions')) as {
      items: object[]
    }
    expect(items).toEqual([])
    expect(gateway.output()).not.toContain('legiti.')
  },
)

test.skipIf(bareWorkerdMissing !== null)(
  'with Legiti, a grant has the tools that it names, and every session is told of',
  async () => {
    const legiti = await legitiFor()
    const gateway = await deployed(variablesOf(legiti))
    const [has, not] = await Promise.all([
      agentOf(gateway, 'has', ['*', 'session', 'legiti']),
      agentOf(gateway, 'not', ['session']),
    ])
    expect((await toolsOf(gateway, has)).length).toBe(21)
    expect((await toolsOf(gateway, not)).length).toBe(3)
    await comeAndGo(gateway, has, 'ana')
    await comeAndGo(gateway, not, 'bea')
    await until('both logouts arrive', () => logoutsAt(legiti).length === 2, ARRIVES_MS)
    expect(logoutsAt(legiti).sort()).toEqual(['ana', 'bea'])
  },
)

test.skipIf(bareWorkerdMissing !== null)(
  'events that wait when Legiti is taken away are kept, and sent once it is there again',
  async () => {
    const legiti = await legitiFor()
    const gateway = await deployed(variablesOf(legiti))
    const token = await agentOf(gateway, 'acme', ['session', 'legiti'])
    await legiti.down()
    await comeAndGo(gateway, token, 'ana')
    expect(await outboxOf(gateway, 'acme')).toMatchObject({ pending: 1 })

    await gateway.kill9()
    await gateway.startWith(NOTHING)
    await legiti.up()
    await comeAndGo(gateway, token, 'bea')
    await until(
      'the principal says that it holds events',
      () => gateway.output().includes('legiti.held'),
      ARRIVES_MS,
    )
    expect(await outboxOf(gateway, 'acme')).toMatchObject({
      ...{ pending: 1, dead: 0 },
      destination: { state: 'off' },
    })
    expect(legiti.accepted()).toEqual([])

    await gateway.kill9()
    await gateway.startWith(variablesOf(legiti))
    ;(await openSession(gateway.url, token)).close()
    await until('the logout arrives', () => logoutsAt(legiti).length > 0, ARRIVES_MS)
    await comeAndGo(gateway, token, 'cleo')
    await until('the next one, too', () => logoutsAt(legiti).includes('cleo'), ARRIVES_MS)
    expect(logoutsAt(legiti)).toEqual(['ana', 'cleo'])
  },
)

test.skipIf(bareWorkerdMissing !== null)(
  'events that wait when NATIVE_SERVERS leaves Legiti out are sent, and no more are queued',
  async () => {
    const legiti = await legitiFor()
    const gateway = await deployed(variablesOf(legiti))
    const token = await agentOf(gateway, 'acme', ['session', 'legiti'])
    await legiti.down()
    await comeAndGo(gateway, token, 'ana')
    await gateway.kill9()
    await legiti.up()
    await gateway.startWith({ ...variablesOf(legiti), NATIVE_SERVERS: 'session' })
    await comeAndGo(gateway, token, 'bea')
    await until('the logout arrives', () => logoutsAt(legiti).length > 0, ARRIVES_MS)
    await until(
      'the outbox is empty',
      async () => (await outboxOf(gateway, 'acme')).pending === 0,
      ARRIVES_MS,
    )
    expect(logoutsAt(legiti)).toEqual(['ana'])
    expect(await toolsOf(gateway, token)).toEqual(['auth_login', 'auth_logout', 'auth_whoami'])
  },
)
