import { DurableObject } from 'cloudflare:workers'
import { DEMO_GRANT, DEMO_LABEL, DEMO_TENANT, demoSecretHash, isDemo } from '../demo/demo.ts'
import type { Env } from '../env.ts'
import { errorName, log } from '../log.ts'
import { nativeServerNames } from '../native/server-names.ts'
import { secretKeys } from '../secrets/seal.ts'
import type { UpstreamReport } from '../upstream/config.ts'
import { recordChange } from './changes.ts'
import { tenantDocument } from './config.ts'
import {
  type Change,
  type GrantDocument,
  type GrantView,
  type Page,
  type PolicySummary,
  type PolicyView,
  Refusal,
  type RefusedChange,
  type Removal,
  type ServerView,
  type TenantView,
} from './contract.ts'
import * as grants from './grants.ts'
import { readListing, readTools } from './listings.ts'
import {
  type ExpectedLogin,
  expectLogin,
  type IssuerLogout,
  nextTargetMs,
  pendingTargets,
  recordAccountEnd,
  recordIssuerLogout,
} from './logouts.ts'
import { examine, type ObservedListing, observeListing } from './observation.ts'
import { acceptDrift } from './pins.ts'
import * as policies from './policies.ts'
import { Pushes } from './pushes.ts'
import { Restless } from './restless.ts'
import { migrate, schemaVersion } from './schema.ts'
import { addSeen, clearSeen } from './seen.ts'
import type { ServerDocument } from './server-document.ts'
import * as servers from './servers.ts'
import { endDueSessions } from './session-ends.ts'
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
      const isPending = grants.pendingGrants(this.#sql).length > 0 || nextTargetMs(this.#sql) !== null
      if (isPending && (await ctx.storage.getAlarm()) === null)
        await ctx.storage.setAlarm(Date.now() + RETRY_MS)
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

  async servers(page: Page): Promise<readonly ServerView[]> {
    if (!this.#exists) return []
    return pageOfNames(servers.serverNames(this.#sql), page)
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

  async policies({ after, limit }: Page): Promise<readonly PolicySummary[]> {
    const all = this.#exists ? policies.listPolicies(this.#sql) : []
    return all.filter(({ name }) => after === null || name > after).slice(0, limit)
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

  async grants(page: Page): Promise<readonly GrantView[]> {
    if (!this.#exists) return []
    return pageOfNames(grants.grantNames(this.#sql), page)
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
   * whose listing changes all the time they are told by alarm.
   */
  async observe(server: string, listing: ObservedListing): Promise<void> {
    if (!this.#exists || servers.readServer(this.#sql, server) === null) return
    const examined = await examine(listing.toolsJson)
    if (examined === null) {
      log('warn', 'tenant.listing_unreadable', { server })
      return
    }
    const { touched, isWorse } = this.ctx.storage.transactionSync(() => {
      const before = servers.upstreamConfig(this.#sql, server)?.withheld ?? {}
      const isNews = observeListing(this.#sql, server, listing, examined, Date.now())
      const after = servers.upstreamConfig(this.#sql, server)?.withheld ?? {}
      const isWorse = Object.keys(after).some((tool) => !Object.hasOwn(before, tool))
      return { touched: isNews ? grants.touchByServer(this.#sql, server) : [], isWorse }
    })
    if (touched.length === 0) return
    // What is withheld from now on is withheld at once, however restless the server.
    if (!this.#restless.count(server, Date.now()) || isWorse) await this.#tell(touched)
    else if ((await this.ctx.storage.getAlarm()) === null)
      await this.ctx.storage.setAlarm(Date.now() + RESTLESS_MS)
  }

  /** The last known tools of a server, or null before the first listing. */
  async catalogue(server: string): Promise<{ version: string; toolsJson: string } | null> {
    if (!this.#exists) return null
    const listing = readListing(this.#sql, server)
    const toolsJson = readTools(this.#sql, server)
    return listing === null || toolsJson === null ? null : { version: listing.digest, toolsJson }
  }

  /** Adds to a server's status; the eras that it turns out to speak become part of every configuration. */
  async report(server: string, report: UpstreamReport): Promise<void> {
    if (!this.#exists) return
    const touched = this.ctx.storage.transactionSync(() =>
      servers.mergeReport(this.#sql, server, report) ? grants.touchByServer(this.#sql, server) : [],
    )
    await this.#tell(touched)
  }

  /**
   * Before a session that an issuer can end begins. Answers how many logouts the login knows of, or null where its issuer
   * has logged it out. Of a tenant that was never set up nothing is written.
   */
  async expectLogin(login: ExpectedLogin): Promise<number | null> {
    if (!this.#exists) return 0
    return this.ctx.storage.transactionSync(() => expectLogin(this.#sql, login, Date.now()))
  }

  /** Ends what an issuer's logout names; null where another logout had its id. Whoever cannot be asked now is asked by alarm. */
  async issuerLogout(logout: IssuerLogout): Promise<{ ended: number; pending: number } | null> {
    if (!this.#exists) return { ended: 0, pending: 0 }
    const recorded = this.ctx.storage.transactionSync(() => recordIssuerLogout(this.#sql, logout, Date.now()))
    if (recorded.kind === 'clash') return null
    return recorded.kind === 'recorded' ? this.#endSessions(recorded.seq) : { ended: 0, pending: 0 }
  }

  /** Ends the sessions of an account in all grants, `others` besides. Whoever cannot be asked now is asked by alarm. */
  async endAccount(
    account: string,
    others: readonly string[],
    actor: string,
  ): Promise<{ ended: number; pending: number }> {
    if (!this.#exists) return { ended: 0, pending: 0 }
    const seq = this.ctx.storage.transactionSync(() => {
      const names = new Set([...grants.grantNames(this.#sql), ...others])
      const nowMs = Date.now()
      const subject = `account/${account}`
      recordChange(this.#sql, { atMs: nowMs, actor, action: 'session.end', subject, detail: {} })
      return recordAccountEnd(this.#sql, account, [...names], nowMs)
    })
    return this.#endSessions(seq)
  }

  /** Puts on record that sessions of a grant are to end: of one (`session`), of an account, or all. */
  async recordSessionEnd(grant: string, actor: string, detail: Record<string, string>): Promise<void> {
    if (!this.#exists) return
    const change = { atMs: Date.now(), actor, action: 'session.end', subject: `grant/${grant}`, detail }
    this.ctx.storage.transactionSync(() => recordChange(this.#sql, change))
  }

  /** Names of grants from `from` on, in order. */
  async grantNames(from: string, most: number): Promise<readonly string[]> {
    if (!this.#exists) return []
    return grants
      .grantNames(this.#sql)
      .filter((name) => name >= from)
      .slice(0, most)
  }

  /** Tells whoever could not be told. Never throws: an alarm handler that does goes silent in the end. */
  override async alarm(): Promise<void> {
    if (!this.#exists) return
    try {
      await this.#tell(grants.pendingGrants(this.#sql), true)
      if (nextTargetMs(this.#sql) !== null) await this.#endSessions(null)
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
    const isOver = grants.pendingGrants(this.#sql).length === 0
    await this.#armFor(isOver ? null : Date.now() + Math.min(RETRY_MS * 2 ** failures, LONGEST_RETRY_MS))
    return pending
  }

  /** Asks principals that are to end sessions; counts those of the order `seq`. */
  async #endSessions(seq: number | null): Promise<{ ended: number; pending: number }> {
    // Before the first is asked: should this object die meanwhile, the alarm finds what was left.
    await this.#armBy(Date.now() + RETRY_MS)
    const { name: tenant } = present(readTenant(this.#sql))
    const ended = await endDueSessions({ sql: this.#sql, env: this.env, tenant }, MOST_TOLD)
    const nextMs = nextTargetMs(this.#sql)
    if (nextMs !== null) await this.#armBy(Math.max(nextMs, Date.now()))
    return seq === null
      ? { ended: 0, pending: 0 }
      : { ended: ended.get(seq) ?? 0, pending: pendingTargets(this.#sql, seq) }
  }

  /** The alarm rings at `atMs` (null: not for that), or earlier where sessions have to end. */
  async #armFor(atMs: number | null): Promise<void> {
    const dues = [atMs, nextTargetMs(this.#sql)].filter((due) => due !== null)
    if (dues.length === 0) await this.ctx.storage.deleteAlarm()
    else await this.ctx.storage.setAlarm(Math.min(...dues))
  }

  /** The alarm rings at `atMs` or before. */
  async #armBy(atMs: number): Promise<void> {
    const armedMs = await this.ctx.storage.getAlarm()
    if (armedMs === null || armedMs > atMs) await this.ctx.storage.setAlarm(atMs)
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

/** Of sorted names, those of a page. */
function pageOfNames(names: readonly string[], { after, limit }: Page): readonly string[] {
  return names.filter((name) => after === null || name > after).slice(0, limit)
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
