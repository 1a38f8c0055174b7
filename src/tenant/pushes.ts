/**
 * Tells principals what their grants are now. One push of a grant at a time, each with what is stored when it
 * begins: so the last one to arrive is the latest, and a change that came meanwhile is told by the next.
 */

import { demoConfig } from '../demo/demo.ts'
import type { Env } from '../env.ts'
import { errorName, log } from '../log.ts'
import { nativeServerNames } from '../native/server-names.ts'
import { principalObject } from '../objects.ts'
import type { NewGrant } from '../principal/object.ts'
import type { UpstreamConfig } from '../upstream/config.ts'
import { type TenantDocument, versioned } from './config.ts'
import { markPushed, readGrant, type StoredGrant } from './grants.ts'
import { readPolicy } from './policies.ts'
import { serverNames, upstreamConfig } from './servers.ts'
import { MOST_CONFIG_BYTES, policyAndSettingsBytes } from './settings.ts'

/** Principals that are told at the same time. */
const AT_ONCE = 16
/** What a change waits for a principal before it answers that one is pending; the push itself goes on. */
const PATIENCE_MS = 10_000

/** What a push needs of its object. */
export interface PushContext {
  readonly sql: SqlStorage
  readonly env: Env
  readonly tenant: string
  readonly settings: TenantDocument
  readonly isSuspended: boolean
  /** The tenant is being deleted. */
  readonly isLeaving: boolean
}

export class Pushes {
  readonly #context: () => PushContext
  readonly #running = new Map<string, Promise<boolean>>()

  /** @param context asked anew for every push */
  constructor(context: () => PushContext) {
    this.#context = context
  }

  /** Tells the principals of these grants. Answers how many could not be told (yet). */
  async tell(grants: readonly string[]): Promise<number> {
    const left = [...grants]
    let pending = 0
    const worker = async () => {
      for (let name = left.shift(); name !== undefined; name = left.shift()) {
        if (!(await patiently(this.#tell(name)))) pending += 1
      }
    }
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, grants.length) }, worker))
    return pending
  }

  /** Waits until no push is on its way. */
  async quiet(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running.values())
  }

  #tell(name: string): Promise<boolean> {
    const before = this.#running.get(name) ?? Promise.resolve(true)
    const mine: Promise<boolean> = before
      .then(() => push(this.#context(), name))
      .finally(() => {
        if (this.#running.get(name) === mine) this.#running.delete(name)
      })
    this.#running.set(name, mine)
    return mine
  }
}

/** Tells one principal; false when it could not be reached. */
async function push(context: PushContext, name: string): Promise<boolean> {
  const { sql, env, tenant } = context
  const grant = readGrant(sql, name)
  if (grant === null || !grant.isPending) return true
  // Whoever is on the way out is told by its deletion, and must not be brought back.
  if (context.isLeaving) return true
  const principal = principalObject(env, tenant, name)
  try {
    if (grant.isDeleted) await principal.revoke()
    else await principal.installGrant(await compose(context, grant))
  } catch (error) {
    log('warn', 'tenant.push_failed', { tenant, grant: name, error: errorName(error) })
    return false
  }
  markPushed(sql, name, grant.revision)
  return true
}

/** The grant as its principal is to hold it. Reads all that is stored before it awaits anything. */
async function compose(context: PushContext, grant: StoredGrant): Promise<NewGrant> {
  const { sql, tenant, settings, isSuspended } = context
  const { name, label, secretHash, olderSecret, expiresAtMs, origin } = grant
  const upstreams = upstreamsOf(context, grant)
  const held = { tenant, name, label, secretHash, olderSecret, expiresAtMs }
  const suspended = isSuspended ? { suspended: true as const } : {}
  if (origin === 'demo')
    return { ...held, origin, config: { ...(await demoConfig(upstreams)), ...suspended } }
  const policy = grant.policy === null ? null : readPolicy(sql, grant.policy)
  const servers = nativeServerNames.filter(
    (server) => grant.servers === '*' || grant.servers.includes(server),
  )
  const document: unknown = policy === null ? null : JSON.parse(policy.documentJson)
  const config = await versioned({ ...settings, servers }, document, upstreams)
  return { ...held, config: { ...config, ...suspended } }
}

/**
 * What a server lists is part of its configuration, and it may list without end. So that it keeps nobody else's
 * changes from arriving, the largest go where all together are more than a principal can hold.
 */
function upstreamsOf({ sql, tenant }: PushContext, { name: grant, servers }: StoredGrant): UpstreamConfig[] {
  const all = serverNames(sql)
    .filter((name) => servers === '*' || servers.includes(name))
    .map((name) => upstreamConfig(sql, name))
    .filter((upstream) => upstream !== null)
    .map((upstream) => ({ upstream, bytes: new TextEncoder().encode(JSON.stringify(upstream)).length }))
  let left = MOST_CONFIG_BYTES - policyAndSettingsBytes(sql) - all.reduce((sum, { bytes }) => sum + bytes, 0)
  for (const largest of all.toSorted((a, b) => b.bytes - a.bytes)) {
    if (left >= 0) break
    left += largest.bytes
    all.splice(all.indexOf(largest), 1)
    log('warn', 'tenant.server_left_out', {
      tenant,
      grant,
      server: largest.upstream.name,
      bytes: largest.bytes,
    })
  }
  return all.map(({ upstream }) => upstream)
}

async function patiently(work: Promise<boolean>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | null = null
  const tooLong = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), PATIENCE_MS)
  })
  try {
    return await Promise.race([work, tooLong])
  } finally {
    clearTimeout(timer)
  }
}
