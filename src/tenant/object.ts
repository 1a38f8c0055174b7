import { DurableObject } from 'cloudflare:workers'
import { readLocal, readTenantLogs } from '../audit/local.ts'
import { errorName, log } from '../base/log.ts'
import type { Announcement, ApprovalCursor, ApprovalState, ApprovalView } from '../contract/approvals.ts'
import type { Cut, LocalRows, LogEvidence, TenantLogs } from '../contract/audit-logs.ts'
import type { AccessApplication } from '../contract/config.ts'
import type { Env } from '../contract/env.ts'
import type { GrantDocument } from '../contract/grant-document.ts'
import { nativesOf } from '../contract/grant-document.ts'
import type { ExpectedLogin, IssuerLogout } from '../contract/logouts.ts'
import type { PersonDocument } from '../contract/person-document.ts'
import type { QueueState } from '../contract/queue.ts'
import type { ServerDocument } from '../contract/server-document.ts'
import type {
  Catalogue,
  ChangeContext,
  DeletionView,
  GrantView,
  IdempotentRequest,
  ObservedListing,
  Page,
  PersonView,
  PolicySummary,
  PolicyView,
  SecretView,
  ServerUses,
  ServerView,
  TenantView,
  ToolSchemas,
} from '../contract/tenant.ts'
import type { TenantCalls } from '../contract/tenant-calls.ts'
import type { UpstreamConfig, UpstreamReport } from '../contract/upstream.ts'
import type { WebhookDocument } from '../contract/webhook-document.ts'
import type { MessageView, WebhookView } from '../contract/webhooks.ts'
import { inTurns } from '../durable/turns.ts'
import * as grantChanges from './changes/grant-changes.ts'
import * as personChanges from './changes/person-changes.ts'
import * as policyChanges from './changes/policy-changes.ts'
import * as secretChanges from './changes/secret-changes.ts'
import * as serverChanges from './changes/server-changes.ts'
import * as sessionOrders from './changes/session-orders.ts'
import * as tenantChanges from './changes/tenant-changes.ts'
import * as webhookChanges from './changes/webhook-changes.ts'
import { listApprovals, takeAnnouncement } from './tables/approvals.ts'
import { changesLog } from './tables/changes.ts'
import * as grants from './tables/grants.ts'
import { claimIdempotencyKey, keepIdempotentAnswer, releaseIdempotencyKey } from './tables/idempotency.ts'
import { readTools } from './tables/listings.ts'
import { expectLogin, nextTargetMs } from './tables/logouts.ts'
import { pageOf, viewsOf } from './tables/pages.ts'
import * as people from './tables/people.ts'
import { pinnedOfDrifted } from './tables/pins.ts'
import * as policies from './tables/policies.ts'
import { countPending, LONGEST_RETRY_MS } from './tables/propagation.ts'
import * as secrets from './tables/secrets.ts'
import { usesOfServer } from './tables/server-uses.ts'
import * as servers from './tables/servers.ts'
import { readTenant } from './tables/settings.ts'
import { toolSchemas } from './tables/tool-schemas.ts'
import { listMessages } from './tables/webhook-messages.ts'
import * as webhooks from './tables/webhooks.ts'
import { AuditKeeping } from './work/audit-keeping.ts'
import { deletionView } from './work/deletion.ts'
import { DeletionRounds } from './work/deletion-rounds.ts'
import { enlist } from './work/enlisting.ts'
import { dropExchange, keepExchange } from './work/exchanges.ts'
import { purge } from './work/housekeeping.ts'
import { ServerWatch } from './work/server-watch.ts'
import { Tenancy } from './work/tenancy.ts'

/** Principals that are told in a run of the alarm that does more: the platform allows each run 1,000 requests. */
const MOST_BESIDE = 200

/**
 * One tenant: its settings, upstream servers, policies and grants, all in one SQLite database, and the pins of what
 * its servers list. It is the truth; each principal holds a copy of what concerns it, and is told of every change
 * before the change is answered. A principal that could not be told then is told by alarm.
 *
 * Only names what can be asked of it; the files of this folder do it. An object without a tenant stores nothing.
 */
