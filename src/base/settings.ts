/** The deployment's variables and secrets: what is configured, without what the platform binds. */

/** Variables of `wrangler.toml`, of .dev.vars on this machine, and secrets. None of them has to be there. */
export interface Settings {
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
  /** Which decisions are logged: `none`, `refused` or `all`: request/decided.ts. */
  readonly LOG_DECISIONS?: string
  /** Native servers that the deployment has, separated by commas, or `none`: deployment/native-servers.ts. */
  readonly NATIVE_SERVERS?: string
  readonly LEGITI_BASE_URL?: string
  readonly LEGITI_PROFILE?: string
  readonly LEGITI_REPORT_LOGINS?: string
  /** Secret. The key that Legiti issued; sandbox and production differ by it. */
  readonly LEGITI_API_KEY?: string
  /** Secret. The keys that upstream servers' credentials are sealed with: secrets/keys.ts. */
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
