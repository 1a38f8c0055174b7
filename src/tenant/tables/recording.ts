/** Records changes and renews their ETags, in the transaction of the change itself. */
import type { ChangeContext } from '../../contract/tenant.ts'
import { type AdministrativeChange, recordChange } from './changes.ts'
import { dropEtag, renewEtag } from './etags.ts'

type Detail = AdministrativeChange['detail']

/** A change of a thing, as the audit trail has it. */
interface Recorded {
  readonly action: string
  readonly subject: string
  readonly detail: Detail
  readonly atMs: number
}

/** A thing is made or changed. */
export function record(
  sql: SqlStorage,
  by: ChangeContext,
  { action, subject, detail, atMs }: Recorded,
): void {
  renewEtag(sql, subject)
  recordOnly(sql, by, { action, subject, detail, atMs })
}

/** A thing is gone. */
export function recordGone(
  sql: SqlStorage,
  by: ChangeContext,
  { action, subject, atMs }: Omit<Recorded, 'detail'>,
): void {
  dropEtag(sql, subject)
  recordOnly(sql, by, { action, subject, detail: {}, atMs })
}

/** Something was done that is no part of what an administrator has seen of the thing, so its stamp stays. */
export function recordOnly(
  sql: SqlStorage,
  { actor, reason }: ChangeContext,
  { action, subject, detail, atMs }: Recorded,
): void {
  const why = reason === null ? {} : { reason }
  recordChange(sql, { atMs, actor, action, subject, detail: { ...detail, ...why } })
}
