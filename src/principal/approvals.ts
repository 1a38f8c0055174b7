/**
 * Calls that wait for a person, as this principal holds them. Synchronous SQL: whoever decides a call, a person's answer
 * or the use of one is in the caller's transaction, together with what the tenant is to be told of it.
 */
import {
  type ApprovalAsked,
  type ApprovalState,
  type ApprovalView,
  type DecideAnswer,
  type DecideRequest,
  MOST_PENDING_APPROVALS,
} from '../approvals/contract.ts'
import { approvalId, approvalUrl } from '../approvals/id.ts'
import { queueAnnouncement } from './announcements.ts'
import type { CallRecord } from './contract.ts'

/** A call as exactly as it is held: whatever differs is another call. */
export interface HeldCall {
  readonly sessionId: string | null
  readonly account: string | null
  readonly call: CallRecord
  readonly asked: ApprovalAsked
  readonly rule: string
}

/** What else is written of a call that is held for the first time. */
export interface HoldContext {
  readonly sql: SqlStorage
  readonly grant: string
  readonly configVersion: string
  readonly expiresInMs: number
  readonly nowMs: number
  readonly newId: () => string
}

export type Held =
  /** It may be made: `useApproval` it when nothing else objects. */
  | { readonly kind: 'approved'; readonly id: string }
  /** It waits, or was denied; or it was made, and what a server asked is on its way: then it is given back soon. */
  | { readonly kind: 'held'; readonly approval: ApprovalView }
  /** So many calls wait that this one is not taken. */
  | { readonly kind: 'full' }

interface ApprovalRow extends Record<string, SqlStorageValue> {
  id: string
  session_id: string | null
  account: string | null
  server: string
  tool: string
  arguments: string
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
  revision: number
}

/**
 * Finds what a person said of this call, or holds it. The same call asked again finds the approval that it has, as long
 * as that is neither used nor too old.
 */
export function holdCall(context: HoldContext, held: HeldCall): Held {
  const { sql, nowMs } = context
  const { sessionId, account, call, asked, rule } = held
  const row = sql
    .exec<ApprovalRow>(
      `SELECT * FROM approvals WHERE arguments = ? AND session_id IS ? AND account IS ? AND server = ? AND tool = ?
         AND rule = ? AND state <> 'used' AND expires_at > ? ORDER BY seq DESC LIMIT 1`,
      ...[asked.digest, sessionId, account, call.server, call.tool, rule, nowMs],
    )
    .toArray()[0]
  if (row?.state === 'approved') return { kind: 'approved', id: row.id }
  if (row !== undefined) return { kind: 'held', approval: viewOf(row, context.grant, nowMs) }
  const used = asked.isRetry ? lastUse(sql, held, nowMs) : null
  if (used !== null) return { kind: 'held', approval: viewOf(used, context.grant, nowMs) }
  if (countPending(sql, nowMs) >= MOST_PENDING_APPROVALS) return { kind: 'full' }
  return { kind: 'held', approval: begin(context, held) }
}

function lastUse(sql: SqlStorage, { sessionId, account, call, asked, rule }: HeldCall, nowMs: number) {
  const row = sql
    .exec<ApprovalRow>(
      `SELECT * FROM approvals WHERE arguments = ? AND session_id IS ? AND account IS ? AND server = ? AND tool = ?
         AND rule = ? AND state = 'used' AND expires_at > ? ORDER BY seq DESC LIMIT 1`,
      ...[asked.digest, sessionId, account, call.server, call.tool, rule, nowMs],
    )
    .toArray()[0]
  return row ?? null
}

function begin({ sql, grant, configVersion, expiresInMs, nowMs, newId }: HoldContext, held: HeldCall) {
  const { sessionId, account, call, asked, rule } = held
  const id = approvalId(grant, newId())
  sql.exec(
    `INSERT INTO approvals (id, session_id, account, server, tool, arguments, argument_names, rule, config_version,
       message, url, requested_at, expires_at, state, revision)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', 1)`,
    ...[id, sessionId, account, call.server, call.tool, asked.digest, JSON.stringify(call.argumentNames)],
    ...[rule, configVersion, asked.message, approvalUrl(asked.origin, id), nowMs, nowMs + expiresInMs],
  )
  return announced(sql, id, grant, nowMs)
}

/** The approved call is being made, by this request. */
export function useApproval(
  sql: SqlStorage,
  id: string,
  requestId: string,
  grant: string,
  nowMs: number,
): void {
  sql.exec(
    `UPDATE approvals SET state = 'used', used_at = ?, request_id = ?, revision = revision + 1
     WHERE id = ? AND state = 'approved'`,
    ...[nowMs, requestId, id],
  )
  announced(sql, id, grant, nowMs)
}

