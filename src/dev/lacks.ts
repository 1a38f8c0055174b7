/** Says whether this gateway can play the demo: its scenes use both native servers and the stand-in for Legiti. */
import type { Env } from '../contract/env.ts'
import { whyOff } from '../deployment/native-servers.ts'
import { legitiSettings } from '../legiti/settings.ts'
import { nativeServerNames } from '../names/native-servers.ts'

/** Returns the first reason why the demo's scenes cannot be played here; null where they can. */
export function demoLacks(env: Env): string | null {
  for (const name of nativeServerNames) {
    const why = whyOff(env, name)
    if (why !== null) return `the native server "${name}" is off (${why})`
  }
  return legitiSettings(env).target.kind === 'stand-in'
    ? null
    : 'Legiti is not the stand-in (LEGITI_BASE_URL or LEGITI_API_KEY is set)'
}
