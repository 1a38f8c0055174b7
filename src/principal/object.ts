import { DurableObject } from 'cloudflare:workers'
import type { Announcement, ApprovalView, DecideAnswer, DecideRequest } from '../approvals/contract.ts'
import { carry, GATHER_MS, nextCarryMs } from '../audit/carry.ts'
import {
  type Cut,
  type LocalRows,
  type LogEvidence,
  type LogHead,
  readEvidence,
  readHead,
  readLocal,
} from '../audit/local.ts'
import { DEMO_GRANT, DEMO_LABEL, DEMO_TENANT, demoConfig, demoSecretHash, isDemo } from '../demo/demo.ts'
import type { Env } from '../env.ts'
import { legitiSettings } from '../legiti/settings.ts'
import { errorName, log } from '../log.ts'
import { tenantObject } from '../objects.ts'
import type { TenantConfig } from '../tenant/config.ts'
import { openHeaders } from '../upstream/credentials.ts'
import { admit } from './admit.ts'
import { Telling } from './announcements.ts'
import { decideApproval, giveBackApproval, readApproval } from './approvals.ts'
import { refundCall, settleCalls } from './audit.ts'
import { principalLog } from './audit-log.ts'
import { Commits } from './commits.ts'
import {
  ADMITTED_HEADER,
  type AdmitAnswer,
  type AdmitRequest,
  type BindAnswer,
  type BindRequest,
  FEED_HEADER,
  type SessionsToEnd,
  type Settled,
} from './contract.ts'
import { Decisions } from './decisions.ts'
import { type DeliveryContext, deliver, LEASE_MS } from './delivery.ts'
import { openDestination, readDestination } from './destination.ts'
import { end } from './ending.ts'
import { acceptFeed, announce, announceTo, asciiJson, closeAllFeeds, closeEndedFeeds } from './feeds.ts'
import { type Grant, markRevoked, opens, readGrant, stillOpens, writeGrant } from './grants.ts'
import {
  CARRY_LEASE_MS,
  DRAIN_GRACE_MS,
  endOverdue,
  KEEP_MS,
  lastUsedMs,
  nextDeliveryMs,
  nextWakeMs,
  purge,
  soonestPurgeMs,
} from './housekeeping.ts'
import { isDead, type ListedEvent, listEvents, outboxStatus, replay, stopSending } from './outbox.ts'
import { migrate, schemaVersion } from './schema.ts'
import { liveByTransport, liveSessions } from './sessions.ts'
import { endSessions, listSessions, type SessionPage } from './sessions-listing.ts'
import { forgetRevocations, hasRevocations, nextRevocationMs, revokeTokens } from './sessions-revoking.ts'
import { endUpstreams, upstreamsOf } from './upstream-ending.ts'
import { bindUpstream, endAllUpstreams, hasEnding, nextUpstreamEndMs } from './upstream-sessions.ts'

/** After housekeeping failed: soon enough for an event, too seldom to matter on the bill. */
const ALARM_RETRY_MS = 60_000

/** How long a principal that leaves waits for Legiti in one go. */
const LEAVE_MS = 2_000

/** A grant to install: all of it but what the object keeps to itself. The demo's own says so. */
export type NewGrant = Omit<Grant, 'origin' | 'revokedAtMs' | 'olderSecret'> & {
  readonly origin?: 'demo'
  readonly olderSecret?: Grant['olderSecret']
}

/**
 * One principal: a grant, its sessions, counters, audit rows and outbox, all in one SQLite database, so that
 * what belongs together is one transaction. Composes the functions of this folder; holds no rule of its own.
 *
 * Memory is a cache: everything that matters is read back from storage after an eviction.
 */
