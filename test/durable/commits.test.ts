/** Calls that share a durable write: each is one transaction of its own, and all of them happen. */
import { runInDurableObject } from 'cloudflare:test'
import { beforeEach, describe, expect, test } from 'vitest'
import { Commits } from '../../src/durable/commits.ts'
import { fresh, principal } from '../support/gateway.ts'

beforeEach(fresh)

/** Runs `body` with a table to write to, and counts how often the disk was waited for. */
function withTable<T>(
  body: (
    commits: Commits,
    insert: (n: number) => () => number,
    syncs: () => number,
    rows: () => number[],
  ) => Promise<T>,
): Promise<T> {
  return runInDurableObject(principal(), (_, { storage }) => {
    storage.sql.exec('CREATE TABLE written (n INTEGER)')
    let syncs = 0
    const counted = new Proxy(storage, {
      get: (target, name) => {
        if (name === 'sync') syncs += 1
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const insert = (n: number) => () => {
      storage.sql.exec('INSERT INTO written VALUES (?)', n)
      return n
    }
    const rows = () =>
      storage.sql
        .exec<{ n: number }>('SELECT n FROM written ORDER BY rowid')
        .toArray()
        .map(({ n }) => n)
    return body(new Commits(counted), insert, () => syncs, rows)
  })
}

describe('grouped commit', () => {
  test('one alone runs at once, before anything is waited for', () =>
    withTable(async (commits, insert, _, rows) => {
      const one = commits.run(insert(1))
      expect(rows()).toEqual([1])
      expect(await one).toBe(1)
    }))

  test('many at once are two commits, in the order in which they came', () =>
    withTable(async (commits, insert, syncs, rows) => {
      const all = Array.from({ length: 64 }, (_, n) => n)
      expect(await Promise.all(all.map((n) => commits.run(insert(n))))).toEqual(all)
      expect(rows()).toEqual(all)
      expect(syncs()).toBeLessThanOrEqual(2)
    }))

  test('those who come while others gather go along', () =>
    withTable(async (commits, insert, syncs, rows) => {
      // Each asks again as soon as it is answered, as clients do.
      const asking = Array.from({ length: 16 }, async (_, n) => {
        for (let i = 0; i < 10; i++) await commits.run(insert(n))
      })
      await Promise.all(asking)
      expect(rows()).toHaveLength(160)
      expect(syncs()).toBeLessThanOrEqual(40)
    }))

  test.each([1, 64])('one that throws among %i takes back only itself', (others) =>
    withTable(async (commits, insert, _, rows) => {
      const before = Array.from({ length: others }, (_, n) => commits.run(insert(n)))
      const broken = commits.run(() => {
        insert(1_000)()
        throw new Error('broken')
      })
      const after = commits.run(insert(2_000))
      await expect(broken).rejects.toThrow('broken')
      await Promise.all([...before, after])
      expect(rows()).toEqual([...before.keys(), 2_000])
    }),
  )

  test('what memory held is put back before the others of a failed group run again', () =>
    runInDurableObject(principal(), async (_, { storage }) => {
      let armedAtMs: number | null = null
      const commits = new Commits(storage, () => {
        const before = armedAtMs
        return () => {
          armedAtMs = before
        }
      })
      const runs: (number | null)[] = []
      const arm = () => {
        runs.push(armedAtMs)
        armedAtMs = 5
      }
      const first = commits.run(() => {})
      const all = [commits.run(arm), commits.run(fail), commits.run(arm)]
      expect((await Promise.allSettled([first, ...all])).map(({ status }) => status)).toEqual([
        'fulfilled',
        'fulfilled',
        'rejected',
        'fulfilled',
      ])
      expect(runs).toEqual([null, null, 5])
    }))

  test('goes on after one that was alone threw', () =>
    withTable(async (commits, insert, _, rows) => {
      await expect(commits.run(fail)).rejects.toThrow('alone')
      expect(await commits.run(insert(1))).toBe(1)
      expect(rows()).toEqual([1])
    }))
})

function fail(): never {
  throw new Error('alone')
}
