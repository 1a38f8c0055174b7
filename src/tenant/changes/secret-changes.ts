/** Named secrets, stored and forgotten, and everything sealed anew under the current key. */
import type { Change, ChangeContext, RefusedChange, Removal, SecretView } from '../../contract/tenant.ts'
import { type PrincipalsResealed, Refusal, type Resealed } from '../../contract/tenant.ts'
import { checkPreconditions } from '../tables/etags.ts'
import { touchByServer } from '../tables/grants.ts'
import { present } from '../tables/present.ts'
import { countPending } from '../tables/propagation.ts'
import { record, recordGone } from '../tables/recording.ts'
import {
  commitReseal,
  leftToReseal,
  type MadeSecret,
  makeSecret,
  needed,
  prepareReseal,
  putHeaders,
  type ResealRound,
} from '../tables/resealing.ts'
import { refuseElsewhere } from '../tables/secret-origins.ts'
import * as secrets from '../tables/secrets.ts'
import { readTenant } from '../tables/settings.ts'
import { noPrincipals, resealPrincipals } from '../work/resealing-principals.ts'
import { refusedBy, type Tenancy } from '../work/tenancy.ts'
import { fewOf } from './few.ts'

const NO_ORIGINS =
  '/origins: found none; allowed: the origins of the servers that it may be sent to, such as ["https://crm.example.com"]'
/** The most characters of the origins on record. */
const MOST_RECORDED = 400

/**
 * Stores a secret, sealed, and makes the headers anew that are made of it.
 *
 * @param given where it may be sent; null: where the one that it replaces may
 */
export async function putSecret(
  tenancy: Tenancy,
  {
    tenant,
    name,
    value,
    given,
  }: {
    readonly tenant: string
    readonly name: string
    readonly value: string
    readonly given: readonly string[] | null
  },
  by: ChangeContext,
): Promise<Change<SecretView>> {
  const { sql } = tenancy
  let made: MadeSecret
  try {
    made = await makeSecret(tenancy.keys(), { tenant, name, value, sql: tenancy.isThere ? sql : null })
  } catch (error) {
    return refusedBy(error)
  }
  return tenancy.change(tenant, by, (nowMs) => {
    const before = secrets.viewSecret(sql, name)
    checkPreconditions(sql, by.expected, `secret/${name}`, before !== null)
    const origins = given ?? before?.origins ?? []
    if (origins.length === 0) throw new Refusal('invalid', [NO_ORIGINS])
    secrets.writeSecret(sql, { name, sealed: made.sealed, origins }, nowMs)
    for (const { server } of secrets.usesOf(sql, name)) refuseElsewhere(sql, server, 'conflict')
    const changed = putHeaders(sql, name, made)
    const detail = { servers: changed.length, origins: origins.join(' ').slice(0, MOST_RECORDED) }
    record(sql, by, { action: 'secret.put', subject: `secret/${name}`, detail, atMs: nowMs })
    const touched = new Set(changed.flatMap((server) => touchByServer(sql, server)))
    return {
      created: before === null,
      touched: [...touched],
      now: present(secrets.viewSecret(sql, name)),
    }
  })
}

/** Forgets a secret. Refused while a server's header is made of it. */
export async function deleteSecret(tenancy: Tenancy, name: string, by: ChangeContext): Promise<Removal> {
  const { sql } = tenancy
  return tenancy.remove((nowMs) => {
    const secret = secrets.viewSecret(sql, name)
    if (secret === null) return null
    checkPreconditions(sql, by.expected, `secret/${name}`, true)
    if (secret.servers.length > 0)
      throw new Refusal('conflict', [
        `Headers of servers are made of this secret: ${fewOf(secret.servers)}. Give them other values, or remove the servers; then delete it.`,
      ])
    secrets.deleteSecret(sql, name)
    recordGone(sql, by, { action: 'secret.delete', subject: `secret/${name}`, atMs: nowMs })
    return []
  })
}

/** Seals some of what is sealed with another key than the current one anew: call it until nothing is left. */
export async function reseal(tenancy: Tenancy, by: ChangeContext): Promise<Resealed | RefusedChange> {
  const { sql } = tenancy
  if (!tenancy.isThere) return { kind: 'resealed', key: '', resealed: 0, left: 0, pending: 0 }
  let round: ResealRound
  try {
    round = await prepareReseal(tenancy.keys(), present(readTenant(sql)).name, sql)
  } catch (error) {
    return refusedBy(error)
  }
  const { touched, resealed } = tenancy.commit(() => {
    const { servers: changed, resealed } = commitReseal(round)
    if (resealed > 0)
      record(sql, by, {
        action: 'secrets.rotate',
        subject: 'secrets',
        detail: { key: round.key, resealed },
        atMs: Date.now(),
      })
    return { touched: changed.flatMap((server) => touchByServer(sql, server)), resealed }
  })
  await tenancy.propagator.propagate([...new Set(touched)])
  const pending = countPending(sql)
  const { left, stuck } = leftToReseal(sql, round)
  return { kind: 'resealed', key: round.key, resealed, left, pending, ...(stuck === 0 ? {} : { stuck }) }
}

/** Has a page of principals seal anew what they hold; `after` is the `next` of the page before. */
export async function resealOfPrincipals(
  tenancy: Tenancy,
  after: string | null,
  by: ChangeContext,
): Promise<PrincipalsResealed | RefusedChange> {
  const { sql, env, wake } = tenancy
  if (!tenancy.isThere) return noPrincipals
  const { name: tenant } = present(readTenant(sql))
  try {
    const { current: key } = needed(tenancy.keys())
    // Before anything is done, so that a run which dies is on record.
    if (after === null) {
      tenancy.commit(() =>
        record(sql, by, {
          action: 'secrets.rotate',
          subject: 'secrets',
          detail: { key, grants: 'all' },
          atMs: Date.now(),
        }),
      )
      await wake.rearm()
    }
    return await resealPrincipals({ sql, env, tenant }, key, after)
  } catch (error) {
    return refusedBy(error)
  }
}
