/** A principal's audit rows, as they are carried to the audit database. */
import { LONGEST_WAIT_MS } from '../../audit/carry.ts'
import { objectLog } from '../../audit/object-log.ts'

/**
 * The time for which a call that may still be refunded keeps its row, for the row says what was charged. Whether a call happened at all
 * is known long before.
 */
export const REFUNDABLE_MS = 3_600_000
/** The outcome of a call is reported together with its refund; the refund may come a little later. */
const REFUND_GRACE_MS = 60_000

/**
 * The rows of table `audit`. `end` is the end of a session; all else was decided. A request to read names its method, and has its
 * subject as `tool`.
 */
export const principalLog = objectLog({
  table: 'audit',
  kinds: { decision: "decision <> 'end'", session: "decision = 'end'" },
  otherwise: {
    request_id: "nullif(request_id, '')",
    session: 'session_id',
    method: "coalesce(method, 'tools/call')",
    tool: 'CASE WHEN method IS NULL THEN tool END',
    subject: "CASE WHEN method IS NULL THEN 'approval/' || approval ELSE tool END",
  },
  waitsUntilMs: ({ decision, outcome, at }) =>
    decision === 'allow' && outcome === null ? at + LONGEST_WAIT_MS : null,
  freeze: (sql, seq) => {
    sql.exec(
      `UPDATE audit SET outcome = 'unknown'
       WHERE seq > (SELECT head_seq FROM audit_chain) AND seq <= ? AND decision = 'allow' AND outcome IS NULL`,
      seq,
    )
  },
  forget: (sql, seq, nowMs) => {
    sql.exec(
      `UPDATE grants SET decided_at = coalesce((SELECT at FROM audit
         WHERE seq <= ? AND seq > predecessor_seq AND decision <> 'end' ORDER BY seq DESC LIMIT 1), decided_at)`,
      seq,
    )
    sql.exec(
      `DELETE FROM audit WHERE seq <= ?1 AND (decision <> 'allow' OR charged = '[]' OR refunded_at IS NOT NULL
         OR at <= CASE WHEN outcome = 'unknown' THEN ?2 ELSE ?3 END)`,
      seq,
      nowMs - REFUNDABLE_MS,
      nowMs - REFUND_GRACE_MS,
    )
  },
})
