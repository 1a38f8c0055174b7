import type { ClientName } from '../../contract/client.ts'
import {
  type CallOutcomeKind,
  type CallRecord,
  MOST_SETTLED,
  type Settled,
} from '../../contract/principal.ts'
import { counterStore } from '../../durable/counters.ts'
import { refund, type Taken } from '../../policy/counting.ts'
import type { Shadow } from '../../policy/model.ts'

/** One decided call, or the end of a session. Names of arguments, never their values. */
export interface AuditEntry {
  readonly atMs: number
  readonly requestId: string
  readonly sessionId: string | null
  readonly account: string | null
  /** The client that asked; of a session that ended, the one that logged in. */
  readonly client: ClientName | null
  readonly call: CallRecord
  readonly decision: 'allow' | 'deny' | 'approval' | 'limit' | 'refuse' | 'end'
  readonly rule: string
  /** The id of the approval that it waits for, was denied or is made by; null for none. */
  readonly approvalId?: string | null
  readonly configVersion: string
  readonly taken: readonly Taken[]
  /** The results of rules in shadow. */
  readonly shadow: readonly Shadow[]
  /** The outcome, where it is known at once: the principal's own work is done in the same transaction. */
  readonly outcome?: CallOutcomeKind
}

/** The most rules in shadow that are stored, the first ones. */
const MOST_SHADOW = 32

export function writeAudit(sql: SqlStorage, entry: AuditEntry): void {
  sql.exec(
    `INSERT INTO audit (at, request_id, session_id, account, server, tool, decision, rule, config_version,
       argument_names, arguments_hmac, charged, shadow, outcome, approval, method, client, client_version)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    entry.atMs,
    entry.requestId,
    entry.sessionId,
    entry.account,
    entry.call.server,
    entry.call.tool,
    entry.decision,
    entry.rule,
    entry.configVersion,
    JSON.stringify(entry.call.argumentNames),
    entry.call.argumentsHmac,
    JSON.stringify(entry.taken),
    JSON.stringify(entry.shadow.slice(0, MOST_SHADOW).map(({ action, rule }) => [action, rule])),
    entry.outcome ?? null,
    entry.approvalId ?? null,
    entry.call.method ?? null,
    entry.client?.name ?? null,
    entry.client?.version ?? null,
  )
}

/**
 * Refunds the call of `requestId`, once: the row that says what was charged also says that it was given
 * back. False when there is nothing to refund.
 */
export function refundCall(sql: SqlStorage, requestId: string, nowMs: number): boolean {
  const row = sql
    .exec<{ charged: string; seq: number }>(
      `UPDATE audit SET refunded_at = ? WHERE request_id = ? AND decision = 'allow' AND refunded_at IS NULL
       RETURNING charged, seq`,
      nowMs,
      requestId,
    )
    .toArray()[0]
  if (row === undefined) return false
  // A grant of the same name that was deleted has taken nothing from the counters of this one.
  if (row.seq <= predecessorSeq(sql)) return true
  refund(counterStore(sql), JSON.parse(row.charged) as Taken[])
  return true
}

/** The last row that is of a grant of the same name which was deleted; 0: there was none. */
function predecessorSeq(sql: SqlStorage): number {
  return (
    sql.exec<{ seq: number }>('SELECT predecessor_seq AS seq FROM grants WHERE id = 1').toArray()[0]?.seq ?? 0
  )
}

/**
 * Writes down how calls ended. Only for calls that were let through and only once each: what names no such call
 * changes nothing.
 */
export function settleCalls(sql: SqlStorage, settled: readonly Settled[]): void {
  if (settled.length === 0) return
  const rows = settled
    .slice(0, MOST_SETTLED)
    .map(({ requestId, outcome, upstreamStatus, latencyMs }) => [
      requestId,
      outcome,
      upstreamStatus,
      Math.round(latencyMs),
    ])
  // One statement for all: handing it over costs more than what it does.
  sql.exec(
    `UPDATE audit SET outcome = told.outcome, upstream_status = told.status, latency_ms = told.latency
     FROM (SELECT value ->> 0 AS id, value ->> 1 AS outcome, value ->> 2 AS status, value ->> 3 AS latency
           FROM json_each(?)) AS told
     WHERE audit.request_id = told.id AND audit.decision = 'allow' AND audit.outcome IS NULL`,
    JSON.stringify(rows),
  )
}
