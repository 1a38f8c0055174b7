/**
 * Nothing that is a secret, and no argument's value, is in the audit trail, in any table that feeds it, or in a log:
 * a run with values that are easily found, then everything is looked through.
 */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { admin, makeGrant, ROOT, tenantObject } from '../support/admin.ts'
import { auditDb } from '../support/audit.ts'
import { connect, fresh, open, principal, settled } from '../support/gateway.ts'

const START = Date.parse('2030-01-01T00:00:00Z')
const MARK = 'MARKERvalue'

beforeEach(async () => {
  await fresh()
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(START)
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** All that the tables hold, as text. */
async function dump(stub: DurableObjectStub, tables: readonly string[]): Promise<string> {
  return runInDurableObject(stub, (_, { storage }) =>
    JSON.stringify(tables.map((table) => storage.sql.exec(`SELECT * FROM ${table}`).toArray())),
  )
}

test('no marker is found anywhere', async () => {
  const logs: string[] = []
  for (const level of ['log', 'info', 'warn', 'error'] as const)
    vi.spyOn(console, level).mockImplementation((line) => void logs.push(String(line)))

  await admin('PUT', 'acme', { identity: { trusted: true }, audit: { retention_days: 30 } })
  await admin('PUT', 'acme/servers/crm', {
    url: 'https://crm.example.com/mcp',
    headers: { 'x-api-key': `${MARK}-header` },
  })
  const token = await makeGrant('acme', 'bot', {
    version: '1',
    default: 'allow',
    tools: { crm__secret: { deny_if: [{ conditions: [], on_deny: 'No.' }] } },
  })
  const client = await connect({ token })
  const deep = { a: { b: [`${MARK}-deep`] }, list: Array.from({ length: 400 }, () => `${MARK}-many`) }
  for (const [tool, args] of [
    ['auth_whoami', { [`${MARK}_name`]: 1, note: `${MARK}-whoami` }],
    ['auth_login', { provider: 'jwt', token: `${MARK}.jwt.token` }],
    ['auth_login', { provider: 'trusted', account_id: 'ana', note: `${MARK}-login` }],
    ['get_decision', { sale_id: `${MARK}-sale` }],
    [`${MARK}_tool`, { q: `${MARK}-unknown` }],
    ['crm__find', { q: `${MARK}-q`, password: `${MARK}-password`, deep, [`${MARK} not a name`]: 1 }],
    ['crm__secret', { q: `${MARK}-denied` }],
    ['nowhere__find', { q: `${MARK}-nowhere` }],
  ] as const)
    await client.call(tool, args)
  await settled('acme/bot')

  const decided = await dump(principal('acme/bot'), ['audit', 'audit_chain', 'audit_checkpoints'])
  expect(decided).toContain('crm')
  expect(decided).not.toContain(MARK)
  vi.setSystemTime(START + 70_000)
  await runDurableObjectAlarm(principal('acme/bot'))
  await principal('acme/bot').auditSettled()
  await runDurableObjectAlarm(tenantObject('acme'))

  const tables = [
    'changes',
    'audit_chain',
    'audit_checkpoints',
    'audit_principals',
    'audit_cuts',
    'audit_walks',
  ]
  const { results } = await auditDb().prepare('SELECT * FROM audit').all()
  expect(results.length).toBeGreaterThanOrEqual(8)
  const exported = await (await open('GET', '/api/v1/tenants/acme/audit/export', ROOT, {})).arrayBuffer()
  const everything = [
    JSON.stringify(results),
    new TextDecoder().decode(exported),
    await dump(principal('acme/bot'), ['audit', 'audit_chain', 'audit_checkpoints']),
    await dump(tenantObject('acme'), tables),
    logs.join('\n'),
  ].join('\n')
  const secret = token.split('_').at(-1) ?? ''
  for (const found of [MARK, token, secret, ROOT])
    expect(everything.includes(found), found.slice(0, 6)).toBe(false)
})

test('an HMAC tells the same arguments of one tenant, and nothing between two', async () => {
  const macs: Record<string, string[]> = {}
  for (const tenant of ['acme', 'other']) {
    const client = await connect({ token: await makeGrant(tenant, 'bot') })
    await client.call('get_decision', { sale_id: 'one' })
    await client.call('get_decision', { sale_id: 'one' })
    await client.call('get_decision', { sale_id: 'two' })
    macs[tenant] = await runInDurableObject(principal(`${tenant}/bot`), (_, { storage }) =>
      storage.sql
        .exec<{ mac: string }>('SELECT arguments_hmac AS mac FROM audit ORDER BY seq')
        .toArray()
        .map(({ mac }) => mac),
    )
  }
  const [one, again, two] = macs.acme ?? []
  expect(one).toBe(again)
  expect(new Set([one, two, ...(macs.other ?? [])]).size).toBe(4)
})
