import { DurableObject } from 'cloudflare:workers'
import { allowsPrivate } from '../admin/resolve.ts'
import type { PersonRole } from '../admin/roles.ts'
import type { Announcement, ApprovalState, ApprovalView } from '../approvals/contract.ts'
import { carry } from '../audit/carry.ts'
import {
  type Cut,
  type LocalRows,
  type LogEvidence,
  readEvidence,
  readLocal,
  readTenantLogs,
  type TenantLogs,
} from '../audit/local.ts'
import { retain } from '../audit/retention.ts'
import { TENANT_LOG } from '../audit/row.ts'
import { DEMO_GRANT, DEMO_LABEL, DEMO_TENANT, demoSecretHash, isDemo } from '../demo/demo.ts'
import type { Env } from '../env.ts'
import { errorName, log } from '../log.ts'
import { nativeServerNames } from '../native/server-names.ts'
import { principalObject } from '../objects.ts'
import { secretKeys } from '../secrets/seal.ts'
import { addressProblem } from '../upstream/address.ts'
import type { UpstreamConfig, UpstreamReport } from '../upstream/config.ts'
import { type ApprovalCursor, hear, listApprovals } from './approvals.ts'
import { type AdministrativeChange, changesLog, recordChange } from './changes.ts'
import { retentionDays, tenantDocument } from './config.ts'
import {
  type By,
  type Catalogue,
  type Change,
  type DeletionView,
  type GrantDocument,
  type GrantView,
  type Page,
  type PersonView,
  type PolicySummary,
  type PolicyView,
  Refusal,
  type RefusedChange,
  type Removal,
  type SecretView,
  type ServerView,
  type TenantView,
  type Verdict,
} from './contract.ts'
import { deletionView, goOnDeleting, startDeletion } from './deletion.ts'
import * as grants from './grants.ts'
import { LONGEST_RETRY_MS, nextWakeMs, purge, RETRY_MS, type Wakes } from './housekeeping.ts'
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
import { examine, heldServers, type ObservedListing, observeListing } from './observation.ts'
import * as people from './people.ts'
import { acceptDrift, pinnedOfDrifted } from './pins.ts'
import * as policies from './policies.ts'
import { Pushes } from './pushes.ts'
import { answerRepeat, claimRepeat, forgetRepeat, type Repeat } from './repeats.ts'
import {
  commitReseal,
  leftToReseal,
  type MadeSecret,
  makeSecret,
  prepareReseal,
  putHeaders,
  type Resealed,
  type ResealRound,
} from './resealing.ts'
import { Restless } from './restless.ts'
import { migrate, schemaVersion } from './schema.ts'
import * as secrets from './secrets.ts'
import { addSeen, clearSeen } from './seen.ts'
import { KEPT, type ServerDocument } from './server-document.ts'
import { announceBreaker, announceDrift, driftNow } from './server-news.ts'
import * as servers from './servers.ts'
import { endDueSessions } from './session-ends.ts'
import {
  changedSettings,
  readTenant,
  sizeProblem,
  writePushFailures,
  writeSuspended,
  writeTenant,
} from './settings.ts'
import { demand, dropStamp, stamp } from './stamps.ts'
import { sealHeaders } from './static-secrets.ts'
import { type ToolSchemas, toolSchemas } from './tool-schemas.ts'
import { unknownNames } from './unknown-names.ts'
import { openSecret, sealSecret } from './webhook-changes.ts'
import { WebhookDelivery } from './webhook-delivery.ts'
import * as webhooks from './webhooks.ts'

