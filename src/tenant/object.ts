import { DurableObject } from 'cloudflare:workers'
import { DEMO_GRANT, DEMO_LABEL, DEMO_TENANT, demoSecretHash, isDemo } from '../demo/demo.ts'
import type { Env } from '../env.ts'
import { errorName, log } from '../log.ts'
import { nativeServerNames } from '../native/server-names.ts'
import { secretKeys } from '../secrets/seal.ts'
import type { UpstreamConfig, UpstreamReport } from '../upstream/config.ts'
import { tenantDocument } from './config.ts'
import {
  type Catalogue,
  type Change,
  type GrantDocument,
  type GrantView,
  type PolicySummary,
  type PolicyView,
  Refusal,
  type RefusedChange,
  type Removal,
  type ServerView,
  type TenantView,
  type Verdict,
} from './contract.ts'
import * as grants from './grants.ts'
import { readListing, readTools } from './listings.ts'
import { examine, heldServers, type ObservedListing, observeListing } from './observation.ts'
import { acceptDrift, pinnedOfDrifted } from './pins.ts'
import * as policies from './policies.ts'
import { Pushes } from './pushes.ts'
import { Restless } from './restless.ts'
import { migrate, schemaVersion } from './schema.ts'
import { addSeen, clearSeen } from './seen.ts'
import type { ServerDocument } from './server-document.ts'
import * as servers from './servers.ts'
import { readTenant, sizeProblem, writePushFailures, writeTenant } from './settings.ts'
import { sealHeaders } from './static-secrets.ts'
import { type ToolSchemas, toolSchemas } from './tool-schemas.ts'
import { unknownNames } from './unknown-names.ts'

/** After a principal could not be told: twice as long with every round, up to the longest. */
const RETRY_MS = 5_000
const LONGEST_RETRY_MS = 5 * 60_000
/** How often principals are told of a server whose listing changes all the time. */
const RESTLESS_MS = 30_000
/** Principals that one invocation may ask; the platform counts. The rest is the alarm's. */
const MOST_TOLD = 500

/** What a transaction came to: whom it concerns, and what is there now. */
interface Done<T> {
  readonly created: boolean
  /** Grants whose principals must be told. */
  readonly touched: readonly string[]
  readonly now: T
}

/**
 * One tenant: its settings, upstream servers, policies and grants, all in one SQLite database, and the pins of what
 * its servers list. It is the truth; each principal holds a copy of what concerns it, and is told of every change
 * before the change is answered. Whoever could not be told then is told by alarm.
 *
 * Composes the functions of this folder; an object without a tenant stores nothing.
 */
