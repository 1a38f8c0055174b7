/** Where people find this gateway: what a link that is given to somebody begins with. PURE. */

import { type HostSettings, publicHostOf } from '../gateway/hosts.ts'
import { isLocalRequest } from '../loopback.ts'

/** The variables that say so. */
export type OriginSettings = HostSettings & { readonly PUBLIC_URL?: string }

type LocalRequest = Parameters<typeof isLocalRequest>[0]

/** What is wrong with PUBLIC_URL, or null. */
export function publicUrlProblem({ PUBLIC_URL }: { readonly PUBLIC_URL?: string }): string | null {
  if (PUBLIC_URL === undefined || PUBLIC_URL === '') return null
  const url = URL.parse(PUBLIC_URL)
  if (url !== null && /^https?:$/.test(url.protocol) && url.pathname === '/' && url.search === '') return null
  return `PUBLIC_URL is ${JSON.stringify(PUBLIC_URL.slice(0, 200))}; allowed: scheme and host, such as https://gateway.example.com`
}

/**
 * Where people of `tenant` find this gateway, as the deployment's variables say: PUBLIC_URL, or a name of the tenant's own,
 * or its name under TENANT_DOMAIN. Never as a caller says in `Host`, for whoever asks for an approval would choose where the
 * person who decides is sent. Only on this machine it is where the request went. Null: it cannot be known.
 */
export function publicOrigin(settings: OriginSettings, tenant: string, request: LocalRequest): string | null {
  const { PUBLIC_URL } = settings
  if (PUBLIC_URL !== undefined && PUBLIC_URL !== '' && publicUrlProblem(settings) === null)
    return new URL(PUBLIC_URL).origin
  const host = publicHostOf(settings, tenant)
  if (host !== null) return `https://${host}`
  return isLocalRequest(request) ? new URL(request.url).origin : null
}
