/** Who uses the administration API: the deployment's owner, or a person of the tenant that the path names. */

import { DEMO_ROOT_TOKEN, DEMO_TENANT, isLocalDemo } from '../demo/demo.ts'
import type { Env } from '../env.ts'
import { countFailure, slowDown } from '../gateway/failures.ts'
import { hostAllows } from '../gateway/hosts.ts'
import { bearerToken, hasGoodCheck, isName } from '../gateway/token.ts'
import { tenantObject } from '../objects.ts'
import { sameBytes } from '../same-bytes.ts'
import { sha256 } from '../sha256.ts'
import type { PersonView } from '../tenant/contract.ts'
import { accessEmail, hasAssertion, isPlausible, trustedIn } from './access.ts'
import type { AdminContext } from './answers.ts'
import { type PersonRole, type Role, roles } from './roles.ts'
import { rootToken } from './root-token.ts'

export type Who =
  | { readonly kind: 'root' }
  | {
      readonly kind: 'person'
      readonly tenant: string
      readonly name: string
      readonly role: PersonRole
      readonly email?: string
    }

/** Who asks, or null: nobody who may know anything about the tenant of the path. */
export async function authenticate(c: AdminContext): Promise<Who | null> {
  const { tenant = null } = c.req.param() as { tenant?: string }
  const http = c.req.raw
  if (!hostAllows(c.env, new URL(http.url).hostname, tenant)) return null
  const token = bearerToken(http.headers.get('authorization'))
  if (token === null)
    return tenant === null || !isName(tenant) || isElsewhere(c, tenant) ? null : byAccess(c, tenant)
  // Before anything is compared, so that of an address that has failed too often the right token waits like a wrong one.
  await slowDown(http, Date.now())
  const who = (await isRoot(http, token, c.env))
    ? ({ kind: 'root' } as const)
    : await byToken(c, tenant, token)
  if (who === null) await countFailure(http, c.env, Date.now())
  return who
}

/** The person whose token it is; null, and no object asked, for what cannot be one of this tenant. */
async function byToken(c: AdminContext, tenant: string | null, token: string): Promise<Who | null> {
  if (tenant === null || !isName(tenant) || isElsewhere(c, tenant)) return null
  const parsed = parsePersonToken(token)
  if (parsed === null || parsed.tenant !== tenant) return null
  const person = await tenantObject(c.env, tenant).personByToken(parsed.person, await sha256(parsed.secret))
  return person === null ? null : whoOf(tenant, person)
}

/** Whether `who` may do what takes at least `role`. */
export function may(who: Who, role: Role): boolean {
  const own: Role = who.kind === 'root' ? 'root' : who.role
  return roles.indexOf(own) >= roles.indexOf(role)
}

/** For the record. */
export function actorOf(who: Who): string {
  return who.kind === 'root' ? 'root' : `person:${who.name}`
}

/** The demo's tenant is of this machine alone. */
function isElsewhere(c: AdminContext, tenant: string): boolean {
  return tenant === DEMO_TENANT && !isLocalDemo(c.env, c.req.raw)
}

/** The person whose address Cloudflare Access vouches for. Their browser sends its assertion of itself, so mind the page. */
async function byAccess(c: AdminContext, tenant: string): Promise<Who | null> {
  const { origin: here } = new URL(c.req.url)
  const page = c.req.header('origin')
  if (page !== undefined && page !== here) return null
  if (c.req.method !== 'GET' && page === undefined && c.req.header('sec-fetch-site') !== undefined)
    return null
  if (!hasAssertion(c.req.raw)) return null
  await slowDown(c.req.raw, Date.now())
  const person = isPlausible(c.req.raw, c.env, Date.now()) ? await vouchedFor(c, tenant) : null
  if (person !== null) return whoOf(tenant, person)
  await countFailure(c.req.raw, c.env, Date.now())
  return null
}

async function vouchedFor(c: AdminContext, tenant: string): Promise<PersonView | null> {
  const object = tenantObject(c.env, tenant)
  const trusted = trustedIn(c.env, await object.access())
  const email = trusted === null ? null : await accessEmail(c.req.raw, trusted, Date.now())
  return email === null ? null : object.personByEmail(email)
}

function whoOf(
  tenant: string,
  { name, role, email }: { readonly name: string; readonly role: PersonRole; readonly email: string | null },
): Who {
  return { kind: 'person', tenant, name, role, ...(email === null ? {} : { email }) }
}

interface PersonToken {
  readonly tenant: string
  readonly person: string
  readonly secret: string
}

const LONGEST_TOKEN = 512

/** `gha_<tenant>_<person>_<secret>`, or null for anything else. */
function parsePersonToken(text: string): PersonToken | null {
  if (text.length > LONGEST_TOKEN) return null
  const [, tenant = '', person = '', secret = ''] =
    /^gha_([a-z0-9-]+)_([a-z0-9-]+)_([A-Za-z0-9_-]{16,256})$/.exec(text) ?? []
  return isName(tenant) && isName(person) && hasGoodCheck(text, secret) ? { tenant, person, secret } : null
}

/** Compares digests in constant time; without a root token that is good nobody is root. */
async function isRoot(request: Request, given: string, env: Env): Promise<boolean> {
  const expected =
    rootToken(env) ?? (env.ROOT_TOKEN === undefined && isLocalDemo(env, request) ? DEMO_ROOT_TOKEN : null)
  // Compared all the same, so that the time of an answer does not tell whether there is one.
  const isSame = sameBytes(await sha256(expected ?? ''), await sha256(given))
  return expected !== null && isSame
}
