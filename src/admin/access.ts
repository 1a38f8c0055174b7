/** Who Cloudflare Access says is there: its JWT, checked as its documentation asks. */
import { createRemoteJWKSet, type JWTVerifyGetKey, jwtVerify } from 'jose'
import type { Env } from '../env.ts'
import { isLoopback } from '../loopback.ts'

const HEADER = 'cf-access-jwt-assertion'
const LONGEST_JWT = 16 * 1024
const KEY_FETCH_TIMEOUT_MS = 5_000
const CLOCK_TOLERANCE_SECONDS = 30
const LONGEST_EMAIL = 254

/** By team; an isolate fetches its keys once, and again for an unknown key at most every 30 seconds. */
const keySets = new Map<string, JWTVerifyGetKey>()

/** The address, in lower case; null for no assertion, one that is not good, or where Access is not configured. */
export async function accessEmail(http: Request, env: Env, nowMs: number): Promise<string | null> {
  const jwt = http.headers.get(HEADER)
  const issuer = issuerOf(env)
  const audience = audiences(env)
  if (jwt === null || jwt.length > LONGEST_JWT || issuer === null || audience.length === 0) return null
  try {
    const { payload } = await jwtVerify(jwt, keysOf(issuer), {
      issuer,
      audience,
      algorithms: ['RS256', 'ES256'],
      requiredClaims: ['exp', 'email'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: new Date(nowMs),
    })
    const { email } = payload
    if (typeof email !== 'string' || email === '' || email.length > LONGEST_EMAIL) return null
    return email.toLowerCase()
  } catch {
    return null
  }
}

/** What is wrong with ACCESS_TEAM_DOMAIN and ACCESS_AUD, or null; having neither is nothing wrong. */
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
  let keys = keySets.get(issuer)
  if (keys === undefined) {
    keys = createRemoteJWKSet(new URL(`${issuer}/cdn-cgi/access/certs`), {
      timeoutDuration: KEY_FETCH_TIMEOUT_MS,
    })
    keySets.set(issuer, keys)
  }
  return keys
}
