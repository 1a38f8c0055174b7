/** What an admission asks of the database: it is the one thing that every call pays for, so it is counted here. */

import { runInDurableObject } from 'cloudflare:test'
import { beforeEach, expect, test } from 'vitest'
import type { TenantConfig } from '../../src/contract/config.ts'
import type { AdmitRequest, Intent } from '../../src/contract/principal.ts'
import type { Charge } from '../../src/policy/model.ts'
import { admit } from '../../src/principal/admission/admit.ts'
import { DecisionLog } from '../../src/principal/log/decision-log.ts'
import { readGrant } from '../../src/principal/tables/grants.ts'
import { RememberedRows } from '../../src/principal/tables/remembered.ts'
import { bindUpstream } from '../../src/principal/tables/upstream-sessions.ts'
import { shownByHash } from '../support/credential.ts'
import { within } from '../support/decision-log.ts'
import { connect, fresh, installGrant, principal, rows } from '../support/gateway.ts'

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
    const remembered = new RememberedRows(counted)
    const decisionLog = new DecisionLog(remembered.sql)
    const context = {
      sql: remembered.sql,
      rows: remembered,
      decisionLog,
      grant,
      config,
      nowMs,
      newId: () => crypto.randomUUID(),
      hasLegiti: true,
      reportLogins: false,
      hasStream: () => false,
    }
    // The first of a minute makes the counter; the usual call finds it.
    const once = (it: AdmitRequest) =>
      storage.transactionSync(() => within(decisionLog, () => admit(context, it)))
    const first = once({ ...request, requestId: 'first' })
    statements.splice(0)
    cost = { read: 0, written: 0 }
    const answer = once(request)
    return { kinds: [first.kind, answer.kind], statements, cost, answer }
  })
}

test('a call of the session era, with a limit and a server that keeps sessions, makes one statement', async () => {
  const { kinds, statements, cost, answer } = await statementsOf({ upstream: { server: 'crm', owner: null } })
  expect(kinds).toEqual(['admitted', 'admitted'])
  expect(answer).toMatchObject({ admitted: { upstream: { id: 'u' }, charged: true } })
  // The end of the log's last row.
  expect(statements).toEqual(['UPDATE log SET'])
  expect(cost).toEqual({ read: 1, written: 1 })
})

test('one of the stateless era makes the same', async () => {
  const upstream = { server: 'crm', owner: 'stateless:ab' }
  const { statements } = await statementsOf({ transport: null, upstream })
  expect(statements).toEqual(['UPDATE log SET'])
})

test('more limits on one counter make no more', async () => {
  const charges = [charge, { ...charge, rule: '/all_tools/limits/0', max: '2000' }]
  const { statements } = await statementsOf({ intent: { ...call, charges } as Intent })
  expect(statements).toHaveLength(1)
})

test('without a limit or a server it makes the same, and a check none', async () => {
  const bare = await statementsOf({ intent: { ...call, charges: [] } as Intent })
  expect(bare.statements).toEqual(['UPDATE log SET'])
  const check = await statementsOf({ intent: { kind: 'check' } })
  expect([check.statements, check.cost.written]).toEqual([[], 0])
})

test('how earlier calls ended costs no more, whoever brings it along', async () => {
  const settled = ['first', ...Array.from({ length: 99 }, (_, i) => `of nobody ${i}`)].map((requestId) => ({
    requestId,
    outcome: 'result' as const,
    upstreamStatus: 200,
    latencyMs: 1,
  }))
  const { statements, cost } = await statementsOf({ settled })
  expect(statements).toEqual(['UPDATE log SET'])
  expect(cost.written).toBe(1)
  expect(await rows("SELECT outcome FROM audit WHERE request_id = 'first'", 'acme/bot')).toEqual([
    { outcome: 'result' },
  ])
})