/**
 * What `requestId` was approved for has not been done yet, so it may be made again. The approval's id; null where nothing
 * was approved for it, or where the time is over.
 */
export function giveBackApproval(
  sql: SqlStorage,
  requestId: string,
  grant: string,
  nowMs: number,
): string | null {
  const row = sql
    .exec<{ id: string }>(
      `UPDATE approvals SET state = 'approved', used_at = NULL, request_id = NULL, revision = revision + 1
       WHERE request_id = ? AND state = 'used' AND expires_at > ? RETURNING id`,
      requestId,
      nowMs,
    )
    .toArray()[0]
  if (row === undefined) return null
  announced(sql, row.id, grant, nowMs)
  return row.id
}

/**
 * Writes down what a person says. Saying the same twice changes nothing; what was approved may be denied as long as it
 * is not used; everything else stays as it was decided.
 */
export function decideApproval(
  sql: SqlStorage,
  { id, decision, reason, by }: DecideRequest,
  grant: string,
  nowMs: number,
): DecideAnswer {
  const row = readRow(sql, id)
  if (row === null) return { kind: 'absent' }
  const approval = viewOf(row, grant, nowMs)
  const { state } = approval
  const wanted = decision === 'approve' ? 'approved' : 'denied'
  if (state === wanted) return { kind: 'decided', approval }
  const isOpen = state === 'pending' || (state === 'approved' && decision === 'deny')
  if (!isOpen) {
    const allowed = state === 'expired' ? 'nothing any more: the call has to be asked for again' : 'nothing'
    return { kind: 'conflict', problem: `found that it is ${state} already; allowed: ${allowed}` }
  }
  if (decision === 'approve' && isOwn(row.account, by)) return { kind: 'own' }
  sql.exec(
    'UPDATE approvals SET state = ?, decided_at = ?, decided_by = ?, reason = ?, revision = revision + 1 WHERE id = ?',
    ...[wanted, nowMs, by === null ? 'root' : `person:${by.name}`, reason, id],
  )
  return { kind: 'decided', approval: announced(sql, id, grant, nowMs) }
}

/** Four eyes: whoever is known to be behind the session cannot be the one who approves. */
function isOwn(account: string | null, by: DecideRequest['by']): boolean {
  if (account === null || by === null) return false
  const asker = plain(account)
  return asker === plain(by.name) || (by.email !== null && asker === plain(by.email))
}

/** The same person, however it is written. */
function plain(name: string): string {
  return name.normalize('NFKC').trim().toLowerCase()
}

export function readApproval(sql: SqlStorage, id: string, grant: string, nowMs: number): ApprovalView | null {
  const row = readRow(sql, id)
  return row === null ? null : viewOf(row, grant, nowMs)
}

function readRow(sql: SqlStorage, id: string): ApprovalRow | null {
  return sql.exec<ApprovalRow>('SELECT * FROM approvals WHERE id = ?', id).toArray()[0] ?? null
}

function countPending(sql: SqlStorage, nowMs: number): number {
  return sql
    .exec<{ n: number }>(
      "SELECT count(*) AS n FROM approvals WHERE state = 'pending' AND expires_at > ?",
      nowMs,
    )
    .one().n
}

/** Has the tenant told of what is there now. */
function announced(sql: SqlStorage, id: string, grant: string, nowMs: number): ApprovalView {
  const approval = readApproval(sql, id, grant, nowMs)
  if (approval === null) throw new Error('what was just written is not there')
  queueAnnouncement(sql, { id: `${id}_${approval.revision}`, atMs: nowMs, type: 'approval', data: approval })
  return approval
}

function viewOf(row: ApprovalRow, grant: string, nowMs: number): ApprovalView {
  const isOver = row.expires_at <= nowMs && (row.state === 'pending' || row.state === 'approved')
  return {
    id: row.id,
    state: isOver ? 'expired' : row.state,
    revision: row.revision,
    grant,
    sessionId: row.session_id,
    account: row.account,
    server: row.server,
    tool: row.tool,
    argumentNames: JSON.parse(row.argument_names) as string[],
    argumentsSha256: row.arguments,
    rule: row.rule,
    configVersion: row.config_version,
    message: row.message,
    url: row.url,
    requestedAtMs: row.requested_at,
    expiresAtMs: row.expires_at,
    decidedAtMs: row.decided_at,
    decidedBy: row.decided_by,
    reason: row.reason,
    usedAtMs: row.used_at,
  }
}