export class TenantObject extends DurableObject<Env> {
  readonly #sql: SqlStorage
  readonly #pushes: Pushes
  readonly #restless = new Restless()
  readonly #restlessEras = new Restless()
  #exists: boolean

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#sql = ctx.storage.sql
    this.#pushes = new Pushes(() => this.#pushContext())
    this.#exists = schemaVersion(this.#sql) > 0
    if (!this.#exists) return
    ctx.storage.transactionSync(() => migrate(this.#sql))
    // An alarm that was lost must not silence what is pending.
    void ctx.blockConcurrencyWhile(async () => {
      const isLeft = grants.pendingGrants(this.#sql).length > 0 || heldServers(this.#sql).length > 0
      if (isLeft && (await ctx.storage.getAlarm()) === null) await ctx.storage.setAlarm(Date.now() + RETRY_MS)
    })
  }

  /** The tenant, or null where nothing was ever set up. */
  async tenant(): Promise<TenantView | null> {
    return this.#exists ? (readTenant(this.#sql)?.view ?? null) : null
  }

  /** Creates the tenant or replaces its settings, which `tenantDocument` has accepted. */
  async putTenant(tenant: string, settingsJson: string): Promise<Change<TenantView>> {
    const created = !this.#exists
    return this.#change(tenant, (nowMs) => {
      writeTenant(this.#sql, tenant, tenantDocument.parse(JSON.parse(settingsJson)), nowMs)
      return { created, touched: grants.touchAll(this.#sql), now: this.#view() }
    })
  }

  async servers(): Promise<readonly ServerView[]> {
    if (!this.#exists) return []
    return servers
      .serverNames(this.#sql)
      .map((name) => servers.viewServer(this.#sql, name))
      .filter((server) => server !== null)
  }

  async server(name: string): Promise<ServerView | null> {
    return this.#exists ? servers.viewServer(this.#sql, name) : null
  }

  /** Registers a server or replaces it. Header values are sealed here; KEPT stands for what is stored. */
  async putServer(tenant: string, name: string, document: ServerDocument): Promise<Change<ServerView>> {
    const { headers: _, ...plain } = document
    const stored = this.#exists ? servers.readServer(this.#sql, name) : null
    let headers: Record<string, string>
    try {
      headers = await sealHeaders(secretKeys(this.env), tenant, name, document, stored)
    } catch (error) {
      return refusedBy(error)
    }
    const demoHash = isDemo(this.env) && tenant === DEMO_TENANT ? await demoSecretHash() : null
    return this.#change(tenant, (nowMs) => {
      const before = servers.readServer(this.#sql, name)
      if (JSON.stringify(before?.headers) !== JSON.stringify(stored?.headers)) {
        throw new Refusal('conflict', ['found the server changed by another request; allowed: to try again'])
      }
      servers.writeServer(this.#sql, name, plain, headers, nowMs)
      if (demoHash !== null && grants.readGrant(this.#sql, DEMO_GRANT) === null) {
        const builtIn = { label: DEMO_LABEL, policy: null, servers: '*', expiresAtMs: null } as const
        grants.writeGrant(this.#sql, DEMO_GRANT, builtIn, demoHash, 'demo', nowMs)
      }
      const touched = grants.touchByServer(this.#sql, name)
      return { created: before === null, touched, now: present(servers.viewServer(this.#sql, name)) }
    })
  }

  /** Forgets a server, its pins included, and takes it from every grant. */
  async deleteServer(name: string): Promise<Removal> {
    return this.#remove(() => {
      if (servers.readServer(this.#sql, name) === null) return null
      const touched = grants.touchByServer(this.#sql, name)
      grants.dropServer(this.#sql, name)
      servers.deleteServer(this.#sql, name)
      this.#restless.forget(name)
      this.#restlessEras.forget(name)
      return touched
    })
  }

  /** Takes what drifted tools are now as what they should be; all of them when `tool` is null. Null: no such server. */
  async accept(
    server: string,
    tool: string | null,
  ): Promise<{ accepted: readonly string[]; pending: number } | null> {
    if (!this.#exists || servers.readServer(this.#sql, server) === null) return null
    const { accepted, touched } = this.ctx.storage.transactionSync(() => {
      const accepted = acceptDrift(this.#sql, server, tool, Date.now())
      if (accepted.length === 0) return { accepted, touched: [] }
      const listing = readListing(this.#sql, server)
      clearSeen(this.#sql, server)
      if (listing !== null) addSeen(this.#sql, server, listing.digest)
      return { accepted, touched: grants.touchByServer(this.#sql, server) }
    })
    return { accepted, pending: await this.#tell(touched) }
  }

  async policies(): Promise<readonly PolicySummary[]> {
    return this.#exists ? policies.listPolicies(this.#sql) : []
  }

  /** A version of a policy, the current one when `version` is null. */
  async policy(name: string, version: number | null): Promise<PolicyView | null> {
    return this.#exists ? policies.readPolicy(this.#sql, name, version) : null
  }

  /** Makes a policy, which has been found to load, the current version; the same content makes none. */
  async putPolicy(tenant: string, name: string, documentJson: string): Promise<Change<PolicyView>> {
    return this.#change(tenant, (nowMs) => {
      const created = policies.readPolicy(this.#sql, name) === null
      const isNew = policies.writePolicy(this.#sql, name, documentJson, nowMs)
      const touched = isNew ? grants.touchByPolicy(this.#sql, name) : []
      return { created, touched, now: present(policies.readPolicy(this.#sql, name)) }
    })
  }

  /** Forgets a policy with all its versions. Refused while a grant is under it. */
  async deletePolicy(name: string): Promise<Removal> {
    return this.#remove(() => {
      if (policies.readPolicy(this.#sql, name) === null) return null
      const under = grants.grantsUnderPolicy(this.#sql, name)
      if (under.length > 0) {
        const which = under.slice(0, 10).join(', ')
        throw new Refusal('conflict', [
          `found ${under.length} grants under this policy (${which}); allowed: to delete a policy that no grant is under`,
        ])
      }
      policies.deletePolicy(this.#sql, name)
      return []
    })
  }

  async grants(): Promise<readonly GrantView[]> {
    if (!this.#exists) return []
    return grants
      .grantNames(this.#sql)
      .map((name) => grants.viewGrant(this.#sql, name))
      .filter((grant) => grant !== null)
  }

  async grant(name: string): Promise<GrantView | null> {
    return this.#exists ? grants.viewGrant(this.#sql, name) : null
  }

  /** Makes a grant or changes it. Only one that is made takes the secret's hash. */
  async putGrant(
    tenant: string,
    name: string,
    document: GrantDocument,
    secretHash: Uint8Array,
  ): Promise<Change<GrantView>> {
    return this.#change(tenant, (nowMs) => {
      this.#refuseBuiltIn(tenant, name)
      const known = [...nativeServerNames, ...servers.serverNames(this.#sql)]
      const problems = unknownNames(document, policies.policyNames(this.#sql), known)
      if (problems.length > 0) throw new Refusal('invalid', problems)
      const created = grants.viewGrant(this.#sql, name) === null
      grants.writeGrant(this.#sql, name, document, secretHash, 'tenant', nowMs)
      return { created, touched: [name], now: present(grants.viewGrant(this.#sql, name)) }
    })
  }

  /** Revokes a grant and forgets it. */
  async deleteGrant(name: string): Promise<Removal> {
    return this.#remove((nowMs) => {
      if (grants.viewGrant(this.#sql, name) === null) return null
      this.#refuseBuiltIn(readTenant(this.#sql)?.name ?? '', name)
      grants.markDeleted(this.#sql, name, nowMs)
      return [name]
    })
  }

  /** Argument schemas of what the tenant's servers list, for checking policies. */
  async toolSchemas(): Promise<ToolSchemas> {
    return this.#exists ? toolSchemas(this.#sql) : { toolsJson: '[]', unlisted: [] }
  }

  /**
   * A complete listing of a server's tools that is not in its `seen`. Returns when every principal was told; of a server
   * whose listing changes all the time they are told by alarm. Answers what may be shown of it, whoever was told; null
   * where there is no such server, or no list.
   */
  async observe(server: string, listing: ObservedListing): Promise<Verdict | null> {
    if (!this.#exists || servers.readServer(this.#sql, server) === null) return null
    const examined = await examine(listing.toolsJson)
    if (examined === null) {
      log('warn', 'tenant.listing_unreadable', { server })
      return null
    }
    const isRestless = this.#restless.isRestless(server, Date.now())
    const { touched, isWorse, verdict } = this.ctx.storage.transactionSync(() => {
      const before = servers.upstreamConfig(this.#sql, server)?.withheld ?? {}
      const isNews = observeListing(this.#sql, server, listing, examined, Date.now(), isRestless)
      const after = servers.upstreamConfig(this.#sql, server)
      const isWorse = Object.keys(after?.withheld ?? {}).some((tool) => !Object.hasOwn(before, tool))
      const verdict = after === null ? null : { withheld: after.withheld, renamed: after.renamed }
      return { touched: isNews ? grants.touchByServer(this.#sql, server) : [], isWorse, verdict }
    })
    if (touched.length === 0) return verdict
    // What is withheld from now on is withheld at once, however restless the server: while it is, that only grows.
    if (!this.#restless.count(server, Date.now()) || isWorse) await this.#tell(touched)
    else await this.#leaveToAlarm()
    return verdict
  }

  /** The last known tools of a server, and what is pinned of those that have drifted; null before the first listing. */
  async catalogue(server: string): Promise<Catalogue | null> {
    if (!this.#exists) return null
    const version = servers.catalogueVersion(this.#sql, server)
    const toolsJson = readTools(this.#sql, server)
    if (version === null || toolsJson === null) return null
    return { version, toolsJson, driftedJson: JSON.stringify(pinnedOfDrifted(this.#sql, server)) }
  }

  /** A server as requests see it; null where there is none, or where it is switched off. */
  async upstream(server: string): Promise<UpstreamConfig | null> {
    return this.#exists ? servers.upstreamConfig(this.#sql, server) : null
  }

  /** Adds to a server's status; the eras that it turns out to speak become part of every configuration. */
  async report(server: string, report: UpstreamReport): Promise<void> {
    if (!this.#exists) return
    const touched = this.ctx.storage.transactionSync(() =>
      servers.mergeReport(this.#sql, server, report) ? grants.touchByServer(this.#sql, server) : [],
    )
    if (touched.length === 0) return
    if (this.#restlessEras.count(server, Date.now())) await this.#leaveToAlarm()
    else await this.#tell(touched)
  }

  /** Tells whoever could not be told. Never throws: an alarm handler that does goes silent in the end. */
  override async alarm(): Promise<void> {
    if (!this.#exists) return
    try {
      for (const server of heldServers(this.#sql)) await this.#compareAnew(server)
      await this.#tell(grants.pendingGrants(this.#sql), true)
    } catch (error) {
      log('error', 'tenant.alarm_failed', { error: errorName(error) })
      await this.ctx.storage.setAlarm(Date.now() + LONGEST_RETRY_MS)
    }
  }

  /** Runs `work` as one transaction, which creates the tenant if need be, and tells the principals it touched. */
  async #change<T>(tenant: string, work: (nowMs: number) => Done<T>): Promise<Change<T>> {
    let done: Done<T>
    try {
      done = this.ctx.storage.transactionSync(() => {
        const nowMs = Date.now()
        migrate(this.#sql)
        if (readTenant(this.#sql) === null) writeTenant(this.#sql, tenant, tenantDocument.parse({}), nowMs)
        const result = work(nowMs)
        const tooMuch = sizeProblem(this.#sql)
        if (tooMuch !== null) throw new Refusal('conflict', [tooMuch])
        return result
      })
    } catch (error) {
      return refusedBy(error)
    }
    this.#exists = true
    const pending = await this.#tell(done.touched)
    return { kind: 'done', created: done.created, now: done.now, pending }
  }

  /** Runs `work` as one transaction; it answers which grants it touched, or null where there is nothing to remove. */
  async #remove(work: (nowMs: number) => readonly string[] | null): Promise<Removal> {
    if (!this.#exists) return { kind: 'absent' }
    let touched: readonly string[] | null
    try {
      touched = this.ctx.storage.transactionSync(() => work(Date.now()))
    } catch (error) {
      return refusedBy(error)
    }
    if (touched === null) return { kind: 'absent' }
    return { kind: 'removed', pending: await this.#tell(touched) }
  }

  /** Tells the principals of these grants; whoever cannot be told is left to the alarm. */
  async #tell(touched: readonly string[], isRetry = false): Promise<number> {
    if (touched.length === 0) return 0
    // Before the first push: should this object die meanwhile, the alarm finds what was left.
    await this.ctx.storage.setAlarm(Date.now() + RETRY_MS)
    const untold = Math.max(0, touched.length - MOST_TOLD)
    const pending = untold + (await this.#pushes.tell(touched.slice(0, MOST_TOLD)))
    const failures = pending === 0 ? 0 : (readTenant(this.#sql)?.pushFailures ?? 0) + (isRetry ? 1 : 0)
    writePushFailures(this.#sql, failures)
    if (grants.pendingGrants(this.#sql).length > 0)
      await this.ctx.storage.setAlarm(Date.now() + Math.min(RETRY_MS * 2 ** failures, LONGEST_RETRY_MS))
    else if (heldServers(this.#sql).length > 0) await this.ctx.storage.setAlarm(Date.now() + RESTLESS_MS)
    else await this.ctx.storage.deleteAlarm()
    return pending
  }

  async #leaveToAlarm(): Promise<void> {
    if ((await this.ctx.storage.getAlarm()) === null)
      await this.ctx.storage.setAlarm(Date.now() + RESTLESS_MS)
  }

  /** Compares a server's last listing as if the server had not been restless: what is as pinned is let go. */
  async #compareAnew(server: string): Promise<void> {
    const toolsJson = readTools(this.#sql, server)
    const examined = toolsJson === null ? null : await examine(toolsJson)
    if (toolsJson === null || examined === null) return
    this.ctx.storage.transactionSync(() => {
      const listing = readListing(this.#sql, server)
      // Another may have been listed while this one was read.
      if (listing === null || readTools(this.#sql, server) !== toolsJson) return
      observeListing(this.#sql, server, { digest: listing.digest, toolsJson }, examined, Date.now())
      grants.touchByServer(this.#sql, server)
    })
  }

  #refuseBuiltIn(tenant: string, grant: string): void {
    if (!isDemo(this.env) || tenant !== DEMO_TENANT || grant !== DEMO_GRANT) return
    throw new Refusal('conflict', [
      `found the built-in grant ${DEMO_TENANT}/${DEMO_GRANT}, which is what src/demo/policy.json and src/demo/tenant.json say; allowed: a grant of another name`,
    ])
  }

  #view(): TenantView {
    return present(readTenant(this.#sql)?.view ?? null)
  }

  #pushContext() {
    const { name, settings } = present(readTenant(this.#sql))
    return { sql: this.#sql, env: this.env, tenant: name, settings }
  }
}

/** A Refusal as an answer; any other error stays one. */
function refusedBy(error: unknown): RefusedChange {
  if (error instanceof Refusal) return { kind: error.kind, problems: error.problems }
  throw error
}

/** What was written in this very transaction is there. */
function present<T>(value: T | null): T {
  if (value === null) throw new Error('what was just written is not there')
  return value
}
