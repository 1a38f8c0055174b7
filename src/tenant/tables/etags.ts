/** The version of each administrative resource, as `ETag` shows it and `If-Match` asks for it (RFC 9110, 8.8.3 and 13.1.1). */
import { type Expected, Refusal } from '../../contract/tenant.ts'

/** Returns the version of a resource, as text; '0' where it never had one. */
export function etagOf(sql: SqlStorage, thing: string): string {
  const row = sql.exec<{ stamp: number }>('SELECT stamp FROM stamps WHERE thing = ?', thing).toArray()[0]
  return String(row?.stamp ?? 0)
}

/** Gives a resource that has changed a version that no resource of the tenant ever had. */
export function renewEtag(sql: SqlStorage, thing: string): void {
  const next = sql
    .exec<{ stamp: number }>('UPDATE last_stamp SET stamp = stamp + 1 RETURNING stamp')
    .one().stamp
  sql.exec('INSERT OR REPLACE INTO stamps VALUES (?, ?)', thing, next)
}

export function dropEtag(sql: SqlStorage, thing: string): void {
  sql.exec('DELETE FROM stamps WHERE thing = ?', thing)
}

/** Throws a Refusal where the stored resource is not the one that the caller expected. Call it in the transaction of the change. */
export function checkPreconditions(
  sql: SqlStorage,
  { tags, absent }: Expected,
  thing: string,
  isThere: boolean,
): void {
  if (absent && isThere)
    throw new Refusal('stale', [
      `${named(thing)} is there already, and was to be made only where it is not (If-None-Match: *). Change what is there, or take another name.`,
    ])
  if (tags === null) return
  if (!isThere)
    throw new Refusal('stale', [
      `${named(thing)} is not there, and was to be changed only where it is (If-Match). Make it first.`,
    ])
  if (tags === '*' || tags.includes(etagOf(sql, thing))) return
  throw new Refusal('stale', [
    `${named(thing)} has changed since it was read: its ETag is "${etagOf(sql, thing)}" now. Read it again, and change that.`,
  ])
}

/** Names a resource as people know it: `tenant` is the only one without a name behind it. */
function named(thing: string): string {
  return thing.includes('/') ? thing : `The ${thing}`
}
