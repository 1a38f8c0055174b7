/** The tenant itself, changed: its settings, and whether its agents are refused. */
import { tenantDocument } from '../../contract/config.ts'
import type { Change, ChangeContext, TenantView } from '../../contract/tenant.ts'
import { addBuiltIn, builtInHash } from '../tables/built-in.ts'
import { checkPreconditions } from '../tables/etags.ts'
import { touchAll, touchEvery } from '../tables/grants.ts'
import { present } from '../tables/present.ts'
import { record } from '../tables/recording.ts'
import { changedSettings, readTenant, writeSuspended, writeTenant } from '../tables/settings.ts'
import type { Tenancy } from '../work/tenancy.ts'

/**
 * Creates the tenant or replaces its settings, which `tenantDocument` has accepted.
 * @param isSaid of the demo's tenant: its built-in grant is to go by them
 */
export async function putTenant(
  tenancy: Tenancy,
  {
    tenant,
    settingsJson,
    isSaid,
  }: {
    readonly tenant: string
    readonly settingsJson: string
    readonly isSaid: boolean
  },
  by: ChangeContext,
): Promise<Change<TenantView>> {
  const { sql, env } = tenancy
  const demoHash = await builtInHash(env, tenant)
  const work = (nowMs: number) => {
    const created = !tenancy.isThere
    checkPreconditions(sql, by.expected, 'tenant', !created)
    const before = readTenant(sql)?.settings ?? null
    writeTenant(
      sql,
      { name: tenant, settings: tenantDocument().parse(JSON.parse(settingsJson)), isSaid },
      nowMs,
    )
    if (demoHash !== null) addBuiltIn(sql, demoHash, nowMs)
    const action = created ? 'tenant.create' : 'tenant.put'
    record(sql, by, { action, subject: 'tenant', detail: changedSettings(sql, before), atMs: nowMs })
    const touched = demoHash === null ? touchAll(sql) : touchEvery(sql)
    return { created, touched, now: present(readTenant(sql)).view }
  }
  return tenancy.change(tenant, by, work, 'tenant')
}

/** Has every request of the tenant's agents refused, or no longer. Null: there is no such tenant. */
export async function suspend(
  tenancy: Tenancy,
  isSuspended: boolean,
  by: ChangeContext,
): Promise<Change<TenantView> | null> {
  const { sql } = tenancy
  if (!tenancy.isThere) return null
  return tenancy.change('', by, (nowMs) => {
    const before = present(readTenant(sql))
    if (before.isSuspended === isSuspended) return { created: false, touched: [], now: before.view }
    writeSuspended(sql, isSuspended ? nowMs : null)
    record(sql, by, {
      action: isSuspended ? 'tenant.suspend' : 'tenant.resume',
      subject: 'tenant',
      detail: {},
      atMs: nowMs,
    })
    return { created: false, touched: touchEvery(sql), now: present(readTenant(sql)).view }
  })
}
