import type { LegitiStandIn } from './dev/stand-in.ts'
import type { PrincipalObject } from './principal/object.ts'
import type { TenantCounters } from './tenant/counters-object.ts'

/** The bindings of `wrangler.toml`, its variables and the deployment's secrets. */
export interface Env {
  readonly PRINCIPAL: DurableObjectNamespace<PrincipalObject>
  /** Counters of limits with scope `tenant`, one object a tenant. */
  readonly TENANT_COUNTERS: DurableObjectNamespace<TenantCounters>
  readonly LEGITI_STAND_IN: DurableObjectNamespace<LegitiStandIn>
  /** Counts failed authentications by client address. Absent on a bare runtime, where nothing is slowed. */
  readonly AUTH_FAILURES?: RateLimit

  /** "true" seeds the tenant `demo`. Comes from .dev.vars alone, which a deployment never reads. */
  readonly DEMO?: string
  /** Origins whose pages may call the gateway, separated by commas. */
  readonly ALLOWED_ORIGINS?: string
  /** The largest request body, in bytes. */
  readonly MAX_BODY_BYTES?: string
  readonly LEGITI_BASE_URL?: string
  readonly LEGITI_PROFILE?: string
  readonly LEGITI_REPORT_LOGINS?: string
  /** Secret. The key that Legiti issued; sandbox and production differ by it. */
  readonly LEGITI_API_KEY?: string
  /** Secret. What upstream servers' credentials are sealed with: secrets/keys.ts. */
  readonly ENCRYPTION_KEYS?: string
  /** Secret. Opens the administration API; without it the API does not exist. */
  readonly ROOT_TOKEN?: string
}
