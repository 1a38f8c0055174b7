/** Sends what a principal has for others, beside its answers: for Legiti, upstream servers, stores, its tenant, the audit database. */
import { carry, nextCarryMs } from '../../audit/carry.ts'
import { errorName, log } from '../../base/log.ts'
import { tenantObject } from '../../contract/objects.ts'
import { OneAtATime } from '../../durable/one-at-a-time.ts'
import { legitiSettings } from '../../legiti/settings.ts'
import { openHeaders } from '../../upstream/credentials.ts'
import { Announcing } from '../tables/announcements.ts'
import { hasPending } from '../tables/outbox.ts'
import { endUpstreams, upstreamsOf } from '../tables/upstream-ending.ts'
import { nextUpstreamEndMs } from '../tables/upstream-session-ends.ts'
import { hasEnding } from '../tables/upstream-session-queue.ts'
import { deliver, LEASE_MS } from './delivery.ts'
import { CARRY_LEASE_MS, DRAIN_GRACE_MS, nextWakeMs, upstreamIdleMs } from './housekeeping.ts'
import { hasRevocations, nextRevocationMs, revokeTokens } from './sessions-revoking.ts'
import type { PrincipalState } from './state.ts'

/** Each piece of work has one run at a time, and never throws: what could not be done now is done by alarm. */
export class BackgroundWork {
  readonly #principal: PrincipalState
  readonly #announcing: Announcing
  readonly #delivery: OneAtATime
  readonly #ending: OneAtATime
  readonly #revoking: OneAtATime
  readonly #carrying: OneAtATime

  constructor(principal: PrincipalState) {
    this.#principal = principal
    const rearm = () => principal.alarm.at(this.nextWakeMs())
    this.#announcing = new Announcing(() => this.#announcingContext())
    this.#delivery = new OneAtATime(() => this.#deliver(), rearm)
    this.#ending = new OneAtATime(() => this.#logged('principal.ending_failed', this.#endUpstreams()))
    this.#revoking = new OneAtATime(() => this.#logged('principal.revoking_failed', this.#revokeTokens()))
    this.#carrying = new OneAtATime(() => this.#carry(), rearm)
  }

  /** Sends what Legiti may get; a run looks again at its end. */
  deliver(): Promise<void> {
    return this.#delivery.run()
  }

  /** Tells upstream servers which of their sessions are over. */
  endUpstreams(): Promise<void> {
    return this.#ending.run()
  }

  /** Tells stores which of their tokens are done with. */
  revokeTokens(): Promise<void> {
    return this.#revoking.run()
  }

  /** Tells the tenant what it has yet to know. */
  async announceToTenant(): Promise<void> {
    const principal = this.#principal
    if (principal.grant === null) return
    await this.#announcing.run(Date.now())
    if (principal.grant === null) return
    const nextMs = this.#announcing.nextMs(principal.sql, Date.now() + DRAIN_GRACE_MS)
    if (nextMs !== null) principal.alarm.by(nextMs)
  }

  /** Carries audit rows to the audit database. */
  async carryAudit(): Promise<void> {
    const { env, grant, auditLog } = this.#principal
    if (env.AUDIT_DB === undefined || grant === null) return
    const nextMs = nextCarryMs(auditLog, Date.now())
    // Nearly always there is nothing yet when something else has rung: then nothing is written either.
    if (!this.#carrying.isRunning && (nextMs === null || nextMs > Date.now())) return
    await this.#carrying.run()
  }

  /** Returns when no audit rows are on their way. */
  carried(): Promise<void> {
    return this.#carrying.quiet()
  }

  /** Returns when nobody is being told anything. */
  async quiet(): Promise<void> {
    const all = [this.#delivery, this.#ending, this.#revoking, this.#carrying, this.#announcing]
    await Promise.allSettled(all.map((work) => work.quiet()))
  }

  /** When this principal must wake up, in Unix milliseconds; null: never. */
  nextWakeMs(): number | null {
    const { sql, env, purgesOn } = this.#principal
    const nowMs = Date.now()
    const carrying = env.AUDIT_DB === undefined ? 'nowhere' : this.#carrying.isRunning ? 'running' : 'idle'
    const announceMs = this.#announcing.nextMs(sql, nowMs + DRAIN_GRACE_MS)
    return nextWakeMs(this.#principal, { nowMs, carrying, tellMs: announceMs, purgesOn })
  }

  async #deliver(): Promise<void> {
    const { sql, name, env, incarnation, hasLegiti } = this.#principal
    // Without Legiti there are events only of a time in which there was one.
    if (!hasLegiti && !hasPending(sql)) return
    await deliver({
      sql,
      principal: name,
      settings: legitiSettings(env),
      incarnation,
      // Should this run die while it waits for Legiti, the alarm takes over when its leases are out.
      commit: this.#committing(() => Date.now() + LEASE_MS),
      now: () => Date.now(),
      random: () => Math.random(),
    })
  }

  async #endUpstreams(): Promise<void> {
    // Nearly always nobody is to be told: then nothing is written either.
    const { sql, name, env, grant } = this.#principal
    if (grant === null || !hasEnding(sql, Date.now())) return
    const upstreams = upstreamsOf(grant.config)
    await endUpstreams({
      sql,
      principal: name,
      upstream: (server) => upstreams.find(({ name }) => name === server) ?? null,
      openHeaders: (upstream) => openHeaders(env, grant.tenant, upstream),
      commit: this.#committing(() => nextUpstreamEndMs(sql, upstreamIdleMs(grant), Date.now())),
      now: () => Date.now(),
    })
  }

  async #revokeTokens(): Promise<void> {
    const { sql, env, grant } = this.#principal
    if (grant === null || !hasRevocations(sql, Date.now())) return
    await revokeTokens({
      sql,
      env,
      tenant: grant.tenant,
      grant: grant.name,
      // Grants that were installed before there were stores have none.
      stores: grant.config.settings.identity.magento ?? [],
      commit: this.#committing(() => nextRevocationMs(sql, Date.now())),
      now: () => Date.now(),
    })
  }

  async #carry(): Promise<void> {
    const { env, grant, auditLog } = this.#principal
    if (env.AUDIT_DB === undefined || grant === null) return
    await carry({
      log: auditLog,
      db: env.AUDIT_DB,
      tenant: grant.tenant,
      principal: grant.name,
      // Should this run die on its way, the alarm takes over.
      commit: this.#committing(() => Date.now() + CARRY_LEASE_MS),
      now: () => Date.now(),
    })
  }

  #announcingContext() {
    const principal = this.#principal
    return {
      sql: principal.sql,
      principal: principal.name,
      send: async (announcements: Parameters<ReturnType<typeof tenantObject>['receiveAnnouncements']>[0]) => {
        const { env, grant } = principal
        if (grant !== null) await tenantObject(env, grant.tenant).receiveAnnouncements(announcements)
      },
      commit: <T>(work: () => T) => principal.write(work),
      random: () => Math.random(),
    }
  }

  /** One transaction, and the wake-up with it that `nextMs` asks for once the work is done. */
  #committing(nextMs: () => number | null): <T>(work: () => T) => Promise<T> {
    return (work) =>
      this.#principal.write(() => {
        const result = work()
        const atMs = nextMs()
        if (atMs !== null) this.#principal.alarm.by(atMs)
        return result
      })
  }

  async #logged(event: string, work: Promise<void>): Promise<void> {
    try {
      await work
    } catch (error) {
      log('error', event, { principal: this.#principal.name, error: errorName(error) })
    }
  }
}
