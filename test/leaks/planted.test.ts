/** The search after every test in workerd can fail: what is planted is found, and told by its label alone. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { admin, makeGrant, tenantObject } from '../support/admin.ts'
import { auditDb } from '../support/audit.ts'
import { connect, fresh, principal } from '../support/gateway.ts'
import { told } from '../support/leaks/findings.ts'
import { forget, search } from '../support/searching.ts'

const VALUE = 'planted-value-0123456789'

beforeEach(fresh)
// What was planted is gone before the search that every test ends with.
afterEach(async () => {
  await fresh()
  forget()
})

/** A token, a header value and an argument, said as a client says them. Returns the token. */
async function say(): Promise<string> {
  const token = await makeGrant('acme', 'bot')
  const client = await connect({ token })
  await client.call('get_decision', { sale_id: VALUE })
  await admin('PUT', 'acme/servers/crm', {
    url: 'https://crm.example.com/mcp',
    headers: { 'x-api-key': 'header-value-of-crm' },
  })
  return token
}

const found = async () => told(await search()).split('\n')
const run = (object: DurableObjectStub, query: string, ...values: SqlStorageValue[]) =>
  runInDurableObject(object, (_, { storage }) => {
    storage.sql.exec(query, ...values)
  })

test('nothing is found of what the gateway itself keeps', async () => {
  await say()
  expect(await found()).toEqual([''])
})

test.each([
  ['plain', (value: string) => value],
  ['base64', (value: string) => btoa(`x${value}`)],
  ['URL', (value: string) => encodeURIComponent(`${value}`)],
  ['hex', (value: string) => [...value].map((it) => it.charCodeAt(0).toString(16)).join('')],
])('a token in a principal is found as %s', async (form, written) => {
  const token = await say()
  await run(principal('acme/bot'), 'UPDATE log SET entries = ?', written(`${token} %`))
  const [first] = await found()
  expect(first).toMatch(/^PrincipalObject, table log, column entries: token: .* \((plain|base64|hex)\)$/)
  if (form !== 'URL') expect(first).toContain(`(${form})`)
  expect(first).not.toContain(token)
})

test('an argument in a tenant’s blob is found', async () => {
  await say()
  const bytes = new TextEncoder().encode(`..${VALUE}`).buffer as ArrayBuffer
  await run(tenantObject('acme'), "INSERT INTO listing_parts VALUES ('crm', 0, ?)", bytes)
  expect(await found()).toEqual([
    'TenantObject, table listing_parts, column bytes: argument: the argument sale_id of get_decision (plain)',
  ])
})

test('a value among the keys of an exchange is found', async () => {
  await say()
  const exchange = env.EXCHANGE.getByName('planted')
  await runInDurableObject(exchange, (_, { storage }) => storage.put('note', { a: ['header-value-of-crm'] }))
  expect(await found()).toEqual([
    'ExchangeObject, table _cf_KV, column value: credential: the header x-api-key of a server (plain)',
  ])
})

test('a value in the audit database is found', async () => {
  await say()
  await auditDb()
    .prepare(
      "INSERT INTO audit (tenant, principal, chain, seq, at, kind, detail, hash) VALUES ('t', 'p', 'c', 1, 1, 'x', ?, '')",
    )
    .bind(VALUE)
    .run()
  expect(await found()).toEqual([
    'AUDIT_DB, table audit, column detail: argument: the argument sale_id of get_decision (plain)',
  ])
})

test('a line of the log is found, whatever stands in for the console', async () => {
  const token = await say()
  const before = console.warn
  console.warn = () => {}
  console.warn(JSON.stringify({ message: token }))
  console.warn = before
  expect(await found()).toEqual(expect.arrayContaining([expect.stringMatching(/^log: token: .* \(plain\)$/)]))
})
