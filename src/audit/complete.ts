/** Up to when the audit database knows everything: what happened later may still be where it was decided. */
import { TENANT_LOG } from '../contract/audit-row.ts'
import type { Env } from '../contract/env.ts'
import { principalObject, tenantObject } from '../contract/objects.ts'

/** The most principals that are asked; in a tenant with more the answer is not known. */
export const MOST_ASKED = 100

/**
 * Every row of before this time is in the database; Unix milliseconds. Null: nobody can say, for there are too many
 * grants or no such tenant.
 * @param grant the only log that matters, or null for all
 */
export async function completeUntil(
  env: Env,
  tenant: string,
  grant: string | null,
  nowMs: number,
): Promise<number | null> {
  const logs = await tenantObject(env, tenant).auditLogs()
  if (logs === null) return null
  const isAsked = (name: string) => grant === null || grant === name
  const principals = logs.principals.filter(isAsked)
  if (principals.length > MOST_ASKED) return null
  const heads = await Promise.all(principals.map((name) => principalObject(env, tenant, name).auditHead()))
  const waiting = heads.map((head) => head?.oldestWaitingMs ?? null)
  if (isAsked(TENANT_LOG)) waiting.push(logs.own.oldestWaitingMs)
  return Math.min(nowMs, ...waiting.filter((at) => at !== null))
}
