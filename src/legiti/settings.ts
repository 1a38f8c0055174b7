import { isLoopback } from '../base/loopback.ts'
import { shortDigest } from '../base/sha256.ts'
import type { Env } from '../contract/env.ts'
import { type Profile, profiles } from './wire.ts'

/** The way to reach Legiti, from the deployment's variables and secrets. */
export interface LegitiSettings {
  readonly profile: Profile
  readonly reportLogins: boolean
  readonly target:
    | { readonly kind: 'live'; readonly baseUrl: string; readonly apiKey: string }
    /** The stand-in that is part of the demo. */
    | { readonly kind: 'stand-in' }
    /** The deployment has no Legiti: what an earlier one has queued is kept, and nothing is sent or given up. */
    | { readonly kind: 'off' }
    /** Something is missing or wrong: nothing is sent, and `why` says what to set. */
    | { readonly kind: 'unconfigured'; readonly why: string }
}

/** Names these settings without telling them: two digests differ when something that matters for sending does. */
export async function settingsDigest({ profile, target }: LegitiSettings): Promise<string> {
  return shortDigest(JSON.stringify([profile, target]))
}

const switches = ['true', 'false']

/** Reads the settings. A missing or wrong one stops sending, never queueing, and is reported in `target`. */
export function legitiSettings(env: Env): LegitiSettings {
  const problem = variablesProblem(env)
  const profile = env.LEGITI_PROFILE ?? 'collection'
  return {
    profile: isProfile(profile) ? profile : 'collection',
    reportLogins: env.LEGITI_REPORT_LOGINS !== 'false',
    target: problem === null ? targetOf(env) : { kind: 'unconfigured', why: problem },
  }
}

/**
 * Tells whether this deployment means to reach Legiti: one of the two variables that come with a contract is set, or it is the demo,
 * which has a stand-in.
 */
export function hasLegitiVariables(env: Env): boolean {
  return env.DEMO === 'true' || [env.LEGITI_BASE_URL, env.LEGITI_API_KEY].some((it) => (it ?? '') !== '')
}

/**
 * Returns the problem that keeps events from being sent although Legiti is meant to be reached, or null; for the operators of the
 * deployment.
 */
export function legitiProblem(env: Env): string | null {
  const problem = variablesProblem(env)
  if (problem !== null || !hasLegitiVariables(env)) return problem
  const target = targetOf(env)
  return target.kind === 'unconfigured' ? target.why : null
}

/** A variable whose value cannot be meant, named with what is allowed; null when there is none. */
function variablesProblem(env: Env): string | null {
  const profile = env.LEGITI_PROFILE ?? 'collection'
  if (!isProfile(profile)) {
    return `LEGITI_PROFILE is ${JSON.stringify(profile)}; allowed: ${profiles.join(', ')}`
  }
  const reportLogins = env.LEGITI_REPORT_LOGINS ?? 'true'
  if (!switches.includes(reportLogins)) {
    return `LEGITI_REPORT_LOGINS is ${JSON.stringify(reportLogins)}; allowed: ${switches.join(', ')}`
  }
  return null
}

function targetOf(env: Env): LegitiSettings['target'] {
  if (!hasLegitiVariables(env)) return { kind: 'off' }
  const base = env.LEGITI_BASE_URL ?? ''
  if (base === '') {
    const hasKey = (env.LEGITI_API_KEY ?? '') !== ''
    if (env.DEMO === 'true' && !hasKey) return { kind: 'stand-in' }
    const why = hasKey ? 'LEGITI_BASE_URL is not set, and LEGITI_API_KEY is' : 'LEGITI_BASE_URL is not set'
    return { kind: 'unconfigured', why }
  }
  const url = URL.parse(base)
  if (
    url === null ||
    (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname)))
  ) {
    return { kind: 'unconfigured', why: 'LEGITI_BASE_URL is not an https URL (http is allowed on loopback)' }
  }
  const apiKey = env.LEGITI_API_KEY ?? ''
  if (apiKey === '') return { kind: 'unconfigured', why: 'the secret LEGITI_API_KEY is not set' }
  return { kind: 'live', baseUrl: url.href.replace(/\/+$/, ''), apiKey }
}

function isProfile(text: string): text is Profile {
  return (profiles as readonly string[]).includes(text)
}
