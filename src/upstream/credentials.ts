/** The headers configured for a server, opened right before they are sent. */
import type { Env } from '../contract/env.ts'
import type { UpstreamConfig } from '../contract/upstream.ts'
import { headerContext, open, secretKeys } from '../secrets/seal.ts'

/** By name. Throws where they do not open. */
export async function openHeaders(
  env: Env,
  tenant: string,
  { name, headers }: UpstreamConfig,
): Promise<Readonly<Record<string, string>>> {
  const sealed = Object.entries(headers)
  if (sealed.length === 0) return {}
  const keys = secretKeys(env)
  if (keys === null) throw new Error('ENCRYPTION_KEYS is not set')
  const opened = sealed.map(
    async ([header, value]) =>
      [header, await open(keys, value, headerContext(tenant, name, header))] as const,
  )
  return Object.fromEntries(await Promise.all(opened))
}
