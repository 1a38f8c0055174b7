/** What is older than a tenant keeps goes; what is not as its object knows it stays, and is found. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { carry } from '../../src/audit/carry.ts'
import { chainRows, GENESIS } from '../../src/audit/chain.ts'
import {
  CHECKPOINT_EVERY,
  MOST_CHECKPOINTS,
  markCheckpoint,
  readCheckpoints,
} from '../../src/audit/checkpoints.ts'
import { cutLog } from '../../src/audit/cut-log.ts'
import { readCut, readWalk } from '../../src/audit/cuts.ts'
import { type RetentionContext, retain } from '../../src/audit/retention.ts'
import { type Verification, verify } from '../../src/audit/verify.ts'
import type { LogEvidence } from '../../src/contract/audit-logs.ts'
import type { StoredRow } from '../../src/contract/audit-row.ts'
import { DecisionLog } from '../../src/principal/log/decision-log.ts'
import { principalLog } from '../../src/principal/tables/audit-log.ts'
import { recordChange } from '../../src/tenant/tables/changes.ts'
import { admin, makeGrant, tenantObject } from '../support/admin.ts'
import { auditDb, carriedRows } from '../support/audit.ts'
import { decided, within } from '../support/decision-log.ts'
import { fresh, principal } from '../support/gateway.ts'

const START = Date.parse('2030-01-01T00:00:00Z')
const DAY = 24 * 3_600_000

beforeEach(async () => {
  await fresh()
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(START)
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** Rows of a grant, all of one time, carried to the database. */
async function written(grant: string, count: number, atMs = Date.now()): Promise<void> {
  await runInDurableObject(principal(`acme/${grant}`), async (_, { storage }) => {
    const log = new DecisionLog(storage.sql)
    storage.transactionSync(() =>
      within(log, () => {
        for (let i = 0; i < count; i++)
          log.write(
            decided({
              atMs,
              client: i % 2 === 0 ? null : { name: 'agent', version: '1.0' },
              decision: 'deny',
            }),
          )
      }),
    )
    await carry({
      log: principalLog(storage.sql, log),
      db: auditDb(),
      tenant: 'acme',
      principal: grant,
      commit: async (work) => storage.transactionSync(() => within(log, work)),
      now: () => Date.now(),
    })
  })
  await evictDurableObject(principal(`acme/${grant}`))
}

const checkpointsOf = (grant: string) =>
  runInDurableObject(principal(`acme/${grant}`), (_, { storage }) =>
    readCheckpoints(storage.sql).map(({ seq }) => seq),
  )

/** One run of the tenant's retention. `more` replaces parts of what it is given. */
async function retained(days = 1, more: (real: RetentionContext) => Partial<RetentionContext> = () => ({})) {
  await runInDurableObject(tenantObject('acme'), async (object, { storage }) => {
    const { sql } = storage
    const real: RetentionContext = {
      sql,
      db: auditDb(),
      tenant: 'acme',
      days,
      evidence: async (name, cut) =>
        name === '(tenant)' ? object.auditEvidence(cut) : principal(`acme/${name}`).auditEvidence(cut),
      commit: async (work) => storage.transactionSync(work),
      now: () => Date.now(),
    }
    sql.exec('UPDATE audit_retention SET next_at = 0')
    await retain({ ...real, ...more(real) })
  })
}

const nextRunMs = () =>
  runInDurableObject(
    tenantObject('acme'),
    (_, { storage }) =>
      storage.sql.exec<{ at: number }>('SELECT next_at AS at FROM audit_retention').one().at - Date.now(),
  )

async function verified(): Promise<Pick<Verification, 'findings' | 'rows'>> {
  const findings = []
  let rows = 0
  for (let after: string | null = null; ; ) {
    const found: Verification | null = await verify(env, auditDb(), 'acme', after)
    if (found === null) throw new Error('no such cursor')
    findings.push(...found.findings)
    rows += found.rows
    if (found.next === null) return { findings, rows }
    after = found.next
  }
}

