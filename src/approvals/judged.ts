/** Asks for an approval with the values that its call carries: for those alone who may decide about it. */
import type { JudgedApproval } from '../contract/approvals.ts'
import type { Env } from '../contract/env.ts'
import { principalObject } from '../contract/objects.ts'
import { readContent } from './content.ts'
import { grantOfApproval } from './id.ts'

/** The approval and what it carries, asked of the principal that holds the call; null for an id that is of none. */
export async function judgedApproval(env: Env, tenant: string, id: string): Promise<JudgedApproval | null> {
  const grant = grantOfApproval(id)
  if (grant === null) return null
  const judged = await principalObject(env, tenant, grant).approvalContent(id)
  if (judged === null) return null
  const { approval, content, absent } = judged
  return { approval, content: content === null ? null : readContent(content), absent }
}
