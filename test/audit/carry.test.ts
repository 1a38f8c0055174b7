/** Audit rows leave their object for the audit database: all of them, once, chained. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { carry, nextCarryMs } from '../../src/audit/carry.ts'
import { chainRows, GENESIS } from '../../src/audit/chain.ts'
import { readCheckpoints } from '../../src/audit/checkpoints.ts'
import { readProgress } from '../../src/audit/progress.ts'
import type { StoredRow } from '../../src/contract/audit-row.ts'
import { DecisionLog } from '../../src/principal/log/decision-log.ts'
import type { AuditEntry } from '../../src/principal/log/entries.ts'
import { principalLog } from '../../src/principal/tables/audit-log.ts'
import { recordChange } from '../../src/tenant/tables/changes.ts'
import { admin, tenantObject } from '../support/admin.ts'
import { auditDb, carriedRows } from '../support/audit.ts'
import { inLog, within } from '../support/decision-log.ts'
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

/** Rows as `admit` would write them, in a principal of their own. */
async function written(
  count: number,
  outcome: 'result' | null = 'result',
  taken: AuditEntry['taken'] = [],
): Promise<void> {
  await installGrant('acme', 'bot')
  await runInDurableObject(principal(NAME), (_, { storage }) =>
    inLog(storage, (log) => {
      for (let i = 0; i < count; i++)
        log.write({
          atMs: Date.now(),
          requestId: `r${i}`,
          sessionId: 'ses_1',
          account: 'ana',
          // Both versions of rows, in one chain.
          client: i % 2 === 0 ? null : { name: 'agent', version: i % 4 === 1 ? null : '1.0' },
          call: { server: 'crm', tool: 'find', argumentNames: ['q'], argumentsHmac: 'k:x' },
          decision: 'allow',
          rule: '/tools/find',
          configVersion: 'v1',
          taken,
          shadow: [],
          ...(outcome === null ? {} : { outcome }),
        })
    }),
  )
  // What memory knows of the log is not so any more.
  await evictDurableObject(principal(NAME))
}

/** One run, with a database of the test's making. */
async function carryWith(db: D1Database): Promise<boolean> {
  return runInDurableObject(principal(NAME), (_, { storage }) => {
    const log = new DecisionLog(storage.sql)
    return carry({
      log: principalLog(storage.sql, log),
      db,
      tenant: 'acme',
      principal: 'bot',
      commit: async (work) => storage.transactionSync(() => within(log, work)),
      now: () => Date.now(),
    })
  })
}

/** The real database, with `batch` replaced. */
function database(batch: (real: () => Promise<D1Result[]>) => Promise<unknown>): D1Database {
  const real = auditDb()
  return {
    prepare: (query: string) => real.prepare(query),
    batch: (statements: D1PreparedStatement[]) => batch(() => real.batch(statements)),
  } as unknown as D1Database
}

const held = async () => (await rows<{ n: number }>('SELECT count(*) AS n FROM audit', NAME))[0]?.n
const progress = () => runInDurableObject(principal(NAME), (_, { storage }) => readProgress(storage.sql))

const checkpoints = () =>
  runInDurableObject(principal(NAME), (_, { storage }) => readCheckpoints(storage.sql))

async function expectChained(count: number): Promise<void> {
  const all = await carriedRows<StoredRow>("principal = 'bot'")
  expect(all.map(({ seq }) => seq)).toEqual(Array.from({ length: count }, (_, i) => i + 1))
  const [first] = all
  if (first === undefined) return
  const chained = await chainRows(GENESIS, first, all)
  expect(chained.map(({ hash }) => hash)).toEqual(all.map(({ hash }) => hash))
  expect(await progress()).toMatchObject({ headSeq: count, headHash: all.at(-1)?.hash })
}

describe('rows of a principal', () => {
  test('leave it ten seconds later, whole and chained, and are gone from it', async () => {
    const token = await installGrant('acme', 'bot')
    const client = await connect({ token })
    for (let i = 0; i < 3; i++) await client.call('auth_whoami')
    await settled(NAME)
    expect(await held()).toBe(3)
    vi.setSystemTime(START + 10_000)
    expect(await runDurableObjectAlarm(principal(NAME))).toBe(true)
    await principal(NAME).auditSettled()
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
      arguments_hmac: expect.stringMatching(/^insecure-demo:[\w-]{22}$/),
    })
  })

  test('go on from the row before, batch after batch', async () => {
    await written(1_201)
    await carryWith(auditDb())
    await expectChained(1_201)
    expect(await held()).toBe(0)
  })

  test('wait a minute for how the call ended, and those behind them with them', async () => {
    await written(1, null)
    await written(1)
    await carryWith(auditDb())
    expect(await held()).toBe(2)
    const nextMs = await runInDurableObject(principal(NAME), (_, { storage }) =>
      nextCarryMs(principalLog(storage.sql, new DecisionLog(storage.sql)), Date.now()),
    )
    expect(nextMs).toBe(START + 60_000)
    vi.setSystemTime(START + 60_000)
    await carryWith(auditDb())
    expect((await carriedRows()).map(({ outcome }) => outcome)).toEqual(['unknown', 'result'])
    await expectChained(2)
  })

  test('stay where they may be refunded', async () => {
    await written(1, 'result', [['k', 0]])
    await carryWith(auditDb())
    expect(await held()).toBe(1)
    await written(1)
    vi.setSystemTime(START + 61_000)
    await carryWith(auditDb())
    expect(await held()).toBe(0)
    await expectChained(2)
  })
})