export class TenantObject extends DurableObject<Env> implements TenantCalls {
  readonly #tenancy: Tenancy
  readonly #keeping: AuditKeeping
  readonly #deletion: DeletionRounds
  readonly #watch: ServerWatch

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#tenancy = new Tenancy(ctx, () => this.env)
    this.#keeping = new AuditKeeping(this.#tenancy)
    this.#deletion = new DeletionRounds(this.#tenancy, this.#keeping)
    this.#watch = new ServerWatch(this.#tenancy)
    // An alarm that was lost must not silence what is pending.
    if (this.#tenancy.isThere) void ctx.blockConcurrencyWhile(() => this.#tenancy.wake.rearm())
  }

  async tenant(): Promise<TenantView | null> {
    return this.#tenancy.read((sql) => readTenant(sql)?.view ?? null, null)
  }

  async exists(): Promise<boolean> {
    return this.#tenancy.read((sql) => readTenant(sql) !== null, false)
  }

  async putTenant(tenant: string, settingsJson: string, by: ChangeContext, isSaid?: boolean) {
    return tenantChanges.putTenant(this.#tenancy, { tenant, settingsJson, isSaid: isSaid === true }, by)
  }

  async suspend(isSuspended: boolean, by: ChangeContext) {
    return tenantChanges.suspend(this.#tenancy, isSuspended, by)
  }

  async deleteTenant(patienceMs: number, by: ChangeContext) {
    return this.#deletion.start(patienceMs, by)
  }

  async deletion(): Promise<DeletionView | null> {
    return this.#tenancy.read(deletionView, null)
  }

  async access(): Promise<AccessApplication | null> {
    return this.#tenancy.read((sql) => readTenant(sql)?.settings.access ?? null, null)
  }

  async people(page: Page): Promise<readonly PersonView[]> {
    return this.#tenancy.read((sql) => pageOf(people.listPeople(sql, Date.now()), page), [])
  }

  async person(name: string): Promise<PersonView | null> {
    return this.#tenancy.read((sql) => people.readPerson(sql, name, Date.now()), null)
  }

  async personByToken(name: string, secretHash: Uint8Array): Promise<PersonView | null> {
    return personChanges.personWho(this.#tenancy, (sql, nowMs) =>
      people.personByToken(sql, name, secretHash, nowMs),
    )
  }

  async personByEmail(email: string): Promise<PersonView | null> {
    return personChanges.personWho(this.#tenancy, (sql, nowMs) => people.personByEmail(sql, email, nowMs))
  }

  async putPerson(tenant: string, name: string, document: PersonDocument, by: ChangeContext) {
    return personChanges.putPerson(this.#tenancy, { tenant, name, document }, by)
  }

  async deletePerson(name: string, by: ChangeContext) {
    return personChanges.deletePerson(this.#tenancy, name, by)
  }

  async addPersonToken(
    name: string,
    secretHash: Uint8Array,
    untilMs: number | null,
    olderUntilMs: number,
    by: ChangeContext,
  ) {
    return personChanges.addPersonToken(this.#tenancy, { name, secretHash, untilMs, olderUntilMs }, by)
  }

  async revokePersonTokens(name: string, by: ChangeContext) {
    return personChanges.revokePersonTokens(this.#tenancy, name, by)
  }

  async secrets(page: Page): Promise<readonly SecretView[]> {
    return this.#tenancy.read((sql) => pageOf(secrets.listSecrets(sql), page), [])
  }

  async secret(name: string): Promise<SecretView | null> {
    return this.#tenancy.read((sql) => secrets.viewSecret(sql, name), null)
  }

  async putSecret(
    tenant: string,
    name: string,
    value: string,
    by: ChangeContext,
    origins: readonly string[] | null = null,
  ) {
    return secretChanges.putSecret(this.#tenancy, { tenant, name, value, given: origins }, by)
  }

  async deleteSecret(name: string, by: ChangeContext) {
    return secretChanges.deleteSecret(this.#tenancy, name, by)
  }

  async reseal(by: ChangeContext) {
    return secretChanges.reseal(this.#tenancy, by)
  }

  async resealPrincipals(after: string | null, by: ChangeContext) {
    return secretChanges.resealOfPrincipals(this.#tenancy, after, by)
  }

  async claimIdempotencyKey(
    actor: string,
    key: string,
    mine: { readonly digest: string; readonly sealedSeed: string },
  ): Promise<IdempotentRequest | null> {
    if (!this.#tenancy.isThere) return null
    return this.#tenancy.commit(() =>
      claimIdempotencyKey(this.#tenancy.sql, { actor, key, mine }, Date.now()),
    )
  }

  async keepIdempotentAnswer(actor: string, key: string, sealedAnswer: string): Promise<void> {
    this.#tenancy.read((sql) => keepIdempotentAnswer(sql, { actor, key }, sealedAnswer), undefined)
  }

  async releaseIdempotencyKey(actor: string, key: string, digest: string): Promise<void> {
    this.#tenancy.read((sql) => releaseIdempotencyKey(sql, { actor, key }, digest), undefined)
  }

  async servers(page: Page): Promise<readonly ServerView[]> {
    return this.#tenancy.read(
      (sql) => viewsOf(servers.serverNames(sql), page, (name) => servers.viewServer(sql, name)),
      [],
    )
  }

  async server(name: string): Promise<ServerView | null> {
    return this.#tenancy.read((sql) => servers.viewServer(sql, name), null)
  }

  async serverUses(name: string): Promise<ServerUses | null> {
    return this.#tenancy.read(
      (sql) => (servers.readServer(sql, name) === null ? null : usesOfServer(sql, name)),
      null,
    )
  }

  async putServer(tenant: string, name: string, document: ServerDocument, by: ChangeContext) {
    return serverChanges.putServer(this.#tenancy, { tenant, name, document }, by)
  }

  async deleteServer(name: string, by: ChangeContext) {
    return serverChanges.deleteServer(this.#tenancy, this.#watch, name, by)
  }

  async accept(server: string, tool: string | null, by: ChangeContext) {
    return serverChanges.accept(this.#tenancy, server, tool, by)
  }

  async policies(page: Page, deleted = false): Promise<readonly PolicySummary[]> {
    const list = deleted ? policies.listDeleted : policies.listPolicies
    return this.#tenancy.read((sql) => pageOf(list(sql), page), [])
  }

  async policy(name: string, version: number | null): Promise<PolicyView | null> {
    return this.#tenancy.read((sql) => policies.readPolicy(sql, name, version), null)
  }

  async putPolicy(tenant: string, name: string, documentJson: string, by: ChangeContext) {
    return policyChanges.putPolicy(this.#tenancy, { tenant, name, documentJson }, by)
  }

  async policyVersions(name: string, before: number | null, most: number): Promise<readonly PolicySummary[]> {
    return this.#tenancy.read((sql) => policies.listVersions(sql, name, before, most), [])
  }

  async rollBackPolicy(name: string, version: number, by: ChangeContext) {
    return policyChanges.rollBackPolicy(this.#tenancy, name, version, by)
  }

  async deletePolicy(name: string, by: ChangeContext) {
    return policyChanges.deletePolicy(this.#tenancy, name, by)
  }

  async grants(page: Page): Promise<readonly GrantView[]> {
    return this.#tenancy.read(
      (sql) => viewsOf(grants.grantNames(sql), page, (name) => grants.viewGrant(sql, name)),
      [],
    )
  }

  async grant(name: string): Promise<GrantView | null> {
    return this.#tenancy.read((sql) => grants.viewGrant(sql, name), null)
  }

  async grantsUnder(
    policy: string,
  ): Promise<readonly { readonly name: string; readonly natives: readonly string[] }[]> {
    return this.#tenancy.read(
      (sql) =>
        grants.grantsUnderPolicy(sql, policy).flatMap((name) => {
          const grant = grants.viewGrant(sql, name)
          return grant === null ? [] : [{ name, natives: nativesOf(grant) }]
        }),
      [],
    )
  }

  async grantNames(from: string, most: number): Promise<readonly string[]> {
    return this.#tenancy.read(
      (sql) =>
        grants
          .grantNames(sql)
          .filter((name) => name >= from)
          .slice(0, most),
      [],
    )
  }

  async putGrant(
    tenant: string,
    name: string,
    document: GrantDocument,
    secretHash: Uint8Array,
    by: ChangeContext,
  ) {
    return grantChanges.putGrant(this.#tenancy, { tenant, name, document, secretHash }, by)
  }

  async rotateGrant(name: string, secretHash: Uint8Array, overlapMs: number, by: ChangeContext) {
    return grantChanges.rotateGrant(this.#tenancy, { name, secretHash, overlapMs }, by)
  }

  async deleteGrant(name: string, by: ChangeContext) {
    return grantChanges.deleteGrant(this.#tenancy, name, by)
  }

  async propagateDue(untilMs: number): Promise<boolean> {
    return this.#tenancy.isThere && this.#tenancy.propagator.propagateDue(untilMs)
  }

  async pending(): Promise<number> {
    return this.#tenancy.read((sql) => countPending(sql), 0)
  }

  async toolSchemas(): Promise<ToolSchemas> {
    return this.#tenancy.read((sql) => toolSchemas(sql), { toolsJson: '[]', servers: [] })
  }

  async observe(server: string, listing: ObservedListing) {
    return this.#watch.observe(server, listing)
  }

  async report(server: string, report: UpstreamReport): Promise<void> {
    return this.#watch.report(server, report)
  }

  async catalogue(server: string, incarnation?: string): Promise<Catalogue | null> {
    return this.#tenancy.read((sql) => {
      const registered = servers.readServer(sql, server)
      if (registered === null || !servers.isOf(registered, incarnation)) return null
      const version = servers.catalogueVersion(sql, server)
      const toolsJson = readTools(sql, server)
      if (version === null || toolsJson === null) return null
      return { version, toolsJson, driftedJson: JSON.stringify(pinnedOfDrifted(sql, server)) }
    }, null)
  }

  async upstream(server: string): Promise<UpstreamConfig | null> {
    return this.#tenancy.read((sql) => servers.upstreamConfig(sql, server), null)
  }

  async keepExchange(id: string): Promise<boolean> {
    return this.#tenancy.read((sql) => {
      if (readTenant(sql)?.deletion) return false
      keepExchange(sql, id)
      return true
    }, true)
  }

  async dropExchange(id: string): Promise<void> {
    this.#tenancy.read((sql) => dropExchange(sql, id), undefined)
  }

  async auditLogs(): Promise<TenantLogs | null> {
    return this.#tenancy.read((sql) => readTenantLogs(changesLog(sql)), null)
  }

  async auditEvidence(cut: Pick<Cut, 'chain' | 'seq'> | null): Promise<LogEvidence | null> {
    return this.#keeping.evidence(cut)
  }

  async auditRows(seq: number, most: number): Promise<LocalRows | null> {
    return this.#tenancy.read((sql) => readLocal(changesLog(sql), seq, most), null)
  }

  async receiveAnnouncements(announcements: readonly Announcement[]): Promise<void> {
    if (!this.#tenancy.isThere) return
    this.#tenancy.commit(() => {
      for (const announcement of announcements) takeAnnouncement(this.#tenancy.sql, announcement)
    })
    await this.#tenancy.wake.rearm()
    this.#tenancy.sendSoon()
  }

  async approvals(page: {
    readonly state: ApprovalState | null
    readonly after: ApprovalCursor | null
    readonly limit: number
  }): Promise<readonly ApprovalView[]> {
    return this.#tenancy.read((sql) => listApprovals(sql, page, Date.now()), [])
  }

  async webhooks(page: Page): Promise<readonly WebhookView[]> {
    return this.#tenancy.read(
      (sql) => viewsOf(webhooks.webhookNames(sql), page, (name) => webhooks.viewWebhook(sql, name)),
      [],
    )
  }

  async webhook(name: string): Promise<WebhookView | null> {
    return this.#tenancy.read((sql) => webhooks.viewWebhook(sql, name), null)
  }

  async putWebhook(
    tenant: string,
    name: string,
    document: WebhookDocument,
    secret: string,
    by: ChangeContext,
  ) {
    return webhookChanges.putWebhook(this.#tenancy, { tenant, name, document, secret }, by)
  }

  async rotateWebhook(tenant: string, name: string, secret: string, overlapMs: number, by: ChangeContext) {
    return webhookChanges.rotateWebhook(this.#tenancy, { tenant, name, secret, overlapMs }, by)
  }

  async deleteWebhook(name: string, by: ChangeContext) {
    return webhookChanges.deleteWebhook(this.#tenancy, name, by)
  }

  async webhookMessages(
    name: string,
    state: QueueState,
    afterSeq: number,
    limit: number,
  ): Promise<readonly MessageView[] | null> {
    return this.#tenancy.read((sql) => {
      if (webhooks.viewWebhook(sql, name) === null) return null
      return listMessages(sql, name, { state, afterSeq, limit })
    }, null)
  }

  async replayMessage(name: string, id: string, actor: string): Promise<boolean> {
    return webhookChanges.replayMessage(this.#tenancy, name, id, actor)
  }

  async drain(): Promise<void> {
    if (this.#tenancy.isThere) await this.#tenancy.webhooks.run()
  }

  async expectLogin(login: ExpectedLogin): Promise<number | null> {
    if (!this.#tenancy.isThere) return 0
    return this.#tenancy.commit(() => expectLogin(this.#tenancy.sql, login, Date.now()))
  }

  async issuerLogout(logout: IssuerLogout) {
    return sessionOrders.issuerLogout(this.#tenancy, logout)
  }

  async endAccount(account: string, others: readonly string[], by: ChangeContext) {
    return sessionOrders.endAccount(this.#tenancy, account, others, by)
  }

  async recordSessionEnd(grant: string, by: ChangeContext, detail: Record<string, string>): Promise<void> {
    return sessionOrders.recordOfGrant(this.#tenancy, { grant, action: 'session.end', by, detail })
  }

  async recordReplay(grant: string, by: ChangeContext, event: string): Promise<void> {
    return sessionOrders.recordOfGrant(this.#tenancy, {
      grant,
      action: 'outbox.replay',
      by,
      detail: { event },
    })
  }

  /** Does what is due, tells whoever could not be told. Never throws: an alarm handler that does goes silent in the end. */
  override async alarm(): Promise<void> {
    const { sql, wake, propagator } = this.#tenancy
    if (!this.#tenancy.isThere) return
    try {
      if (readTenant(sql)?.deletion) {
        await this.#deletion.resume()
        return
      }
      // Not awaited: a slow receiver must not make principals wait.
      this.#tenancy.sendSoon()
      wake.purgesOn = await inTurns(
        () => this.#tenancy.isThere && this.#tenancy.commit(() => purge(sql, Date.now())),
      )
      if (!this.#tenancy.isThere) return
      await enlist(this.#tenancy)
      await this.#watch.compareHeld()
      // Either of the first two may ask hundreds; what it leaves is due at once, and has a run to itself.
      const told = await propagator.propagateByAlarm()
      if (told > MOST_BESIDE) return await wake.rearm()
      if ((nextTargetMs(sql) ?? Number.POSITIVE_INFINITY) <= Date.now())
        await sessionOrders.endSessions(this.#tenancy, null)
      else await this.#keeping.run()
      await wake.rearm()
    } catch (error) {
      // Nothing may be left of a tenant that has gone meanwhile.
      if (!this.#tenancy.isThere) return
      log('error', 'tenant.alarm_failed', { error: errorName(error) })
      await this.ctx.storage.setAlarm(Date.now() + LONGEST_RETRY_MS)
    }
  }
}
