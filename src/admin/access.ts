/** Reads the person's address from the JWT of Cloudflare Access, checked as its documentation asks. */
import { createRemoteJWKSet, decodeJwt, errors, type JWTVerifyGetKey, jwtVerify } from 'jose'
import { asciiLowerCase } from '../base/ascii.ts'
import { errorName, log } from '../base/log.ts'
import { isLoopback } from '../base/loopback.ts'
import type { AccessApplication } from '../contract/config.ts'
import type { Env } from '../contract/env.ts'

const HEADER = 'cf-access-jwt-assertion'
const LONGEST_JWT = 16 * 1024
const KEY_FETCH_TIMEOUT_MS = 5_000
const CLOCK_TOLERANCE_SECONDS = 30
const LONGEST_EMAIL = 254

/** Tenants name teams, too: the one asked for longest ago goes. */
const MOST_TEAMS = 500

/** Key sets by team; an isolate fetches its keys once, and again for an unknown key at most every 30 seconds. */
const keySets = new Map<string, JWTVerifyGetKey>()

/** The team that is believed, and applications of it. */
interface Trusted {
  /** The team's URL. */
  readonly issuer: string
  readonly audience: readonly string[]
}

/** Tells whether the request carries an assertion that is worth checking. */
export function hasAssertion(http: Request): boolean {
  const jwt = http.headers.get(HEADER)
  return jwt !== null && jwt.length <= LONGEST_JWT
}

/** As Access names a team as an issuer. */
const TEAM_URL = /^https:\/\/[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.cloudflareaccess\.com$/

/**
 * Tells whether the assertion could be good for some tenant of this deployment, by what it says of itself: an address, an audience, a
 * team, and an end that is not past. Any other is refused without a question to the tenant's object.
 */
export function isPlausible(http: Request, env: Env, nowMs: number): boolean {
  try {
    const { exp, email, aud, iss } = decodeJwt(http.headers.get(HEADER) ?? '')
    if (typeof exp !== 'number' || exp <= nowMs / 1_000 - CLOCK_TOLERANCE_SECONDS) return false
    if (typeof iss !== 'string' || !(TEAM_URL.test(iss) || iss === issuerOf(env))) return false
    return isAddress(email) && (Array.isArray(aud) ? aud.some(isText) : isText(aud))
  } catch {
    return false
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isAddress(value: unknown): value is string {
  return isText(value) && value.length <= LONGEST_EMAIL
}

/** The application whose assertions are believed: the tenant's own alone, where it has one, or else the deployment's; null: nobody's. */
export function trustedIn(env: Env, own: AccessApplication | null): Trusted | null {
  if (own !== null) return { issuer: `https://${own.team_domain}`, audience: own.audience }
  const issuer = issuerOf(env)
  const audience = audiences(env)
  return issuer === null || audience.length === 0 ? null : { issuer, audience }
}

/** The address, its ASCII letters in lower case as people's are kept; null for no assertion, or one that is not good. */
export async function accessEmail(
  http: Request,
  { issuer, audience }: Trusted,
  nowMs: number,
): Promise<string | null> {
  const jwt = http.headers.get(HEADER)
  if (jwt === null) return null
  try {
    const { payload } = await jwtVerify(jwt, keysOf(issuer), {
      issuer,
      audience: [...audience],
      algorithms: ['RS256', 'ES256'],
      requiredClaims: ['exp', 'email'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: new Date(nowMs),
    })
    const { email } = payload
    return isAddress(email) ? asciiLowerCase(email) : null
  } catch (error) {
    if (isUnavailable(error))
      log('warn', 'admin.access_keys_unavailable', { team: issuer, error: errorName(error) })
    return null
  }
}

/** Tells whether the keys could not be had; any other error means that the assertion is wrong. */
function isUnavailable(error: unknown): boolean {
  if (!(error instanceof errors.JOSEError)) return true
  return (
    error.code === 'ERR_JWKS_TIMEOUT' ||
    error.code === 'ERR_JWKS_INVALID' ||
    error.code === 'ERR_JOSE_GENERIC'
  )
}

/** Says what is wrong with ACCESS_TEAM_DOMAIN and ACCESS_AUD; null where nothing is, or both are absent. */
export function accessProblem(env: Env): string | null {
  const team = env.ACCESS_TEAM_DOMAIN ?? ''
  if (team !== '' && issuerOf(env) === null)
    return `ACCESS_TEAM_DOMAIN is ${JSON.stringify(team)}; allowed: a host such as team.cloudflareaccess.com`
  if ((team === '') !== (audiences(env).length === 0))
    return 'of ACCESS_TEAM_DOMAIN and ACCESS_AUD one is missing; allowed: both, or neither'
  return null
}

/** The team's URL: https, or http on this machine. */
function issuerOf({ ACCESS_TEAM_DOMAIN: team = '' }: Env): string | null {
  if (team === '') return null
  const url = URL.parse(team.includes('://') ? team : `https://${team}`)
  if (url === null || url.pathname !== '/' || url.search !== '' || url.username !== '') return null
  const isSafe = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))
  return isSafe ? url.origin : null
}

function audiences({ ACCESS_AUD = '' }: Env): string[] {
  return ACCESS_AUD.split(/[\s,]+/).filter((audience) => audience !== '')
}

function keysOf(issuer: string): JWTVerifyGetKey {
  const known = keySets.get(issuer)
  const keys =
    known ??
    createRemoteJWKSet(new URL(`${issuer}/cdn-cgi/access/certs`), { timeoutDuration: KEY_FETCH_TIMEOUT_MS })
  keySets.delete(issuer)
  const oldest = keySets.keys().next().value
  if (keySets.size >= MOST_TEAMS && oldest !== undefined) keySets.delete(oldest)
  keySets.set(issuer, keys)
  return keys
}