const meddle = (query: string) => auditDb().prepare(query).run()
const rowsOf = (grant: string) => carriedRows<StoredRow>(`principal = '${grant}'`)
const seqsOf = async (grant: string) => (await rowsOf(grant)).map(({ seq }) => seq)

/** Writes rows of a log anew from `seq` on, as `change` has them, with all hashes after them as they must be. */
async function rewritten(grant: string, seq: number, change: (row: StoredRow) => StoredRow, until = 1e9) {
  const all = await rowsOf(grant)
  const [first] = all
  if (first === undefined) throw new Error('nothing')
  const before = all.findLast((row) => row.seq < seq)?.hash ?? GENESIS
  const forged = await chainRows(
    before,
    first,
    all.filter((row) => row.seq >= seq && row.seq <= until).map(change),
  )
  const set = auditDb().prepare('UPDATE audit SET at = ?, decision = ?, hash = ? WHERE arrived = ?')
  for (let i = 0; i < forged.length; i += 500)
    await auditDb().batch(
      forged
        .slice(i, i + 500)
        .map(({ at, decision, hash, arrived }) => set.bind(at, decision, hash, arrived)),
    )
}

function quietErrors() {
  return vi.spyOn(console, 'error').mockImplementation(() => {})
}

describe('checkpoints', () => {
  test('are kept about every thousand rows, in the transaction that confirms them', async () => {
    await makeGrant('acme', 'bot')
    await written('bot', 2_700)
    expect(await checkpointsOf('bot')).toEqual([1_000, 2_000])
    await evictDurableObject(principal('acme/bot'))
    await written('bot', 800)
    expect(await checkpointsOf('bot')).toEqual([1_000, 2_000, 3_200])
    const hashes = await runInDurableObject(principal('acme/bot'), (_, { storage }) =>
      readCheckpoints(storage.sql).map(({ hash }) => hash),
    )
    const all = await rowsOf('bot')
    expect(hashes).toEqual([1_000, 2_000, 3_200].map((seq) => all[seq - 1]?.hash))
  })

  test('of a log that had none begin with the next batch', async () => {
    await makeGrant('acme', 'bot')
    await written('bot', 2_100)
    await runInDurableObject(principal('acme/bot'), (_, { storage }) => {
      storage.sql.exec('DELETE FROM audit_checkpoints')
    })
    await written('bot', 1)
    expect(await checkpointsOf('bot')).toEqual([2_101])
  })

  test('are so many at most, and the longest stretch between two is short', async () => {
    await makeGrant('acme', 'bot')
    const seqs = await runInDurableObject(principal('acme/bot'), (_, { storage }) =>
      storage.transactionSync(() => {
        for (let i = 1; i <= 2.5 * MOST_CHECKPOINTS; i++)
          markCheckpoint(storage.sql, i * CHECKPOINT_EVERY, `h${i}`)
        return readCheckpoints(storage.sql).map(({ seq }) => seq)
      }),
    )
    expect(seqs).toHaveLength(MOST_CHECKPOINTS)
    expect(seqs.at(-1)).toBe(2.5 * MOST_CHECKPOINTS * CHECKPOINT_EVERY)
    const stretches = seqs.map((seq, i) => seq - (seqs[i - 1] ?? 0))
    expect(Math.max(...stretches)).toBeLessThanOrEqual(4 * CHECKPOINT_EVERY)
  })
})

