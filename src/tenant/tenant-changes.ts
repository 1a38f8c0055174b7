/** The tenant itself, changed: its settings, and whether its agents are refused. */
import { tenantDocument } from './config.ts'
import type { By, Change, TenantView } from './contract.ts'
import { touchAll, touchEvery } from './grants.ts'
import { present } from './present.ts'
import { record } from './recording.ts'
import { changedSettings, readTenant, writeSuspended, writeTenant } from './settings.ts'
import { demand } from './stamps.ts'
import type { Tenancy } from './tenancy.ts'

/** Creates the tenant or replaces its settings, which `tenantDocument` has accepted. */
export async function putTenant(
  tenancy: Tenancy,
  tenant: string,
  settingsJson: string,
  by: By,
): Promise<Change<TenantView>> {
  const { sql } = tenancy
  const work = (nowMs: number) => {
    const created = !tenancy.isThere
    demand(sql, by.expected, 'tenant', !created)
    const before = readTenant(sql)?.settings ?? null
    writeTenant(sql, tenant, tenantDocument.parse(JSON.parse(settingsJson)), nowMs)
    const action = created ? 'tenant.create' : 'tenant.put'
    record(sql, by, action, 'tenant', changedSettings(sql, before), nowMs)
    return { created, touched: touchAll(sql), now: present(readTenant(sql)).view }
  }
  return tenancy.change(tenant, by, work, 'tenant')
}

/** Has every request of the tenant's agents refused, or no longer. Null: there is no such tenant. */
export async function suspend(
  tenancy: Tenancy,
  isSuspended: boolean,
  by: By,
): Promise<Change<TenantView> | null> {
  const { sql } = tenancy
  if (!tenancy.isThere) return null
  return tenancy.change('', by, (nowMs) => {
    const before = present(readTenant(sql))
    if (before.isSuspended === isSuspended) return { created: false, touched: [], now: before.view }
    writeSuspended(sql, isSuspended ? nowMs : null)
    record(sql, by, isSuspended ? 'tenant.suspend' : 'tenant.resume', 'tenant', {}, nowMs)
    return { created: false, touched: touchEvery(sql), now: present(readTenant(sql)).view }
  })
}
