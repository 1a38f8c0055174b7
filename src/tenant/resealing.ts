/** Sealed values in the making: a secret that changes with the headers made of it, and all of them under another key. */
import {
  headerContext,
  open,
  SealedTextError,
  type SecretKeys,
  seal,
  webhookContext,
} from '../secrets/seal.ts'
import { Refusal } from './contract.ts'
import { keyIdOf, type SecretUse, sealedSecrets, secretContext, usesOf } from './secrets.ts'
import { readServer, serverNames, writeHeaders } from './servers.ts'
import { madeOfSecret } from './static-secrets.ts'
import { allSecrets, replaceSealed } from './webhooks.ts'

/** So many a call, for one invocation has only so much time. */
const MOST_A_ROUND = 500

/** A header's new value, and the one that it takes the place of. */
interface MadeHeader {
  readonly server: string
  readonly header: string
  readonly before: string
  readonly sealed: string
}

/** A secret, sealed, and every header that is made of it. */
export interface MadeSecret {
  readonly sealed: string
  readonly uses: readonly SecretUse[]
  readonly headers: readonly MadeHeader[]
}

/** Throws a Refusal without keys, or when a header could not be made of the value. */
export async function makeSecret(
  keys: SecretKeys | null,
  tenant: string,
  name: string,
  value: string,
  sql: SqlStorage | null,
): Promise<MadeSecret> {
  const ready = needed(keys)
  const sealed = await seal(ready, value, secretContext(tenant, name))
  const uses = sql === null ? [] : usesOf(sql, name)
  // All of them before anything is awaited: what changes meanwhile is noticed by what it was.
  const stored = uses.map(({ server, header }) => (sql && readServer(sql, server)?.headers[header]) ?? null)
  const headers: MadeHeader[] = []
  for (const [i, use] of uses.entries()) {
    const before = stored[i]
    if (before === null || before === undefined) continue
    const made = await madeOfSecret(ready, tenant, use, new Map([[name, sealed]]))
    if ('problem' in made)
      throw new Refusal('invalid', [`/value: the header ${use.header} of ${use.server}: ${made.problem}`])
    const context = headerContext(tenant, use.server, use.header)
    headers.push({ ...use, before, sealed: await seal(ready, made.value, context) })
  }
  return { sealed, uses, headers }
}

/** Puts a secret's headers in their places. Throws a Refusal when they have changed. Answers the servers. */
export function putHeaders(sql: SqlStorage, name: string, { headers, uses }: MadeSecret): string[] {
  if (JSON.stringify(usesOf(sql, name)) !== JSON.stringify(uses))
    throw new Refusal('conflict', ['found a server changed by another request; allowed: to try again'])
  for (const { server, header, before, sealed } of headers) {
    const stored = readServer(sql, server)?.headers ?? {}
    if (stored[header] !== before)
      throw new Refusal('conflict', ['found a server changed by another request; allowed: to try again'])
    writeHeaders(sql, server, { ...stored, [header]: sealed })
  }
  return [...new Set(headers.map(({ server }) => server))]
}

/** What a round of resealing came to. */
export interface Resealed {
  readonly kind: 'resealed'
  /** The current key. */
  readonly key: string
  readonly resealed: number
  /** Still sealed with another key. */
  readonly left: number
  /** Of those, the ones that no key opens. */
  readonly stuck?: number
  /** Principals that could not be told yet. */
  readonly pending: number
}

interface Renewed {
  readonly name: string
  readonly before: string
  readonly sealed: string
}

export interface ResealRound {
  readonly key: string
  readonly headers: readonly MadeHeader[]
  readonly secrets: readonly Renewed[]
  readonly webhooks: readonly Renewed[]
  readonly stuck: number
}

/** Seals a round's worth anew. Throws a Refusal without keys. */
export async function prepareReseal(
  keys: SecretKeys | null,
  tenant: string,
  sql: SqlStorage,
): Promise<ResealRound> {
  const ready = needed(keys)
  const { headers: oldHeaders, secrets: oldSecrets, webhooks: oldWebhooks } = notUnder(sql, ready.current)
  const headers: MadeHeader[] = []
  const secrets: Renewed[] = []
  const webhooks: Renewed[] = []
  let stuck = 0
  const again = async (before: string, context: string): Promise<string | null> => {
    if (headers.length + secrets.length + webhooks.length >= MOST_A_ROUND) return null
    try {
      return await seal(ready, await open(ready, before, context), context)
    } catch (error) {
      if (!(error instanceof SealedTextError)) throw error
      stuck += 1
      return null
    }
  }
  for (const { server, header, before } of oldHeaders) {
    const sealed = await again(before, headerContext(tenant, server, header))
    if (sealed !== null) headers.push({ server, header, before, sealed })
  }
  for (const { name, before } of oldSecrets) {
    const sealed = await again(before, secretContext(tenant, name))
    if (sealed !== null) secrets.push({ name, before, sealed })
  }
  for (const { name, before } of oldWebhooks) {
    const sealed = await again(before, webhookContext(tenant, name))
    if (sealed !== null) webhooks.push({ name, before, sealed })
  }
  return { key: ready.current, headers, secrets, webhooks, stuck }
}

/** Writes a round down; what has changed meanwhile stays as it is, for it was sealed anew by that. */
export function commitReseal(
  sql: SqlStorage,
  { headers, secrets, webhooks }: ResealRound,
): { readonly servers: readonly string[]; readonly resealed: number } {
  const servers = new Set<string>()
  let resealed = 0
  for (const { server, header, before, sealed } of headers) {
    const stored = readServer(sql, server)?.headers ?? {}
    if (stored[header] !== before) continue
    writeHeaders(sql, server, { ...stored, [header]: sealed })
    servers.add(server)
    resealed += 1
  }
  for (const { name, before, sealed } of secrets) {
    resealed += sql
      .exec(
        'UPDATE secrets SET sealed = ? WHERE name = ? AND sealed = ? RETURNING name',
        sealed,
        name,
        before,
      )
      .toArray().length
  }
  for (const { name, before, sealed } of webhooks) if (replaceSealed(sql, name, before, sealed)) resealed += 1
  return { servers: [...servers], resealed }
}

export function leftToReseal(
  sql: SqlStorage,
  { key, stuck }: ResealRound,
): { readonly left: number; readonly stuck: number } {
  const { headers, secrets, webhooks } = notUnder(sql, key)
  return { left: headers.length + secrets.length + webhooks.length, stuck }
}

/** Everything that is sealed with another key than this one. */
function notUnder(sql: SqlStorage, key: string) {
  const headers = serverNames(sql).flatMap((server) =>
    Object.entries(readServer(sql, server)?.headers ?? {})
      .filter(([, sealed]) => keyIdOf(sealed) !== key)
      .map(([header, before]) => ({ server, header, before })),
  )
  const secrets = [...sealedSecrets(sql)]
    .filter(([, sealed]) => keyIdOf(sealed) !== key)
    .map(([name, before]) => ({ name, before }))
  const webhooks = allSecrets(sql).filter(({ before }) => keyIdOf(before) !== key)
  return { headers, secrets, webhooks }
}

function needed(keys: SecretKeys | null): SecretKeys {
  if (keys !== null) return keys
  throw new Refusal('conflict', [
    'found no ENCRYPTION_KEYS to seal a secret with; allowed: to set that secret of the deployment first',
  ])
}