describe('retention', () => {
  beforeEach(async () => {
    await makeGrant('acme', 'bot')
  })

  test('cuts a long log up to the first row that is not old, and its checkpoints go', async () => {
    await written('bot', 2_600)
    vi.setSystemTime(START + 3 * DAY)
    await written('bot', 3)
    await retained()
    expect(await seqsOf('bot')).toEqual([2_601, 2_602, 2_603])
    expect(await verified()).toMatchObject({ findings: [] })
    vi.setSystemTime(START + 6 * DAY)
    await retained()
    expect(await rowsOf('bot')).toEqual([])
    expect(await checkpointsOf('bot')).toEqual([])
    expect(await verified()).toMatchObject({ findings: [] })
  })

  test('cuts a log from before there were checkpoints', async () => {
    await written('bot', 2_100)
    await runInDurableObject(principal('acme/bot'), (_, { storage }) => {
      storage.sql.exec('DELETE FROM audit_checkpoints')
    })
    vi.setSystemTime(START + 3 * DAY)
    await retained()
    expect(await seqsOf('bot')).toEqual([])
    expect(await verified()).toMatchObject({ findings: [] })
  })

  test('cuts the log of a grant that was revoked, and the tenant’s own', async () => {
    await written('bot', 5)
    await admin('DELETE', 'acme/grants/bot')
    await runInDurableObject(tenantObject('acme'), async (_, { storage }) => {
      recordChange(storage.sql, { atMs: START, actor: 'root', action: 'x.y', subject: 'x', detail: {} })
      await storage.setAlarm(Date.now())
    })
    vi.setSystemTime(START + 20_000)
    await runDurableObjectAlarm(tenantObject('acme'))
    expect((await rowsOf('(tenant)')).length).toBeGreaterThan(0)
    await admin('PUT', 'acme', { audit: { retention_days: 1 } })
    vi.setSystemTime(START + 3 * DAY)
    await runInDurableObject(tenantObject('acme'), (_, { storage }) => storage.setAlarm(Date.now()))
    await runDurableObjectAlarm(tenantObject('acme'))
    expect(await rowsOf('bot')).toEqual([])
    expect((await rowsOf('(tenant)')).filter(({ at }) => at < START + DAY)).toEqual([])
    expect(await verified()).toMatchObject({ findings: [] })
  })

  test.each<[string, number, number, readonly [number, number]]>([
    ['just before the first checkpoint', 999, 0, [0, 1_000]],
    ['at a checkpoint', 1_000, 0, [0, 1_000]],
    ['just after it', 1_001, 1_000, [1_000, 2_000]],
    ['before the head', 2_600, 2_000, [2_000, 2_600]],
  ])('cuts nothing that was written anew with all its hashes: %s', async (_, seq, cutAt, between) => {
    await written('bot', 2_600)
    await rewritten('bot', seq, (row) => (row.seq === seq ? { ...row, decision: 'allow' } : row))
    const errors = quietErrors()
    vi.setSystemTime(START + 3 * DAY)
    for (let run = 0; run < 2; run++) {
      await retained()
      expect((await seqsOf('bot'))[0]).toBe(cutAt + 1)
      expect((await verified()).findings).toMatchObject([{ grant: 'bot', problem: 'altered', between }])
    }
    expect(errors.mock.calls.flat().join()).toContain('audit.not_cut')
  })

  test('cuts nothing of a log whose first rows were written anew as if they were old', async () => {
    await written('bot', 5)
    await rewritten('bot', 1, (row) => ({ ...row, at: 0 }), 3)
    quietErrors()
    vi.setSystemTime(START + DAY)
    await retained(30)
    expect(await seqsOf('bot')).toEqual([1, 2, 3, 4, 5])
    expect((await verified()).findings).toMatchObject([{ problem: 'altered', seq: 4, between: [0, 5] }])
  })

  test.each<[string, string]>([
    ['from which a checkpoint is gone', 'DELETE FROM audit WHERE seq = 1000'],
    ['that ends too early', 'DELETE FROM audit WHERE seq > 500'],
  ])('cuts nothing of a log %s', async (_, query) => {
    await written('bot', 1_100)
    await meddle(query)
    quietErrors()
    vi.setSystemTime(START + 3 * DAY)
    const before = await seqsOf('bot')
    await retained()
    expect(await seqsOf('bot')).toEqual(before)
  })

  test('cuts a log across rows that its object had to let go, for the hashes say so', async () => {
    await written('bot', 3)
    await runInDurableObject(principal('acme/bot'), (_, { storage }) => {
      storage.sql.exec('UPDATE log_state SET last_seq = 10')
    })
    await written('bot', 2)
    const seqs = await seqsOf('bot')
    expect(seqs.at(-1)).toBeGreaterThan(5)
    expect((await verified()).findings).toMatchObject([{ problem: 'missing', seq: 4 }])
    vi.setSystemTime(START + 3 * DAY)
    await retained()
    expect(await seqsOf('bot')).toEqual([])
  })

  test('cuts nothing of a log that no object knows', async () => {
    await meddle(`INSERT INTO audit (tenant, principal, chain, seq, at, kind, hash)
      VALUES ('acme', 'zed', 'c', 1, 1, 'decision', 'x'), ('acme', 'bot', 'other', 1, 1, 'decision', 'x')`)
    const errors = quietErrors()
    vi.setSystemTime(START + 3 * DAY)
    await retained()
    expect((await carriedRows("hash = 'x'")).length).toBe(2)
    expect(
      errors.mock.calls
        .flat()
        .join()
        .match(/unknown_log/g),
    ).toHaveLength(2)
  })

  test('goes on with a log that takes more than one run, and cuts it only at its end', async () => {
    await written('bot', 3_000)
    await runInDurableObject(principal('acme/bot'), (_, { storage }) => {
      storage.sql.exec('DELETE FROM audit_checkpoints')
    })
    const [{ chain } = { chain: '' }] = await rowsOf('bot')
    const of = { tenant: 'acme', principal: 'bot', chain }
    const once = (beforeMs: number) =>
      runInDurableObject(tenantObject('acme'), async (_, { storage }) => {
        const context = {
          sql: storage.sql,
          db: auditDb(),
          evidence: (_name: string, cut: { chain: string; seq: number } | null) =>
            principal('acme/bot').auditEvidence(cut) as Promise<LogEvidence | null>,
          commit: async <T>(work: () => T) => storage.transactionSync(work),
        }
        const outcome = await cutLog(context, of, beforeMs, { left: 1 })
        return { outcome, walk: readWalk(storage.sql, of)?.seq, cut: readCut(storage.sql, of)?.seq }
      })
    expect(await once(START + 1)).toEqual({ outcome: 'more', walk: 1_000, cut: undefined })
    await evictDurableObject(tenantObject('acme'))
    expect(await once(START + 1)).toEqual({ outcome: 'more', walk: 2_000, cut: undefined })
    // The tenant keeps rows longer by now: what was taken for old is looked at again.
    expect(await once(START)).toEqual({ outcome: 'done', walk: 2_000, cut: undefined })
    expect((await seqsOf('bot')).length).toBe(3_000)
    expect(await once(START + 1)).toEqual({ outcome: 'more', walk: undefined, cut: 3_000 })
    expect(await verified()).toMatchObject({ findings: [] })
    vi.setSystemTime(START + 3 * DAY)
    await retained()
    expect(await seqsOf('bot')).toEqual([])
  })

  test('that dies at any commit cuts only what the object knows, and the next run ends it', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    for (let dies = 1; dies < 40; dies++) {
      await written('bot', 1_300)
      const [{ at } = { at: 0 }] = await rowsOf('bot')
      vi.setSystemTime(at + 3 * DAY)
      let commits = 0
      let isDead = false
      await retained(1, ({ commit }) => ({
        commit: async (work) => {
          commits += 1
          isDead ||= commits >= dies
          if (isDead) throw new Error('died')
          return commit(work)
        },
      })).catch(() => {})
      expect((await verified()).findings, `commit ${dies}`).toEqual([])
      await evictDurableObject(tenantObject('acme'))
      await retained()
      await retained()
      expect(await rowsOf('bot'), `commit ${dies}`).toEqual([])
      expect((await verified()).findings, `commit ${dies}`).toEqual([])
      if (!isDead) return
    }
    throw new Error('it never came to its end')
  }, 60_000)

  test('twice at once cuts once, and neither takes the other for somebody who meddles', async () => {
    await written('bot', 2_600)
    vi.setSystemTime(START + 3 * DAY)
    await written('bot', 2)
    const errors = vi.spyOn(console, 'error')
    /** While the first reads, the other cuts all that is old. */
    const overtaken = (real: RetentionContext) => {
      let isOvertaken = false
      const prepare = (query: string) => {
        const statement = real.db.prepare(query)
        if (!query.startsWith('SELECT * FROM audit WHERE')) return statement
        const all = async (values: unknown[]) => {
          if (!isOvertaken) {
            isOvertaken = true
            real.sql.exec("UPDATE audit_retention SET principal = '', chain = ''")
            await retain(real)
          }
          return statement.bind(...values).all()
        }
        return { bind: (...values: unknown[]) => ({ all: () => all(values) }) }
      }
      return { db: { prepare } as unknown as D1Database }
    }
    await retained(1, overtaken)
    expect(errors).not.toHaveBeenCalled()
    expect((await seqsOf('bot'))[0]).toBe(2_601)
    expect(await verified()).toMatchObject({ findings: [] })
  })

  test('removes what was cut before it died, though nothing there is old any more', async () => {
    await written('bot', 5)
    const [{ chain } = { chain: '' }, , , , last] = await rowsOf('bot')
    await runInDurableObject(tenantObject('acme'), (_, { storage }) => {
      storage.sql.exec(
        "INSERT INTO audit_cuts (principal, chain, seq, hash) VALUES ('bot', ?, 5, ?)",
        chain,
        last?.hash ?? '',
      )
    })
    expect(await verified()).toMatchObject({ findings: [] })
    vi.setSystemTime(START + DAY)
    await retained(30)
    expect(await seqsOf('bot')).toEqual([])
    await meddle(`INSERT INTO audit (tenant, principal, chain, seq, at, kind, hash)
      VALUES ('acme', 'bot', '${chain}', 3, ${Date.now()}, 'decision', 'x')`)
    expect((await verified()).findings).toMatchObject([{ seq: 3, problem: 'made_up' }])
  })
})

