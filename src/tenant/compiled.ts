/** A tenant's configuration in the form that requests are decided with. */
import { loadPolicy } from '../policy/load.ts'
import type { Policy } from '../policy/model.ts'
import type { TenantConfig, TenantSettings } from './config.ts'

/** A configuration ready to decide with. */
export interface CompiledConfig {
  readonly version: string
  readonly settings: TenantSettings
  readonly policy: Policy | null
}

/** A policy that was stored loads, for it was checked then; one that does not anyway denies everything. */
export function compile({ version, settings, policy }: TenantConfig): CompiledConfig {
  const loaded = policy === null ? null : loadPolicy(policy)
  return { version, settings, policy: loaded?.ok ? loaded.policy : null }
}