export class PrincipalObject extends DurableObject<Env> {
  readonly #sql: SqlStorage
  readonly #commits: Commits
  /** Read once: reading the settings parses a URL, and every admission asks. */
  readonly #reportLogins: boolean
  /** Leases of another run of this object are void. */
  readonly #incarnation = crypto.randomUUID()
  #grant: Grant | null = null
  #armedAtMs: number | null = null
  #draining: Promise<void> | null = null
  #ending: Promise<void> | null = null
  #carrying: Promise<void> | null = null
  readonly #telling = new Telling(() => this.#tellingContext())
  readonly #decisions = new Decisions()
  #revoking: Promise<void> | null = null

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#sql = ctx.storage.sql
    this.#commits = new Commits(ctx.storage, () => {
      const armedAtMs = this.#armedAtMs
      return () => {
        this.#armedAtMs = armedAtMs
      }
    })
    this.#reportLogins = legitiSettings(env).reportLogins
    if (env.AUDIT_DB === undefined) sayNoDatabase()
    // An object without tables has no grant and, until one is installed, writes nothing.
    if (schemaVersion(this.#sql) === 0) return
    ctx.storage.transactionSync(() => migrate(this.#sql))
    this.#grant = readGrant(this.#sql)
    void ctx.blockConcurrencyWhile(async () => {
      this.#armedAtMs = await ctx.storage.getAlarm()
      // What the last run was still sending when it died is due now, not when its lease would be over; and an
      // alarm that was lost must not silence what is pending.
      const wakeMs = this.#nextWakeMs()
      if (wakeMs !== null) this.#arm(wakeMs)
    })
  }

  /** The hot path: authenticates, decides, counts, does the principal's own work and writes it all down. */
  async admit(request: AdmitRequest): Promise<AdmitAnswer> {
    const config = await this.#authenticate(request)
    if (config === null) return { kind: 'unauthorized' }
    // What only reads need not queue for the disk; should it write after all, the output gate still waits.
    const onlyReads = request.intent.kind === 'check' || request.intent.kind === 'configure'
    if (onlyReads && request.settled.length === 0) return this.#admit(request, config)
    return this.#write(() => this.#admit(request, config))
  }

  /** Opens an event feed: `admit` and a WebSocket in one call. Any other answer is the AdmitAnswer as JSON. */
  override async fetch(http: Request): Promise<Response> {
    const header = http.headers.get(FEED_HEADER)
    if (header === null || http.headers.get('upgrade') !== 'websocket')
      return new Response(null, { status: 400 })
    const { secretHash, ...rest } = JSON.parse(header) as Omit<AdmitRequest, 'secretHash'> & {
      secretHash: string
    }
    const request: AdmitRequest = { ...rest, secretHash: Uint8Array.fromHex(secretHash) }
    const config = await this.#authenticate(request)
    if (config === null) return Response.json({ kind: 'unauthorized' } satisfies AdmitAnswer)
    const answer = await this.#write(() => this.#admit(request, config))
    if (answer.kind !== 'admitted') return Response.json(answer)
    const { 0: client, 1: server } = new WebSocketPair()
    acceptFeed(this.ctx, server, request.transport)
    if (this.#grant?.expiresAtMs) this.#arm(this.#grant.expiresAtMs)
    const listed =
      request.transport === null ? null : liveByTransport(this.#sql, request.transport, Date.now())
    // The tools may have changed while the client had no stream open.
    if (listed?.listedVersion && listed.listedVersion !== config.version) server.send('tools_changed')
    return new Response(null, {
      status: 101,
      webSocket: client,
      headers: { [ADMITTED_HEADER]: asciiJson(answer.admitted) },
    })
  }

  /**
   * Remembers a session that the Worker has opened upstream, unless another was first: then that one counts, and the
   * Worker should end its own. Open streams of the transport hear of a new one.
   * @throws RangeError when a name or id is longer than anything that is stored
   */
  async bindUpstream(request: BindRequest): Promise<BindAnswer> {
    if (!opens(this.#grant, request.secretHash, Date.now())) return { kind: 'unauthorized' }
    const { transport, server, url, replaces, session } = request
    const answer = await this.#write((): BindAnswer => {
      const nowMs = Date.now()
      if (!opens(this.#grant, request.secretHash, nowMs)) return { kind: 'unauthorized' }
      const own = transport === null ? null : liveByTransport(this.#sql, transport, nowMs)
      const owner = request.owner ?? own?.id
      if (owner === undefined || (transport !== null && own === null)) return { kind: 'dead_session' }
      const stateless = request.owner !== null
      const bound = bindUpstream(this.#sql, { owner, stateless, server, url, replaces, session }, nowMs)
      // What this one has ended is told to its server right away.
      const nextMs = nextUpstreamEndMs(this.#sql, nowMs)
      if (nextMs !== null) this.#arm(nextMs)
      return { kind: 'bound', session: bound }
    })
    const isOurs = answer.kind === 'bound' && answer.session.id === session.id
    if (isOurs && transport !== null) announceTo(this.ctx, transport, `upstream:${server}`)
    return answer
  }

  /** Writes down how calls ended, for an isolate that has got quiet. At most MOST_SETTLED at once. */
  async settle(settled: readonly Settled[]): Promise<void> {
    if (this.#grant === null || settled.length === 0) return
    await this.#write(() => settleCalls(this.#sql, settled))
  }

  /** Called once the client has its answer: closes streams of ended sessions and sends what is due. */
  async drain(): Promise<void> {
    if (this.#grant === null) return
    this.#closeFeeds()
    // Side by side: a slow upstream or store keeps nothing from Legiti.
    await Promise.all([this.#deliver(), this.#endUpstreams(), this.#revokeTokens(), this.#tellTenant()])
  }

  /**
   * Gives back what `requestId` was charged, and the approval that it used. For calls that surely did not happen; doing it
   * twice changes nothing.
   */
  async refund(requestId: string): Promise<void> {
    await this.#giveBack(requestId, () => refundCall(this.#sql, requestId, Date.now()))
  }

  /** Lets the approved call of `requestId` be made again: its server has asked for input before it does anything. */
  async reopenApproval(requestId: string): Promise<void> {
    await this.#giveBack(requestId, () => {})
  }

  async #giveBack(requestId: string, work: () => void): Promise<void> {
    const grant = this.#grant
    if (grant === null) return
    const reopened = await this.#write(() => {
      work()
      const id = giveBackApproval(this.#sql, requestId, grant.name, Date.now())
      if (id !== null) this.#arm(Date.now() + DRAIN_GRACE_MS)
      return id
    })
    if (reopened === null) return
    this.#decisions.happened(reopened)
    await this.#tellTenant()
  }

  /** A call that waits for a person, or did; null for an id that is of none. */
  async approval(id: string): Promise<ApprovalView | null> {
    return this.#grant === null ? null : readApproval(this.#sql, id, this.#grant.name, Date.now())
  }

  /** Writes down what a person says of a call. It holds for the very next request. */
  async decideApproval(request: DecideRequest): Promise<DecideAnswer> {
    const grant = this.#grant
    if (grant === null) return { kind: 'absent' }
    const answer = await this.#write(() => {
      const decided = decideApproval(this.#sql, request, grant.name, Date.now())
      if (decided.kind === 'decided') this.#arm(Date.now() + DRAIN_GRACE_MS)
      return decided
    })
    if (answer.kind === 'decided') {
      this.#decisions.happened(request.id)
      await this.#tellTenant()
    }
    return answer
  }

  /**
   * Returns when somebody decides about a call, or when it is given back; or after `mostMs`. At once where neither is to
   * be expected.
   */
  async waitForDecision(id: string, mostMs: number): Promise<void> {
    const state = (await this.approval(id))?.state
    if (state === 'pending' || state === 'used') await this.#decisions.wait(id, mostMs)
  }

  /**
   * Installs or replaces the grant. Open streams hear when that may have changed their tools, and end when the
   * secret that opened them has been replaced.
   */
  async installGrant(grant: NewGrant): Promise<void> {
    const before = this.#grant
    await this.#write(() => {
      this.#install({ origin: 'tenant', olderSecret: null, ...grant, revokedAtMs: null })
      if (grant.olderSecret) this.#arm(grant.olderSecret.untilMs)
    })
    if (before === null) return
    if (grant.config.suspended || !stillOpens(before, this.#grant)) closeAllFeeds(this.ctx)
    else if (before.config.version !== grant.config.version) announce(this.ctx, 'tools_changed')
  }

  /** Revokes the grant and ends its sessions. It holds for the very next request. */
  async revoke(): Promise<boolean> {
    if (this.#grant === null) return false
    const revoked = await this.#write(() => {
      const nowMs = Date.now()
      if (!markRevoked(this.#sql, nowMs)) return false
      for (const session of liveSessions(this.#sql)) end(this.#sql, session, 'revoked', nowMs)
      endAllUpstreams(this.#sql, nowMs)
      this.#arm(nowMs)
      this.#grant = readGrant(this.#sql)
      return true
    })
    if (revoked) closeAllFeeds(this.ctx)
    return revoked
  }

  /** A page of live sessions, of one account or of all; `after` is the `next` of the page before. Null: no grant. */
  async sessions(account: string | null, after: number, most: number): Promise<SessionPage | null> {
    return this.#grant === null ? null : listSessions(this.#sql, account, after, most, Date.now())
  }

  /**
   * Ends sessions from outside. What follows, Legiti's event first of all, is in the same transactions, and on its way by
   * alarm. Answers how many ended; null: no grant.
   */
  async endSessions(which: SessionsToEnd): Promise<number | null> {
    if (this.#grant === null) return null
    let ended = 0
    for (let isMore = true; isMore; ) {
      const batch = await this.#write(() => {
        const nowMs = Date.now()
        const done = endSessions(this.#sql, which, nowMs)
        if (done.ended > 0) this.#arm(nowMs)
        return done
      })
      ended += batch.ended
      isMore = batch.isMore
    }
    if (ended > 0) this.#closeFeeds()
    return ended
  }

  /**
   * Leaves for good: revokes the grant, sends what is due for a while, and answers what is not delivered. With
   * `isOver` nothing more is waited for.
   */
  async leave(isOver: boolean): Promise<{ readonly undelivered: number; readonly dead: number }> {
    if (this.#grant === null) return { undelivered: 0, dead: 0 }
    await this.revoke()
    const drained = this.drain()
    await Promise.race([drained, new Promise((resolve) => setTimeout(resolve, isOver ? 0 : LEAVE_MS))])
    this.ctx.waitUntil(drained)
    const { pending, dead } = outboxStatus(this.#sql)
    return { undelivered: pending, dead }
  }

  /** Forgets everything; asked again there is nothing to forget. Only after `leave`. */
  async erase(): Promise<void> {
    if (this.#grant !== null && this.#grant.revokedAtMs === null) throw new Error('erased before it has left')
    // From here on nothing begins, and what is on its way to somebody ends before its rows go.
    this.#grant = null
    if (schemaVersion(this.#sql) > 0)
      await this.#write(() => {
        stopSending(this.#sql, Date.now())
        forgetRevocations(this.#sql)
      })
    const onTheirWay = [this.#draining, this.#ending, this.#revoking, this.#carrying, this.#telling.quiet()]
    await Promise.allSettled(onTheirWay)
    closeAllFeeds(this.ctx)
    // In one turn, so that neither is ever without the other.
    await Promise.all([this.ctx.storage.deleteAlarm(), this.ctx.storage.deleteAll()])
    this.#grant = null
    this.#armedAtMs = null
  }

  /** When the grant was last used, as far as rows tell; null: never, or nothing of it is kept. */
  async lastUsed(): Promise<number | null> {
    return this.#grant === null ? null : lastUsedMs(this.#sql)
  }

  /** How the outbox and its destination stand; null for an object without a grant. */
  async outbox() {
    if (this.#grant === null) return null
    return { ...outboxStatus(this.#sql), destination: readDestination(this.#sql), nowMs: Date.now() }
  }

  /** A page of events in one state, oldest first; `after` is the `next` of the page before. */
  async outboxEvents(state: ListedEvent['state'], after: number, most: number) {
    if (this.#grant === null) return null
    return listEvents(this.#sql, state, after, most)
  }

  /** Whether there is a dead letter of that id. */
  async isDeadLetter(id: string): Promise<boolean> {
    return this.#grant !== null && isDead(this.#sql, id)
  }

  /** Queues a dead letter again and tries Legiti at once. False when there is no such letter. */
  async replayEvent(id: string): Promise<boolean> {
    if (this.#grant === null) return false
    return this.#write(() => {
      if (!replay(this.#sql, id, Date.now())) return false
      openDestination(this.#sql)
      this.#arm(Date.now())
      return true
    })
  }

  /** Where this log ends, and what of it the audit database holds for sure; null for an object without a grant. */
  async auditHead(): Promise<LogHead | null> {
    return this.#grant === null ? null : readHead(this.#sql, principalLog(this.#sql))
  }

  /** The same, and what it remembers of rows after `cut`, where retention has cut it; what is from before is let go. */
  async auditEvidence(cut: Pick<Cut, 'chain' | 'seq'> | null): Promise<LogEvidence | null> {
    if (this.#grant === null) return null
    return this.#write(() => readEvidence(this.#sql, principalLog(this.#sql), cut))
  }

  /** Returns when no audit rows are on their way. */
  async auditSettled(): Promise<void> {
    await this.#carrying
  }

  /** Rows that are still here, after `seq`: those that may not have been carried yet. */
  async auditRows(seq: number, most: number): Promise<LocalRows | null> {
    return this.#grant === null ? null : readLocal(this.#sql, principalLog(this.#sql), seq, most)
  }

  /** Never throws: an alarm handler that does is retried a few times and then stays silent. */
  override async alarm(): Promise<void> {
    this.#armedAtMs = null
    if (this.#grant === null) return
    try {
      while (await this.#write(() => endOverdue(this.#sql, Date.now()))) {}
      this.#closeFeeds()
      // Not awaited: while an alarm runs no other rings, and a slow upstream must not make Legiti wait for one.
      void this.#endUpstreams()
      void this.#carryAudit()
      void this.#tellTenant()
      void this.#revokeTokens()
      await this.#deliver()
      if (this.#isErased()) return
      while (await this.#write(() => purge(this.#sql, Date.now(), this.#carries))) {}
      this.#armExactly(this.#nextWakeMs())
    } catch (error) {
      if (this.#isErased()) return
      log('error', 'principal.alarm_failed', { principal: this.#name(), error: errorName(error) })
      this.#armExactly(Date.now() + ALARM_RETRY_MS)
    }
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    // 1005 and 1006 stand for "no code" and may not be sent (RFC 6455, 7.4.1).
    socket.close(code === 1005 || code === 1006 ? 1000 : code)
  }

  /** The current configuration when the token opens this principal's grant, else null. Writes nothing else. */
  async #authenticate(request: AdmitRequest): Promise<TenantConfig | null> {
    const isDemoGrant = isDemo(this.env) && request.tenant === DEMO_TENANT && request.grant === DEMO_GRANT
    if (this.#grant === null && isDemoGrant) await this.#seedDemo(request)
    const grant = this.#grant
    if (!opens(grant, request.secretHash, Date.now())) return null
    if (grant.origin === 'tenant') return grant.config
    if (!isDemoGrant) return null
    const config = await demoConfig(upstreamsOf(grant.config))
    return grant.config.suspended ? { ...config, suspended: true } : config
  }

  /** The demo's grant is installed by its first use, so that a wrong token stores nothing here either. */
  async #seedDemo(request: AdmitRequest): Promise<void> {
    const grant: Grant = {
      tenant: DEMO_TENANT,
      name: DEMO_GRANT,
      label: DEMO_LABEL,
      secretHash: await demoSecretHash(),
      olderSecret: null,
      origin: 'demo',
      config: await demoConfig(),
      expiresAtMs: null,
      revokedAtMs: null,
    }
    if (!opens(grant, request.secretHash, Date.now())) return
    await this.#write(() => {
      if (this.#grant === null) this.#install(grant)
    })
  }

  #install(grant: Grant): void {
    const nowMs = Date.now()
    migrate(this.#sql)
    writeGrant(this.#sql, grant, nowMs)
    this.#grant = readGrant(this.#sql)
  }

  #admit(request: AdmitRequest, config: TenantConfig): AdmitAnswer {
    const nowMs = Date.now()
    // Between authentication and this transaction another may have revoked the grant.
    const grant = this.#grant
    if (!opens(grant, request.secretHash, nowMs)) return { kind: 'unauthorized' }
    const context = {
      sql: this.#sql,
      grant,
      config,
      nowMs,
      newId: () => crypto.randomUUID(),
      reportLogins: this.#reportLogins,
    }
    const answer = admit(context, request)
    this.#arm(soonestPurgeMs(nowMs))
    if (this.#carries && isOnRecord(request)) this.#arm(nowMs + GATHER_MS)
    if (answer.kind === 'approval' && answer.drain) this.#arm(nowMs + DRAIN_GRACE_MS)
    if (answer.kind === 'admitted') {
      const { session, drain } = answer.admitted
      if (session !== null) this.#arm(session.idleExpiresAtMs)
      if (drain) this.#arm(nextDeliveryMs(this.#sql, this.#incarnation, nowMs) ?? nowMs)
    }
    return answer
  }

  /** At most one drain at a time; whoever asks meanwhile gets the one that runs, which looks again at its end. */
  #deliver(): Promise<void> {
    this.#draining ??= deliver(this.#deliveryContext()).finally(() => {
      this.#draining = null
      this.#armExactly(this.#nextWakeMs())
    })
    return this.#draining
  }

  /** At most one at a time, as with drains. Never throws: what could not be written now is tried again by alarm. */
  #endUpstreams(): Promise<void> {
    this.#ending ??= this.#tellUpstreams()
      .catch((error: unknown) => {
        log('error', 'principal.ending_failed', { principal: this.#name(), error: errorName(error) })
      })
      .finally(() => {
        this.#ending = null
      })
    return this.#ending
  }

  /** Tells the tenant what it has yet to know. Never throws; what could not be told is told by alarm. */
  async #tellTenant(): Promise<void> {
    if (this.#isErased()) return
    await this.#telling.run(Date.now())
    if (this.#isErased()) return
    const nextMs = this.#telling.nextMs(this.#sql, Date.now() + DRAIN_GRACE_MS)
    if (nextMs !== null) this.#arm(nextMs)
  }

  #tellingContext() {
    return {
      sql: this.#sql,
      principal: this.#name(),
      tell: async (announcements: readonly Announcement[]) => {
        const tenant = this.#grant?.tenant
        if (tenant !== undefined) await tenantObject(this.env, tenant).hear(announcements)
      },
      commit: <T>(work: () => T) => this.#write(work),
      random: () => Math.random(),
    }
  }

  async #tellUpstreams(): Promise<void> {
    // Nearly always nobody is to be told: then nothing is written either.
    const grant = this.#grant
    if (grant === null || !hasEnding(this.#sql, Date.now())) return
    const upstreams = upstreamsOf(grant.config)
    await endUpstreams({
      sql: this.#sql,
      principal: this.#name(),
      upstream: (server) => upstreams.find(({ name }) => name === server) ?? null,
      openHeaders: (upstream) => openHeaders(this.env, grant.tenant, upstream),
      commit: (work) =>
        this.#write(() => {
          const result = work()
          const nextMs = nextUpstreamEndMs(this.#sql, Date.now())
          if (nextMs !== null) this.#arm(nextMs)
          return result
        }),
      now: () => Date.now(),
    })
  }

  /** Audit rows have somewhere to go. The demo's, too; without a database they stay here. */
  get #carries(): boolean {
    return this.env.AUDIT_DB !== undefined
  }

  /** At most one at a time, as with drains. Never throws. */
  #carryAudit(): Promise<void> {
    const { AUDIT_DB: db } = this.env
    const grant = this.#grant
    if (db === undefined || grant === null) return Promise.resolve()
    const sql = this.#sql
    const nextMs = nextCarryMs(sql, principalLog(sql), Date.now())
    // Nearly always there is nothing yet when something else has rung: then nothing is written either.
    if (this.#carrying === null && (nextMs === null || nextMs > Date.now())) return Promise.resolve()
    this.#carrying ??= carry({
      sql,
      db,
      tenant: grant.tenant,
      principal: grant.name,
      source: principalLog(sql),
      commit: (work) =>
        this.#write(() => {
          const result = work()
          // Should this run die on its way, the alarm takes over.
          this.#arm(Date.now() + CARRY_LEASE_MS)
          return result
        }),
      now: () => Date.now(),
    })
      .then(() => {})
      .finally(() => {
        this.#carrying = null
        this.#armExactly(this.#nextWakeMs())
      })
    return this.#carrying
  }

  /** At most one at a time. Never throws: what could not be written now is tried again by alarm. */
  #revokeTokens(): Promise<void> {
    this.#revoking ??= this.#tellStores()
      .catch((error: unknown) => {
        log('error', 'principal.revoking_failed', { principal: this.#name(), error: errorName(error) })
      })
      .finally(() => {
        this.#revoking = null
      })
    return this.#revoking
  }

  async #tellStores(): Promise<void> {
    const grant = this.#grant
    if (grant === null || !hasRevocations(this.#sql, Date.now())) return
    await revokeTokens({
      sql: this.#sql,
      env: this.env,
      tenant: grant.tenant,
      grant: grant.name,
      // Grants that were installed before there were stores have none.
      stores: grant.config.settings.identity.magento ?? [],
      commit: (work) =>
        this.#write(() => {
          const result = work()
          const nextMs = nextRevocationMs(this.#sql, Date.now())
          if (nextMs !== null) this.#arm(nextMs)
          return result
        }),
      now: () => Date.now(),
    })
  }

  #deliveryContext(): DeliveryContext {
    return {
      sql: this.#sql,
      principal: this.#name(),
      settings: legitiSettings(this.env),
      incarnation: this.#incarnation,
      commit: (work) =>
        this.#write(() => {
          const result = work()
          // Should this run die while it waits for Legiti, the alarm takes over when its leases are out.
          this.#arm(Date.now() + LEASE_MS)
          return result
        }),
      now: () => Date.now(),
      random: () => Math.random(),
    }
  }

  /** Runs reads and writes as one transaction. Should it fail, what memory holds of it is read again. */
  async #write<T>(work: () => T): Promise<T> {
    try {
      return await this.#commits.run(work)
    } catch (error) {
      this.#grant = schemaVersion(this.#sql) === 0 ? null : readGrant(this.#sql)
      this.#armedAtMs = await this.ctx.storage.getAlarm()
      throw error
    }
  }

  /** Whether everything was forgotten, maybe while somebody waited. */
  #isErased(): boolean {
    return this.#grant === null
  }

  #nextWakeMs(): number | null {
    const nowMs = Date.now()
    const carrying = !this.#carries ? 'nowhere' : this.#carrying === null ? 'idle' : 'running'
    const tellMs = this.#telling.nextMs(this.#sql, nowMs + DRAIN_GRACE_MS)
    return nextWakeMs(this.#sql, this.#incarnation, this.#grant, nowMs, carrying, tellMs)
  }

  /** Closes the streams of ended sessions, and all of them when the grant's time is over. */
  #closeFeeds(): void {
    const expiresAtMs = this.#grant?.expiresAtMs ?? null
    if (expiresAtMs !== null && expiresAtMs <= Date.now()) closeAllFeeds(this.ctx)
    const olderUntilMs = this.#grant?.olderSecret?.untilMs ?? null
    // Which secret opened a stream is not known; whoever has the present one opens it again.
    if (olderUntilMs !== null && olderUntilMs <= Date.now()) this.#forgetOlder()
    closeEndedFeeds(this.ctx, (transport) => liveByTransport(this.#sql, transport, Date.now()) !== null)
  }

  #forgetOlder(): void {
    this.#sql.exec('UPDATE grants SET older_hash = NULL, older_until = NULL WHERE id = 1')
    this.#grant = readGrant(this.#sql)
    closeAllFeeds(this.ctx)
  }

  /** Makes sure that the alarm rings at `atMs` or before; part of the transaction that it is called in. */
  #arm(atMs: number): void {
    if (this.#armedAtMs !== null && this.#armedAtMs <= atMs) return
    this.#armExactly(atMs)
  }

  #armExactly(atMs: number | null): void {
    if (this.#armedAtMs === atMs) return
    this.#armedAtMs = atMs
    // Not awaited: it joins the writes of this turn, and the output gate holds every answer until it is durable.
    void (atMs === null ? this.ctx.storage.deleteAlarm() : this.ctx.storage.setAlarm(atMs))
  }

  #name(): string {
    return this.#grant === null ? '' : `${this.#grant.tenant}/${this.#grant.name}`
  }
}

let isSaid = false

/** Once in the life of an isolate. */
function sayNoDatabase(): void {
  if (isSaid) return
  isSaid = true
  log('warn', 'audit.no_database', { kept_days: KEEP_MS.audit / 86_400_000 })
}

/** Whether this request writes an audit row, whatever becomes of it. */
function isOnRecord({ intent: { kind } }: AdmitRequest): boolean {
  return kind === 'call' || kind === 'refuse' || kind === 'close'
}