describe('every log has its turn', () => {
  test('however many before it are refused, over restarts too', async () => {
    await makeGrant('acme', 'zoe')
    await written('zoe', 3)
    const forged = Array.from(
      { length: 230 },
      (_, i) => `('acme', 'grant-${String(i).padStart(3, '0')}', 'c', 1, 1, 'decision', 'x')`,
    )
    await meddle(
      `INSERT INTO audit (tenant, principal, chain, seq, at, kind, hash) VALUES ${forged.join(', ')}`,
    )
    const errors = quietErrors()
    vi.setSystemTime(START + 3 * DAY)
    for (let run = 0; run < 2; run++) {
      await retained()
      expect(await nextRunMs()).toBe(60_000)
      expect(await seqsOf('zoe')).toEqual([1, 2, 3])
      await evictDurableObject(tenantObject('acme'))
    }
    await retained()
    expect(await seqsOf('zoe')).toEqual([])
    expect(await nextRunMs()).toBe(DAY)
    expect(errors).toHaveBeenCalledTimes(230)
    await retained()
    expect(errors).toHaveBeenCalledTimes(330)
  }, 60_000)

  test('also after one whose object does not answer, which is asked again soon', async () => {
    for (const grant of ['bot', 'zoe']) {
      await makeGrant('acme', grant)
      await written(grant, 3)
    }
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    vi.setSystemTime(START + 3 * DAY)
    await retained(1, ({ evidence }) => ({
      evidence: (name, cut) => (name === 'bot' ? Promise.reject(new Error('down')) : evidence(name, cut)),
    }))
    expect([await seqsOf('bot'), await seqsOf('zoe')]).toEqual([[1, 2, 3], []])
    expect(await nextRunMs()).toBe(15 * 60_000)
    await retained()
    expect(await seqsOf('bot')).toEqual([])
    expect(await nextRunMs()).toBe(DAY)
  })

  test('and the database that fails at one log does so for that one', async () => {
    for (const grant of ['bot', 'zoe']) {
      await makeGrant('acme', grant)
      await written(grant, 3)
    }
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    vi.setSystemTime(START + 3 * DAY)
    const failing = ({ db }: RetentionContext) => ({
      db: {
        prepare: (query: string) => {
          const statement = db.prepare(query)
          if (!query.startsWith('SELECT * FROM audit WHERE')) return statement
          return {
            bind: (...values: unknown[]) =>
              values.includes('bot')
                ? { all: () => Promise.reject(new Error('too large')) }
                : statement.bind(...values),
          }
        },
      } as unknown as D1Database,
    })
    await retained(1, failing)
    expect(await nextRunMs()).toBe(15 * 60_000)
    await retained(1, failing)
    expect([await seqsOf('bot'), await seqsOf('zoe')]).toEqual([[1, 2, 3], []])
    expect(await nextRunMs()).toBe(15 * 60_000)
  })
})

