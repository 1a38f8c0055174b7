/** All that rows of the audit trail are asked for by: for the administration API and the command line. PURE. */
import { type AuditFilter, columns, type FilteredColumn, filteredColumns, rowKinds } from './audit-columns.ts'

/** Kinds that rows are asked for by: those of rows, and the two sorts of decision. */
export const kindFilters = [...rowKinds, 'call', 'read'] as const

/** Orders of rows by time. */
export const rowOrders = ['newest', 'oldest'] as const

/** Filters that belong to no single column; audit/filter.ts applies them. */
const further = {
  who: {
    help: 'only rows of this account, or of this actor: root, gateway or person:NAME',
    description: '`account` or `actor`, whichever a row has',
  },
  what: {
    help: 'only rows of this tool, method or action, as the table shows it',
    description:
      'Tool (under either name), `method` or `action`, also with the `subject` behind it: `policy.put policy/main`',
  },
  grant: { help: 'only rows of this grant; "(tenant)" has the administrative changes' },
  argument: { help: 'only calls that have an argument of this name' },
} as const satisfies Readonly<Record<string, AuditFilter>>

const kind: AuditFilter = {
  help: `only rows of this kind: ${rowKinds.join(', ')}; or of a sort of decision: call, read`,
  description: '`call` and `read` are the two sorts of `decision`',
  values: kindFilters,
}

export type FilterName = 'kind' | FilteredColumn | keyof typeof further

/** Every filter by its name, but for times. */
export const auditFilters = {
  kind,
  ...Object.fromEntries(filteredColumns.map((name) => [name, columns[name].filter])),
  ...further,
} as Readonly<Record<FilterName, AuditFilter>>

export const filterNames = Object.keys(auditFilters) as readonly FilterName[]
