/**
 * The audit trail loses nothing and doubles nothing: `kill -9` of the runtime at every step of carrying, and a
 * database that refuses, breaks off, hangs and does things twice. What was answered is on record, once, and verifies.
 */
import { describe, expect, onTestFinished, test } from 'vitest'
import { adminApi, ROOT_TOKEN } from '../support/node/admin-api.ts'
import { type AuditDatabase, startAuditDatabase } from '../support/node/audit-database.ts'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { openSession, type SessionClient } from '../support/node/session-client.ts'
import { until } from '../support/node/until.ts'

const CALLS = 20
/** Rows gather for ten seconds, and a row that could not be carried is tried again after five. */
const CARRIED_WITHIN_MS = 40_000

type Moment =
  /** Before anything was sent: the rows are only in the principal. */
  | 'before'
  /** Frozen and sent, and the database has done nothing yet. */
  | 'came'
  /** The database has them, and the gateway does not know. */
  | 'done'
  /** The answer is on its way, or the head is just being moved. */
  | 'answered'

const vars = { DEMO: 'true', LEGITI_REPORT_LOGINS: 'false' }

interface Lane {
  readonly database: AuditDatabase
  readonly gateway: BareGateway
  readonly client: SessionClient
}

async function openLane(): Promise<Lane> {
  const database = await startAuditDatabase()
  onTestFinished(database.stop)
  const gateway = await startBare(vars, { auditDb: database.address })
  onTestFinished(gateway.stop)
  const api = adminApi(gateway.url, 'acme')
  await api.putTenant()
  await api.putPolicy('all', { version: '1', default: 'allow' })
  const token = await api.putGrant('bot', { policy: 'all' })
  const client = await openSession(gateway.url, token)
  onTestFinished(client.close)
  return { database, gateway, client }
}

async function callAll({ client }: Lane): Promise<void> {
  for (let i = 0; i < CALLS; i++) expect((await client.call('auth_whoami', {})).status).toBe(200)
}

const seqs = ({ database }: Lane) =>
  database.db
    .prepare("SELECT seq FROM audit WHERE principal = 'bot' AND kind = 'decision' ORDER BY arrived")
    .all()
    .map(({ seq }) => Number(seq))

async function expectWhole(lane: Lane, calls: number): Promise<void> {
  await until(`${calls} rows`, () => seqs(lane).length >= calls, CARRIED_WITHIN_MS)
  expect(seqs(lane)).toEqual(Array.from({ length: calls }, (_, i) => i + 1))
  const response = await fetch(`${lane.gateway.url}/api/v1/tenants/acme/audit/verify`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ROOT_TOKEN}`, 'content-type': 'application/json' },
    body: '{}',
  })
  expect(await response.json()).toMatchObject({ intact: true, next: null })
}

/** Calls, kills the gateway at the moment, and starts it again. */
async function killAt(moment: Moment, lane: Lane): Promise<void> {
  const { database, gateway } = lane
  const killed = Promise.withResolvers<void>()
  const kill = () => gateway.kill9().then(killed.resolve, killed.reject)
  await callAll(lane)
  if (moment === 'before') await kill()
  else {
    let isArmed = true
    database.watch((now) => {
      if (!isArmed || (now !== moment && !(moment === 'answered' && now === 'done'))) return
      isArmed = false
      // Once the answer has been written, the gateway is somewhere between it and its last commit.
      if (moment === 'answered') setTimeout(() => void kill(), Math.round(Math.random() * 3))
      else void kill()
    })
  }
  await killed.promise
  await gateway.start()
}

describe.skipIf(bareWorkerdMissing !== null)(
  `the audit trail${bareWorkerdMissing === null ? '' : `: skipped, ${bareWorkerdMissing}`}`,
  () => {
    test('survives kill -9 at every step of carrying', { timeout: 300_000 }, async () => {
      const lanes: readonly (readonly Moment[])[] = [
        ['before', 'came', 'done'],
        ['came', 'answered', 'answered'],
        ['done', 'before', 'answered'],
      ]
      await Promise.all(
        lanes.map(async (moments) => {
          const lane = await openLane()
          let calls = 0
          for (const moment of moments) {
            await killAt(moment, lane)
            calls += CALLS
            await expectWhole(lane, calls)
          }
        }),
      )
    })

    test('survives a database that misbehaves', { timeout: 180_000 }, async () => {
      const lane = await openLane()
      const moods = ['refuse', 'do_and_break', 'refuse', 'twice'] as const
      const from = lane.database.batches()
      lane.database.behave((batch) => moods[batch - from] ?? 'ok')
      await callAll(lane)
      await until('the first failure', () => lane.database.batches() > from + 1, CARRIED_WITHIN_MS)
      await callAll(lane)
      await until('all moods', () => lane.database.batches() >= from + moods.length, 120_000)
      await expectWhole(lane, 2 * CALLS)
    })

    test('is not waited for, and goes on after a database that hung', { timeout: 180_000 }, async () => {
      const lane = await openLane()
      let isHanging = true
      lane.database.behave(() => (isHanging ? 'hang' : 'ok'))
      await callAll(lane)
      await until('a batch', () => lane.database.batches() > 0, CARRIED_WITHIN_MS)
      const startedAt = performance.now()
      await callAll(lane)
      expect(performance.now() - startedAt).toBeLessThan(10_000)
      isHanging = false
      await lane.gateway.kill9()
      await lane.gateway.start()
      await expectWhole(lane, 2 * CALLS)
    })

    test('stays in the gateway where there is no database, and the gateway says so', async () => {
      const gateway = await startBare(vars)
      onTestFinished(gateway.stop)
      const client = await openSession(gateway.url)
      onTestFinished(client.close)
      expect((await client.call('auth_whoami', {})).status).toBe(200)
      await until('a line', () => gateway.output().includes('audit.no_database'), 5_000)
    })

    test('waits for tables that were not made yet', { timeout: 120_000 }, async () => {
      const database = await startAuditDatabase({ tables: false })
      onTestFinished(database.stop)
      const gateway = await startBare(vars, { auditDb: database.address })
      onTestFinished(gateway.stop)
      const client = await openSession(gateway.url)
      onTestFinished(client.close)
      expect((await client.call('auth_whoami', {})).status).toBe(200)
      await until('a line', () => gateway.output().includes('"no_table"'), CARRIED_WITHIN_MS)
    })
  },
)
