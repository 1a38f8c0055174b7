/** The demo's own grant in its tenant's list, so that it is told of what changes there. */
import { isDemo } from '../../base/local-switches.ts'
import type { Env } from '../../contract/env.ts'
import { DEMO_LABEL, demoSecretHash } from '../../demo/demo.ts'
import { DEMO_GRANT, DEMO_TENANT } from '../../demo/token.ts'
import { readGrant, writeGrant } from './grants.ts'

/** The hash of its secret; null in any other tenant, and where there is no demo. */
export async function builtInHash(env: Env, tenant: string): Promise<Uint8Array | null> {
  return isDemo(env) && tenant === DEMO_TENANT ? demoSecretHash() : null
}

/** Adds it, unless it is there. Part of a transaction. */
export function addBuiltIn(sql: SqlStorage, hash: Uint8Array, nowMs: number): void {
  if (readGrant(sql, DEMO_GRANT) !== null) return
  const document = {
    label: DEMO_LABEL,
    policy: null,
    servers: '*',
    owner: null,
    sessions: 'auto',
    expiresAtMs: null,
  } as const
  writeGrant(sql, { name: DEMO_GRANT, document, secretHash: hash, origin: 'demo', everyNative: true }, nowMs)
}
