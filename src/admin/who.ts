/** Identifies the user of the administration API: the deployment's owner, or a person of the tenant that the path names. */

import { isLocalDemo } from '../base/local-switches.ts'
import { sameBytes } from '../base/same-bytes.ts'
import { sha256 } from '../base/sha256.ts'
import type { Env } from '../contract/env.ts'
import { tenantObject } from '../contract/objects.ts'
import { includes, type PersonRole, type Role } from '../contract/roles.ts'
import type { PersonView } from '../contract/tenant.ts'
import { DEMO_ROOT_TOKEN, DEMO_TENANT } from '../demo/token.ts'
import { bearerToken, hasGoodCheck, isName } from '../names/tokens.ts'
import { countFailure, slowDown } from '../request/failures.ts'
import { hostAllows } from '../request/hosts.ts'
import { accessEmail, hasAssertion, isPlausible, trustedIn } from './access.ts'
import type { AdminContext, Who } from './context.ts'
import { rootToken } from './root-token.ts'

/** A request, and the tenant that it is about; null: none in particular. */
export interface Asked {
  readonly http: Request
  readonly env: Env
  readonly tenant: string | null
}

/** The sign by which a token is known again: its digest, which is no token. Null for `person`: the root token. */
export interface Credential {
  readonly person: string | null
  /** SHA-256 of the secret part, or of the whole root token. */
  readonly digest: Uint8Array
}

/** Identifies the caller; null for nobody who may know anything about the tenant of the path. */
export async function authenticate(c: AdminContext): Promise<Who | null> {
  const { tenant = null } = c.req.param() as { tenant?: string }
  const http = c.req.raw
  if (!hostAllows(c.env, new URL(http.url).hostname, tenant)) return null
  const asked = { http, env: c.env, tenant }
  const token = bearerToken(http.headers.get('authorization'))
  if (token === null) return isOfAnotherPage(http) ? null : byAccess(asked)
  return (await byToken(asked, token))?.who ?? null
}

/** Finds a token's owner, and a credential to recognise it by later; null for one that opens nothing here. Failures are counted, and slowed. */
export async function byToken(
  asked: Asked,
  token: string,
): Promise<{ readonly who: Who; readonly credential: Credential } | null> {
  const { http, env } = asked
  // Before anything is compared, so that of an address that has failed too often the right token waits like a wrong one.
  await slowDown(http, Date.now())
  for (const credential of await credentialsOf(asked, token)) {
    const who = await byCredential(asked, credential)
    if (who !== null) return { who, credential }
  }
  await countFailure(http, env, Date.now())
  return null
}

/** Finds the owner of a credential; null where it is good no longer. */
export async function byCredential(
  { http, env, tenant }: Asked,
  { person, digest }: Credential,
): Promise<Who | null> {
  if (person === null) return (await isRoot(http, digest, env)) ? { kind: 'root' } : null
  if (tenant === null || !isName(tenant) || isElsewhere(http, env, tenant)) return null
  const view = await tenantObject(env, tenant).personByToken(person, digest)
  return view === null ? null : whoOf(tenant, view)
}

/** All that a token could be: the root token, and a person's where it names this tenant. Others cost no object a call. */
async function credentialsOf({ tenant }: Asked, token: string): Promise<Credential[]> {
  const root: Credential = { person: null, digest: await sha256(token) }
  const parsed = parsePersonToken(token)
  if (parsed === null || parsed.tenant !== tenant) return [root]
  return [root, { person: parsed.person, digest: await sha256(parsed.secret) }]
}

/** The tenant that a person's token names, or null for what is none. */
export function tenantOfToken(token: string): string | null {
  return parsePersonToken(token)?.tenant ?? null
}

/** Tells whether `who` has the rights of `role`. */
export function may(who: Who, role: Role): boolean {
  return includes(who.kind === 'root' ? 'root' : who.role, role)
}

/** For the record. */
export function actorOf(who: Who): string {
  return who.kind === 'root' ? 'root' : `person:${who.name}`
}

/** The demo's tenant is of this machine alone. */
function isElsewhere(http: Request, env: Env, tenant: string): boolean {
  return tenant === DEMO_TENANT && !isLocalDemo(env, http)
}

/** Tells whether a page of another origin sent the request, as far as its headers show. */
function isOfAnotherPage(http: Request): boolean {
  const page = http.headers.get('origin')
  if (page !== null) return page !== new URL(http.url).origin
  return http.method !== 'GET' && http.headers.has('sec-fetch-site')
}

/**
 * The person whose address Cloudflare Access vouches for, or null. Their browser sends its assertion of itself, whichever page
 * has it ask: the caller sees to that.
 */
export async function byAccess({ http, env, tenant }: Asked): Promise<Who | null> {
  if (tenant === null || !isName(tenant) || isElsewhere(http, env, tenant)) return null
  if (!hasAssertion(http)) return null
  await slowDown(http, Date.now())
  const person = isPlausible(http, env, Date.now()) ? await vouchedFor(http, env, tenant) : null
  if (person !== null) return whoOf(tenant, person)
  await countFailure(http, env, Date.now())
  return null
}

async function vouchedFor(http: Request, env: Env, tenant: string): Promise<PersonView | null> {
  const object = tenantObject(env, tenant)
  const trusted = trustedIn(env, await object.access())
  const email = trusted === null ? null : await accessEmail(http, trusted, Date.now())
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
async function isRoot(request: Request, digest: Uint8Array, env: Env): Promise<boolean> {
  const expected =
    rootToken(env) ?? (env.ROOT_TOKEN === undefined && isLocalDemo(env, request) ? DEMO_ROOT_TOKEN : null)
  // Compared all the same, so that the time of an answer does not tell whether there is one.
  const isSame = sameBytes(await sha256(expected ?? ''), digest)
  return expected !== null && isSame
}
