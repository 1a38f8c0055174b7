/**
 * The last admin of a tenant: people cannot take their own team out of its administration, neither by mistake nor two of them at
 * once. The owner of the deployment can, whose token remains, and is told what that leaves.
 */
import { type ChangeContext, Refusal } from '../../contract/tenant.ts'

/** The actor of the root token, which still comes in where nobody is admin (admin/who.ts). */
const ROOT = 'root'

/**
 * True if nobody is admin any more once `name` is not. Call it in the transaction of the change.
 *
 * @throws Refusal where somebody other than root would do that
 */
export function takesLastAdmin(sql: SqlStorage, by: ChangeContext, name: string): boolean {
  const others = sql.exec("SELECT 1 FROM people WHERE role = 'admin' AND name <> ? LIMIT 1", name).toArray()
  if (others.length > 0) return false
  if (by.actor === ROOT) return true
  throw new Refusal('conflict', [
    `found ${name}, the last admin of the tenant; allowed: to make somebody else admin first, or the root token`,
  ])
}

/** True if no admin has a token that is valid at `nowMs`. */
export function hasNoAdminToken(sql: SqlStorage, nowMs: number): boolean {
  return (
    sql
      .exec(
        `SELECT 1 FROM person_tokens JOIN people ON people.name = person_tokens.person
         WHERE role = 'admin' AND (until IS NULL OR until > ?) LIMIT 1`,
        nowMs,
      )
      .toArray().length === 0
  )
}
