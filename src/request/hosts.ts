/**
 * Which tenant a host name is of. Written in the deployment's variables, never looked up: so a name that is of no
 * tenant costs nothing and stores nothing. PURE.
 */
import { asciiLowerCase } from '../base/ascii.ts'
import { isLoopback } from '../base/loopback.ts'
import { isName } from '../names/tokens.ts'

/** The variables that say so. */
export interface HostSettings {
  /** `<tenant>.<TENANT_DOMAIN>` is of that tenant. */
  readonly TENANT_DOMAIN?: string
  /** `host=tenant`, separated by commas or white space: names of the tenants' own. */
  readonly CUSTOM_HOSTNAMES?: string
}

/** `any`: the host is the deployment's own. `none`: it is under the tenants' domain, and of nobody. */
export type HostTenant =
  | { readonly kind: 'any' }
  | { readonly kind: 'tenant'; readonly tenant: string }
  | { readonly kind: 'none' }

/** Settings as read; the last ones, for they are the same for every request of an isolate. */
let last: { readonly text: string; readonly read: Read } | null = null

export function tenantOfHost(settings: HostSettings, hostname: string): HostTenant {
  const { domain, custom } = read(settings)
  const host = normal(hostname)
  const own = custom.get(host)
  if (own !== undefined) return { kind: 'tenant', tenant: own }
  if (domain === '' || !host.endsWith(`.${domain}`)) return { kind: 'any' }
  const label = host.slice(0, -domain.length - 1)
  return isName(label) ? { kind: 'tenant', tenant: label } : { kind: 'none' }
}

/** Tells whether something of `tenant` may be asked for at this host; null: of no tenant in particular. */
export function hostAllows(settings: HostSettings, hostname: string, tenant: string | null): boolean {
  const of = tenantOfHost(settings, hostname)
  return of.kind === 'any' || (of.kind === 'tenant' && (tenant === null || of.tenant === tenant))
}

/** Tells whether a name is one of the deployment's: the tenants' domain or below it, or a name of a tenant's own. */
export function isOwnHost(settings: HostSettings, hostname: string): boolean {
  const { domain, custom } = read(settings)
  const host = normal(hostname)
  return custom.has(host) || (domain !== '' && (host === domain || host.endsWith(`.${domain}`)))
}

/** The name by which people find a tenant: one of its own, the first that is configured, or the one under the tenants' domain. */
export function publicHostOf(settings: HostSettings, tenant: string): string | null {
  const { domain, custom } = read(settings)
  for (const [host, of] of custom) if (of === tenant && !isLoopback(host)) return host
  // On this machine names have a port, which the variable does not say.
  return domain === '' || isLoopback(domain) || !isHost(domain) ? null : `${tenant}.${domain}`
}

/** Returns the problem with the variables, or null. */
export function hostSettingsProblem(settings: HostSettings): string | null {
  return read(settings).problem
}

interface Read {
  readonly domain: string
  readonly custom: ReadonlyMap<string, string>
  readonly problem: string | null
}

function read({ TENANT_DOMAIN = '', CUSTOM_HOSTNAMES = '' }: HostSettings): Read {
  const text = `${TENANT_DOMAIN}\n${CUSTOM_HOSTNAMES}`
  if (last?.text !== text) last = { text, read: readSettings(normal(TENANT_DOMAIN.trim()), CUSTOM_HOSTNAMES) }
  return last.read
}

function readSettings(domain: string, customHostnames: string): Read {
  const custom = new Map<string, string>()
  let problem =
    domain === '' || isHost(domain)
      ? null
      : `TENANT_DOMAIN is ${JSON.stringify(domain)}; allowed: a domain such as mcp.example.com`
  for (const entry of customHostnames.split(/[\s,]+/).filter((one) => one !== '')) {
    const [host = '', tenant = '', ...more] = entry.split('=')
    const name = normal(host)
    // A pair that cannot be meant is of nobody, rather than of whoever it may have meant.
    if (!isHost(name) || !isName(tenant) || more.length > 0 || custom.has(name))
      problem ??= `CUSTOM_HOSTNAMES has ${JSON.stringify(entry.slice(0, 100))}; allowed: host=tenant, each host once`
    else custom.set(name, tenant)
  }
  return { domain, custom, problem }
}

function isHost(text: string): boolean {
  return text.length <= 253 && text.split('.').every(isName)
}

/** Names are the same in any case, and with the dot of the root behind them (RFC 1034, 3.1). */
function normal(host: string): string {
  return asciiLowerCase(host).replace(/\.$/, '')
}
