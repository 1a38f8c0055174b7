/** A deployment's own secrets, which no client says. PURE. */
import type { Needles } from './needles.ts'

/** Variables that are secrets as they are: src/contract/env.ts says of which. */
const SECRETS = ['LEGITI_API_KEY', 'ROOT_TOKEN'] as const

/** What opens the demo; published, and all the same no business of storage and log. */
const DEMO_TOKENS = ['gh_root_insecure-local-token', 'gh_demo_agent_insecure-local-token'] as const

/** Registers those of a gateway's variables that are secrets; keys also as the bytes that they are. */
export function hearDeployment(needles: Needles, vars: Readonly<Record<string, unknown>>): void {
  for (const token of DEMO_TOKENS) needles.addToken("the demo's token", token)
  for (const name of SECRETS) {
    const value = vars[name]
    if (typeof value === 'string') needles.add('deployment secret', name, value)
  }
  const keys = typeof vars.ENCRYPTION_KEYS === 'string' ? vars.ENCRYPTION_KEYS : ''
  for (const entry of keys.split(/[\s,]+/)) {
    const key = /^[A-Za-z0-9-]{1,32}:([A-Za-z0-9+/]+=*)$/.exec(entry)?.[1]
    if (key === undefined) continue
    needles.add('deployment secret', 'ENCRYPTION_KEYS', key)
    needles.add('deployment secret', 'ENCRYPTION_KEYS, decoded', bytesOf(key))
  }
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (it) => it.charCodeAt(0))
}
