/** The signing secrets of webhooks, sealed and opened. */
import { Refusal } from '../../contract/tenant.ts'
import { openOrNull, type SecretKeys, seal, webhookContext } from '../../secrets/seal.ts'

/**
 * The sealed secret of a webhook: the stored one sealed anew, so that a rotated key comes into use, or else the one that
 * is given. Throws a Refusal where nothing can be sealed, or the stored one does not open.
 */
export async function sealSecret(
  keys: SecretKeys | null,
  {
    tenant,
    name,
    given,
    stored,
  }: {
    readonly tenant: string
    readonly name: string
    readonly given: string
    readonly stored: string | null
  },
): Promise<string> {
  if (keys === null) {
    throw new Refusal('conflict', [
      'This deployment has no ENCRYPTION_KEYS to seal the webhook’s secret with. Set that secret of the deployment first.',
    ])
  }
  const context = webhookContext(tenant, name)
  if (stored === null) return seal(keys, given, context)
  const secret = await openSecret(keys, { tenant, name, sealed: stored })
  if (secret === null) {
    throw new Refusal('conflict', [
      'None of ENCRYPTION_KEYS opens the stored secret. Delete the webhook and make it anew, or put the key back.',
    ])
  }
  return seal(keys, secret, context)
}

/** The secret, or null: it does not open. */
export async function openSecret(
  keys: SecretKeys | null,
  { tenant, name, sealed }: { readonly tenant: string; readonly name: string; readonly sealed: string },
): Promise<string | null> {
  return keys === null ? null : openOrNull(keys, sealed, webhookContext(tenant, name))
}
