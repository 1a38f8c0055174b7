/**
 * Seals the content that an approver is shown before it leaves the Worker, so that it is stored nowhere in the open. It is kept until the
 * call is decided (docs/decisions/0038-what-an-approver-sees.md).
 */
import type { Env } from '../contract/env.ts'
import type { ConcealedPath } from '../policy/path.ts'
import { approvalContext, openOrNull, type SecretKeys, seal, secretKeys } from '../secrets/seal.ts'
import { type Carried, contentOf } from './content.ts'

/** The call that sealed content is bound to: another call's content does not open in its place. */
export interface ContentOf {
  readonly tenant: string
  readonly grant: string
  /** The digest of the arguments that the approval is kept with. */
  readonly digest: string
}

/** The content of a call, sealed with the current key; null without keys, for then nothing is kept. */
export async function sealContent(
  env: Env,
  of: ContentOf,
  carried: Carried,
  paths: readonly ConcealedPath[],
): Promise<string | null> {
  const keys = secretKeys(env)
  if (keys === null) return null
  return seal(keys, JSON.stringify(contentOf(carried, paths)), contextOf(of))
}

/** Opens the content of this call, as JSON; null where no key opens it, or it was sealed for another call. */
export function openContent(keys: SecretKeys, of: ContentOf, sealed: string): Promise<string | null> {
  return openOrNull(keys, sealed, contextOf(of))
}

export function contextOf({ tenant, grant, digest }: ContentOf): string {
  return approvalContext(tenant, grant, digest)
}
