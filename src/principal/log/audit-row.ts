/** A decision of the log as a row of the audit trail. PURE. */
import { type ColumnName, columnNames, columnOf, type RowKind } from '../../contract/audit-columns.ts'
import type { AuditRow } from '../../contract/audit-row.ts'
import type { Decision } from './entries.ts'

/** The columns that say something in a row of each kind. */
const columnsOf: Readonly<Record<Exclude<RowKind, 'change'>, ReadonlySet<ColumnName>>> = {
  decision: new Set(columnNames.filter((name) => columnOf(name).of.includes('decision'))),
  session: new Set(columnNames.filter((name) => columnOf(name).of.includes('session'))),
}

/** The row of a decision whose end is all that is known of it. A request to read names its method, and has its subject as `tool`. */
export function auditRow(it: Decision): AuditRow {
  const kind = it.decision === 'end' ? 'session' : 'decision'
  const [outcome, status, latencyMs] = it.end ?? [null, null, null]
  const { method, tool, approvalId } = it
  const values: Readonly<Partial<Record<ColumnName, string | number | null>>> = {
    request_id: it.requestId === '' ? null : it.requestId,
    session: it.sessionId,
    account: it.account,
    client: it.client,
    client_version: it.clientVersion,
    server: it.server,
    method: method ?? 'tools/call',
    tool: method === null ? tool : null,
    decision: it.decision,
    rule: it.rule,
    config_version: it.configVersion,
    argument_names: JSON.stringify(it.argumentNames),
    arguments_hmac: it.argumentsHmac,
    outcome,
    upstream_status: status,
    latency_ms: latencyMs,
    shadow: JSON.stringify(it.shadow),
    subject: method !== null ? tool : approvalId === null ? null : `approval/${approvalId}`,
  }
  const said = columnsOf[kind]
  const columns = columnNames.map((name) => [name, said.has(name) ? (values[name] ?? null) : null])
  return { seq: it.seq, at: it.atMs, kind, ...Object.fromEntries(columns) } as AuditRow
}