describe('a database that', () => {
  test('is down loses nothing, and is asked less and less often', async () => {
    await written(2)
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const down = database(() => Promise.reject(new Error('D1_ERROR: secret in a message')))
    const pauses: number[] = []
    for (let i = 0; i < 9; i++) {
      await carryWith(down)
      pauses.push((await progress()).retryAtMs - Date.now())
    }
    expect([pauses[0], pauses.at(-1)]).toEqual([5_000, 300_000])
    expect(await held()).toBe(2)
    expect(warned.mock.calls.flat().join()).not.toContain('secret')
    await carryWith(auditDb())
    await expectChained(2)
    expect((await progress()).failures).toBe(0)
  })

  test('takes the rows and then fails has them once', async () => {
    await written(3, null)
    vi.setSystemTime(START + 60_000)
    await carryWith(
      database(async (real) => {
        await real()
        throw new Error('D1_ERROR: Network connection lost')
      }),
    )
    expect(await held()).toBe(3)
    // Too late: what was sent says "unknown", and must be the same when it is sent again.
    await runInDurableObject(principal(NAME), (_, { storage }) =>
      inLog(storage, (log) =>
        log.settle([{ requestId: 'r0', outcome: 'result', upstreamStatus: 200, latencyMs: 1 }], Date.now()),
      ),
    )
    await carryWith(auditDb())
    expect((await carriedRows()).map(({ outcome }) => outcome)).toEqual(['unknown', 'unknown', 'unknown'])
    await expectChained(3)
  })

  test('does everything twice has the rows once', async () => {
    await written(3)
    await carryWith(
      database(async (real) => {
        await real()
        return real()
      }),
    )
    await expectChained(3)
  })

  test('says yes and holds nothing is not believed', async () => {
    await written(3)
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    await carryWith(database(async () => [{ results: [], meta: { changes: 3 } }, { results: [] }]))
    expect(await held()).toBe(3)
    expect(await progress()).toMatchObject({ headSeq: 0, frozenSeq: 3, failures: 1 })
    await carryWith(auditDb())
    await expectChained(3)
  })

  test('holds another row in that place is not believed either', async () => {
    await written(1)
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const { chain } = await progress()
    await auditDb()
      .prepare(`INSERT INTO audit (tenant, principal, chain, seq, at, kind, hash)
                VALUES ('acme', 'bot', ?, 1, 1, 'decision', 'other')`)
      .bind(chain)
      .run()
    await carryWith(auditDb())
    expect([await held(), (await progress()).headSeq]).toEqual([1, 0])
  })
})

test.each([1, 2, 3, 4, 5, 6])(
  'an object that dies at commit %i of carrying loses and doubles nothing',
  async (dies) => {
    await written(1_200)
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    let commits = 0
    await runInDurableObject(principal(NAME), async (_, { storage }) => {
      const decisionLog = new DecisionLog(storage.sql)
      const commit = async <T>(work: () => T): Promise<T> => {
        commits += 1
        if (commits >= dies) throw new Error('died')
        return storage.transactionSync(() => within(decisionLog, work))
      }
      const log = principalLog(storage.sql, decisionLog)
      const now = () => Date.now()
      await carry({ log, db: auditDb(), tenant: 'acme', principal: 'bot', commit, now })
    })
    await evictDurableObject(principal(NAME))
    // What it remembers of the log agrees with the head, whether it died before the commit or after.
    const { headSeq } = await progress()
    expect(await checkpoints()).toHaveLength(headSeq >= 1_000 ? 1 : 0)
    await carryWith(auditDb())
    await expectChained(1_200)
    expect(await held()).toBe(0)
    const [row] = await carriedRows<StoredRow>('seq = 1000')
    expect(await checkpoints()).toEqual([{ seq: 1_000, hash: row?.hash }])
  },
)

test('a log that has nowhere to go stays', async () => {
  await written(1)
  await runInDurableObject(principal(NAME), (object) => {
    Object.assign(object, { env: { ...env, AUDIT_DB: undefined } })
  })
  vi.setSystemTime(START + 29 * 24 * 3_600_000)
  await runDurableObjectAlarm(principal(NAME))
  expect(await held()).toBe(1)
})

test('administrative changes are carried and chained, too', async () => {
  await admin('PUT', 'acme', {})
  await runInDurableObject(tenantObject('acme'), async (_, { storage }) => {
    const change = { atMs: START, actor: 'root', action: 'policy.put', subject: 'policy/main' }
    recordChange(storage.sql, { ...change, detail: { to: 1 } })
    recordChange(storage.sql, { ...change, detail: { from: 1, to: 2 } })
    await storage.setAlarm(START)
  })
  vi.setSystemTime(START + 10_000)
  await runDurableObjectAlarm(tenantObject('acme'))
  const all = await carriedRows<StoredRow>("principal = '(tenant)'")
  expect(all.slice(-2)).toMatchObject([
    { kind: 'change', actor: 'root', action: 'policy.put', subject: 'policy/main', detail: '{"to":1}' },
    { detail: '{"from":1,"to":2}' },
  ])
  const [first] = all
  if (first === undefined) throw new Error('nothing')
  expect((await chainRows(GENESIS, first, all)).at(-1)?.hash).toBe(all.at(-1)?.hash)
})