test('a verification during which retention cuts finds nothing', async () => {
  await makeGrant('acme', 'bot')
  await written('bot', 4_500)
  const all = await rowsOf('bot')
  const [{ chain } = { chain: '' }] = all
  const cutAt = async (seq: number, isRemoved: boolean) => {
    await runInDurableObject(tenantObject('acme'), (_, { storage }) => {
      storage.sql.exec(
        `INSERT INTO audit_cuts (principal, chain, seq, hash) VALUES ('bot', ?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET seq = ?2, hash = ?3`,
        chain,
        seq,
        all[seq - 1]?.hash ?? '',
      )
    })
    if (isRemoved) await meddle(`DELETE FROM audit WHERE principal = 'bot' AND seq <= ${seq}`)
  }
  const real = auditDb()
  let pages = 0
  const db = {
    prepare: (query: string) => {
      const statement = real.prepare(query)
      if (!query.startsWith('SELECT * FROM audit WHERE')) return statement
      return {
        bind: (...values: unknown[]) => ({
          all: async () => {
            const isBot = values.includes('bot')
            // The first page is read; then it is cut, in one piece that has gone and in one that has not.
            if (isBot && ++pages === 2) {
              await cutAt(2_200, true)
              await cutAt(3_700, false)
            }
            if (isBot && pages === 4) await cutAt(4_500, true)
            return statement.bind(...values).all()
          },
        }),
      }
    },
  } as unknown as D1Database
  const found = await verify(env, db, 'acme', null)
  expect(pages).toBeGreaterThanOrEqual(2)
  expect(found?.findings).toEqual([])
  expect(found?.next).toBeNull()
})

test('a verification says of each stretch whether what its rows say was altered', async () => {
  await makeGrant('acme', 'bot')
  await written('bot', 4_600)
  await rewritten('bot', 1_500, (row) => (row.seq === 1_500 ? { ...row, decision: 'allow' } : row))
  await rewritten('bot', 3_100, (row) => (row.seq === 3_100 ? { ...row, decision: 'allow' } : row))
  await meddle('DELETE FROM audit WHERE seq BETWEEN 4100 AND 4200')
  expect((await verified()).findings).toMatchObject([
    { problem: 'altered', seq: 2_000, between: [1_000, 2_000] },
    { problem: 'altered', seq: 4_000, between: [3_000, 4_000] },
    { problem: 'missing', seq: 4_100, between: null },
  ])
})
