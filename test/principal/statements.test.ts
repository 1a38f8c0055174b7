/** What an admission asks of the database: it is the one thing that every call pays for, so it is counted here. */

import { runInDurableObject } from 'cloudflare:test'
import { beforeEach, expect, test } from 'vitest'
import type { TenantConfig } from '../../src/contract/config.ts'
import type { AdmitRequest, Intent } from '../../src/contract/principal.ts'
import type { Charge } from '../../src/policy/model.ts'
import { admit } from '../../src/principal/admission/admit.ts'
import { readGrant } from '../../src/principal/tables/grants.ts'
import { RememberedRows } from '../../src/principal/tables/remembered.ts'
import { bindUpstream } from '../../src/principal/tables/upstream-sessions.ts'
import { shownByHash } from '../support/credential.ts'
import { connect, fresh, installGrant, principal } from '../support/gateway.ts'

const URL_ = 'https://crm.example.com/mcp'
beforeEach(fresh)

const charge: Charge = {
  rule: '/tools/look/limits/0',
  counter: 'looks',
  key: 'look/looks/minute/grant',
  window: { lengthMs: 60_000, sliding: false },
  scope: 'grant',
  max: '1000',
  strict: false,
  amount: '1',
  unit: 'calls',
  message: null,
  shadow: false,
}

const call: Intent = {
  kind: 'call',
  call: { server: 'crm', tool: 'look', argumentNames: ['a'], argumentsHmac: null },
  rule: '/tools/look',
  charges: [charge],
  shadow: [],
  assumed: null,
  approval: null,
  begunBy: null,
  work: { kind: 'none' },
}

/** The statements of one admission, by their first words, and how many rows they have read and written. */
async function statementsOf(change: Partial<AdmitRequest>) {
  const token = await installGrant('acme', 'bot')
  const { headers } = await connect({ token })
  const session = headers['mcp-session-id'] ?? ''
  return runInDurableObject(principal('acme/bot'), (_, { storage }) => {
    const { sql } = storage
    const grant = readGrant(sql)
    if (grant === null) throw new Error('no grant')
    const upstreams = [{ name: 'crm', url: URL_ }] as unknown as TenantConfig['upstreams']
    const config = { ...grant.config, upstreams }
    const opened = {
      server: 'crm',
      url: URL_,
      incarnation: '',
      replaces: undefined,
      opened: { id: 'u', protocolVersion: '' },
    }
    const nowMs = Date.now()
    bindUpstream(sql, { owner: session, session: '', stateless: false, ...opened }, nowMs)
    bindUpstream(sql, { owner: 'stateless:ab', session: '', stateless: true, ...opened }, nowMs)
    const statements: string[] = []
    let cost = { read: 0, written: 0 }
    const counted = {
      exec: (query: string, ...bindings: SqlStorageValue[]) => {
        statements.push(
          query
            .trim()
            .replace(/^(SELECT) .* FROM/s, '$1')
            .split(/\s+/)
            .slice(0, 3)
            .join(' '),
        )
        const cursor = sql.exec(query, ...bindings)
        const rows = cursor.toArray()
        cost = { read: cost.read + cursor.rowsRead, written: cost.written + cursor.rowsWritten }
        return { toArray: () => rows, one: () => rows[0] }
      },
    } as unknown as SqlStorage
    const request: AdmitRequest = {
      tenant: 'acme',
      grant: 'bot',
      credential: shownByHash(grant.secretHash),
      requestId: 'r',
      transport: change.transport === undefined ? session : change.transport,
      handle: null,
      configVersion: null,
      upstream: null,
      settled: [],
      intent: call,
      ...change,
    }
    const rows = new RememberedRows(counted)
    const context = {
      sql: rows.sql,
      rows,
      grant,
      config,
      nowMs,
      newId: () => crypto.randomUUID(),
      hasLegiti: true,
      reportLogins: false,
      hasStream: () => false,
    }
    // The first of a minute makes the counter; the usual call finds it.
    const first = admit(context, request)
    statements.splice(0)
    cost = { read: 0, written: 0 }
    const answer = storage.transactionSync(() => admit(context, request))
    return { kinds: [first.kind, answer.kind], statements, cost, answer }
  })
}

test('a call of the session era, with a limit and a server that keeps sessions, makes three statements', async () => {
  const { kinds, statements, cost, answer } = await statementsOf({ upstream: { server: 'crm', owner: null } })
  expect(kinds).toEqual(['admitted', 'admitted'])
  expect(answer).toMatchObject({ admitted: { upstream: { id: 'u' }, charged: true } })
  expect(statements).toEqual(['SELECT counters WHERE', 'INSERT INTO counters', 'INSERT INTO audit'])
  // The row, its two indexes and the last number that was given; the counter.
  expect(cost.written).toBe(5)
  expect(cost.read).toBeLessThan(12)
})

test('one of the stateless era makes the same', async () => {
  const upstream = { server: 'crm', owner: 'stateless:ab' }
  const { statements } = await statementsOf({ transport: null, upstream })
  expect(statements).toEqual(['SELECT counters WHERE', 'INSERT INTO counters', 'INSERT INTO audit'])
})

test('more limits on one counter make no more', async () => {
  const charges = [charge, { ...charge, rule: '/all_tools/limits/0', max: '2000' }]
  const { statements } = await statementsOf({ intent: { ...call, charges } as Intent })
  expect(statements).toHaveLength(3)
})

test('without a limit or a server it makes one, and a check none', async () => {
  const bare = await statementsOf({ intent: { ...call, charges: [] } as Intent })
  expect(bare.statements).toEqual(['INSERT INTO audit'])
  const check = await statementsOf({ intent: { kind: 'check' } })
  expect([check.statements, check.cost.written]).toEqual([[], 0])
})

test('how a hundred earlier calls ended costs one more, whoever brings it along', async () => {
  const settled = Array.from({ length: 100 }, (_, i) => ({
    requestId: `${i}`,
    outcome: 'result' as const,
    upstreamStatus: 200,
    latencyMs: 1,
  }))
  const { statements } = await statementsOf({ settled })
  expect(statements[0]).toBe('UPDATE audit SET')
  expect(statements).toHaveLength(4)
})
