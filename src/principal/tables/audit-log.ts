/** A principal's decisions as rows of the audit trail, on their way to the audit database. */
import { LONGEST_WAIT_MS } from '../../audit/carry.ts'
import type { ObjectLog } from '../../audit/object-log.ts'
import { auditRow } from '../log/audit-row.ts'
import type { DecisionLog } from '../log/decision-log.ts'

/** The log as audit/ reads it. A call that was let through waits for how it ended. */
export function principalLog(sql: SqlStorage, log: DecisionLog): ObjectLog {
  return {
    sql,
    after: (seq, most) =>
      log.after(seq, most).map((decision) => ({
        row: auditRow(decision),
        waitsUntilMs:
          decision.decision === 'allow' && decision.end === null ? decision.atMs + LONGEST_WAIT_MS : null,
      })),
    last: () => log.last(),
    freeze: (seq) => log.freeze(seq),
    forget: (seq, nowMs) => log.forgetUpTo(seq, nowMs),
  }
}
