/** A link names the gateway that a command asks, the tenant and the token. */
import { isLoopback } from '../../base/loopback.ts'
import { isGrantToken } from '../../names/tokens.ts'
import type { Given, Option } from '../kit/arguments.ts'
import type { Misuse, World } from '../kit/outcome.ts'

export interface Link {
  /** For example `https://gate.example`. */
  readonly origin: string
  /** Never part of anything that is printed. */
  readonly token: string
  readonly tenant: string
  /** Headers that open Cloudflare Access, where the gateway is behind it; kept like the token. */
  readonly access: Readonly<Record<string, string>>
}

/** Options of every command that asks the gateway. */
export const connection: readonly Option[] = [
  { name: 'url', value: 'URL', help: 'the gateway; GATEHOUSE_URL where absent' },
  {
    name: 'token',
    value: 'TOKEN',
    help: 'the root token or a person’s; GATEHOUSE_TOKEN where absent',
    isSecret: true,
  },
  { name: 'tenant', value: 'T', help: 'GATEHOUSE_TENANT, or the tenant of the person’s token, where absent' },
]

/**
 * Reads it, or says what is missing.
 *
 * @param tenant of the command's own words, before all others
 * @param behind the tenant where nothing else names one
 */
export function readLink(
  given: Given,
  world: World,
  { tenant = null, behind = null }: { readonly tenant?: string | null; readonly behind?: string | null } = {},
): Link | readonly Misuse[] {
  const problems: Misuse[] = []
  // An empty one is none, as an empty variable is.
  const of = (option: string, variable: string) => given.values.get(option) || world.variable(variable)
  const url = of('url', 'GATEHOUSE_URL')
  const origin = url === undefined ? null : originOf(url)
  if (url === undefined) problems.push({ found: 'no URL', allowed: '--url URL, or GATEHOUSE_URL' })
  else if (origin === null)
    problems.push({
      found: 'another URL',
      allowed: 'https://HOST, or http on this machine, with no path, user name or query',
    })
  const token = of('token', 'GATEHOUSE_TOKEN')
  if (token === undefined) problems.push({ found: 'no token', allowed: 'GATEHOUSE_TOKEN, or --token TOKEN' })
  else if (!isHeaderValue(token))
    problems.push({ found: 'a token with other characters', allowed: 'visible ASCII characters' })
  const access = accessHeaders(world, problems)
  const name = tenant ?? of('tenant', 'GATEHOUSE_TENANT') ?? tenantOf(token) ?? behind
  // With a tenant the gateway says what such a token is not for: a root token may look like anything.
  if (name === null && isGrantToken(token ?? '')) problems.push(GRANT_TOKEN)
  else if (name === null) problems.push({ found: 'no tenant', allowed: '--tenant T, or GATEHOUSE_TENANT' })
  if (problems.length > 0 || origin === null || token === undefined || name === null) return problems
  return { origin, token, tenant: name, access }
}

const GRANT_TOKEN: Misuse = {
  found: 'the token of a grant (gh_…), which an agent presents at /mcp',
  allowed: 'an administration token: the root token, or a person’s (gha_<tenant>_<person>_…)',
}

const ACCESS_ID = 'CF_ACCESS_CLIENT_ID'
const ACCESS_SECRET = 'CF_ACCESS_CLIENT_SECRET'

/**
 * A service token of Cloudflare Access, as its documentation names the two headers
 * (developers.cloudflare.com/cloudflare-one/access-controls/service-credentials/service-tokens).
 */
function accessHeaders(world: World, problems: Misuse[]): Readonly<Record<string, string>> {
  const id = world.variable(ACCESS_ID)
  const secret = world.variable(ACCESS_SECRET)
  if (id === undefined && secret === undefined) return {}
  if (id === undefined || secret === undefined)
    problems.push({
      found: `no ${id === undefined ? ACCESS_ID : ACCESS_SECRET}`,
      allowed: `${ACCESS_ID} and ${ACCESS_SECRET}, or neither`,
    })
  else if (!isHeaderValue(id) || !isHeaderValue(secret))
    problems.push({
      found: `${ACCESS_ID} or ${ACCESS_SECRET} with other characters`,
      allowed: 'visible ASCII characters',
    })
  else return { 'cf-access-client-id': id, 'cf-access-client-secret': secret }
  return {}
}

function isHeaderValue(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text)
}

/** A token is never sent in the clear to another machine. */
export function originOf(text: string): string | null {
  const url = URL.parse(text)
  if (url === null || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    return null
  const isSafe = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))
  return isSafe && url.pathname === '/' ? url.origin : null
}

/** A person's token says whose it is: `gha_<tenant>_<person>_<secret>`. */
function tenantOf(token: string | undefined): string | null {
  return /^gha_([a-z0-9-]+)_/.exec(token ?? '')?.[1] ?? null
}
