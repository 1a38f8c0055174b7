/** Seals the headers of a server's document; those that are kept are sealed anew, so that a rotated key comes into use. */
import { headerContext, open, SealedTextError, type SecretKeys, seal } from '../secrets/seal.ts'
import { Refusal } from './contract.ts'
import { KEPT, type ServerDocument } from './server-document.ts'
import type { StoredServer } from './servers.ts'

/**
 * The sealed headers, by name. Throws a Refusal where there is nothing to keep, or where what is kept would be sent
 * to another origin than it was given for.
 *
 * @param keys null where there are none: then no header can be taken
 */
export async function sealHeaders(
  keys: SecretKeys | null,
  tenant: string,
  name: string,
  { url, headers }: ServerDocument,
  stored: StoredServer | null,
): Promise<Record<string, string>> {
  const entries = Object.entries(headers)
  if (entries.length === 0) return {}
  if (keys === null) {
    throw new Refusal('conflict', [
      '/headers: found headers, and no ENCRYPTION_KEYS to seal them with; allowed: none until that secret is set',
    ])
  }
  const isElsewhere = stored !== null && new URL(stored.document.url).origin !== new URL(url).origin
  const problems: string[] = []
  const sealed: Record<string, string> = {}
  for (const [header, value] of entries) {
    const context = headerContext(tenant, name, header)
    const before = stored?.headers[header]
    if (value !== KEPT) {
      sealed[header] = await seal(keys, value, context)
    } else if (before === undefined) {
      problems.push(`/headers/${header}: found ${KEPT}, and no value is stored; allowed: the header's value`)
    } else if (isElsewhere) {
      problems.push(
        `/headers/${header}: found ${KEPT}, and the URL is of another origin; allowed: the header's value`,
      )
    } else {
      const value = await opened(keys, before, context)
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

async function opened(keys: SecretKeys, sealed: string, context: string): Promise<string | null> {
  try {
    return await open(keys, sealed, context)
  } catch (error) {
    if (error instanceof SealedTextError) return null
    throw error
  }
}
