/** Stores a person's decision on a call that was held. Synchronous SQL, in the caller's transaction. */
import type { ApprovalView, DecideAnswer, DecideRequest } from '../../contract/approvals.ts'
import { eraseContent } from './approval-contents.ts'
import { announced, readRow, viewOf } from './approval-rows.ts'

/**
 * Stores the decision, and erases the content that the person was shown. The same decision twice changes nothing. An approved call may be
 * denied as long as it may still be made: one that is at its server is not stopped, but not let through again. Any other decision stays.
 */
export function decideApproval(
  sql: SqlStorage,
  request: DecideRequest,
  grant: string,
  nowMs: number,
): DecideAnswer {
  const { id, decision, reason, by } = request
  const revision = request.revision ?? null
  const row = readRow(sql, id)
  if (row === null) return { kind: 'absent' }
  const approval = viewOf(row, grant, nowMs)
  const wanted = decision === 'approve' ? 'approved' : 'denied'
  if (approval.state === wanted) return { kind: 'decided', approval }
  if (!isOpen(approval, decision, nowMs)) return { kind: 'conflict', problem: tooLate(approval) }
  if (revision !== null && revision !== row.revision) return { kind: 'stale' }
  if (decision === 'approve' && isOwn(row.account, request)) return { kind: 'own' }
  sql.exec(
    'UPDATE approvals SET state = ?, decided_at = ?, decided_by = ?, reason = ?, revision = revision + 1 WHERE id = ?',
    ...[wanted, nowMs, by === null ? 'root' : `person:${by.name}`, reason, id],
  )
  eraseContent(sql, id)
  return { kind: 'decided', approval: announced(sql, { id, grant }, nowMs) }
}

function isOpen(
  { state, expiresAtMs }: ApprovalView,
  decision: DecideRequest['decision'],
  nowMs: number,
): boolean {
  if (state === 'pending') return true
  return decision === 'deny' && (state === 'approved' || state === 'used' || state === 'asking')
    ? expiresAtMs > nowMs
    : false
}

function tooLate({ state }: ApprovalView): string {
  const next = state === 'expired' ? 'The call has to be asked for again.' : 'Nothing is left to decide.'
  return `It is ${state} already. ${next}`
}

/** Four eyes: neither whose agent it is nor whoever is known to be behind the session can be the one who approves. */
function isOwn(account: string | null, { by, owner }: DecideRequest): boolean {
  if (by === null) return false
  if (owner !== null && plain(owner) === plain(by.name)) return true
  if (account === null) return false
  const asker = plain(account)
  return [by.name, by.email, ...by.accounts].some((name) => name !== null && plain(name) === asker)
}

/** The same person, however it is written. Rather one too many: whoever is taken for the one who asks cannot approve. */
function plain(name: string): string {
  return name.normalize('NFKC').trim().toLowerCase()
}
