/** Policies, changed: a new version, an earlier one again, or none. */
import {
  type Change,
  type ChangeContext,
  type PolicyView,
  Refusal,
  type Removal,
} from '../../contract/tenant.ts'
import { checkPreconditions } from '../tables/etags.ts'
import { grantsUnderPolicy, touchByPolicy } from '../tables/grants.ts'
import * as policies from '../tables/policies.ts'
import { present } from '../tables/present.ts'
import { record, recordGone } from '../tables/recording.ts'
import type { Tenancy } from '../work/tenancy.ts'
import { fewOf } from './few.ts'

/** Makes a policy, which has been found to load, the current version; the same content makes none. */
export async function putPolicy(
  tenancy: Tenancy,
  {
    tenant,
    name,
    documentJson,
  }: {
    readonly tenant: string
    readonly name: string
    readonly documentJson: string
  },
  by: ChangeContext,
): Promise<Change<PolicyView>> {
  const { sql } = tenancy
  return tenancy.change(tenant, by, (nowMs) => {
    const before = policies.readPolicy(sql, name)
    checkPreconditions(sql, by.expected, `policy/${name}`, before !== null)
    const isNew = policies.writePolicy(sql, { name, documentJson, by }, nowMs)
    if (!isNew) return { created: false, touched: [], now: present(before) }
    const { version } = present(policies.readPolicy(sql, name))
    record(sql, by, {
      action: 'policy.put',
      subject: `policy/${name}`,
      detail: { from: before?.version ?? null, to: version },
      atMs: nowMs,
    })
    const touched = touchByPolicy(sql, name)
    return { created: before === null, touched, now: present(policies.readPolicy(sql, name)) }
  })
}

/** Makes an earlier version the current one, of a deleted policy as well. Null: no such version is on record. */
export async function rollBackPolicy(
  tenancy: Tenancy,
  name: string,
  version: number,
  by: ChangeContext,
): Promise<Change<PolicyView> | null> {
  const { sql } = tenancy
  if (!tenancy.isThere || policies.readPolicy(sql, name, version) === null) return null
  return tenancy.change('', by, (nowMs) => {
    const before = policies.readPolicy(sql, name)
    checkPreconditions(sql, by.expected, `policy/${name}`, before !== null)
    if (before?.version === version) return { created: false, touched: [], now: before }
    policies.pointTo(sql, name, version)
    record(sql, by, {
      action: 'policy.rollback',
      subject: `policy/${name}`,
      detail: { from: before?.version ?? null, to: version },
      atMs: nowMs,
    })
    const touched = touchByPolicy(sql, name)
    return { created: false, touched, now: present(policies.readPolicy(sql, name)) }
  })
}

/** Deletes a policy; its versions stay on record. Refused while a grant is under it. */
export async function deletePolicy(tenancy: Tenancy, name: string, by: ChangeContext): Promise<Removal> {
  const { sql } = tenancy
  return tenancy.remove((nowMs) => {
    if (policies.readPolicy(sql, name) === null) return null
    checkPreconditions(sql, by.expected, `policy/${name}`, true)
    const under = grantsUnderPolicy(sql, name)
    if (under.length > 0)
      throw new Refusal('conflict', [
        `Grants are under this policy: ${fewOf(under)}. Put them under another one, or revoke them; then delete it.`,
      ])
    policies.deletePolicy(sql, name, by, nowMs)
    recordGone(sql, by, { action: 'policy.delete', subject: `policy/${name}`, atMs: nowMs })
    return []
  })
}
