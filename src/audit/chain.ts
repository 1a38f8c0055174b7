/**
 * Rows of one log are chained: the hash of each covers the hash before it, so that none can be altered, removed or
 * put in without all later hashes being different. The last one is kept where the rows came from.
 */
import { sha256Hex } from '../base/sha256.ts'
import { type AuditRow, canonicalRow, type Log } from '../contract/audit-row.ts'

/** The value that the first row of a log is chained to. */
export const GENESIS = ''

/** The hash of a row, as hex: SHA-256 over the hash before it, a line feed, and the row's one text. */
export async function linkHash(before: string, log: Log, row: AuditRow): Promise<string> {
  return sha256Hex(`${before}\n${canonicalRow(log, row)}`)
}

/** Hashes rows that follow `before`, in order. */
export async function chainRows<R extends AuditRow>(
  before: string,
  log: Log,
  rows: readonly R[],
): Promise<(R & { readonly hash: string })[]> {
  const chained: (R & { readonly hash: string })[] = []
  let hash = before
  for (const row of rows) {
    hash = await linkHash(hash, log, row)
    chained.push({ ...row, hash })
  }
  return chained
}
