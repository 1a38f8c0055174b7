/** The search of a run can fail: what is planted in a log, a file or a database is found there. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { told } from '../support/leaks/findings.ts'
import { makeNeedles } from '../support/leaks/needles.ts'
import { searcherOf } from '../support/leaks/search.ts'
import { bareWorkerdMissing, startBare } from '../support/node/bare-workerd.ts'
import { connectAgent } from '../support/node/mcp-agent.ts'
import { inFolder } from '../support/node/searched.ts'
import { DEMO_TOKEN } from '../support/node/wrangler-dev.ts'

const VALUE = 'planted-value-0123456789'

describe('in a folder', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'gatehouse-planted-'))
    mkdirSync(join(folder, 'PrincipalObject'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const found = () => {
    const needles = makeNeedles()
    needles.add('argument', 'planted', VALUE, 'echo')
    return told(inFolder(searcherOf(needles.all()), folder)).split('\n')
  }
  const file = 'PrincipalObject/1.sqlite'
  const open = () => new DatabaseSync(join(folder, file))

  test('nothing is found where there is nothing', () => {
    open().exec('CREATE TABLE t (a TEXT)')
    expect(found()).toEqual([''])
  })

  test.each([
    ['text', VALUE, 'plain'],
    ['a blob', new TextEncoder().encode(VALUE), 'plain'],
    ['JSON', JSON.stringify({ args: { note: VALUE } }), 'plain'],
    ['hex', Buffer.from(VALUE).toString('hex'), 'hex'],
    ['base64', Buffer.from(`x${VALUE}`).toString('base64'), 'base64'],
    ['UTF-16', Buffer.from(VALUE, 'utf16le'), 'UTF-16'],
  ])('it is found as %s, with its table and column', (_, value, form) => {
    open().exec('CREATE TABLE audit (seq INTEGER, rule ANY)')
    const db = open()
    db.prepare('INSERT INTO audit VALUES (1, ?)').run(value)
    db.close()
    expect(found()).toContain(`${file}, table audit, column rule: argument: planted (${form})`)
  })

  test.each([
    ['decided', "'approved', NULL"],
    ['gone', null],
    ['of a revoked grant', "'pending', 5"],
  ])('what a call carried is found, sealed as it is, once the call is %s', (_, values) => {
    const db = open()
    db.exec(`CREATE TABLE approvals (id TEXT, state TEXT); CREATE TABLE grants (revoked_at INTEGER);
      CREATE TABLE approval_contents (approval TEXT, sealed TEXT);
      INSERT INTO approval_contents VALUES ('a', 'v1.k1.iv.text')`)
    const [state, revoked] = values?.split(', ') ?? []
    if (state !== undefined)
      db.exec(`INSERT INTO approvals VALUES ('a', ${state}); INSERT INTO grants VALUES (${revoked})`)
    db.close()
    expect(found()).toEqual([
      `${file}, table approval_contents, column sealed: argument: those of a call that is decided (sealed)`,
    ])
  })

  test('what a call carries that waits may stand there', () => {
    const db = open()
    db.exec(`CREATE TABLE approvals (id TEXT, state TEXT); CREATE TABLE grants (revoked_at INTEGER);
      CREATE TABLE approval_contents (approval TEXT, sealed TEXT);
      INSERT INTO approval_contents VALUES ('a', 'v1.k1.iv.text'); INSERT INTO approvals VALUES ('a', 'pending')`)
    db.close()
    expect(found()).toEqual([''])
  })

  test('it is found where it goes over the edge of a page', () => {
    const db = open()
    db.exec('CREATE TABLE audit (rule TEXT)')
    // Wherever the edge is, one of these lies across it.
    for (let i = 0; i < VALUE.length; i++)
      db.prepare('INSERT INTO audit VALUES (?)').run('-'.repeat(4_000 + 7 * i) + VALUE)
    db.close()
    expect(found()).toContain(`${file}, table audit, column rule: argument: planted (plain)`)
  })

  test('it is found in a write-ahead log that nobody has taken in', () => {
    const db = open()
    db.exec('PRAGMA journal_mode = WAL; CREATE TABLE audit (rule TEXT)')
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    db.prepare('INSERT INTO audit VALUES (?)').run(VALUE)
    const copied = join(folder, 'copy/PrincipalObject')
    mkdirSync(copied, { recursive: true })
    for (const end of ['', '-wal'])
      copyFileSync(join(folder, `${file}${end}`), join(copied, `1.sqlite${end}`))
    db.close()
    rmSync(join(folder, 'PrincipalObject'), { recursive: true })
    expect(found()).toEqual([
      'copy/PrincipalObject/1.sqlite-wal: argument: planted (plain)',
      'copy/PrincipalObject/1.sqlite, table audit, column rule: argument: planted (plain)',
    ])
  })

  test('it is found in a row that was deleted', () => {
    const db = open()
    db.exec('CREATE TABLE audit (rule TEXT)')
    db.prepare('INSERT INTO audit VALUES (?)').run(VALUE)
    db.exec('DELETE FROM audit')
    db.close()
    expect(found()).toEqual([`${file}: argument: planted (plain)`])
  })

  test('it is found in a file of any other kind', () => {
    writeFileSync(join(folder, 'PrincipalObject/1.bin'), Buffer.from([0, 255, ...Buffer.from(VALUE), 0]))
    expect(found()).toEqual(['PrincipalObject/1.bin: argument: planted (plain)'])
  })
})

describe.skipIf(bareWorkerdMissing !== null)(`of a gateway that leaks ${bareWorkerdMissing ?? ''}`, () => {
  async function leak(into: string): Promise<unknown> {
    const gateway = await startBare({ DEMO: 'true' }, { main: 'test/leaks/leaking/index.ts' })
    const headers = { authorization: `Bearer ${DEMO_TOKEN}`, 'x-leak': into }
    const agent = await connectAgent('stateless', `${gateway.url}/mcp`, headers)
    await agent.call('get_decision', { sale_id: VALUE })
    return gateway.stop().then(
      () => 'nothing was found',
      (error: Error) => error.message,
    )
  }

  test('the log fails the run, which names the argument and the token, and repeats neither', async () => {
    const message = await leak('log')
    expect(message).toContain('log: argument: the argument sale_id of get_decision (plain)')
    expect(message).toContain("log: token: the demo's token (plain)")
    expect(message).not.toContain(VALUE)
    expect(message).not.toContain('insecure-local-token')
  })

  test('the storage fails the run, which names the table and the column', async () => {
    expect(await leak('storage')).toMatch(
      /LegitiStandIn\/\w+\.sqlite, table received, column event: token: the demo's token \(base64\)/,
    )
  })

  test('a gateway that does not leak fails nothing', async () => {
    expect(await leak('nowhere')).toBe('nothing was found')
  })
})
