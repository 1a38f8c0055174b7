/**
 * Administrative changes on record: actor, action, subject and time. Each is written in the transaction of the change itself; carried to
 * the audit database like the decisions of a principal, and chained like them (docs/audit.md).
 */
import { objectLog } from '../../audit/object-log.ts'

/** One administrative change. Never a secret, never a value: names, versions, counts. */
export interface AdministrativeChange {
  /** Unix milliseconds. */
  readonly atMs: number
  /** The actor: `root`, `person:<name>`, or `gateway` for changes that nobody asked for, such as an expiry. */
  readonly actor: string
  /** The action as `<thing>.<verb>`: `policy.put`, `grant.rotate`, `server.delete`, `tenant.suspend`. */
  readonly action: string
  /** The subject as `<thing>/<name>`: `policy/main`. For the tenant itself: `tenant`. */
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

/** The rows of table `changes`, as they are carried to the audit database. Each is complete from the beginning. */
export const changesLog = objectLog({
  table: 'changes',
  kinds: { change: 'TRUE' },
  otherwise: { request_id: "nullif(request_id, '')" },
  forget: (sql, seq) => {
    sql.exec('DELETE FROM changes WHERE seq <= ?', seq)
  },
})
