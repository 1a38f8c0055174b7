/** A principal's audit rows, as they are carried to the audit database. */
import type { Pending, Source } from '../../audit/carry.ts'
import { LONGEST_WAIT_MS } from '../../audit/carry.ts'
import type { AuditRow } from '../../contract/audit-row.ts'

/**
 * A call that may still be refunded keeps its row so long, for the row says what was charged. Whether a call happened
 * at all is known long before.
 */
export const REFUNDABLE_MS = 3_600_000
/** How a call ended is told at the same time as its refund; the refund may come a little later. */
const REFUND_GRACE_MS = 60_000

interface Row extends Record<string, SqlStorageValue> {
  seq: number
  at: number
  request_id: string
  session_id: string | null
  account: string | null
  server: string
  tool: string
  decision: string
  rule: string
  config_version: string
  argument_names: string
  arguments_hmac: string | null
  outcome: string | null
  upstream_status: number | null
  latency_ms: number | null
  shadow: string
  approval: string | null
  method: string | null
  client: string | null
  client_version: string | null
}

/** The rows of table `audit`. */
export function principalLog(sql: SqlStorage): Source {
  return {
    after: (seq, most) =>
      sql
        .exec<Row>(
          `SELECT seq, at, request_id, session_id, account, server, tool, decision, rule, config_version,
             argument_names, arguments_hmac, outcome, upstream_status, latency_ms, shadow, approval, method, client, client_version
           FROM audit WHERE seq > ? ORDER BY seq LIMIT ?`,
          seq,
          most,
        )
        .toArray()
        .map(pending),
    last: () => sql.exec<{ seq: number }>('SELECT coalesce(max(seq), 0) AS seq FROM audit').one().seq,
    freeze: (seq) => {
      sql.exec(
        `UPDATE audit SET outcome = 'unknown'
         WHERE seq > (SELECT head_seq FROM audit_chain) AND seq <= ? AND decision = 'allow' AND outcome IS NULL`,
        seq,
      )
    },
    forget: (seq, nowMs) => {
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
  }
}

function pending(row: Row): Pending {
  const isEnd = row.decision === 'end'
  const waits = row.decision === 'allow' && row.outcome === null
  return {
    row: isEnd ? endRow(row) : decisionRow(row),
    waitsUntilMs: waits ? row.at + LONGEST_WAIT_MS : null,
  }
}

function decisionRow(row: Row): AuditRow {
  return {
    ...common(row),
    kind: 'decision',
    ...whatOf(row),
    request_id: row.request_id === '' ? null : row.request_id,
    config_version: row.config_version,
    argument_names: row.argument_names,
    arguments_hmac: row.arguments_hmac,
    outcome: row.outcome,
    upstream_status: row.upstream_status,
    latency_ms: row.latency_ms,
    shadow: row.shadow,
  }
}

/** What was decided: a call of a tool, or a request to read, whose subject says what it was for. */
function whatOf({ method, tool, approval }: Row): Pick<AuditRow, 'method' | 'tool' | 'subject'> {
  if (method === null)
    return { method: 'tools/call', tool, subject: approval === null ? null : `approval/${approval}` }
  return { method, tool: null, subject: tool }
}

function endRow(row: Row): AuditRow {
  return {
    ...common(row),
    kind: 'session',
    request_id: null,
    method: null,
    config_version: null,
    argument_names: null,
    arguments_hmac: null,
    outcome: null,
    upstream_status: null,
    latency_ms: null,
    shadow: null,
  }
}

function common({ seq, at, session_id, account, server, tool, decision, rule, client, client_version }: Row) {
  const ofTenant = { actor: null, action: null, subject: null, detail: null }
  const ofCaller = { session: session_id, account, client, client_version }
  return { seq, at, ...ofCaller, server, tool, decision, rule, ...ofTenant }
}
