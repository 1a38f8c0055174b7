/** Settings of a tenant to which this deployment could give no effect: refused, and not taken and forgotten. */
import { DEFAULT_RETENTION_DAYS, type TenantDocument } from '../contract/config.ts'
import type { Env } from '../contract/env.ts'
import { secretKeys } from '../secrets/seal.ts'

/** Names settings that would have no effect in this deployment, each with what is allowed; empty where all have one. */
export function withoutEffect(env: Env, { audit, identity }: TenantDocument): string[] {
  const problems: string[] = []
  if (env.AUDIT_DB === undefined && audit.retention_days !== DEFAULT_RETENTION_DAYS)
    problems.push(
      `/audit/retention_days: found ${audit.retention_days}; allowed: to leave it out, because this deployment has no audit ` +
        'database, and rows stay for 30 days where they were written (docs/deploy.md)',
    )
  if (secretKeys(env) !== null) return problems
  for (const [i, { customer }] of identity.magento.entries())
    if (customer)
      problems.push(
        `/identity/magento/${i}/customer: found true; allowed: false, because this deployment has no ENCRYPTION_KEYS, which a ` +
          'customer’s token is sealed with',
      )
  return problems
}
