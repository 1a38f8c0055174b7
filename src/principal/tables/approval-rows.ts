/** The rows of table `approvals`: read, shown, and told of to the tenant. Synchronous SQL, in the caller's transaction. */
import { type ApprovalState, type ApprovalView, stateAt } from '../../contract/approvals.ts'
import type { ClientName } from '../../contract/client.ts'
import { queueAnnouncement } from './announcements.ts'

export interface ApprovalRow extends Record<string, SqlStorageValue> {
  id: string
  session_id: string | null
  account: string | null
  client: string | null
  server: string
  incarnation: string | null
  tool: string
  arguments: string
  arguments_hmac: string | null
  argument_names: string
  rule: string
  config_version: string
  message: string
  url: string
  requested_at: number
  expires_at: number
  state: Exclude<ApprovalState, 'expired'>
  decided_at: number | null
  decided_by: string | null
  reason: string | null
  used_at: number | null
  request_id: string | null
  continuation: string | null
  reopenings: number
  askers: string
  revision: number
}

/** An approval of the principal's own grant. */
interface OwnApproval {
  readonly id: string
  readonly grant: string
}

export function readRow(sql: SqlStorage, id: string): ApprovalRow | null {
  return sql.exec<ApprovalRow>('SELECT * FROM approvals WHERE id = ?', id).toArray()[0] ?? null
}

export function readApproval(
  sql: SqlStorage,
  { id, grant }: OwnApproval,
  nowMs: number,
): ApprovalView | null {
  const row = readRow(sql, id)
  return row === null ? null : viewOf(row, grant, nowMs)
}

/** Has the tenant told of what is there now. */
export function announced(sql: SqlStorage, { id, grant }: OwnApproval, nowMs: number): ApprovalView {
  const approval = readApproval(sql, { id, grant }, nowMs)
  if (approval === null) throw new Error('what was just written is not there')
  queueAnnouncement(sql, { id: `${id}_${approval.revision}`, atMs: nowMs, type: 'approval', data: approval })
  return approval
}

export function viewOf(row: ApprovalRow, grant: string, nowMs: number): ApprovalView {
  return {
    id: row.id,
    state: stateAt({ state: row.state, expiresAtMs: row.expires_at }, nowMs),
    revision: row.revision,
    grant,
    sessionId: row.session_id,
    account: row.account,
    client: row.client === null ? null : (JSON.parse(row.client) as ClientName),
    server: row.server,
    tool: row.tool,
    argumentNames: JSON.parse(row.argument_names) as string[],
    argumentsHmac: row.arguments_hmac,
    rule: row.rule,
    configVersion: row.config_version,
    message: row.message,
    url: row.url === '' ? null : row.url,
    requestedAtMs: row.requested_at,
    expiresAtMs: row.expires_at,
    decidedAtMs: row.decided_at,
    decidedBy: row.decided_by,
    reason: row.reason,
    usedAtMs: row.used_at,
  }
}
