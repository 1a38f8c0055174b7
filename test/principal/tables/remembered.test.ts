/** What calls ask for is remembered, and never longer than it is so. */
import { runInDurableObject } from 'cloudflare:test'
import { beforeEach, expect, test } from 'vitest'
import type { Env } from '../../../src/contract/env.ts'
import { RememberedRows } from '../../../src/principal/tables/remembered.ts'
import { endSession, startSession } from '../../../src/principal/tables/sessions.ts'
import { endTransport, openTransport } from '../../../src/principal/tables/transports.ts'
import { type Whose, whose } from '../../../src/principal/tables/whose.ts'
import { PrincipalState } from '../../../src/principal/work/state.ts'
import { connect, fresh, installGrant, post, principal, request } from '../../support/gateway.ts'

const lifetimes = { idleMs: 60_000, absoluteMs: 600_000 }
const NOW_MS = 1_000_000

beforeEach(fresh)

test('a logout that is rolled back leaves the login, for those whose work ran beside it, too', async () => {
  await installGrant('acme', 'bot')
  await runInDurableObject(principal('acme/bot'), async (_, { storage }) => {
    const state = new PrincipalState(
      storage,
      () => ({}) as Env,
      () => false,
    )
    const { sql, rows } = state
    const find = () =>
      whose({ rows, mode: 'auto', hasStream: () => false, nowMs: NOW_MS }, { transport: null, handle: null })
    const accountOf = (found: Whose) =>
      found.kind === 'found' ? (found.place.session?.account ?? null) : '?'
    const start = { id: 'ses_a', transport: null, account: 'ana', provider: null, client: null }
    await state.write(() => startSession(sql, start, lifetimes, NOW_MS))

    const works = [
      () => {
        endSession(sql, 'ses_a', 'logout', NOW_MS)
        expect(accountOf(find())).toBeNull()
        throw new Error('rolled back')
      },
      () => accountOf(find()),
    ]
    // The first is under way while the others wait, and then they share a transaction.
    const answers = await Promise.allSettled([() => null, ...works].map((work) => state.write<unknown>(work)))
    expect(answers.map((answer) => (answer.status === 'fulfilled' ? answer.value : 'failed'))).toEqual([
      null,
      'failed',
      'ana',
    ])
    expect(accountOf(find())).toBe('ana')
  })
})

/** An object's rows, and how often they were asked for. */
async function inObject(
  work: (at: {
    readonly sql: SqlStorage
    readonly find: (transport: string | null, nowMs?: number) => Whose
    readonly selects: () => number
  }) => void,
): Promise<void> {
  await installGrant('acme', 'bot')
  await runInDurableObject(principal('acme/bot'), (_, { storage }) => {
    let selects = 0
    const counted = {
      exec: (query: string, ...bindings: SqlStorageValue[]) => {
        if (query.trimStart().startsWith('SELECT')) selects++
        return storage.sql.exec(query, ...bindings)
      },
    } as unknown as SqlStorage
    const rows = new RememberedRows(counted)
    const find = (transport: string | null, nowMs = NOW_MS) =>
      whose({ rows, mode: 'auto', hasStream: () => false, nowMs }, { transport, handle: null })
    work({ sql: rows.sql, find, selects: () => selects })
  })
}

const accountOf = (found: Whose) =>
  found.kind === 'found' ? (found.place.session?.account ?? null) : found.kind
const login = (id: string, account: string, transport: string | null) =>
  ({ id, transport, account, provider: null, client: null }) as const
const opened = (id: string) => ({ id, protocolVersion: '2025-11-25', client: null })

test('a place is read once, whatever is counted and recorded meanwhile', () =>
  inObject(({ sql, find, selects }) => {
    openTransport(sql, opened('t1'), 1_000, NOW_MS)
    startSession(sql, login('ses_a', 'ana', 't1'), lifetimes, NOW_MS)
    expect(accountOf(find('t1'))).toBe('ana')
    sql.exec("INSERT INTO counters (key, window_start, used, window_end) VALUES ('k', 1, 1, 2)")
    sql.exec("UPDATE log SET entries = '' WHERE seq = 1")
    sql.exec("DELETE FROM counters WHERE key = 'k'")
    for (let i = 0; i < 5; i++) expect(accountOf(find('t1'))).toBe('ana')
    expect(selects()).toBe(1)
  }))

