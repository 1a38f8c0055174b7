/** Grants, changed: made, given another document or another secret, revoked. */

import { isDemo } from '../../base/local-switches.ts'
import type { Env } from '../../contract/env.ts'
import type { GrantDocument } from '../../contract/grant-document.ts'
import {
  type ApprovalsLeft,
  type Change,
  type ChangeContext,
  type GrantView,
  Refusal,
  type Removal,
} from '../../contract/tenant.ts'
import { unknownNames } from '../../contract/unknown-names.ts'
import { DEMO_GRANT, DEMO_TENANT } from '../../demo/token.ts'
import { nativeServerNames } from '../../names/native-servers.ts'
import type { ApprovalsBefore } from '../tables/approvals.ts'
import { approvalsBefore, approvalsLeft } from '../tables/approvals.ts'
import { checkPreconditions } from '../tables/etags.ts'
import { refuseOwnGrant } from '../tables/four-eyes.ts'
import * as grants from '../tables/grants.ts'
import { peopleNames } from '../tables/people.ts'
import { policyNames } from '../tables/policies.ts'
import { present } from '../tables/present.ts'
import { record, recordGone } from '../tables/recording.ts'
import { serverNames } from '../tables/servers.ts'
import { readTenant } from '../tables/settings.ts'
import type { Tenancy } from '../work/tenancy.ts'

/** Makes a grant or changes it. Only one that is made takes the secret's hash. */
export async function putGrant(
  tenancy: Tenancy,
  {
    tenant,
    name,
    document,
    secretHash,
  }: {
    readonly tenant: string
    readonly name: string
    readonly document: GrantDocument
    readonly secretHash: Uint8Array
  },
  by: ChangeContext,
): Promise<Change<GrantView>> {
  const { sql, env } = tenancy
  return tenancy.change(tenant, by, (nowMs) => {
    refuseBuiltIn(env, tenant, name)
    const before = grants.readGrant(sql, name)
    // Made by the same request, whose answer was lost: it is told the token again, and nothing is done twice.
    if (before?.isDeleted === false && isSame(before.secretHash, secretHash))
      return { created: true, touched: [name], now: present(grants.viewGrant(sql, name)) }
    checkPreconditions(sql, by.expected, `grant/${name}`, before?.isDeleted === false)
    const known = [...nativeServerNames, ...serverNames(sql)]
    const owners = peopleNames(sql)
    // Whoever has left may stay the owner: nobody is called that any more.
    if (before?.isDeleted === false && before.owner !== null) owners.push(before.owner)
    const problems = unknownNames(document, { policies: policyNames(sql), servers: known, people: owners })
    if (problems.length > 0) throw new Refusal('invalid', problems)
    const created = before?.isDeleted !== false
    if (!created) refuseOwnGrant(by, before.owner, document.owner)
    grants.writeGrant(sql, { name, document, secretHash, origin: 'tenant', everyNative: isDemo(env) }, nowMs)
    const { policy, owner, sessions, expiresAtMs } = document
    const detail = { policy, owner, sessions, expires: expiresAtMs }
    record(sql, by, {
      action: created ? 'grant.create' : 'grant.put',
      subject: `grant/${name}`,
      detail,
      atMs: nowMs,
    })
    return { created, touched: [name], now: present(grants.viewGrant(sql, name)) }
  })
}

/** Gives a grant another secret; the one before is good until `overlapMs` from now. Null: there is no such grant. */
export async function rotateGrant(
  tenancy: Tenancy,
  {
    name,
    secretHash,
    overlapMs,
  }: {
    readonly name: string
    readonly secretHash: Uint8Array
    readonly overlapMs: number
  },
  by: ChangeContext,
): Promise<(Change<GrantView> & { readonly approvals?: ApprovalsLeft }) | null> {
  const { sql, env } = tenancy
  if (!tenancy.isThere || grants.viewGrant(sql, name) === null) return null
  const before = approvalsBefore(sql, name, Date.now())
  const change = await tenancy.change('', by, (nowMs) => {
    refuseBuiltIn(env, readTenant(sql)?.name ?? '', name)
    const before = grants.readGrant(sql, name)
    // As in putGrant: what the same request has done already asks nothing of what is there now.
    const isRepeated = before?.isDeleted === false && isSame(before.secretHash, secretHash)
    if (!isRepeated) checkPreconditions(sql, by.expected, `grant/${name}`, true)
    const isNew = grants.rotateSecret(sql, { name, secretHash, olderUntilMs: nowMs + overlapMs }, nowMs)
    if (isNew)
      record(sql, by, {
        action: 'grant.rotate',
        subject: `grant/${name}`,
        detail: { overlap_ms: overlapMs },
        atMs: nowMs,
      })
    return { created: true, touched: [name], now: present(grants.viewGrant(sql, name)) }
  })
  return change.kind === 'done' ? { ...change, approvals: leftOf(tenancy, name, before) } : change
}

/** Revokes a grant and forgets it. */
export async function deleteGrant(
  tenancy: Tenancy,
  name: string,
  by: ChangeContext,
): Promise<Removal & { readonly approvals?: ApprovalsLeft }> {
  const { sql, env } = tenancy
  const before = tenancy.read((it) => approvalsBefore(it, name, Date.now()), NO_APPROVALS)
  const removed = await tenancy.remove((nowMs) => {
    if (grants.viewGrant(sql, name) === null) return null
    checkPreconditions(sql, by.expected, `grant/${name}`, true)
    refuseBuiltIn(env, readTenant(sql)?.name ?? '', name)
    grants.markDeleted(sql, name, nowMs)
    recordGone(sql, by, { action: 'grant.delete', subject: `grant/${name}`, atMs: nowMs })
    return [name]
  })
  return removed.kind === 'removed' ? { ...removed, approvals: leftOf(tenancy, name, before) } : removed
}

const NO_APPROVALS: ApprovalsBefore = { open: new Map(), lastRow: 0 }

/** The tenant may have gone while its principals were told. */
function leftOf(tenancy: Tenancy, grant: string, before: ApprovalsBefore): ApprovalsLeft {
  return tenancy.read((sql) => approvalsLeft(sql, grant, before, Date.now()), { closed: 0, open: 0 })
}

function refuseBuiltIn(env: Env, tenant: string, grant: string): void {
  if (!isDemo(env) || tenant !== DEMO_TENANT || grant !== DEMO_GRANT) return
  throw new Refusal('conflict', [
    `${DEMO_TENANT}/${DEMO_GRANT} is the built-in grant, and is what src/demo/policy.json and src/demo/tenant.json say. Edit those, or take a grant of another name.`,
  ])
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.toHex() === b.toHex()
}
