/**
 * How large the audit trail's rows are in the audit database, indexes included, and what naming the client adds: rows as a
 * call of a merged URL makes them. `node bench/audit/size.ts [rows]`.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { type AuditRow, fields } from '../../src/contract/audit-row.ts'

const rows = Number(process.argv[2] ?? 50_000)
const columns = [...fields, 'hash'] as const
const digits = (n: number, of: number) => n.toString(16).padStart(of, '0')

function row(seq: number, client: string | null, version: string | null): AuditRow & { hash: string } {
  return {
    seq,
    at: 1_893_456_000_000 + seq * 1_000,
    kind: 'decision',
    request_id: `${digits(seq, 8)}-7c1f-4b7e-9a55-0242ac120002`,
    session: 'ses_6f0f3a52-6f0e-4d7c-8f52-0242ac120002',
    account: 'ana',
    client,
    client_version: version,
    server: 'crm',
    method: 'tools/call',
    tool: 'find_customer',
    decision: 'allow',
    rule: '/tools/crm__find_customer',
    config_version: digits(1, 32),
    argument_names: '["query","limit"]',
    arguments_hmac: 'k1:AAAAAAAAAAAAAAAAAAAAAA',
    outcome: 'result',
    upstream_status: 200,
    latency_ms: 84,
    shadow: '[]',
    actor: null,
    action: null,
    subject: null,
    detail: null,
    hash: digits(seq, 64),
  }
}

/** Bytes of a row in a database of its own. */
function bytesOf(client: string | null, version: string | null): number {
  const db = new DatabaseSync(':memory:')
  const folder = new URL('../../migrations/', import.meta.url)
  for (const name of readdirSync(folder).sort()) db.exec(readFileSync(new URL(name, folder), 'utf8'))
  const names = ['tenant', 'principal', 'chain', ...columns]
  const insert = db.prepare(`INSERT INTO audit (${names.join()}) VALUES (${names.map(() => '?').join()})`)
  db.exec('BEGIN')
  for (let seq = 1; seq <= rows; seq++) {
    const one = row(seq, client, version)
    insert.run('acme', 'support-bot', digits(1, 16), ...columns.map((column) => one[column]))
  }
  db.exec('COMMIT')
  const { pages } = db.prepare('SELECT page_count AS pages FROM pragma_page_count()').get() as {
    pages: number
  }
  const { size } = db.prepare('SELECT page_size AS size FROM pragma_page_size()').get() as { size: number }
  db.close()
  return (pages * size) / rows
}

const none = bytesOf(null, null)
for (const [name, client, version] of [
  ['that names no client', null, null],
  ['of claude-code 2.1.0', 'claude-code', '2.1.0'],
  ['with the longest name and version', 'n'.repeat(64), 'v'.repeat(32)],
] as const) {
  const bytes = bytesOf(client, version)
  console.log(
    `a row ${name}`.padEnd(42),
    `${bytes.toFixed(0)} bytes, ${((bytes / none - 1) * 100).toFixed(1)} % more`,
  )
}
