/** The address of a tenant's pages, with which every link to them begins. PURE. */
import { isLocalRequest } from '../base/loopback.ts'
import { type HostSettings, publicHostOf, tenantOfHost } from './hosts.ts'

/** The variables that say so. */
export type OriginSettings = HostSettings & { readonly PUBLIC_URL?: string }

type LocalRequest = Parameters<typeof isLocalRequest>[0]

/** Returns the problem with PUBLIC_URL, or null. */
export function publicUrlProblem({ PUBLIC_URL }: { readonly PUBLIC_URL?: string }): string | null {
  if (PUBLIC_URL === undefined || PUBLIC_URL === '') return null
  const url = URL.parse(PUBLIC_URL)
  if (url !== null && /^https?:$/.test(url.protocol) && url.pathname === '/' && url.search === '') return null
  return `PUBLIC_URL is ${JSON.stringify(PUBLIC_URL.slice(0, 200))}; allowed: scheme and host, such as https://gateway.example.com`
}

/**
 * Returns the address of `tenant`'s pages: scheme and host, and behind them the tenant's path where the host does not name it, as in
 * `https://gateway.example.com/t/acme`. It comes from the deployment's variables: PUBLIC_URL, or a name of the tenant's own, or its name
 * under TENANT_DOMAIN. It never comes from the header `Host`, for then the agent that asks for an approval would choose where the person
 * who decides is sent. Only on this machine it is the address of the request. Null: it cannot be known.
 */
export function publicBase(settings: OriginSettings, tenant: string, request: LocalRequest): string | null {
  const { PUBLIC_URL } = settings
  if (PUBLIC_URL !== undefined && PUBLIC_URL !== '' && publicUrlProblem(settings) === null) {
    const base = baseAt(settings, tenant, new URL(PUBLIC_URL))
    if (base !== null) return base
  }
  const host = publicHostOf(settings, tenant)
  const named = host === null ? null : baseAt(settings, tenant, new URL(`https://${host}`))
  if (named !== null) return named
  return isLocalRequest(request) ? baseAt(settings, tenant, new URL(request.url)) : null
}

/** Null: the host is another tenant's, where nothing of this one is found. */
function baseAt(settings: HostSettings, tenant: string, { origin, hostname }: URL): string | null {
  const of = tenantOfHost(settings, hostname)
  if (of.kind === 'any') return `${origin}/t/${tenant}`
  return of.kind === 'tenant' && of.tenant === tenant ? origin : null
}
