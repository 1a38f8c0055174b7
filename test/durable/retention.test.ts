/** Rows go once they have been kept long enough, in batches, and the next time for that is known. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, expect, test } from 'vitest'
import { fullHour, nextPurgeMs, purgeRows, retention } from '../../src/durable/retention.ts'
import { ROUND_ROWS } from '../../src/durable/turns.ts'
import { fresh } from '../support/gateway.ts'

beforeEach(fresh)

const kept = [
  retention({ table: 'things', column: 'done_at', rows: 'done_at IS NOT NULL', keepMs: 1_000 }),
  retention({ table: 'others', column: 'at', keepMs: 10 }),
]

async function inTables(work: (sql: SqlStorage) => void): Promise<void> {
  await runInDurableObject(env.TENANT.getByName('retention'), (_, { storage }) => {
    storage.sql.exec('CREATE TABLE things (done_at INTEGER); CREATE TABLE others (at INTEGER)')
    work(storage.sql)
    storage.sql.exec('DROP TABLE things; DROP TABLE others')
  })
}

test('rows go when their time is over, and no others', () =>
  inTables((sql) => {
    expect(nextPurgeMs(sql, kept)).toBeNull()
    sql.exec('INSERT INTO things VALUES (NULL), (500), (501)')
    expect(nextPurgeMs(sql, kept)).toBe(1_500)
    sql.exec('INSERT INTO others VALUES (100)')
    expect(nextPurgeMs(sql, kept)).toBe(110)
    expect(purgeRows(sql, kept, 1_500)).toBe(false)
    expect(sql.exec('SELECT done_at FROM things').toArray()).toEqual([{ done_at: null }, { done_at: 501 }])
    expect(sql.exec('SELECT at FROM others').toArray()).toEqual([])
    expect(nextPurgeMs(sql, kept)).toBe(1_501)
  }))

test('very many go in several batches', () =>
  inTables((sql) => {
    const many = ROUND_ROWS + 1
    sql.exec(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${many})
       INSERT INTO others SELECT i FROM n`,
    )
    expect(purgeRows(sql, kept, 1_000_000)).toBe(true)
    expect(sql.exec('SELECT count(*) AS n FROM others').one()).toEqual({ n: 1 })
    expect(purgeRows(sql, kept, 1_000_000)).toBe(false)
    expect(nextPurgeMs(sql, kept)).toBeNull()
  }))

test('a round deletes so many rows and no more, from whichever tables they are', () =>
  inTables((sql) => {
    const fill = (table: string, rows: number) =>
      sql.exec(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
         INSERT INTO ${table} SELECT i FROM n`,
      )
    const left = () =>
      ['things', 'others'].map(
        (table) => sql.exec<{ n: number }>(`SELECT count(*) AS n FROM ${table}`).one().n,
      )
    fill('things', ROUND_ROWS - 1)
    fill('others', 3)
    expect(purgeRows(sql, kept, 1_000_000)).toBe(true)
    expect(left()).toEqual([0, 2])
    expect(purgeRows(sql, kept, 1_000_000)).toBe(false)
    expect(left()).toEqual([0, 0])
  }))

test('a full hour is the one after, or this very moment', () => {
  expect([fullHour(1), fullHour(3_600_000)]).toEqual([3_600_000, 3_600_000])
})
