/**
 * What administrators change, on record: who did what to what, and when. Written in the transaction of the change
 * itself; carried to the audit database like the decisions of a principal, and chained like them (docs/audit.md).
 */
import type { Source } from '../../audit/carry.ts'
import type { AuditRow } from '../../contract/audit-row.ts'

/** One administrative change. Never a secret, never a value: names, versions, counts. */
export interface AdministrativeChange {
  /** Unix milliseconds. */
  readonly atMs: number
  /** Who: `root`, `person:<name>`, or `gateway` for what nobody asked for, such as an expiry. */
  readonly actor: string
  /** What was done, as `<thing>.<verb>`: `policy.put`, `grant.rotate`, `server.delete`, `tenant.suspend`. */
  readonly action: string
  /** To what, as `<thing>/<name>`: `policy/main`. Of the tenant itself: `tenant`. */
  readonly subject: string
  /** Names and versions, such as `{from: 3, to: 4}`. */
  readonly detail: Readonly<Record<string, string | number | boolean | null>>
  /** The request that asked for it, where one did. */
  readonly requestId?: string
}

/** A longer name is cut. */
const MOST_NAME = 200
/** A larger detail is left out; the row says so. */
const MOST_DETAIL = 2_000

/** Writes a change down. Call it inside the transaction that makes the change; the tables must exist. */
export function recordChange(sql: SqlStorage, change: AdministrativeChange): void {
  const detail = JSON.stringify(change.detail)
  sql.exec(
    'INSERT INTO changes (at, request_id, actor, action, subject, detail) VALUES (?, ?, ?, ?, ?, ?)',
    change.atMs,
    cut(change.requestId ?? ''),
    cut(change.actor),
    cut(change.action),
    cut(change.subject),
    detail.length > MOST_DETAIL ? '{"left_out":true}' : detail,
  )
}

function cut(text: string): string {
  return text.length <= MOST_NAME ? text : `${text.slice(0, MOST_NAME)}…`
}

interface Row extends Record<string, SqlStorageValue> {
  seq: number
  at: number
  request_id: string
  actor: string
  action: string
  subject: string
  detail: string
}

/** The rows of table `changes`, as they are carried to the audit database. Each is complete from the beginning. */
export function changesLog(sql: SqlStorage): Source {
  return {
    after: (seq, most) =>
      sql
        .exec<Row>('SELECT * FROM changes WHERE seq > ? ORDER BY seq LIMIT ?', seq, most)
        .toArray()
        .map((row) => ({ row: changeRow(row), waitsUntilMs: null })),
    last: () => sql.exec<{ seq: number }>('SELECT coalesce(max(seq), 0) AS seq FROM changes').one().seq,
    freeze: () => {},
    forget: (seq) => {
      sql.exec('DELETE FROM changes WHERE seq <= ?', seq)
    },
  }
}

function changeRow({ seq, at, request_id, actor, action, subject, detail }: Row): AuditRow {
  return {
    seq,
    at,
    kind: 'change',
    request_id: request_id === '' ? null : request_id,
    session: null,
    account: null,
    client: null,
    client_version: null,
    server: null,
    method: null,
    tool: null,
    decision: null,
    rule: null,
    config_version: null,
    argument_names: null,
    arguments_hmac: null,
    outcome: null,
    upstream_status: null,
    latency_ms: null,
    shadow: null,
    actor,
    action,
    subject,
    detail,
  }
}
