/** A row as the administration API shows it, and the description of that. PURE. */
import * as z from 'zod/v4'
import { lazy } from '../base/lazy.ts'
import { type ColumnName, columnNames, columnOf, rowKinds } from '../contract/audit-columns.ts'
import type { AuditRow } from '../contract/audit-row.ts'

/** The parts of a row that are shown, carried or not. */
export type ShownRow = AuditRow & {
  readonly principal: string
  readonly chain: string
  /** Null: not in the audit database yet. */
  readonly hash: string | null
}

/** Times as ISO 8601, and what is stored as JSON as what it says. */
export function shownRow(row: ShownRow): Readonly<Record<string, unknown>> {
  return {
    at: new Date(row.at).toISOString(),
    kind: row.kind,
    grant: row.principal,
    seq: row.seq,
    ...Object.fromEntries(columnNames.map((name) => [name, shownValue(row, name)])),
    chain: row.chain,
    hash: row.hash,
  }
}

function shownValue(row: ShownRow, name: ColumnName): unknown {
  // Absent in a row of an object of an earlier version, and in a database without the column.
  const value = row[name] ?? null
  return value === null || columnOf(name).json === undefined ? value : JSON.parse(String(value))
}

/** The schema of a row that `shownRow` makes. */
export const rowSchema = lazy(() =>
  z.object({
    at: z.string(),
    kind: z.enum(rowKinds),
    grant: z.string().describe('The grant, or "(tenant)" for administrative changes'),
    seq: z.int(),
    ...Object.fromEntries(columnNames.map((name) => [name, valueSchema(name)])),
    chain: z.string(),
    hash: z.string().nullable(),
  }),
)

function valueSchema(name: ColumnName): z.ZodType {
  const { json, type, description } = columnOf(name)
  const schema = (json?.() ?? (type === 'INTEGER' ? z.int() : z.string())).nullable()
  return description === undefined ? schema : schema.describe(description)
}
