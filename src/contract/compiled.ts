/** A tenant's configuration in the form that requests are decided with. */
import { loadPolicy } from '../policy/load.ts'
import type { Policy } from '../policy/model.ts'
import type { TenantConfig, TenantSettings } from './config.ts'
import type { UpstreamConfig } from './upstream.ts'

/** A configuration ready to decide with. */
export interface CompiledConfig {
  readonly version: string
  readonly settings: TenantSettings
  readonly policy: Policy | null
  /** The upstream servers that the grant reaches, by name and in its order. */
  readonly upstreams: ReadonlyMap<string, UpstreamConfig>
  /** The names of each upstream's tools, where the configuration has them. */
  readonly toolNames: ReadonlyMap<string, ReadonlySet<string>>
  /** The tenant is suspended: calls are not even prepared. */
  readonly isSuspended: boolean
}

/** A policy that was stored loads, for it was checked then; one that does not anyway denies everything. */
export function compile({ version, settings, policy, upstreams, suspended }: TenantConfig): CompiledConfig {
  const loaded = policy === null ? null : loadPolicy(policy)
  // A configuration that was stored before there were upstream servers does not have the member.
  const byName = new Map((upstreams ?? []).map((upstream) => [upstream.name, upstream]))
  return {
    version,
    settings,
    policy: loaded?.ok ? loaded.policy : null,
    upstreams: byName,
    toolNames: new Map(
      (upstreams ?? []).flatMap(({ name, tools }) => (tools === undefined ? [] : [[name, new Set(tools)]])),
    ),
    isSuspended: suspended === true,
  }
}
