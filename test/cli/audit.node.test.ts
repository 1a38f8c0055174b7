/** The audit commands, against a real gateway and its database. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adminApi } from '../support/node/admin-api.ts'
import { type AuditDatabase, startAuditDatabase } from '../support/node/audit-database.ts'
import { type BareGateway, bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { type CliAt, cliAt } from '../support/node/cli-gateway.ts'
import { openSession, type SessionClient } from '../support/node/session-client.ts'
import { until } from '../support/node/until.ts'

/** Rows gather for ten seconds. */
const CARRIED_WITHIN_MS = 40_000

describe.skipIf(bareWorkerdMissing !== null)(`the audit trail ${bareWorkerdMissing ?? ''}`, () => {
  let database: AuditDatabase
  let gateway: BareGateway
  let client: SessionClient
  let cli: CliAt

  beforeAll(async () => {
    database = await startAuditDatabase()
    gateway = await startBare({ DEMO: 'true', LEGITI_REPORT_LOGINS: 'false' }, { auditDb: database.address })
    const api = adminApi(gateway.url, 'acme')
    await api.putTenant()
    await api.putPolicy('some', { version: '1', default: 'allow', hide: ['track_logout'] })
    client = await openSession(gateway.url, await api.putGrant('bot', { policy: 'some' }))
    for (let i = 0; i < 3; i++) await client.call('auth_whoami', {})
    cli = cliAt(gateway.url, 'acme')
    const rows = () => Number(database.db.prepare('SELECT count(*) AS n FROM audit').get()?.n)
    await until('rows', () => rows() >= 6, CARRIED_WITHIN_MS)
  })
  afterAll(async () => {
    await client?.close()
    await gateway?.stop()
    await database?.stop()
  })

  test('is queried by any field, as a table or whole', async () => {
    const { code, out } = await cli('audit query --tool auth_whoami --grant bot')
    expect(code).toBe(0)
    const [head = '', ...rows] = out.trimEnd().split('\n')
    expect(head).toMatch(/^at +grant +client +who +what +server +decision +rule +outcome$/)
    expect(rows).toHaveLength(3)
    for (const row of rows) expect(row).toMatch(/^\d{4}-.*Z +bot +test 1 +— +auth_whoami +session +allow /)
    expect((await cli('audit query --grant bot --limit 2')).out.trimEnd().split('\n')).toHaveLength(3)
    const { data } = await cli.json('audit query --kind change --actor root --order oldest')
    const actions = (data.items as { action: string }[]).map(({ action }) => action)
    expect(actions.length).toBeGreaterThanOrEqual(3)
    expect(data.complete_until).toMatch(/^\d{4}-.*Z$/)
    expect((await cli('audit query --from yesterday')).err).toMatch(
      /^gatehouse audit query: found --from "yesterday"; allowed: a moment with its zone, .*\b1h30m\b/,
    )
  })

  test('is exported whole, and went on with from where it ended', async () => {
    const whole = await cli('audit export')
    expect(whole).toMatchObject({ code: 0, err: '' })
    const lines = whole.out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const end = lines.at(-1)
    expect(end).toMatchObject({ end: true, rows: lines.length - 1, next: null })
    const later = await cli(`audit export --after ${end?.last}`)
    expect(JSON.parse(later.out)).toMatchObject({ end: true, rows: 0 })
  })

  test('is verified, and what was altered is found', async () => {
    expect(await cli('audit verify')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^intact: \d+ rows of 2 logs\n$/),
    })
    database.db.exec("UPDATE audit SET tool = 'other' WHERE principal = 'bot' AND seq = 2")
    const altered = await cli('audit verify')
    expect(altered.code).toBe(1)
    expect(altered.out).toMatch(
      /^altered: grant bot, chain \S+, row 2, after row 0 and not behind row \d+\nNOT intact: /,
    )
    database.db.exec("UPDATE audit SET tool = 'auth_whoami' WHERE principal = 'bot' AND seq = 2")
  })

  test('is followed, also by way of a gateway that died, until it may not be', async () => {
    await cli('person add vera --role viewer')
    const token = /^token: (\S+)$/m.exec((await cli('person token vera')).out)?.[1] ?? ''
    const printed: string[] = []
    const warned: string[] = []
    const tail = cliAt(gateway.url, 'acme', token)(
      'audit tail --tool auth_whoami',
      {},
      {
        print: (text) => printed.push(text),
        warn: (text) => warned.push(text),
        wait: (ms) => new Promise((resolve) => setTimeout(resolve, Math.min(ms, 2_000))),
      },
    )
    const told = (much: number) =>
      until(
        'a row',
        async () => {
          await client.call('auth_whoami', {})
          return printed.length > much
        },
        CARRIED_WITHIN_MS,
      )
    await told(0)
    expect(printed[0]).toMatch(/^\d{4}-.*Z {2}bot {2}test 1 {2}— {2}auth_whoami {2}session {2}allow {2}.*\n$/)
    await gateway.kill9()
    await until('it notices', () => warned.length > 0, CARRIED_WITHIN_MS)
    expect(warned[0]).toMatch(/^gatehouse audit tail: no answer from .*; again in 1 s\n$/)
    await gateway.start()
    await told(printed.length)
    await cli('person remove vera --yes')
    expect(await tail).toMatchObject({ code: 2, err: expect.stringMatching(/: 401 /) })
  })
})
