/** Puts a tenant into the directory that was made before there was one (docs/decisions/0027-directory.md). */
import { errorName, log } from '../../base/log.ts'
import { tenantDirectory } from '../../contract/objects.ts'
import { isListed, markListed, readTenant } from '../tables/settings.ts'
import type { Tenancy } from './tenancy.ts'

/** Never throws: where the directory does not answer, it is asked again within a minute. */
export async function enlist(tenancy: Tenancy): Promise<void> {
  const { sql, env } = tenancy
  const tenant = readTenant(sql)?.name
  if (tenant === undefined || isListed(sql)) return
  try {
    await tenantDirectory(env).add(tenant)
  } catch (error) {
    log('warn', 'tenant.not_listed', { tenant, error: errorName(error) })
    return
  }
  if (tenancy.isThere) tenancy.commit(() => markListed(sql))
}