/** How often principals are told of a server whose listing changes all the time. */
const RESTLESS_MS = 30_000
/** Principals that one invocation may ask; the platform counts. The rest is the alarm's. */
const MOST_TOLD = 500
const MOST_WEBHOOKS = 50

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
  readonly #webhooks = new WebhookDelivery(() => this.#webhookContext())
  /** When principals are told again that could not be told; null: nobody has said. */
  #tellAtMs: number | null = null
  /** When the last listing of servers that were restless is compared anew; null: nobody has said. */
  #compareAtMs: number | null = null
  #keeping: Promise<void> = Promise.resolve()
  /** By then a run that carries audit rows has ended, or is dead; null: there is none. */
  #keepingUntilMs: number | null = null
  /** The round of the deletion that is running. */
  #deleting: Promise<DeletionView> | null = null
  #exists: boolean

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#sql = ctx.storage.sql
    this.#pushes = new Pushes(() => this.#pushContext())
    this.#exists = schemaVersion(this.#sql) > 0
    if (!this.#exists) return
    ctx.storage.transactionSync(() => migrate(this.#sql))
    // An alarm that was lost must not silence what is pending.
    void ctx.blockConcurrencyWhile(() => this.#rearm())
  }

  /** The tenant, or null where nothing was ever set up. */
  async tenant(): Promise<TenantView | null> {
    return this.#exists ? (readTenant(this.#sql)?.view ?? null) : null
  }

  /** Creates the tenant or replaces its settings, which `tenantDocument` has accepted. */
  async putTenant(tenant: string, settingsJson: string, by: By): Promise<Change<TenantView>> {
    const created = !this.#exists
    return this.#change(tenant, (nowMs) => {
      demand(this.#sql, by.expected, 'tenant', !created)
      const before = readTenant(this.#sql)?.settings ?? null
      writeTenant(this.#sql, tenant, tenantDocument.parse(JSON.parse(settingsJson)), nowMs)
      this.#record(
        by,
        created ? 'tenant.create' : 'tenant.put',
        'tenant',
        changedSettings(this.#sql, before),
        nowMs,
      )
      return { created, touched: grants.touchAll(this.#sql), now: this.#view() }
    })
  }

  /** Has every request of the tenant's agents refused, or no longer. Null: there is no such tenant. */
  async suspend(isSuspended: boolean, by: By): Promise<Change<TenantView> | null> {
    if (!this.#exists) return null
    return this.#change('', (nowMs) => {
      const before = present(readTenant(this.#sql)).isSuspended
      if (before === isSuspended) return { created: false, touched: [], now: this.#view() }
      writeSuspended(this.#sql, isSuspended ? nowMs : null)
      this.#record(by, isSuspended ? 'tenant.suspend' : 'tenant.resume', 'tenant', {}, nowMs)
      return { created: false, touched: grants.touchEvery(this.#sql), now: this.#view() }
    })
  }

  /**
   * Begins to delete the tenant and goes as far as it can get at once; the rest is the alarm's (deletion.ts).
   *
   * @param patienceMs how long events are waited for that Legiti does not take; afterwards they are lost
   */
  async deleteTenant(patienceMs: number, by: By): Promise<DeletionView | RefusedChange> {
    if (!this.#exists) return { kind: 'absent' }
    try {
      this.ctx.storage.transactionSync(() => {
        const nowMs = Date.now()
        demand(this.#sql, by.expected, 'tenant', true)
        this.#record(by, 'tenant.delete', 'tenant', {}, nowMs)
        startDeletion(this.#sql, nowMs, nowMs + patienceMs, by)
      })
    } catch (error) {
      return refusedBy(error)
    }
    return this.#goOnDeleting()
  }

  /** How far the deletion is; null while nobody has asked for one. */
  async deletion(): Promise<DeletionView | null> {
    return this.#exists ? deletionView(this.#sql) : null
  }

  async people(page: Page): Promise<readonly PersonView[]> {
    return this.#exists ? pageOf(people.listPeople(this.#sql, Date.now()), page) : []
  }

  async person(name: string): Promise<PersonView | null> {
    return this.#exists ? people.readPerson(this.#sql, name, Date.now()) : null
  }

  /** Whom a token opens the administration for, by the SHA-256 of its secret. Nobody, once the tenant is to go. */
  async personByToken(name: string, secretHash: Uint8Array): Promise<PersonView | null> {
    if (!this.#exists || readTenant(this.#sql)?.deletion !== null) return null
    return people.personByToken(this.#sql, name, secretHash, Date.now())
  }

  /** Who has this e-mail address, in lower case. Nobody, once the tenant is to go. */
  async personByEmail(email: string): Promise<PersonView | null> {
    if (!this.#exists || readTenant(this.#sql)?.deletion !== null) return null
    return people.personByEmail(this.#sql, email, Date.now())
  }

  async putPerson(
    tenant: string,
    name: string,
    role: PersonRole,
    email: string | null,
    by: By,
  ): Promise<Change<PersonView>> {
    return this.#change(tenant, (nowMs) => {
      const before = people.readPerson(this.#sql, name, nowMs)
      demand(this.#sql, by.expected, `person/${name}`, before !== null)
      people.writePerson(this.#sql, name, role, email, nowMs)
      this.#record(by, 'person.put', `person/${name}`, { from: before?.role ?? null, to: role }, nowMs)
      const now = present(people.readPerson(this.#sql, name, nowMs))
      return { created: before === null, touched: [], now }
    })
  }

  async deletePerson(name: string, by: By): Promise<Removal> {
    return this.#remove((nowMs) => {
      if (people.readPerson(this.#sql, name, nowMs) === null) return null
      demand(this.#sql, by.expected, `person/${name}`, true)
      people.deletePerson(this.#sql, name)
      this.#record(by, 'person.delete', `person/${name}`, {}, nowMs, true)
      return []
    })
  }

  /** Gives a person a token; the ones before it are good until `olderUntilMs`. Null: there is no such person. */
  async addPersonToken(
    name: string,
    secretHash: Uint8Array,
    untilMs: number | null,
    olderUntilMs: number,
    by: By,
  ): Promise<Change<PersonView> | null> {
    if (!this.#exists || people.readPerson(this.#sql, name, Date.now()) === null) return null
    return this.#change('', (nowMs) => {
      people.addToken(this.#sql, name, secretHash, untilMs, olderUntilMs, nowMs)
      this.#record(by, 'person.token', `person/${name}`, { until: untilMs }, nowMs)
      return { created: true, touched: [], now: present(people.readPerson(this.#sql, name, nowMs)) }
    })
  }

  async revokePersonTokens(name: string, by: By): Promise<Removal> {
    return this.#remove((nowMs) => {
      if (people.readPerson(this.#sql, name, nowMs) === null) return null
      people.revokeTokens(this.#sql, name)
      this.#record(by, 'person.revoke', `person/${name}`, {}, nowMs)
      return []
    })
  }

  async secrets(page: Page): Promise<readonly SecretView[]> {
    return this.#exists ? pageOf(secrets.listSecrets(this.#sql), page) : []
  }

  async secret(name: string): Promise<SecretView | null> {
    return this.#exists ? secrets.viewSecret(this.#sql, name) : null
  }

  /** Stores a secret, sealed, and makes the headers anew that are made of it. */
  async putSecret(tenant: string, name: string, value: string, by: By): Promise<Change<SecretView>> {
    let made: MadeSecret
    try {
      made = await makeSecret(secretKeys(this.env), tenant, name, value, this.#exists ? this.#sql : null)
    } catch (error) {
      return refusedBy(error)
    }
    return this.#change(tenant, (nowMs) => {
      const before = secrets.viewSecret(this.#sql, name)
      demand(this.#sql, by.expected, `secret/${name}`, before !== null)
      secrets.writeSecret(this.#sql, name, made.sealed, nowMs)
      const changed = putHeaders(this.#sql, name, made)
      this.#record(by, 'secret.put', `secret/${name}`, { servers: changed.length }, nowMs)
      const touched = new Set(changed.flatMap((server) => grants.touchByServer(this.#sql, server)))
      const now = present(secrets.viewSecret(this.#sql, name))
      return { created: before === null, touched: [...touched], now }
    })
  }

  /** Forgets a secret. Refused while a server's header is made of it. */
  async deleteSecret(name: string, by: By): Promise<Removal> {
    return this.#remove((nowMs) => {
      const secret = secrets.viewSecret(this.#sql, name)
      if (secret === null) return null
      demand(this.#sql, by.expected, `secret/${name}`, true)
      if (secret.servers.length > 0) {
        const which = secret.servers.slice(0, 10).join(', ')
        throw new Refusal('conflict', [
          `found headers of ${secret.servers.length} servers that are made of it (${which}); allowed: to delete a secret that no header is made of`,
        ])
      }
      secrets.deleteSecret(this.#sql, name)
      this.#record(by, 'secret.delete', `secret/${name}`, {}, nowMs, true)
      return []
    })
  }

  /** Seals some of what is sealed with another key than the current one anew: call it until nothing is left. */
  async reseal(by: By): Promise<Resealed | RefusedChange> {
    if (!this.#exists) return { kind: 'resealed', key: '', resealed: 0, left: 0, pending: 0 }
    let round: ResealRound
    try {
      round = await prepareReseal(secretKeys(this.env), present(readTenant(this.#sql)).name, this.#sql)
    } catch (error) {
      return refusedBy(error)
    }
    const { touched, resealed } = this.ctx.storage.transactionSync(() => {
      const { servers: changed, resealed } = commitReseal(this.#sql, round)
      if (resealed > 0)
        this.#record(by, 'secrets.rotate', 'secrets', { key: round.key, resealed }, Date.now())
      return { touched: changed.flatMap((server) => grants.touchByServer(this.#sql, server)), resealed }
    })
    await this.#tell([...new Set(touched)])
    const pending = grants.pendingGrants(this.#sql).length
    const { left, stuck } = leftToReseal(this.#sql, round)
    return { kind: 'resealed', key: round.key, resealed, left, pending, ...(stuck === 0 ? {} : { stuck }) }
  }

  /** What is known of an `Idempotency-Key`; null: nothing, and this request is now known by it. */
  async claimRepeat(
    actor: string,
    key: string,
    mine: { readonly digest: string; readonly sealedSeed: string },
  ): Promise<Repeat | null> {
    if (!this.#exists) return null
    return this.ctx.storage.transactionSync(() => claimRepeat(this.#sql, actor, key, mine, Date.now()))
  }

  /** The answer to a request that has such a key. */
  async answerRepeat(actor: string, key: string, sealedAnswer: string): Promise<void> {
    if (this.#exists) answerRepeat(this.#sql, actor, key, sealedAnswer)
  }

  /** The request that claimed the key with this seed was refused, so that it is free again. */
  async forgetRepeat(actor: string, key: string, sealedSeed: string): Promise<void> {
    if (this.#exists) forgetRepeat(this.#sql, actor, key, sealedSeed)
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
  async putServer(
    tenant: string,
    name: string,
    document: ServerDocument,
    by: By,
  ): Promise<Change<ServerView>> {
    const { headers: given, ...plain } = document
    const stored = this.#exists ? servers.readServer(this.#sql, name) : null
    const sealed = this.#exists ? secrets.sealedSecrets(this.#sql) : new Map<string, string>()
    let headers: Record<string, string>
    try {
      headers = await sealHeaders(secretKeys(this.env), tenant, name, document, stored, sealed)
    } catch (error) {
      return refusedBy(error)
    }
    const demoHash = isDemo(this.env) && tenant === DEMO_TENANT ? await demoSecretHash() : null
    return this.#change(tenant, (nowMs) => {
      const before = servers.readServer(this.#sql, name)
      demand(this.#sql, by.expected, `server/${name}`, before !== null)
      const isOther = [...secrets.sealedSecrets(this.#sql)].join() !== [...sealed].join()
      if (JSON.stringify(before?.headers) !== JSON.stringify(stored?.headers) || isOther) {
        throw new Refusal('conflict', ['found the server changed by another request; allowed: to try again'])
      }
      servers.writeServer(this.#sql, name, plain, headers, nowMs)
      secrets.writeSecretHeaders(this.#sql, name, given, KEPT)
      this.#record(
        by,
        'server.put',
        `server/${name}`,
        { created: before === null, origin: new URL(plain.url).origin },
        nowMs,
      )
      if (demoHash !== null && grants.readGrant(this.#sql, DEMO_GRANT) === null) {
        const builtIn = { label: DEMO_LABEL, policy: null, servers: '*', expiresAtMs: null } as const
        grants.writeGrant(this.#sql, DEMO_GRANT, builtIn, demoHash, 'demo', nowMs)
      }
      const touched = grants.touchByServer(this.#sql, name)
      return { created: before === null, touched, now: present(servers.viewServer(this.#sql, name)) }
    })
  }

  /** Forgets a server, its pins included, and takes it from every grant. */
  async deleteServer(name: string, by: By): Promise<Removal> {
    return this.#remove((nowMs) => {
      if (servers.readServer(this.#sql, name) === null) return null
      demand(this.#sql, by.expected, `server/${name}`, true)
      this.#record(by, 'server.delete', `server/${name}`, {}, nowMs, true)
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
    by: By,
  ): Promise<{ accepted: readonly string[]; pending: number } | null> {
    if (!this.#exists || servers.readServer(this.#sql, server) === null) return null
    const { accepted, touched } = this.ctx.storage.transactionSync(() => {
      const accepted = acceptDrift(this.#sql, server, tool, Date.now())
      if (accepted.length === 0) return { accepted, touched: [] }
      const detail = { tool, tools: accepted.length }
      recordChange(this.#sql, {
        ...{ atMs: Date.now(), actor: by.actor, action: 'server.accept' },
        ...{ subject: `server/${server}`, detail: { ...detail, reason: by.reason } },
      })
      const listing = readListing(this.#sql, server)
      clearSeen(this.#sql, server)
      if (listing !== null) addSeen(this.#sql, server, listing.digest)
      return { accepted, touched: grants.touchByServer(this.#sql, server) }
    })
    return { accepted, pending: await this.#tell(touched) }
  }

  async policies(page: Page): Promise<readonly PolicySummary[]> {
    return this.#exists ? pageOf(policies.listPolicies(this.#sql), page) : []
  }

  /** A version of a policy, the current one when `version` is null. */
  async policy(name: string, version: number | null): Promise<PolicyView | null> {
    return this.#exists ? policies.readPolicy(this.#sql, name, version) : null
  }

  /** Makes a policy, which has been found to load, the current version; the same content makes none. */
  async putPolicy(tenant: string, name: string, documentJson: string, by: By): Promise<Change<PolicyView>> {
    return this.#change(tenant, (nowMs) => {
      const before = policies.readPolicy(this.#sql, name)
      demand(this.#sql, by.expected, `policy/${name}`, before !== null)
      const isNew = policies.writePolicy(this.#sql, name, documentJson, by, nowMs)
      if (!isNew) return { created: false, touched: [], now: present(before) }
      const { version } = present(policies.readPolicy(this.#sql, name))
      this.#record(by, 'policy.put', `policy/${name}`, { from: before?.version ?? null, to: version }, nowMs)
      const touched = grants.touchByPolicy(this.#sql, name)
      return { created: before === null, touched, now: present(policies.readPolicy(this.#sql, name)) }
    })
  }

  /** The newest first; those before a version alone, where one is given. */
  async policyVersions(name: string, before: number | null, most: number): Promise<readonly PolicySummary[]> {
    return this.#exists ? policies.listVersions(this.#sql, name, before, most) : []
  }

  /** Makes an earlier version the current one. Null: there is no such policy, or no such version of it. */
  async rollBackPolicy(name: string, version: number, by: By): Promise<Change<PolicyView> | null> {
    if (!this.#exists || policies.readPolicy(this.#sql, name, version) === null) return null
    return this.#change('', (nowMs) => {
      demand(this.#sql, by.expected, `policy/${name}`, true)
      const before = present(policies.readPolicy(this.#sql, name))
      if (before.version === version) return { created: false, touched: [], now: before }
      policies.pointTo(this.#sql, name, version)
      this.#record(by, 'policy.rollback', `policy/${name}`, { from: before.version, to: version }, nowMs)
      const touched = grants.touchByPolicy(this.#sql, name)
      return { created: false, touched, now: present(policies.readPolicy(this.#sql, name)) }
    })
  }

  /** Forgets a policy with all its versions. Refused while a grant is under it. */
  async deletePolicy(name: string, by: By): Promise<Removal> {
    return this.#remove((nowMs) => {
      if (policies.readPolicy(this.#sql, name) === null) return null
      demand(this.#sql, by.expected, `policy/${name}`, true)
      const under = grants.grantsUnderPolicy(this.#sql, name)
      if (under.length > 0) {
        const which = under.slice(0, 10).join(', ')
        throw new Refusal('conflict', [
          `found ${under.length} grants under this policy (${which}); allowed: to delete a policy that no grant is under`,
        ])
      }
      policies.deletePolicy(this.#sql, name)
      this.#record(by, 'policy.delete', `policy/${name}`, {}, nowMs, true)
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
    by: By,
  ): Promise<Change<GrantView>> {
    return this.#change(tenant, (nowMs) => {
      this.#refuseBuiltIn(tenant, name)
      const before = grants.readGrant(this.#sql, name)
      // Made by the same request, whose answer was lost: it is told the token again, and nothing is done twice.
      if (before?.isDeleted === false && isSame(before.secretHash, secretHash))
        return { created: true, touched: [name], now: present(grants.viewGrant(this.#sql, name)) }
      demand(this.#sql, by.expected, `grant/${name}`, before?.isDeleted === false)
      const known = [...nativeServerNames, ...servers.serverNames(this.#sql)]
      const problems = unknownNames(document, policies.policyNames(this.#sql), known)
      if (problems.length > 0) throw new Refusal('invalid', problems)
      const created = before?.isDeleted !== false
      grants.writeGrant(this.#sql, name, document, secretHash, 'tenant', nowMs)
      const detail = { policy: document.policy, expires: document.expiresAtMs }
      this.#record(by, created ? 'grant.create' : 'grant.put', `grant/${name}`, detail, nowMs)
      return { created, touched: [name], now: present(grants.viewGrant(this.#sql, name)) }
    })
  }

  /** Gives a grant another secret; the one before is good until `overlapMs` from now. Null: there is no such grant. */
  async rotateGrant(
    name: string,
    secretHash: Uint8Array,
    overlapMs: number,
    by: By,
  ): Promise<Change<GrantView> | null> {
    if (!this.#exists || grants.viewGrant(this.#sql, name) === null) return null
    return this.#change('', (nowMs) => {
      this.#refuseBuiltIn(readTenant(this.#sql)?.name ?? '', name)
      const before = grants.readGrant(this.#sql, name)
      // As in putGrant: what the same request has done already asks nothing of what is there now.
      const isRepeated = before?.isDeleted === false && isSame(before.secretHash, secretHash)
      if (!isRepeated) demand(this.#sql, by.expected, `grant/${name}`, true)
      const isNew = grants.rotateSecret(this.#sql, name, secretHash, nowMs + overlapMs, nowMs)
      if (isNew) this.#record(by, 'grant.rotate', `grant/${name}`, { overlap_ms: overlapMs }, nowMs)
      return { created: true, touched: [name], now: present(grants.viewGrant(this.#sql, name)) }
    })
  }

  /** Revokes a grant and forgets it. */
  async deleteGrant(name: string, by: By): Promise<Removal> {
    return this.#remove((nowMs) => {
      if (grants.viewGrant(this.#sql, name) === null) return null
      demand(this.#sql, by.expected, `grant/${name}`, true)
      this.#refuseBuiltIn(readTenant(this.#sql)?.name ?? '', name)
      grants.markDeleted(this.#sql, name, nowMs)
      this.#record(by, 'grant.delete', `grant/${name}`, {}, nowMs, true)
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
    const wasRestless = this.#restless.isRestless(server, Date.now())
    const { touched, isWorse, isRestless, verdict } = this.ctx.storage.transactionSync(() => {
      const before = servers.upstreamConfig(this.#sql, server)?.withheld ?? {}
      const drifted = driftNow(this.#sql, server)
      const isNews = observeListing(this.#sql, server, listing, examined, Date.now(), wasRestless)
      const isRestless = isNews && this.#restless.count(server, Date.now())
      if (isNews && !isRestless)
        announceDrift(this.#sql, server, drifted, `drift_${crypto.randomUUID()}`, Date.now())
      const after = servers.upstreamConfig(this.#sql, server)
      const isWorse = Object.keys(after?.withheld ?? {}).some((tool) => !Object.hasOwn(before, tool))
      const verdict = after === null ? null : { withheld: after.withheld, renamed: after.renamed }
      return { touched: isNews ? grants.touchByServer(this.#sql, server) : [], isWorse, isRestless, verdict }
    })
    this.#sendSoon()
    if (touched.length === 0) {
      await this.#rearm()
      return verdict
    }
    // What is withheld from now on is withheld at once, however restless the server: while it is, that only grows.
    if (!isRestless || isWorse) await this.#tell(touched)
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
    const touched = this.ctx.storage.transactionSync(() => {
      const isNews = servers.mergeReport(this.#sql, server, report)
      announceBreaker(this.#sql, server, `breaker_${crypto.randomUUID()}`, Date.now())
      return isNews ? grants.touchByServer(this.#sql, server) : []
    })
    this.#sendSoon()
    if (touched.length > 0 && this.#restlessEras.count(server, Date.now())) await this.#leaveToAlarm()
    else await this.#tell(touched)
  }

  /** Every log that there ever was in this tenant, where retention has cut each, and how this object's own stands. */
  async auditLogs(): Promise<TenantLogs | null> {
    return this.#exists ? readTenantLogs(this.#sql, changesLog(this.#sql)) : null
  }

  /** What this object knows of its own log after `cut`, where retention has cut it; what is from before is let go. */
  async auditEvidence(cut: Pick<Cut, 'chain' | 'seq'> | null): Promise<LogEvidence | null> {
    if (!this.#exists) return null
    return this.ctx.storage.transactionSync(() => readEvidence(this.#sql, changesLog(this.#sql), cut))
  }

  /** Administrative changes that are still here, after `seq`. */
  async auditRows(seq: number, most: number): Promise<LocalRows | null> {
    return this.#exists ? readLocal(this.#sql, changesLog(this.#sql), seq, most) : null
  }

  /** Takes in what a principal of this tenant tells: at least once, and the same once more changes nothing. */
  async hear(announcements: readonly Announcement[]): Promise<void> {
    if (!this.#exists) return
    this.ctx.storage.transactionSync(() => {
      for (const announcement of announcements) hear(this.#sql, announcement)
    })
    await this.#rearm()
    this.#sendSoon()
  }

  /** Calls that wait for a person, or did, the youngest first. */
  async approvals(page: {
    readonly state: ApprovalState | null
    readonly after: ApprovalCursor | null
    readonly limit: number
  }): Promise<readonly ApprovalView[]> {
    return this.#exists ? listApprovals(this.#sql, page, Date.now()) : []
  }

  async webhooks({ after, limit }: Page): Promise<readonly webhooks.WebhookView[]> {
    if (!this.#exists) return []
    return pageOfNames(webhooks.webhookNames(this.#sql), { after, limit })
      .map((name) => webhooks.viewWebhook(this.#sql, name))
      .filter((webhook) => webhook !== null)
  }

  async webhook(name: string): Promise<webhooks.WebhookView | null> {
    return this.#exists ? webhooks.viewWebhook(this.#sql, name) : null
  }

  /** Registers a webhook, with this secret, or changes it: then it keeps the secret that it has. */
  async putWebhook(
    tenant: string,
    name: string,
    document: webhooks.WebhookDocument,
    secret: string,
    by: By,
  ): Promise<Change<webhooks.WebhookView>> {
    const stored = this.#exists ? webhooks.sealedSecret(this.#sql, name) : null
    const keys = secretKeys(this.env)
    let isRepeated: boolean
    let sealed: string
    try {
      isRepeated = stored !== null && (await openSecret(keys, tenant, name, stored)) === secret
      sealed = await sealSecret(keys, tenant, name, secret, stored)
    } catch (error) {
      return refusedBy(error)
    }
    const put = await this.#change(tenant, (nowMs) => {
      const before = webhooks.sealedSecret(this.#sql, name)
      if (before !== stored)
        throw new Refusal('conflict', ['found the webhook changed by another request; allowed: to try again'])
      // As in putGrant: made by the same request, whose answer was lost.
      if (isRepeated)
        return { created: true, touched: [], now: present(webhooks.viewWebhook(this.#sql, name)) }
      demand(this.#sql, by.expected, `webhook/${name}`, before !== null)
      if (before === null && webhooks.webhookNames(this.#sql).length >= MOST_WEBHOOKS)
        throw new Refusal('conflict', [`found ${MOST_WEBHOOKS} webhooks; allowed: as many of a tenant`])
      webhooks.writeWebhook(this.#sql, name, document, sealed, nowMs)
      const detail = { events: document.events.join(' '), enabled: document.enabled }
      this.#record(by, 'webhook.put', `webhook/${name}`, detail, nowMs)
      return { created: before === null, touched: [], now: present(webhooks.viewWebhook(this.#sql, name)) }
    })
    this.#sendSoon()
    return put
  }

  /** Forgets a webhook and what waits for it. */
  async deleteWebhook(name: string, by: By): Promise<Removal> {
    return this.#remove((nowMs) => {
      if (webhooks.viewWebhook(this.#sql, name) === null) return null
      demand(this.#sql, by.expected, `webhook/${name}`, true)
      webhooks.deleteWebhook(this.#sql, name)
      this.#record(by, 'webhook.delete', `webhook/${name}`, {}, nowMs, true)
      return []
    })
  }

  /** Messages to a webhook in one state, oldest first; null where there is no such webhook. */
  async webhookMessages(
    name: string,
    state: webhooks.MessageState,
    afterSeq: number,
    limit: number,
  ): Promise<readonly webhooks.MessageView[] | null> {
    if (!this.#exists || webhooks.viewWebhook(this.#sql, name) === null) return null
    return webhooks.listMessages(this.#sql, name, state, afterSeq, limit)
  }

  /** Sends a dead letter again. False where there is no such letter. */
  async replayMessage(name: string, id: string, actor: string): Promise<boolean> {
    if (!this.#exists) return false
    const isReplayed = this.ctx.storage.transactionSync(() => {
      const atMs = Date.now()
      if (!webhooks.replayMessage(this.#sql, name, id, atMs)) return false
      const subject = `webhook/${name}`
      recordChange(this.#sql, { atMs, actor, action: 'webhook.replay', subject, detail: { message: id } })
      return true
    })
    if (isReplayed) {
      await this.#rearm()
      this.#sendSoon()
    }
    return isReplayed
  }

  /** Sends what is due, and returns when that is done. */
  async drain(): Promise<void> {
    if (this.#exists) await this.#webhooks.run()
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
    by: By,
  ): Promise<{ ended: number; pending: number }> {
    if (!this.#exists) return { ended: 0, pending: 0 }
    const seq = this.ctx.storage.transactionSync(() => {
      const names = new Set([...grants.grantNames(this.#sql), ...others])
      const nowMs = Date.now()
      this.#recordEnd(by, `account/${account}`, {}, nowMs)
      return recordAccountEnd(this.#sql, account, [...names], nowMs)
    })
    return this.#endSessions(seq)
  }

  /** Puts on record that sessions of a grant are to end: of one (`session`), of an account, or all. */
  async recordSessionEnd(grant: string, by: By, detail: Record<string, string>): Promise<void> {
    if (!this.#exists) return
    this.ctx.storage.transactionSync(() => this.#recordEnd(by, `grant/${grant}`, detail, Date.now()))
    await this.#rearm()
  }

  /** Puts on record that an event of a grant that Legiti did not take is to be sent again. */
  async recordReplay(grant: string, { actor, reason }: By, event: string): Promise<void> {
    if (!this.#exists) return
    const detail = { event, ...(reason === null ? {} : { reason }) }
    const change = { atMs: Date.now(), actor, action: 'outbox.replay', subject: `grant/${grant}`, detail }
    this.ctx.storage.transactionSync(() => recordChange(this.#sql, change))
    await this.#rearm()
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
      if (readTenant(this.#sql)?.deletion) {
        await this.#goOnDeleting()
        return
      }
      // Not awaited: a slow receiver must not make principals wait.
      this.#sendSoon()
      this.ctx.storage.transactionSync(() => purge(this.#sql, Date.now()))
      this.#compareAtMs = null
      for (const server of heldServers(this.#sql)) await this.#compareAnew(server)
      await this.#tell(grants.pendingGrants(this.#sql), true)
      if (nextTargetMs(this.#sql) !== null) await this.#endSessions(null)
      this.#keeping = this.#keepAudit()
      await this.#keeping
      await this.#rearm()
    } catch (error) {
      // Of a tenant that has gone meanwhile nothing may be left.
      if (!this.#exists) return
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
        this.#refuseLeaving()
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
      touched = this.ctx.storage.transactionSync(() => {
        this.#refuseLeaving()
        return work(Date.now())
      })
    } catch (error) {
      return refusedBy(error)
    }
    if (touched === null) return { kind: 'absent' }
    return { kind: 'removed', pending: await this.#tell(touched) }
  }

  /** Tells the principals of these grants; whoever cannot be told is left to the alarm, which is set anew in any case. */
  async #tell(touched: readonly string[], isRetry = false): Promise<number> {
    if (touched.length === 0) {
      await this.#rearm()
      return 0
    }
    // Before the first push: should this object die meanwhile, the alarm finds what was left.
    this.#tellAtMs = Date.now() + RETRY_MS
    await this.#rearm()
    const untold = Math.max(0, touched.length - MOST_TOLD)
    const pending = untold + (await this.#pushes.tell(touched.slice(0, MOST_TOLD)))
    const failures = pending === 0 ? 0 : (readTenant(this.#sql)?.pushFailures ?? 0) + (isRetry ? 1 : 0)
    writePushFailures(this.#sql, failures)
    const isOver = grants.pendingGrants(this.#sql).length === 0
    this.#tellAtMs = isOver ? null : Date.now() + Math.min(RETRY_MS * 2 ** failures, LONGEST_RETRY_MS)
    await this.#rearm()
    return pending
  }

  /** Whom a restless server concerns is told by alarm, soon. */
  async #leaveToAlarm(): Promise<void> {
    this.#tellAtMs = Math.min(this.#tellAtMs ?? Number.POSITIVE_INFINITY, Date.now() + RESTLESS_MS)
    await this.#rearm()
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

  /** Sessions are no part of what an administrator has seen of a grant, so its stamp stays. */
  #recordEnd({ actor, reason }: By, subject: string, detail: Record<string, string>, atMs: number): void {
    const why = reason === null ? {} : { reason }
    recordChange(this.#sql, { atMs, actor, action: 'session.end', subject, detail: { ...detail, ...why } })
  }

  /** Asks principals that are to end sessions; counts those of the order `seq`. */
  async #endSessions(seq: number | null): Promise<{ ended: number; pending: number }> {
    const { name: tenant } = present(readTenant(this.#sql))
    const asking = endDueSessions({ sql: this.#sql, env: this.env, tenant }, MOST_TOLD)
    // Should this object die before they have answered, the alarm finds whom it has asked.
    await this.#rearm()
    const ended = await asking
    await this.#rearm()
    return seq === null
      ? { ended: 0, pending: 0 }
      : { ended: ended.get(seq) ?? 0, pending: pendingTargets(this.#sql, seq) }
  }

  /** Carries administrative changes to the audit database, and lets go what the tenant does not keep any longer. */
  async #keepAudit(): Promise<void> {
    const { AUDIT_DB: db } = this.env
    const tenant = readTenant(this.#sql)
    if (db === undefined || tenant === null) return
    const { name, settings } = tenant
    const sql = this.#sql
    const commit = async <T>(work: () => T) => this.ctx.storage.transactionSync(work)
    const now = () => Date.now()
    // Should this run die on its way, the alarm takes over.
    this.#keepingUntilMs = now() + LONGEST_RETRY_MS
    await this.#rearm()
    try {
      await carry({ sql, db, tenant: name, principal: TENANT_LOG, source: changesLog(sql), commit, now })
      const evidence = async (principal: string, cut: Pick<Cut, 'chain' | 'seq'> | null) =>
        principal === TENANT_LOG
          ? this.auditEvidence(cut)
          : principalObject(this.env, name, principal).auditEvidence(cut)
      await retain({ sql, db, tenant: name, days: retentionDays(settings), evidence, commit, now })
    } finally {
      this.#keepingUntilMs = null
    }
  }

  /** Sets the alarm anew, to the soonest of all that there is to wake up for. Call it after whatever changes that. */
  async #rearm(): Promise<void> {
    const armedMs = await this.ctx.storage.getAlarm()
    // Of a tenant that has gone meanwhile nothing may be left.
    if (!this.#exists) return
    const nowMs = Date.now()
    const carrying = this.env.AUDIT_DB === undefined ? 'nowhere' : (this.#keepingUntilMs ?? 'idle')
    const sendMs = this.#webhooks.nextMs(this.#sql, nowMs)
    this.#compareAtMs = heldServers(this.#sql).length > 0 ? (this.#compareAtMs ?? nowMs + RESTLESS_MS) : null
    const known: Wakes = { tellMs: this.#tellAtMs, compareMs: this.#compareAtMs, sendMs, carrying }
    const wakeMs = nextWakeMs(this.#sql, known, nowMs)
    if (wakeMs === armedMs) return
    if (wakeMs === null) await this.ctx.storage.deleteAlarm()
    else await this.ctx.storage.setAlarm(wakeMs)
  }

  /** Sends what is due, behind whatever goes on. */
  #sendSoon(): void {
    if (!this.#exists) return
    this.ctx.waitUntil(
      this.#webhooks.run().catch((error: unknown) => {
        log('error', 'tenant.webhooks_failed', { error: errorName(error) })
      }),
    )
  }

  #webhookContext() {
    const tenant = readTenant(this.#sql)?.name ?? ''
    return {
      sql: this.#sql,
      tenant,
      commit: <T>(work: () => T) => this.ctx.storage.transactionSync(work),
      openSecret: (webhook: string, sealed: string) =>
        openSecret(secretKeys(this.env), tenant, webhook, sealed),
      addressProblem: (url: string) => (allowsPrivate(this.env) ? null : addressProblem(new URL(url))),
      rearm: () => this.#rearm(),
      isGone: () => !this.#exists,
      now: () => Date.now(),
      random: () => Math.random(),
    }
  }

  /** Writes down who changed what, and that it is another now than before. */
  #record(
    { actor, reason }: By,
    action: string,
    subject: string,
    detail: AdministrativeChange['detail'],
    atMs: number,
    isGone = false,
  ): void {
    if (isGone) dropStamp(this.#sql, subject)
    else stamp(this.#sql, subject)
    const why = reason === null ? {} : { reason }
    recordChange(this.#sql, { atMs, actor, action, subject, detail: { ...detail, ...why } })
  }

  #refuseLeaving(): void {
    if (readTenant(this.#sql)?.deletion)
      throw new Refusal('conflict', [
        'found that the tenant is being deleted; allowed: to wait until it is gone',
      ])
  }

  /** Goes as far as it gets; while something is left, the alarm goes on. One round at a time: who comes meanwhile joins it. */
  #goOnDeleting(): Promise<DeletionView> {
    this.#deleting ??= this.#deletionRound().finally(() => {
      this.#deleting = null
    })
    return this.#deleting
  }

  async #deletionRound(): Promise<DeletionView> {
    const sinceMs = readTenant(this.#sql)?.deletion?.sinceMs ?? null
    // A tenant that was made anew meanwhile is another one.
    const isStill = () =>
      this.#exists && sinceMs !== null && readTenant(this.#sql)?.deletion?.sinceMs === sinceMs
    // Should this object die on its way, the alarm goes on.
    await this.#rearm()
    await this.#pushes.quiet()
    // What is on its way to the audit database arrives before all of it goes.
    await this.#keeping.catch(() => {})
    if (!isStill()) return { kind: 'absent' }
    const went = await goOnDeleting(this.#sql, this.env, Date.now(), isStill)
    if (!isStill()) return { kind: 'absent' }
    if (went.kind !== 'gone') {
      await this.#rearm()
      return went
    }
    this.#exists = false
    // In one turn, so that neither is ever without the other.
    await Promise.all([this.ctx.storage.deleteAlarm(), this.ctx.storage.deleteAll()])
    return went
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
    const { name, settings, isSuspended, deletion } = present(readTenant(this.#sql))
    return {
      sql: this.#sql,
      env: this.env,
      tenant: name,
      settings,
      isSuspended,
      isLeaving: deletion !== null,
    }
  }
}

/** Of things in the order of their names, those of a page. */
function pageOf<T extends { readonly name: string }>(
  things: readonly T[],
  { after, limit }: Page,
): readonly T[] {
  return things.filter(({ name }) => after === null || name > after).slice(0, limit)
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.toHex() === b.toHex()
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
