/** Which state of a thing is there: what `ETag` shows and `If-Match` asks for (RFC 9110, 8.8.3 and 13.1.1). */
import { type Expected, Refusal } from '../../contract/tenant.ts'

/** The stamp of a thing, as text; '0' where it was never stamped. */
export function stampOf(sql: SqlStorage, thing: string): string {
  const row = sql.exec<{ stamp: number }>('SELECT stamp FROM stamps WHERE thing = ?', thing).toArray()[0]
  return String(row?.stamp ?? 0)
}

/** Gives a thing that has changed a stamp that nothing ever had. */
export function stamp(sql: SqlStorage, thing: string): void {
  const next = sql
    .exec<{ stamp: number }>('UPDATE last_stamp SET stamp = stamp + 1 RETURNING stamp')
    .one().stamp
  sql.exec('INSERT OR REPLACE INTO stamps VALUES (?, ?)', thing, next)
}

export function dropStamp(sql: SqlStorage, thing: string): void {
  sql.exec('DELETE FROM stamps WHERE thing = ?', thing)
}

/** Throws a Refusal when what is there is not what the caller expected. Call it in the transaction of the change. */
export function demand(sql: SqlStorage, { tags, absent }: Expected, thing: string, isThere: boolean): void {
  if (absent && isThere) throw new Refusal('stale', [`found that ${thing} is there; allowed: If-None-Match`])
  if (tags === null) return
  if (!isThere) throw new Refusal('stale', [`found that ${thing} is not there; allowed: If-Match`])
  if (tags === '*' || tags.includes(stampOf(sql, thing))) return
  throw new Refusal('stale', [
    `found that ${thing} has changed: its ETag is "${stampOf(sql, thing)}"; allowed: the If-Match of the state that is there`,
  ])
}
