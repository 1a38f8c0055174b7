/** Says which of the optional parts this deployment has that changes depend on. */

import type { Env } from '../contract/env.ts'
import type { Deployment } from '../contract/without-effect.ts'
import { secretKeys } from '../secrets/seal.ts'

export function deploymentOf(env: Env): Deployment {
  return { encryption_keys: secretKeys(env) !== null, audit_database: env.AUDIT_DB !== undefined }
}
