/** Seals the headers of a server's document; those that are kept are sealed anew, so that a rotated key comes into use. */
import { KEPT, type SecretHeader, type ServerDocument } from '../../contract/server-document.ts'
import { headerValueProblem } from '../../contract/static-headers.ts'
import { Refusal } from '../../contract/tenant.ts'
import { headerContext, openOrNull, type SecretKeys, seal, secretContext } from '../../secrets/seal.ts'
import type { StoredServer } from './servers.ts'

/**
 * The sealed headers, by name. Throws a Refusal where there is nothing to keep, or where what is kept would be sent
 * to another origin than it was given for.
 *
 * @param keys null where there are none: then no header can be taken
 * @param sealedSecrets the tenant's named secrets, sealed
 */
export async function sealHeaders(
  keys: SecretKeys | null,
  {
    tenant,
    name,
    document: { url, headers },
    stored,
    sealedSecrets,
  }: {
    readonly tenant: string
    readonly name: string
    readonly document: ServerDocument
    readonly stored: StoredServer | null
    readonly sealedSecrets: ReadonlyMap<string, string>
  },
): Promise<Record<string, string>> {
  const entries = Object.entries(headers)
  if (entries.length === 0) return {}
  if (keys === null) {
    throw new Refusal('conflict', [
      '/headers: this deployment has no ENCRYPTION_KEYS to seal them with. Set that secret of the deployment first, or leave them out.',
    ])
  }
  const isElsewhere = stored !== null && new URL(stored.document.url).origin !== new URL(url).origin
  const problems: string[] = []
  const sealed: Record<string, string> = {}
  for (const [header, value] of entries) {
    const context = headerContext(tenant, name, header)
    const before = stored?.headers[header]
    if (typeof value !== 'string') {
      const made = await madeOfSecret(keys, tenant, value, sealedSecrets)
      if ('problem' in made) problems.push(`/headers/${header}: ${made.problem}`)
      else sealed[header] = await seal(keys, made.value, context)
    } else if (value !== KEPT) {
      sealed[header] = await seal(keys, value, context)
    } else if (before === undefined) {
      problems.push(`/headers/${header}: found ${KEPT}, and no value is stored; allowed: the header's value`)
    } else if (isElsewhere) {
      problems.push(
        `/headers/${header}: found ${KEPT}, and the URL is of another origin; allowed: the header's value`,
      )
    } else {
      const value = await openOrNull(keys, before, context)
      if (value === null)
        problems.push(
          `/headers/${header}: found ${KEPT}, and none of ENCRYPTION_KEYS opens it; allowed: the header's value`,
        )
      else sealed[header] = await seal(keys, value, context)
    }
  }
  if (problems.length > 0) throw new Refusal('invalid', problems)
  return sealed
}

/** The value of a header that is made of a named secret. */
export async function madeOfSecret(
  keys: SecretKeys,
  tenant: string,
  { secret, prefix }: SecretHeader,
  sealedSecrets: ReadonlyMap<string, string>,
): Promise<{ readonly value: string } | { readonly problem: string }> {
  const sealed = sealedSecrets.get(secret)
  if (sealed === undefined) {
    const names = [...sealedSecrets.keys()].sort().slice(0, 50).join(', ')
    return {
      problem: `found the unknown secret ${JSON.stringify(secret)}; allowed: ${names || 'none: this tenant has no secret'}`,
    }
  }
  const text = await openOrNull(keys, sealed, secretContext(tenant, secret))
  if (text === null)
    return {
      problem: `found the secret ${secret}, which none of ENCRYPTION_KEYS opens; allowed: one that opens`,
    }
  const value = prefix + text
  const wrong = headerValueProblem(value)
  return wrong === null ? { value } : { problem: `found ${wrong.found}; allowed: ${wrong.allowed}` }
}
