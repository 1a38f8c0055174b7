/** Sealed values in the making: a secret that changes with the headers made of it, and all of them under another key. */
import { Refusal } from '../../contract/tenant.ts'
import { headerContext, type SecretKeys, seal, sealAgain, secretContext } from '../../secrets/seal.ts'
import { placesNotUnder, type SealedPlace } from './sealed-places.ts'
import { type SecretUse, usesOf } from './secrets.ts'
import { readServer, writeHeaders } from './servers.ts'
import { madeOfSecret } from './static-secrets.ts'

/** The most values a call, for one invocation has only so much time. */
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
  {
    tenant,
    name,
    value,
    sql,
  }: {
    readonly tenant: string
    readonly name: string
    readonly value: string
    readonly sql: SqlStorage | null
  },
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
    throw new Refusal('conflict', ['Another request has changed a server meanwhile. Try again.'])
  for (const { server, header, before, sealed } of headers) {
    const stored = readServer(sql, server)?.headers ?? {}
    if (stored[header] !== before)
      throw new Refusal('conflict', ['Another request has changed a server meanwhile. Try again.'])
    writeHeaders(sql, server, { ...stored, [header]: sealed })
  }
  return [...new Set(headers.map(({ server }) => server))]
}

interface Renewed {
  readonly place: SealedPlace
  readonly before: string
  readonly sealed: string
}

/** Values that are sealed anew, but not in their places yet. */
export interface ResealRound {
  readonly tenant: string
  /** The current key. */
  readonly key: string
  readonly renewed: readonly Renewed[]
  /** Values that no key opens. */
  readonly stuck: number
}

/** Seals a round's worth anew. Throws a Refusal without keys. */
export async function prepareReseal(
  keys: SecretKeys | null,
  tenant: string,
  sql: SqlStorage,
): Promise<ResealRound> {
  const ready = needed(keys)
  const renewed: Renewed[] = []
  let stuck = 0
  for (const place of placesNotUnder(sql, tenant, ready.current)) {
    if (renewed.length >= MOST_A_ROUND) break
    const before = place.read()
    if (before === null) continue
    const sealed = await sealAgain(ready, before, place.context)
    if (sealed === null) stuck += 1
    else renewed.push({ place, before, sealed })
  }
  return { tenant, key: ready.current, renewed, stuck }
}

/** Writes a round down; what has changed meanwhile stays as it is, for it was sealed anew by that. */
export function commitReseal({ renewed }: ResealRound): {
  readonly servers: readonly string[]
  readonly resealed: number
} {
  const done = renewed.filter(({ place, before, sealed }) => place.replace(before, sealed))
  const servers = done.map(({ place }) => place.server).filter((server) => server !== null)
  return { servers: [...new Set(servers)], resealed: done.length }
}

export function leftToReseal(
  sql: SqlStorage,
  { tenant, key, stuck }: ResealRound,
): { readonly left: number; readonly stuck: number } {
  return { left: placesNotUnder(sql, tenant, key).length, stuck }
}

/** The deployment's keys. Throws a Refusal where there are none. */
export function needed(keys: SecretKeys | null): SecretKeys {
  if (keys !== null) return keys
  throw new Refusal('conflict', [
    'This deployment has no ENCRYPTION_KEYS to seal a secret with. Set that secret of the deployment first.',
  ])
}
