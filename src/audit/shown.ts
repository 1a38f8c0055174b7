/** A row as the administration API shows it. PURE. */
import type { AuditRow } from '../contract/audit-row.ts'

/** What is shown of every row, whether it has been carried yet or not. */
export interface ShownRow extends AuditRow {
  readonly principal: string
  readonly chain: string
  /** Null: not in the audit database yet. */
  readonly hash: string | null
}

/** Times as ISO 8601, and what is stored as JSON as what it says. */
export function shownRow(row: ShownRow) {
  return {
    at: new Date(row.at).toISOString(),
    kind: row.kind,
    grant: row.principal,
    seq: row.seq,
    request_id: row.request_id,
    session: row.session,
    account: row.account,
    // Absent in a row of an object of an earlier version, and in a database without the column.
    client: row.client ?? null,
    client_version: row.client_version ?? null,
    server: row.server,
    method: row.method,
    tool: row.tool,
    decision: row.decision,
    rule: row.rule,
    config_version: row.config_version,
    argument_names: parsed(row.argument_names),
    arguments_hmac: row.arguments_hmac,
    outcome: row.outcome,
    upstream_status: row.upstream_status,
    latency_ms: row.latency_ms,
    shadow: parsed(row.shadow),
    actor: row.actor,
    action: row.action,
    subject: row.subject,
    detail: parsed(row.detail),
    chain: row.chain,
    hash: row.hash,
  }
}

function parsed(json: string | null): unknown {
  return json === null ? null : JSON.parse(json)
}
