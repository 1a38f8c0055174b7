/** Takes a person's decision about a call that waits, over the administration API or on a page. */
import { grantOfApproval } from '../approvals/id.ts'
import type { DecideAnswer, DecideRequest } from '../contract/approvals.ts'
import type { Env } from '../contract/env.ts'
import { principalObject, tenantObject } from '../contract/objects.ts'
import type { Who } from './context.ts'

export type Decided =
  | DecideAnswer
  /** The caller is nobody of this tenant any more. */
  | { readonly kind: 'nobody' }

/** Has the principal that holds the call write it down. The caller has checked that `who` has the role for it. */
export async function decide(
  { env, tenant, who }: { readonly env: Env; readonly tenant: string; readonly who: Who },
  said: Pick<DecideRequest, 'id' | 'decision' | 'reason' | 'revision'>,
): Promise<Decided> {
  const grant = grantOfApproval(said.id)
  if (grant === null) return { kind: 'absent' }
  const parties = await partiesOf(env, tenant, who, grant)
  if (parties === null) return { kind: 'nobody' }
  return principalObject(env, tenant, grant).decideApproval({ ...said, ...parties })
}

/** The person who decides and the owner of the agent, as the tenant knows them now; null for a person who was just removed. */
async function partiesOf(
  env: Env,
  tenant: string,
  who: Who,
  grant: string,
): Promise<Pick<DecideRequest, 'by' | 'owner'> | null> {
  if (who.kind === 'root') return { by: null, owner: null }
  const object = tenantObject(env, tenant)
  const [person, asker] = await Promise.all([object.person(who.name), object.grant(grant)])
  if (person === null) return null
  const { name, email, accounts } = person
  return { by: { name, email, accounts }, owner: asker?.owner ?? null }
}
