/** The one text of a row: what was written once verifies for ever. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { columnNames } from '../../src/contract/audit-columns.ts'
import { type AuditRow, canonicalRow, fields } from '../../src/contract/audit-row.ts'

const log = { tenant: 'acme', principal: 'bot', chain: 'c1' }
const row: AuditRow = {
  seq: 7,
  at: 1_893_456_000_000,
  kind: 'decision',
  request_id: 'r1',
  session: 'ses_1',
  account: 'ana',
  client: null,
  client_version: null,
  server: 'crm',
  method: 'tools/call',
  tool: 'find',
  decision: 'allow',
  rule: '/tools/find',
  config_version: 'v1',
  argument_names: '["q"]',
  arguments_hmac: 'k:x',
  outcome: 'result',
  upstream_status: 200,
  latency_ms: 12,
  shadow: '[]',
  actor: null,
  action: null,
  subject: null,
  detail: null,
}
const FIRST =
  '"acme","bot","c1",7,1893456000000,"decision","r1","ses_1","ana","crm","tools/call","find","allow","/tools/find","v1",' +
  '"[\\"q\\"]","k:x","result",200,12,"[]",null,null,null,null'

test('a row from before clients were written down has the text and the hash that it had', () => {
  expect(canonicalRow(log, row)).toBe(`[1,${FIRST}]`)
  // As chain.ts has it for the first row of a log, and an earlier version of the gateway made it.
  expect(
    createHash('sha256')
      .update(`\n${canonicalRow(log, row)}`)
      .digest('hex'),
  ).toBe('420b22ebaba0f7e05d07082faf45f927fcf6a3253e8b50d7c5f9a5be608fe7d1')
  const { client: _, client_version: __, ...without } = row
  expect(canonicalRow(log, without as AuditRow)).toBe(`[1,${FIRST}]`)
})

test('a row that names its client is of the second version', () => {
  const named = { ...row, client: 'agent', client_version: '1.0' }
  expect(canonicalRow(log, named)).toBe(`[2,${FIRST},"agent","1.0"]`)
  expect(canonicalRow(log, { ...named, client_version: null })).toBe(`[2,${FIRST},"agent",null]`)
  expect(canonicalRow(log, { ...row, client_version: '1.0' })).toBe(`[2,${FIRST},null,"1.0"]`)
})

test('two rows have the same text if and only if they say the same', () => {
  const value = fc.constantFrom(null, '', 'a', '1', 'null')
  const changed = fc.record(
    { field: fc.constantFrom(...fields), value },
    { requiredKeys: ['field', 'value'] },
  )
  const made = fc.array(changed, { maxLength: 3 }).map((changes) => {
    const one: Record<string, unknown> = { ...row }
    for (const { field, value: to } of changes) one[field] = to
    return one as unknown as AuditRow
  })
  const said = (one: AuditRow) => JSON.stringify(fields.map((field) => one[field]))
  fc.assert(
    fc.property(made, made, (a, b) => {
      expect(canonicalRow(log, a) === canonicalRow(log, b)).toBe(said(a) === said(b))
    }),
    { numRuns: 5_000 },
  )
})

test('every column is described in the documents', () => {
  const page = readFileSync(new URL('../../docs/audit.md', import.meta.url), 'utf8')
  const described = [...page.matchAll(/^\| (`\w+`(?:, `\w+`)*) \|/gm)].flatMap(([, names = '']) =>
    names.replaceAll('`', '').split(', '),
  )
  expect(described).toEqual(expect.arrayContaining([...columnNames]))
})