test.each<readonly [string, (sql: SqlStorage) => void, string | null]>([
  ['a login', (sql) => startSession(sql, login('ses_b', 'bea', 't1'), lifetimes, NOW_MS + 1), 'bea'],
  ['what follows a harmless statement', (sql) => void sql.exec('SELECT 1; DELETE FROM sessions'), null],
  [
    'what follows a statement about audit rows',
    (sql) => void sql.exec('UPDATE log SET at = 1; UPDATE transports SET ended_at = 1'),
    'dead_transport',
  ],
  ['a logout', (sql) => void endSession(sql, 'ses_a', 'logout', NOW_MS), null],
  ['the end of the connection', (sql) => endTransport(sql, 't1', NOW_MS), 'dead_transport'],
  [
    'a statement in other letters',
    (sql) => void sql.exec('  update transports SET ended_at = 1'),
    'dead_transport',
  ],
  ['a statement behind a comment', (sql) => void sql.exec('-- note\nDELETE FROM sessions'), null],
  [
    'a statement behind a table of its own',
    (sql) =>
      void sql.exec("WITH a AS (SELECT 't1' AS id) DELETE FROM transports WHERE id IN (SELECT id FROM a)"),
    'dead_transport',
  ],
])('%s counts at once', (_, change, account) =>
  inObject(({ sql, find }) => {
    openTransport(sql, opened('t1'), 1_000, NOW_MS)
    startSession(sql, login('ses_a', 'ana', 't1'), lifetimes, NOW_MS)
    expect(accountOf(find('t1'))).toBe('ana')
    change(sql)
    expect(accountOf(find('t1'))).toBe(account)
  }),
)

test('a login whose time is over gives way to an older one, without a statement', () =>
  inObject(({ sql, find }) => {
    openTransport(sql, opened('t1'), 1_000, NOW_MS)
    startSession(sql, login('ses_a', 'ana', 't1'), lifetimes, NOW_MS)
    startSession(sql, login('ses_b', 'bea', 't1'), { idleMs: 1_000, absoluteMs: 1_000 }, NOW_MS + 1)
    expect(accountOf(find('t1', NOW_MS + 2))).toBe('bea')
    expect(accountOf(find('t1', NOW_MS + 1_000))).toBe('bea')
    expect(accountOf(find('t1', NOW_MS + 1_001))).toBe('ana')
    expect(accountOf(find('t1', NOW_MS + 60_000))).toBeNull()
  }))

test('no connection, and one without a name, are two places', () =>
  inObject(({ sql, find }) => {
    startSession(sql, login('ses_a', 'ana', null), lifetimes, NOW_MS)
    for (let i = 0; i < 2; i++) {
      expect(accountOf(find(null))).toBe('ana')
      expect(accountOf(find(''))).toBe('dead_transport')
    }
  }))

test('strangers to it are not remembered at length, and never without end', () =>
  inObject(({ find, selects }) => {
    const long = 'x'.repeat(16_000)
    for (let i = 0; i < 3; i++) expect(accountOf(find(long))).toBe('dead_transport')
    expect(selects()).toBe(3)
    for (let i = 0; i < 5_000; i++) find(`t${i}`)
    for (let i = 4_990; i < 5_000; i++) find(`t${i}`)
    expect(selects()).toBe(5_003)
    // The first made room long ago.
    find('t0')
    expect(selects()).toBe(5_004)
  }))

const ping = (token: string, transport: string) =>
  post(request('ping'), { token, headers: { 'mcp-session-id': transport } })

test('what was erased is forgotten', async () => {
  const token = await installGrant('acme', 'bot')
  const { headers } = await connect({ token })
  const transport = headers['mcp-session-id'] ?? ''
  expect((await ping(token, transport)).status).toBe(200)
  await principal('acme/bot').revoke()
  await principal('acme/bot').leave(true)
  await principal('acme/bot').erase()
  const again = await installGrant('acme', 'bot')
  expect((await ping(again, transport)).status).toBe(404)
})
