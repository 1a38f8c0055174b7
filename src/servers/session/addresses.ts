/** Checks the addresses to which people's credentials are sent and from which issuers' keys are fetched: those that upstream servers may have. */
import type { TenantDocument } from '../../contract/config.ts'
import type { Env } from '../../contract/env.ts'
import { identityAddresses } from '../../contract/identity.ts'
import { allowsPrivate, checkAddress } from '../../upstream/resolve.ts'

export type IdentityAddresses =
  | { readonly kind: 'fine' }
  /** `unknown`: a name could not be looked up, so nothing is known against it, nor for it. */
  | { readonly kind: 'refused' | 'unknown'; readonly problem: string }

/** Checks where the stores of a tenant's settings, and the keys of its issuers, are, before the settings count. */
export async function checkIdentityAddresses(
  { identity }: TenantDocument,
  env: Env,
): Promise<IdentityAddresses> {
  for (const [pointer, address] of identityAddresses(identity)) {
    const url = new URL(address)
    if (url.protocol !== 'https:' && !allowsPrivate(env)) {
      const problem = `${pointer}: found http; allowed: https, unless ALLOW_PRIVATE_UPSTREAMS is "true"`
      return { kind: 'refused', problem }
    }
    const checked = await checkAddress(url, env)
    if (checked.kind !== 'public')
      return { kind: checked.kind, problem: checked.problem.replace(/^\/url/, pointer) }
  }
  return { kind: 'fine' }
}
