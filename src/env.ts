import type { CountersCalls } from './contract/counters-calls.ts'
import type { DirectoryCalls } from './contract/directory-calls.ts'
import type { PrincipalCalls } from './contract/principal-calls.ts'
import type { StandInCalls } from './contract/stand-in.ts'
import type { TenantCalls } from './contract/tenant-calls.ts'

/** The bindings of `wrangler.toml`, its variables and the deployment's secrets. */
export interface Env {
  readonly PRINCIPAL: DurableObjectNamespace<PrincipalCalls>
  /** What an administrator has set up, one object a tenant. */
  readonly TENANT: DurableObjectNamespace<TenantCalls>
  /** Which tenants there are, one object for all. */
  readonly DIRECTORY: DurableObjectNamespace<DirectoryCalls>
  /** Counters of limits with scope `tenant`, one object a tenant. */
  readonly TENANT_COUNTERS: DurableObjectNamespace<CountersCalls>
  /** What passes between the eras and lasts longer than a request, one object an exchange. */
  readonly EXCHANGE: DurableObjectNamespace
  readonly LEGITI_STAND_IN: DurableObjectNamespace<StandInCalls>
  /** Where audit rows are carried to. Absent on a bare runtime: then they stay in their objects, for 30 days. */
  readonly AUDIT_DB?: D1Database
  /** Counts failed authentications by client address. Absent on a bare runtime, where nothing is slowed. */
  readonly AUTH_FAILURES?: RateLimit

  /** "true" seeds the tenant `demo`. Comes from .dev.vars alone, which a deployment never reads; on this machine alone. */
  readonly DEMO?: string
  /** "true" lets upstream servers be at private addresses, and be spoken to without TLS. From .dev.vars, too. */
  readonly ALLOW_PRIVATE_UPSTREAMS?: string
  /** "true": the runtime on this machine knows no jurisdictions. From .dev.vars alone: elsewhere it would misplace data. */
  readonly IGNORE_JURISDICTION?: string
  /** DNS over HTTPS, JSON form: where the addresses of upstream servers are looked up. */
  readonly RESOLVER_URL?: string
  /** Origins whose pages may call the gateway, separated by commas. */
  readonly ALLOWED_ORIGINS?: string
  /** Scheme and host that links to people begin with; without it a name of the deployment, and on this machine where the request went. */
  readonly PUBLIC_URL?: string
  /** The largest request body, in bytes. */
  readonly MAX_BODY_BYTES?: string
  /** Native servers that the deployment has, separated by commas, or `none`: native/deployed.ts. */
  readonly NATIVE_SERVERS?: string
  readonly LEGITI_BASE_URL?: string
  readonly LEGITI_PROFILE?: string
  readonly LEGITI_REPORT_LOGINS?: string
  /** Secret. The key that Legiti issued; sandbox and production differ by it. */
  readonly LEGITI_API_KEY?: string
  /** Secret. What upstream servers' credentials are sealed with: secrets/keys.ts. */
  readonly ENCRYPTION_KEYS?: string
  /** Every name under it is a tenant's: `<tenant>.<TENANT_DOMAIN>`. */
  readonly TENANT_DOMAIN?: string
  /** Tenants' own host names: `host=tenant`, separated by commas. */
  readonly CUSTOM_HOSTNAMES?: string
  /** Cloudflare Access: the team's host, such as `team.cloudflareaccess.com`. */
  readonly ACCESS_TEAM_DOMAIN?: string
  /** Cloudflare Access: the application's audience tags, separated by commas. */
  readonly ACCESS_AUD?: string
  /** Secret. Opens the administration API for the deployment's owner, who alone creates tenants. */
  readonly ROOT_TOKEN?: string
}

/** The types of a request's context in Hono. */
export interface WorkerContext {
  Bindings: Env
  Variables: {
    /** Names the answer, and the row of the audit trail that tells of it. */
    requestId: string
  }
}
