/**
 * Sends principals the present state of their grants. A grant has one push at a time, which carries the state stored when it
 * begins; so the last push to arrive is the latest, and a change that came meanwhile goes with the next.
 */
import { errorName, log } from '../../base/log.ts'
import { type TenantDocument, versioned } from '../../contract/config.ts'
import type { Env } from '../../contract/env.ts'
import type { NewGrant } from '../../contract/grant.ts'
import { nativesOf, reachesUpstream } from '../../contract/grant-document.ts'
import { principalObject } from '../../contract/objects.ts'
import type { UpstreamConfig } from '../../contract/upstream.ts'
import { demoConfig } from '../../demo/demo.ts'
import { readGrant, type StoredGrant } from '../tables/grants.ts'
import { readPolicy } from '../tables/policies.ts'
import { markFailed, markPushed } from '../tables/propagation.ts'
import { serverNames, upstreamConfig } from '../tables/servers.ts'
import { MOST_CONFIG_BYTES, policyAndSettingsBytes } from '../tables/settings.ts'

/** Pushes at the same time. */
const AT_ONCE = 16
/** After so long the next push begins beside a slow one, which keeps no other waiting. */
const SLOW_MS = 1_000
/** The time that a change waits for a principal before it counts it as pending; the push itself goes on. */
const PUSH_WITHIN_MS = 10_000

/** The parts of the tenant's object that a push needs. */
export interface PushContext {
  readonly sql: SqlStorage
  readonly env: Env
  readonly tenant: string
  readonly settings: TenantDocument
  /** As in StoredTenant. */
  readonly isSaid: boolean
  readonly isSuspended: boolean
  /** The tenant is being deleted. */
  readonly isLeaving: boolean
  /** Tells whether there is a tenant still. */
  readonly isThere: () => boolean
}

export class Pushes {
  readonly #context: () => PushContext | null
  readonly #running = new Map<string, Promise<void>>()

  /** @param context asked anew for every push; null: there is no tenant any more, and no push begins */
  constructor(context: () => PushContext | null) {
    this.#context = context
  }

  /**
   * Pushes to the principals of these grants, in this order. A push that fails, or is not answered in time, is marked as failed.
   * Grants whose push had not begun by `untilMs` stay as they were.
   */
  async push(grants: readonly string[], untilMs: number): Promise<void> {
    const left = [...grants]
    const slow: Promise<void>[] = []
    const worker = async () => {
      for (let name = left.shift(); name !== undefined && Date.now() < untilMs; name = left.shift()) {
        const revision = this.#revision(name)
        const mine = this.#push(name)
        if (!(await isSettled(mine, SLOW_MS))) slow.push(this.#waitForPush(name, revision, mine))
      }
    }
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, grants.length) }, worker))
    await Promise.all(slow)
  }

  /** Waits until no push of this grant is on its way. */
  async quiet(name: string): Promise<void> {
    for (let push = this.#running.get(name); push !== undefined; push = this.#running.get(name))
      await push.catch(() => {})
  }

  #push(name: string): Promise<void> {
    const before = this.#running.get(name) ?? Promise.resolve()
    const mine: Promise<void> = before
      .then(() => push(this.#context(), name))
      .finally(() => {
        if (this.#running.get(name) === mine) this.#running.delete(name)
      })
    this.#running.set(name, mine)
    return mine
  }

  async #waitForPush(name: string, revision: number, push: Promise<void>): Promise<void> {
    if (await isSettled(push, PUSH_WITHIN_MS - SLOW_MS)) return
    const sql = this.#context()?.sql
    if (sql !== undefined) markFailed(sql, name, revision, Date.now())
  }

  /** Returns the present revision of the grant; 0 where there is none. */
  #revision(name: string): number {
    const sql = this.#context()?.sql
    return (sql === undefined ? null : readGrant(sql, name)?.revision) ?? 0
  }
}

/** Pushes to one principal, or marks the push as failed. */
async function push(context: PushContext | null, name: string): Promise<void> {
  // The deletion revokes the principals of a tenant that is leaving. A push would bring them back.
  if (context === null || context.isLeaving) return
  const { sql, env, tenant, isThere } = context
  const grant = readGrant(sql, name)
  if (grant === null || !grant.isPending) return
  const principal = principalObject(env, tenant, name)
  try {
    if (grant.isDeleted) await principal.revoke()
    else await principal.installGrant(await compose(context, grant))
  } catch (error) {
    log('warn', 'tenant.push_failed', { tenant, grant: name, error: errorName(error) })
    if (isThere()) markFailed(sql, name, grant.revision, Date.now())
    return
  }
  if (isThere()) markPushed(sql, name, grant.revision)
}

/** Composes the grant as its principal stores it. Reads all rows before it awaits anything, so that they belong together. */
async function compose(context: PushContext, grant: StoredGrant): Promise<NewGrant> {
  const { sql, tenant, settings, isSuspended } = context
  const { name, label, secretHash, olderSecret, expiresAtMs, origin, incarnation, sessions } = grant
  const upstreams = upstreamsOf(context, grant)
  const held = { tenant, name, label, secretHash, olderSecret, expiresAtMs, incarnation }
  const suspended = isSuspended ? { suspended: true as const } : {}
  // The retention of the audit trail, and the login of administrators, concern no principal.
  const { audit: _, access: __, ...rest } = settings
  if (origin === 'demo') {
    const own = context.isSaid ? { ...rest, servers: nativesOf(grant) } : null
    const whose = own === null ? {} : { settingsOf: 'tenant' as const }
    return { ...held, origin, config: { ...(await demoConfig(upstreams, own)), ...whose, ...suspended } }
  }
  const policy = grant.policy === null ? null : readPolicy(sql, grant.policy)
  const servers = nativesOf(grant)
  const document: unknown = policy === null ? null : JSON.parse(policy.documentJson)
  // The usual setting is left out, so that what was pushed before there was a choice keeps its version.
  const mode = sessions === 'auto' ? {} : { session_mode: sessions }
  const config = await versioned({ ...rest, servers, ...mode }, document, upstreams)
  return { ...held, config: { ...config, ...suspended } }
}

/**
 * Returns the servers of a grant. A server's listing is part of its configuration and may be of any size, so the largest are
 * left out where all together are more than a principal can hold; otherwise no change of another server would arrive.
 */
function upstreamsOf({ sql, tenant }: PushContext, stored: StoredGrant): UpstreamConfig[] {
  const { name: grant } = stored
  const all = serverNames(sql)
    .filter((name) => reachesUpstream(stored, name))
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

/** Tells whether `work` has ended, however, before so long. */
async function isSettled(work: Promise<void>, withinMs: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | null = null
  const tooLong = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), withinMs)
  })
  try {
    return await Promise.race([work.then(() => true), tooLong])
  } finally {
    clearTimeout(timer)
  }
}
