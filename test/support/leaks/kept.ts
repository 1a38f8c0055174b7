/**
 * What calls carried that nobody may decide about any more. It is sealed, so that no search for the values finds it: it is
 * found by what is said of its approval. PURE.
 */
import type { Finding } from './findings.ts'

const TABLE = 'approval_contents'

/** Finds what lies there although its call was decided, or its grant revoked. For objects that have the table. */
export const KEPT_TOO_LONG = `SELECT approval FROM ${TABLE}
  WHERE approval NOT IN (SELECT id FROM approvals WHERE state = 'pending')
     OR EXISTS (SELECT 1 FROM grants WHERE revoked_at IS NOT NULL)`

/** Whether an object with these tables keeps any. */
export function keepsContents(tables: readonly string[]): boolean {
  return [TABLE, 'approvals', 'grants'].every((name) => tables.includes(name))
}

/** @param found rows of `KEPT_TOO_LONG` */
export function keptTooLong(found: readonly unknown[], store: string, where: string): Finding[] {
  const place = { store, table: TABLE, column: 'sealed' }
  return found.map(() => ({
    where,
    place,
    label: 'argument: those of a call that is decided',
    form: 'sealed',
  }))
}
