import { DurableObject } from 'cloudflare:workers'
import { sessionTakesLinks } from '../approvals/links.ts'
import { readEvidence, readHead, readLocal } from '../audit/local.ts'
import { errorName, log } from '../base/log.ts'
import type { ApprovalView, DecideAnswer, DecideRequest, JudgedText } from '../contract/approvals.ts'
import type { Cut, LocalRows, LogEvidence, LogHead } from '../contract/audit-logs.ts'
import type { TenantConfig } from '../contract/config.ts'
import type { Env } from '../contract/env.ts'
import { DECIDED, LOST } from '../contract/feed-messages.ts'
import type { Grant, NewGrant } from '../contract/grant.ts'
import type { EventPage, ListedEvent, OutboxView } from '../contract/outbox.ts'
import type {
  AdmitAnswer,
  AdmitRequest,
  AwaitCancellation,
  BindAnswer,
  BindRequest,
  CancellationNotice,
  CancelRequest,
  ClaimAnswer,
  ClaimRequest,
  ForgetRequest,
  LossRequest,
  PreferenceRequest,
  ResealAnswer,
  SessionPage,
  SessionsToEnd,
  Settled,
} from '../contract/principal.ts'
import type { PrincipalCalls } from '../contract/principal-calls.ts'
import { sessionModeOf } from '../contract/session-mode.ts'
import { inTurns } from '../durable/turns.ts'
import { legitiSettings } from '../legiti/settings.ts'
import { announce, announceOnce, announceTo, closeAllFeeds, hasFeed, transportOf } from './feeds/feeds.ts'
import { closeOverFeeds } from './feeds/feeds-closing.ts'
import { feedAnswer, feedRequest } from './feeds/feeds-opening.ts'
import { askersOf } from './tables/approval-askers.ts'
import { closeApprovals, REPLACED } from './tables/approval-closing.ts'
import { endContentsBy, eraseContents } from './tables/approval-contents.ts'
import { isHeld, openDestination, readDestination } from './tables/destination.ts'
import { isSuccessor, opens, stillOpens } from './tables/grants.ts'
import { isDead, listEvents, outboxStatus, replay } from './tables/outbox.ts'
import { migrate, schemaVersion } from './tables/schema.ts'
import { liveById } from './tables/sessions.ts'
import { endSessions, listSessions } from './tables/sessions-listing.ts'
import { openTransportById } from './tables/transports.ts'
import { upstreamsOf } from './tables/upstream-ending.ts'
import { adoptUpstreams } from './tables/upstream-sessions.ts'
import { admitAndArm, hasLoggedIn, onlyReads } from './work/admitting.ts'
import type { Alarm } from './work/alarm.ts'
import { authenticate } from './work/authenticate.ts'
import { BackgroundWork } from './work/background-work.ts'
import { bind, forget, openingKey, openingOf, prefer } from './work/binding.ts'
import { Cancellations } from './work/cancellations.ts'
import { HeldCalls } from './work/held-calls.ts'
import { DRAIN_GRACE_MS, endOverdue, KEEP_MS, lastUsedMs, noteUse, purge } from './work/housekeeping.ts'
import { stopEverything } from './work/leaving.ts'
import { Openings } from './work/openings.ts'
import { resealAll } from './work/resealing.ts'
import { endPredecessor, replacePredecessor, revokeGrant } from './work/revoking.ts'
import { PrincipalState } from './work/state.ts'

/** After housekeeping failed: soon enough for an event, too seldom to matter on the bill. */
const ALARM_RETRY_MS = 60_000

/** The time that a principal which leaves waits for Legiti in one go. */
const LEAVE_MS = 2_000

/**
 * One principal: a grant, its sessions, counters, audit rows and outbox, all in one SQLite database, so that
 * what belongs together is one transaction. Composes the functions of this folder; holds no rule of its own.
 *
 * Memory is a cache: everything that matters is read back from storage after an eviction.
 */
