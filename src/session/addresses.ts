/** Where credentials of people may be sent: the same addresses that upstream servers may have. */
import { allowsPrivate, checkAddress } from '../admin/resolve.ts'
import type { Env } from '../env.ts'
import type { TenantDocument } from '../tenant/config.ts'
import { addressProblem } from '../upstream/address.ts'

/** Whether a URL's host, as written, is none that this deployment reaches. */
export function isPrivateHost(url: URL, env: Env): boolean {
  if (allowsPrivate(env)) return false
  return url.protocol !== 'https:' || addressProblem(url) !== null
}

export type StoreAddresses =
  | { readonly kind: 'fine' }
  /** `unknown`: a name could not be looked up, so nothing is known against it, nor for it. */
  | { readonly kind: 'refused' | 'unknown'; readonly problem: string }

/** Checks where the stores of a tenant's settings are, before the settings count. */
export async function checkStoreAddresses({ identity }: TenantDocument, env: Env): Promise<StoreAddresses> {
  for (const [i, { base_url }] of identity.magento.entries()) {
    const pointer = `/identity/magento/${i}/base_url`
    const url = new URL(base_url)
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
