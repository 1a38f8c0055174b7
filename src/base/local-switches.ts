/** The variables that are for this machine alone, because each takes away a protection: whether they are on, and may be. */
import { isLocalRequest } from './loopback.ts'
import type { Settings } from './settings.ts'

export function isDemo(env: Settings): boolean {
  return env.DEMO === 'true'
}

/** Tells whether a request may use the demo, which is insecure on purpose and so never answers another machine. */
export function isLocalDemo(env: Settings, request: Request): boolean {
  return isDemo(env) && isLocalRequest(request)
}

/** Variables that are for this machine alone, because each takes away a protection. */
export const LOCAL_SWITCHES = ['DEMO', 'ALLOW_PRIVATE_UPSTREAMS', 'IGNORE_JURISDICTION'] as const

/** One of them that says neither yes nor no, and so would do nothing, or null. */
export function switchProblem(env: Settings): string | null {
  const wrong = LOCAL_SWITCHES.find((name) => !['true', 'false', ''].includes(env[name] ?? ''))
  return wrong === undefined ? null : `${wrong} is ${JSON.stringify(env[wrong])}; allowed: true, false`
}

/** Which of them are on although the request shows that others reach this gateway; null for none. */
export function localSwitchesProblem(env: Settings, request: Request): string | null {
  const on = LOCAL_SWITCHES.filter((name) => env[name] === 'true')
  if (on.length === 0 || isLocalRequest(request)) return null
  return `found ${on.join(', ')} where others than this machine reach the gateway (by the request's host name, or a header of whoever passed it on); allowed: in \`npm run dev\`, asked at a loopback name`
}
