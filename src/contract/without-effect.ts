/** Settings of a tenant to which this deployment could give no effect: refused, and not taken and forgotten. PURE. */
import { DEFAULT_RETENTION_DAYS, type TenantDocument } from './config.ts'
import { identityWithoutKeys } from './identity.ts'

/** The optional parts of a deployment that settings depend on. */
export interface Deployment {
  readonly encryption_keys: boolean
  readonly audit_database: boolean
}

/** Names settings that would have no effect in this deployment, each with what is allowed; empty where all have one. */
export function withoutEffect(deployment: Deployment, { audit, identity }: TenantDocument): string[] {
  const problems: string[] = []
  if (!deployment.audit_database && audit.retention_days !== DEFAULT_RETENTION_DAYS)
    problems.push(
      `/audit/retention_days: found ${audit.retention_days}; allowed: to leave it out, because this deployment has no audit ` +
        'database, and rows stay for 30 days where they were written (docs/deploy.md)',
    )
  return deployment.encryption_keys ? problems : [...problems, ...identityWithoutKeys(identity)]
}
