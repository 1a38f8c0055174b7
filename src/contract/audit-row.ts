/** A row of the audit trail, and the text that its hash is made of. PURE. */
import { type ColumnName, columnNames, columnOf, type columns, type RowKind } from './audit-columns.ts'

/** Stands for the tenant's administrative changes where a grant's name would be; no grant can be called that. */
export const TENANT_LOG = '(tenant)'

type Value<C extends ColumnName> = (typeof columns)[C]['type'] extends 'INTEGER' ? number : string

/** One decision, one session's end or one administrative change, as it leaves its object. */
export type AuditRow = {
  readonly seq: number
  /** Unix milliseconds. */
  readonly at: number
  readonly kind: RowKind
} & { readonly [C in ColumnName]: Value<C> | null }

/** The log that a row is in. */
export interface Log {
  readonly tenant: string
  /** The grant's name, or TENANT_LOG. */
  readonly principal: string
  /** Names this very log: a grant's object that was deleted and made again has another. */
  readonly chain: string
}

/** A row in the audit database. */
export type StoredRow = AuditRow &
  Log & {
    readonly arrived: number
    readonly hash: string
  }

/** The fields that each version of the hashed text has added, from the first version on. */
const versions: readonly (readonly (keyof AuditRow)[])[] = Array.from(
  { length: Math.max(...columnNames.map((name) => columnOf(name).version)) },
  (_, before) => {
    const added = columnNames.filter((name) => columnOf(name).version === before + 1)
    return before === 0 ? ['seq', 'at', 'kind', ...added] : added
  },
)

/** The fields of a row in the order in which they are hashed. */
export const fields = versions.flat()

/**
 * The one text of a row: two rows have the same if and only if they say the same. A row that says nothing of what a version
 * has added is written in the version before, so it has the hash that it had there: whichever version of the gateway made
 * it, and also where the database has no columns yet for what is new.
 */
export function canonicalRow({ tenant, principal, chain }: Log, row: AuditRow): string {
  const said = versions.map((names) => names.map((name) => row[name] ?? null))
  const version = said.findLastIndex((values) => values.some((value) => value !== null)) + 1
  return JSON.stringify([version, tenant, principal, chain, ...said.slice(0, version).flat()])
}