export class PrincipalObject extends DurableObject<Env> implements PrincipalCalls {
  readonly #state: PrincipalState
  readonly #background: BackgroundWork
  readonly #heldCalls: HeldCalls
  readonly #openings = new Openings()
  readonly #cancellations = new Cancellations()
  /** Read once: reading the settings parses a URL, and every admission asks. */
  readonly #reportLogins: boolean

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#state = new PrincipalState(
      ctx.storage,
      () => this.env,
      (transport) => hasFeed(ctx, transport),
    )
    this.#background = new BackgroundWork(this.#state)
    this.#heldCalls = new HeldCalls(
      this.#state,
      () => this.#background.announceToTenant(),
      (approval) => this.#sayDecided(approval),
    )
    const legiti = legitiSettings(env)
    this.#reportLogins = legiti.reportLogins
    if (env.AUDIT_DB === undefined) sayNoDatabase()
    // An object without tables has no grant and, until one is installed, writes nothing.
    if (schemaVersion(this.#sql) === 0) return
    ctx.storage.transactionSync(() => migrate(this.#sql))
    this.#state.reread()
    void ctx.blockConcurrencyWhile(async () => {
      await this.#alarm.read()
      // The events that the last run was still sending when it died are due now, not when its lease would be over; and an
      // alarm that was lost must not silence what is pending.
      const wakeMs = this.#background.nextWakeMs()
      if (wakeMs !== null) this.#alarm.by(wakeMs)
      // Events that were kept while there was no Legiti need not wait for the day to be over.
      if (legiti.target.kind !== 'off' && isHeld(this.#sql)) this.#alarm.by(Date.now())
    })
  }

  async admit(request: AdmitRequest): Promise<AdmitAnswer> {
    const config = await authenticate(this.#state, this.env, request)
    if (config === null) return { kind: 'unauthorized' }
    if (onlyReads(request)) return this.#admit(request, config)
    const answer = await this.#write(() => this.#admit(request, config))
    // A login that nobody has to be told of asks for no drain, and open streams belong to it all the same.
    if (hasLoggedIn(answer)) this.#closeFeeds()
    return answer
  }

  /** Opens an event feed: `admit` and a WebSocket in one call. Any other answer is the AdmitAnswer as JSON. */
  override async fetch(http: Request): Promise<Response> {
    const request = feedRequest(http)
    if (request === null) return new Response(null, { status: 400 })
    const config = await authenticate(this.#state, this.env, request)
    if (config === null) return Response.json({ kind: 'unauthorized' } satisfies AdmitAnswer)
    const answer = await this.#write(() => this.#admit(request, config))
    const opened = feedAnswer(this.ctx, request.transport, config.version, answer)
    if (answer.kind === 'admitted' && this.#grant?.expiresAtMs) this.#alarm.by(this.#grant.expiresAtMs)
    return opened
  }

  async bindUpstream(request: BindRequest): Promise<BindAnswer> {
    const opening = openingOf(this.#state, request)
    if (opening.kind === 'unauthorized') {
      this.#openings.over(openingKey(request))
      return opening
    }
    const answer = await this.#write(() => bind(this.#state, request))
    if (opening.kind !== 'bound') this.#openings.over(openingKey(request))
    const isOurs = answer.kind === 'bound' && answer.session.id === request.session.id
    if (isOurs && request.transport !== null)
      announceTo(this.ctx, request.transport, `upstream:${request.server}`)
    return answer
  }

  async claimUpstream(request: ClaimRequest): Promise<ClaimAnswer> {
    const found = openingOf(this.#state, request)
    if (found.kind !== 'none' || (await this.#openings.claim(openingKey(request)))) return orOpen(found)
    return orOpen(openingOf(this.#state, request))
  }

  async giveUpUpstream(request: ClaimRequest): Promise<void> {
    if (openingOf(this.#state, request).kind !== 'bound') this.#openings.over(openingKey(request))
  }

  async wishUpstream(request: PreferenceRequest): Promise<void> {
    if (!opens(this.#grant, request.credential, Date.now())) return
    await this.#write(() => prefer(this.#state, request))
  }

  async takeBack({ credential, reason, ...key }: CancelRequest): Promise<void> {
    if (opens(this.#grant, credential, Date.now())) this.#cancellations.cancel(key, { reason })
  }

  async waitForTakingBack({
    credential,
    requestId,
    ageMs,
    mostMs,
    ...key
  }: AwaitCancellation): Promise<CancellationNotice | null> {
    if (!opens(this.#grant, credential, Date.now())) throw new Error('unauthorized')
    return this.#cancellations.wait(key, { requestId, ageMs, mostMs })
  }

  async loseUpdates({ credential, transport, server, uris }: LossRequest): Promise<void> {
    if (!opens(this.#grant, credential, Date.now())) return
    for (const uri of uris) announceOnce(this.ctx, transport, `${LOST}${server}:${uri}`)
  }

  async forgetUpstream(request: ForgetRequest): Promise<void> {
    if (!opens(this.#grant, request.credential, Date.now())) return
    await this.#write(() => forget(this.#state, request))
  }

  async settle(settled: readonly Settled[]): Promise<void> {
    if (this.#grant === null || settled.length === 0) return
    await this.#write(() => this.#state.decisionLog.settle(settled, Date.now()))
  }

  async drain(): Promise<void> {
    if (this.#grant === null) return
    this.#closeFeeds()
    // Side by side: a slow upstream or store keeps nothing from Legiti.
    const background = this.#background
    await Promise.all([
      background.deliver(),
      background.endUpstreams(),
      background.revokeTokens(),
      background.announceToTenant(),
    ])
  }

  async refund(requestId: string, isAnswered = false): Promise<void> {
    await this.#heldCalls.giveBack(requestId, { kind: 'undone', isAnswered }, () =>
      this.#state.decisionLog.refund(requestId, Date.now()),
    )
  }

  async reopenApproval(requestId: string, continuation: string): Promise<void> {
    await this.#heldCalls.giveBack(requestId, { kind: 'asking', continuation }, () => {})
  }

  async approval(id: string): Promise<ApprovalView | null> {
    return this.#heldCalls.read(id)
  }

  async approvalContent(id: string): Promise<JudgedText | null> {
    return this.#heldCalls.judge(id)
  }

  async decideApproval(request: DecideRequest): Promise<DecideAnswer> {
    return this.#heldCalls.decide(request)
  }

  async waitForDecision(id: string, mostMs: number): Promise<void> {
    await this.#heldCalls.wait(id, mostMs)
  }

  async installGrant(given: NewGrant): Promise<void> {
    const grant = { incarnation: '', ...given }
    const before = this.#grant
    // The last of it is done in the transaction below; this leaves little for that.
    if (before !== null && isSuccessor(grant, before)) await endPredecessor(this.#state, before)
    await this.#write(() => {
      if (before !== null && isSuccessor(grant, before)) {
        replacePredecessor(this.#state, grant.name, Date.now())
        this.#alarm.by(Date.now())
      }
      if (before !== null) adoptUpstreams(this.#sql, upstreamsOf(before.config), upstreamsOf(grant.config))
      this.#state.install({ origin: 'tenant', olderSecret: null, ...grant, revokedAtMs: null })
      if (grant.olderSecret) this.#alarm.by(grant.olderSecret.untilMs)
      // Open streams end with it.
      if (grant.expiresAtMs) this.#alarm.by(grant.expiresAtMs)
      if (grant.expiresAtMs !== null) endContentsBy(this.#sql, grant.expiresAtMs)
      if (grant.config.suspended) eraseContents(this.#sql)
      if (before === null || stillOpens(before, this.#grant)) return
      const nowMs = Date.now()
      closeApprovals(this.#sql, REPLACED, grant.name, nowMs)
      this.#alarm.by(nowMs + DRAIN_GRACE_MS)
    })
    if (before === null) return
    // The tenant's list must show the approvals as closed when the person who replaced the token gets the answer.
    await this.#background.announceToTenant()
    if (grant.config.suspended || !stillOpens(before, this.#grant)) closeAllFeeds(this.ctx)
    else if (before.config.version !== grant.config.version) announce(this.ctx, 'tools_changed')
    // The login that a request belongs to depends on it.
    if (sessionModeOf(before.config) !== sessionModeOf(grant.config)) this.#closeFeeds()
  }

  async revoke(): Promise<boolean> {
    const revoked = await revokeGrant(this.#state)
    if (!revoked) return false
    closeAllFeeds(this.ctx)
    await this.#background.announceToTenant()
    return true
  }

  async sessions(account: string | null, after: number, most: number): Promise<SessionPage | null> {
    return this.#grant === null ? null : listSessions(this.#sql, { account, after, most }, Date.now())
  }

  async endSessions(which: SessionsToEnd): Promise<number | null> {
    if (this.#grant === null) return null
    const sinceMs = Date.now()
    let ended = 0
    // The answer says how many, so all of them.
    await inTurns(async () => {
      if (this.#isErased()) return false
      const batch = await this.#write(() => {
        const nowMs = Date.now()
        const done = endSessions(this.#state, which, { sinceMs, nowMs })
        if (done.ended > 0) this.#alarm.by(nowMs)
        return done
      })
      ended += batch.ended
      return batch.isMore
    }, Number.POSITIVE_INFINITY)
    if (ended > 0) this.#closeFeeds()
    return ended
  }

  async leave(isOver: boolean): Promise<{ readonly undelivered: number; readonly dead: number }> {
    if (this.#grant === null) return { undelivered: 0, dead: 0 }
    await this.revoke()
    const drained = this.drain()
    await Promise.race([drained, new Promise((resolve) => setTimeout(resolve, isOver ? 0 : LEAVE_MS))])
    this.ctx.waitUntil(drained)
    const { pending, dead } = outboxStatus(this.#sql)
    return { undelivered: pending, dead }
  }

  async erase(): Promise<void> {
    await stopEverything(this.#state, this.#background)
    closeAllFeeds(this.ctx)
    // In one turn, so that neither is ever without the other.
    await Promise.all([this.ctx.storage.deleteAlarm(), this.ctx.storage.deleteAll()])
    this.#state.grant = null
    this.#state.rows.forget()
    this.#state.decisionLog.forget()
    this.#alarm.isOver()
  }

  async reseal(key: string): Promise<ResealAnswer> {
    return resealAll(this.#state, key)
  }

  async lastUsed(): Promise<number | null> {
    return this.#grant === null ? null : lastUsedMs(this.#state)
  }

  async outbox(): Promise<OutboxView | null> {
    if (this.#grant === null) return null
    const isOff = !this.#state.hasLegiti
    return { ...outboxStatus(this.#sql), destination: readDestination(this.#sql), isOff, nowMs: Date.now() }
  }

  async outboxEvents(state: ListedEvent['state'], after: number, most: number): Promise<EventPage | null> {
    if (this.#grant === null) return null
    return listEvents(this.#sql, state, { afterSeq: after, most })
  }

  async isDeadLetter(id: string): Promise<boolean> {
    return this.#grant !== null && isDead(this.#sql, id)
  }

  async replayEvent(id: string): Promise<boolean> {
    if (this.#grant === null) return false
    return this.#write(() => {
      if (!replay(this.#sql, id, Date.now())) return false
      openDestination(this.#sql)
      this.#alarm.by(Date.now())
      return true
    })
  }

  async auditHead(): Promise<LogHead | null> {
    return this.#grant === null ? null : readHead(this.#state.auditLog)
  }

  async auditEvidence(cut: Pick<Cut, 'chain' | 'seq'> | null): Promise<LogEvidence | null> {
    if (this.#grant === null) return null
    return this.#write(() => readEvidence(this.#state.auditLog, cut))
  }

  async auditSettled(): Promise<void> {
    await this.#background.carried()
  }

  async auditRows(seq: number, most: number): Promise<LocalRows | null> {
    return this.#grant === null ? null : readLocal(this.#state.auditLog, seq, most)
  }

  /** Never throws: an alarm handler that does is retried a few times and then stays silent. */
  override async alarm(): Promise<void> {
    this.#alarm.isOver()
    if (this.#grant === null) return
    try {
      await this.#inTurns(() => endOverdue(this.#state, Date.now()))
      if (this.#isErased()) return
      this.#closeFeeds()
      // Not awaited: while an alarm runs no other rings, and a slow upstream must not make Legiti wait for one.
      void this.#background.endUpstreams()
      void this.#background.carryAudit()
      void this.#background.announceToTenant()
      void this.#background.revokeTokens()
      await this.#background.deliver()
      if (this.#isErased()) return
      this.#state.purgesOn = await this.#inTurns(() => purge(this.#state, this.#hasAuditDatabase, Date.now()))
      if (this.#isErased()) return
      this.#alarm.at(this.#background.nextWakeMs())
    } catch (error) {
      if (this.#isErased()) return
      log('error', 'principal.alarm_failed', { principal: this.#state.name, error: errorName(error) })
      this.#alarm.at(Date.now() + ALARM_RETRY_MS)
    }
  }

  override async webSocketClose(socket: WebSocket, code: number): Promise<void> {
    // 1005 and 1006 stand for "no code" and may not be sent (RFC 6455, 7.4.1).
    socket.close(code === 1005 || code === 1006 ? 1000 : code)
    const transport = transportOf(socket)
    if (transport === null || this.#grant === null) return
    // Its transport was in use until now.
    await this.#write(() => noteUse(this.#state, transport, Date.now()))
  }

  get #sql(): SqlStorage {
    return this.#state.sql
  }

  get #grant(): Grant | null {
    return this.#state.grant
  }

  get #alarm(): Alarm {
    return this.#state.alarm
  }

  #write<T>(work: () => T): Promise<T> {
    return this.#state.write(work)
  }

  /** Audit rows have somewhere to go. The demo's, too; without a database they stay here. */
  get #hasAuditDatabase(): boolean {
    return this.env.AUDIT_DB !== undefined
  }

  #admit(request: AdmitRequest, config: TenantConfig): AdmitAnswer {
    const settings = { reportLogins: this.#reportLogins, hasAuditDatabase: this.#hasAuditDatabase }
    return admitAndArm(this.#state, request, config, settings)
  }

  /** Does rounds, each as a transaction of its own, until nothing is left or the grant has gone; as `inTurns`. */
  #inTurns(round: () => boolean, most?: number): Promise<boolean> {
    return inTurns(() => this.#write(() => this.#grant !== null && round()), most)
  }

  /** Tells whether everything was forgotten, maybe while somebody waited. */
  #isErased(): boolean {
    return this.#grant === null
  }

  /** Clients that were sent to the link hear that they may try again, each on its stream if it has one. */
  #sayDecided({ id }: ApprovalView): void {
    for (const { transport: asked, session } of askersOf(this.#sql, id)) {
      if (session !== null && liveById(this.#sql, session, Date.now()) === null) continue
      const transport = openTransportById(this.#sql, asked)
      if (transport !== null && sessionTakesLinks(transport.client, transport.protocolVersion))
        announceOnce(this.ctx, transport.id, `${DECIDED}${id}`)
    }
  }

  #closeFeeds(): void {
    closeOverFeeds(this.ctx, this.#state)
  }
}

let isSaid = false

/** Once in the life of an isolate. */
function sayNoDatabase(): void {
  if (isSaid) return
  isSaid = true
  log('warn', 'audit.no_database', { kept_days: KEEP_MS.audit / 86_400_000 })
}

function orOpen(found: ReturnType<typeof openingOf>): ClaimAnswer {
  return found.kind === 'none' ? { kind: 'open' } : found
}
