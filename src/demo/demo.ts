/**
 * The demo tenant: one grant with a published token, for `wrangler dev` alone. It exists only while the
 * variable DEMO is "true", and only for requests that were made to this very machine.
 */
import type { Env } from '../env.ts'
import { isLoopback } from '../loopback.ts'
import { type TenantConfig, tenantConfig } from '../tenant/config.ts'
import policy from './policy.json' with { type: 'json' }
import settings from './tenant.json' with { type: 'json' }

export const DEMO_TENANT = 'demo'
export const DEMO_GRANT = 'agent'
export const DEMO_LABEL = 'Demo agent'
const DEMO_SECRET = 'insecure-local-token'

/** The demo's root token, opening the administration API where no other is set. */
export const DEMO_ROOT_TOKEN = 'gh_root_insecure-local-token'

export function isDemo(env: Env): boolean {
  return env.DEMO === 'true'
}

/** Whether a request may use the demo: what is insecure on purpose never answers another machine. */
export function isLocalDemo(env: Env, hostname: string): boolean {
  return isDemo(env) && isLoopback(hostname)
}

let config: Promise<TenantConfig> | undefined

/** The demo's configuration, from the two files beside this one; editing them restarts `wrangler dev`. */
export function demoConfig(): Promise<TenantConfig> {
  config ??= tenantConfig(settings, policy)
  return config
}

/** SHA-256 of the demo token's secret part. */
export async function demoSecretHash(): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(DEMO_SECRET)))
}
