/** Audit rows leave their object for the audit database: all of them, once, chained. */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { carry, type CarryContext, nextCarryMs } from '../../src/audit/carry.ts'
import { chainRows, GENESIS } from '../../src/audit/chain.ts'
import { readProgress } from '../../src/audit/progress.ts'
import type { StoredRow } from '../../src/audit/row.ts'
import { principalLog } from '../../src/principal/audit-log.ts'
import { recordChange } from '../../src/tenant/changes.ts'
import { admin, tenantObject } from '../support/admin.ts'
import { auditDb, carriedRows } from '../support/audit.ts'
import { connect, fresh, installGrant, principal, rows, settled } from '../support/gateway.ts'

const START = Date.parse('2030-01-01T00:00:00Z')
const NAME = 'acme/bot'

beforeEach(async () => {
  await fresh()
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(START)
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** Calls that were decided, in a session of their own. */
async function decided(calls: number): Promise<void> {
  const token = await installGrant('acme', 'bot')
  const client = await connect(token)
  for (let i = 0; i < calls; i++) await client.call('auth_whoami')
  await settled()
}

async function ring(ms = 10_000): Promise<void> {
  vi.setSystemTime(Date.now() + ms)
  await runDurableObjectAlarm(principal(NAME))
  await carried()
}

/** Waits until nothing is on its way. */
async function carried(): Promise<void> {
  await principal(NAME).auditSettled()
}

const held = async () => (await rows<{ n: number }>('SELECT count(*) AS n FROM audit', NAME))[0]?.n

async function expectChained(count: number): Promise<void> {
  const all = await carriedRows<StoredRow>("principal = 'bot'")
  expect(all.map(({ seq }) => seq)).toEqual(Array.from({ length: count }, (_, i) => i + 1))
  const [first] = all
  if (first === undefined) return
  const chained = await chainRows(GENESIS, first, all)
  expect(chained.map(({ hash }) => hash)).toEqual(all.map(({ hash }) => hash))
}

describe('rows of a principal', () => {
  test('leave it ten seconds later, whole and chained, and are gone from it', async () => {
    await decided(3)
    expect(await held()).toBe(3)
    await ring()
    await expectChained(3)
    expect(await held()).toBe(0)
    expect((await carriedRows())[0]).toMatchObject({
      tenant: 'acme',
      principal: 'bot',
      kind: 'decision',
      at: START,
      method: 'tools/call',
      server: 'session',
      tool: 'auth_whoami',
      decision: 'allow',
      outcome: 'result',
      argument_names: '[]',
    })
  })
})
